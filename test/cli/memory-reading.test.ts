import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { requestGlobalWriteApproval } from '../../src/app/operations/request_global_write_approval.ts'
import { retrieveContext } from '../../src/app/operations/retrieve_context.ts'
import { saveDecision } from '../../src/app/operations/save_decision.ts'
import { savePattern } from '../../src/app/operations/save_pattern.ts'
import { sessionUpdate } from '../../src/app/operations/session_update.ts'
import { storeSessionWithLearnings } from '../../src/app/operations/store_session_with_learnings.ts'
import { rutter, scratchBook, scratchFolder, scratchRepository } from '../support/cli.ts'
import { type Learner, ownGlobalBook, startLearner } from '../support/learner.ts'
import { aDecision, aPattern, aSummary } from '../support/learnings.ts'

let cwd: string
let agent: Learner

/** A book with a little of everything: two decisions of which one superseded the other, one in a focus, one for all projects. */
beforeEach(async () => {
  ownGlobalBook()
  cwd = scratchBook()
  agent = await startLearner(cwd)
})

const run = (...args: string[]) => rutter(args, { cwd })
const decide = async (title: string, over = {}, more = {}) =>
  String((await agent.call(saveDecision, { decision: aDecision(title, over), ...more })).artifact_id)

const OLD = 'Keep the store of every session in plain files'
const NEW = 'Keep the store of every session in SQLite files'
const because = { rationale: 'Nothing else can be committed with the code and merged without a server that runs.' }

async function superseding() {
  const old = await decide(OLD, because)
  return { old, fresh: await decide(NEW, { ...because, supersedes: old }) }
}

describe('rutter search', () => {
  it('shows what fits best, with its kind, its session and its age', async () => {
    const id = await decide('Retry with jitter', { rationale: 'The gateway fell over twice.' })
    await agent.call(savePattern, { pattern: aPattern('Release on a gateway day') })
    const { status, stdout } = await run('search', 'gateway', 'jitter')
    expect(status).toBe(0)
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      'decision  Retry with jitter',
      expect.stringContaining('The gateway fell over twice.'),
      expect.stringMatching(new RegExp(` s ago · session ${agent.session_id} · ${id.slice(0, 8)}$`)),
    ])
    expect(stdout).not.toContain('\u001b')
  })

  it('keeps to kinds, a number and a project', async () => {
    await decide('A gateway decision')
    await agent.call(savePattern, { pattern: aPattern('A gateway pattern') })
    const kinds = async (...args: string[]) => {
      const { matches } = (await run('search', 'gateway', '--json', ...args)).json() as { matches: { kind: string }[] }
      return matches.map(({ kind }) => kind).sort()
    }
    expect(await kinds()).toEqual(['decision', 'pattern'])
    expect(await kinds('--kind', 'pattern,summary')).toEqual(['pattern'])
    expect(await kinds('--limit', '1')).toHaveLength(1)
    expect(await kinds('--project', 'other')).toEqual([])
    expect((await run('search', 'gateway', '--project', 'other')).stdout).toContain(`repository's own is "atlas"`)
  })

  it('says how many more there are than it shows', async () => {
    for (const word of ['harbour', 'lantern', 'compass']) {
      await agent.call(savePattern, { pattern: aPattern(`Gateway day ${word}`) })
    }
    const { stdout } = await run('search', 'gateway', '--limit', '2')
    expect(stdout).toContain('Not shown: 1 more that fit less well. --limit shows up to 50.')
    expect((await run('search', 'gateway', '--limit', '2', '--json')).json()).toMatchObject({ more: 1, or_more: false })
    expect((await run('search', 'gateway', '--limit', '3')).stdout).not.toContain('Not shown')
  })

  it('names the projects that are known to whoever names none of them', async () => {
    expect((await run('search', 'gateway', '--project', 'nix')).stdout).toContain('This book knows no other.')
    await decide('Say it elsewhere', {}, { project_id: 'harbour' })
    for (const args of [['search', 'gateway'], ['decisions'], ['patterns']]) {
      const { status, stdout } = await run(...args, '--project', 'nix')
      expect(status).toBe(0)
      expect(stdout).toContain('Nothing is known of project "nix"; this repository\'s own is "atlas".')
      expect(stdout).toContain('Others that this book knows: harbour.')
      expect((await run(...args, '--project', 'harbour')).stdout).not.toContain('known')
    }
  })

  it('finds nothing with status 0, and takes no kind that is none', async () => {
    const none = await run('search', 'heliotrope')
    expect([none.status, none.stdout]).toEqual([0, 'Nothing was found for "heliotrope".\n'])
    const wrong = await run('search', 'x', '--kind', 'decision,thought')
    expect(wrong.status).toBe(2)
    expect(wrong.stderr).toContain('Unknown: thought')
  })

  it('shows nothing that a terminal would obey', async () => {
    await decide('Ring the \u001b]0;gotcha\u0007bell\u001b[2J', { rationale: 'x\ny\u009b31m' })
    const { stdout } = await run('search', 'ring')
    expect(stdout).toContain('Ring the bell')
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
  })
})

describe('rutter brief', () => {
  it('says what retrieve_context says, as text and as JSON', async () => {
    await agent.call(storeSessionWithLearnings, {
      session: aSummary(),
      decisions: [aDecision('Use SQLite')],
      patterns: [],
    })
    await decide('Pay twice never', { scope: 'focus' }, { focus: 'payments' })
    const { status, stdout } = await run('brief', '--focus', 'payments')
    expect(status).toBe(0)
    for (const part of ['- Drop the old files', '- Measure the rebuild', '**Pay twice never**', '**Use SQLite**']) {
      expect(stdout).toContain(part)
    }
    const { json } = await run('brief', '--focus', 'payments', '--json')
    const { as_of: _, ...brief } = json() as { as_of: string }
    expect(await agent.call(retrieveContext, { focus: 'payments' })).toMatchObject(brief)
  })

  it('keeps to a topic and a length', async () => {
    await decide('Use SQLite')
    await decide('Paint the harbour')
    const { stdout } = await run('brief', '--topic', 'harbour')
    expect(stdout).toContain('Paint the harbour')
    expect(stdout).not.toContain('SQLite')
    const { status, stderr } = await run('brief', '--max-tokens', '10')
    expect(status).toBe(2)
    expect(stderr).toContain('from 200')
  })
})

describe('rutter decisions', () => {
  it('lists what is in force, the nearest scope first', async () => {
    const { old, fresh } = await superseding()
    await decide('Pay twice never', { scope: 'focus' }, { focus: 'payments' })
    await decide('Sort the harbour lights', { scope: 'focus' }, { focus: 'lights' })
    const { token } = await agent.call(requestGlobalWriteApproval, { content_preview: 'x' })
    await decide('Secrets never enter a repository', { scope: 'global' }, { governance_token: token })
    const { status, stdout } = await run('decisions')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^Focus lights of project atlas \(1\)$/m)
    expect(stdout).toMatch(/^Focus payments of project atlas \(1\)$/m)
    expect(stdout).toContain('Project atlas (1)')
    expect(stdout).toContain(`${fresh.slice(0, 8)}  ${NEW}`)
    expect(stdout).toContain('All projects (1)')
    expect(stdout).not.toContain(OLD)
    const scopes = async (...args: string[]) => {
      const { groups } = (await run('decisions', '--json', ...args)).json() as { groups: Group[] }
      return groups.map(({ scope, focus, entries }) => [scope, focus, entries.map(({ status }) => status)])
    }
    expect(await scopes('--focus', 'payments')).toEqual([
      ['focus', 'payments', ['in_force']],
      ['project', null, ['in_force']],
      ['global', null, ['in_force']],
    ])
    expect(await scopes('--all', '--focus', 'payments')).toEqual([
      ['focus', 'payments', ['in_force']],
      ['project', null, ['in_force', 'superseded']],
      ['global', null, ['in_force']],
    ])
    const all = await run('decisions', '--all')
    expect(all.stdout).toContain(`${old.slice(0, 8)}  ${OLD} · superseded by ${fresh.slice(0, 8)}`)
  })

  it('marks one that was forgotten, without its text', async () => {
    const id = await decide('Keep tokens in heliotrope')
    await run('forget', id, '--yes')
    expect((await run('decisions')).stdout).toBe('No decision is in force here.\n')
    const { stdout } = await run('decisions', '--all')
    expect(stdout).toContain(`${id.slice(0, 8)}  forgotten`)
    expect(stdout).not.toContain('heliotrope')
  })

  it('says that there are more than it shows', async () => {
    await decide('One')
    await decide('Another', { rationale: 'For other reasons.' })
    await decide('A third thing', { rationale: 'Nobody knows why, and nobody asks.' })
    expect((await run('decisions', '--limit', '1')).stdout).toContain('Not shown: 2 more in scope project.')
    expect((await run('decisions', '--limit', '1', '--json')).json()).toMatchObject({
      truncated_scopes: ['project'],
      left_out: [{ scope: 'project', count: 2, or_more: false }],
    })
    expect((await run('decisions', '--limit', '3')).stdout).not.toContain('Not shown')
  })

  it('tells the whole line of a decision from either end, by the beginning of its id', async () => {
    const { old, fresh } = await superseding()
    for (const id of [old, fresh]) {
      const { status, stdout } = await run('decisions', '--lineage', id.slice(0, 10))
      expect(status).toBe(0)
      expect(stdout.indexOf(`superseded by ${fresh.slice(0, 8)}`)).toBeLessThan(
        stdout.indexOf('in force, in the place of'),
      )
      expect(stdout).toContain('Keep the store of every session in [-plain-] {+SQLite+} files')
      expect(stdout).toContain(`session ${agent.session_id}`)
      expect(stdout.indexOf('<- asked for') > stdout.indexOf(fresh.slice(0, 8), 60)).toBe(id === fresh)
    }
    const { json } = await run('decisions', '--lineage', old, '--json')
    expect(json()).toMatchObject({ id: old, line: [{ in_force: false }, { in_force: true, supersedes: [old] }] })
  })

  it('refuses a beginning that no decision has, and options that say nothing beside --lineage', async () => {
    await decide('One')
    const unknown = await run('decisions', '--lineage', 'zzz', '--json')
    expect(unknown.status).toBe(1)
    expect(unknown.json()).toMatchObject({ error: { code: 'artifact_not_found' } })
    expect((await run('decisions', '--lineage', 'zzz', '--all')).status).toBe(2)
  })
})

interface Group {
  scope: string
  focus: string | null
  entries: { status: string }[]
}

describe('rutter patterns', () => {
  it('shows the steps in order, and what they are not for', async () => {
    const pattern = aPattern('Before a release', {
      repeatable_steps: ['Run the tests', 'Tag it'],
      exclusions: ['docs'],
    })
    await agent.call(savePattern, { pattern })
    const { status, stdout } = await run('patterns')
    expect(status).toBe(0)
    expect(stdout).toMatch(
      /^Project atlas \(1\)\n\n[0-9a-f]{8} {2}Before a release\n {2}1\. Run the tests\n {2}2\. Tag it\n {2}Not for: docs\n {2}validated /,
    )
    expect((await run('patterns', '--json')).json()).toMatchObject({
      groups: [
        { scope: 'project', entries: [{ text: { trigger: 'Before a release' }, session_id: agent.session_id }] },
      ],
    })
    expect((await run('patterns', '--project', 'other')).stdout).toContain('No pattern was saved here yet.')
  })
})

describe('rutter show and tail', () => {
  it('tell what was learned in a session, after its end and for all projects too', async () => {
    const { old } = await superseding()
    await agent.call(saveDecision, { decision: aDecision(`Never ${NEW}`, because) })
    const session = aSummary({ objective: 'Choose a store' })
    await agent.call(storeSessionWithLearnings, {
      session,
      decisions: [aDecision(NEW, because)],
      patterns: [aPattern('Measure first')],
    })
    await agent.call(sessionUpdate, { status: 'stopped' })
    await decide('Said after the end')
    const { token } = await agent.call(requestGlobalWriteApproval, { content_preview: 'x' })
    await decide('Secrets never enter a repository', { scope: 'global' }, { governance_token: token })
    const { status, stdout, json } = await run('show', '--json')
    expect(status).toBe(0)
    expect(stdout).not.toContain('not known to this Rutter')
    const { learned } = json() as { learned: { kind: string; outcome: string; title: string }[] }
    expect(learned.map(({ kind, outcome, title }) => [kind, outcome, title])).toEqual([
      ['decision', 'new', OLD],
      ['decision', 'supersede', NEW],
      ['review', 'manual_review', `Never ${NEW}`],
      ['summary', 'new', 'Choose a store'],
      ['pattern', 'new', 'Measure first'],
      ['decision', 'new', 'Said after the end'],
      ['decision', 'new', 'Secrets never enter a repository'],
    ])
    const report = (await run('show')).stdout
    expect(report).toContain(`decision  ${old.slice(0, 8)}       ${OLD} · new, superseded since by "${NEW}"`)
    expect(report).toMatch(/^ {2}review .*Never .* · waits for review, \d+ % like "Keep the store/m)
    expect(report).toMatch(/decided: Keep the store of every session in SQLite files \(in the place of [0-9a-f]{8}\)$/m)
    expect(report).toMatch(/summed up: Choose a store \(1 left open, 1 to do next\)$/m)
    expect(report).toMatch(/learned a pattern: Measure first$/m)
    expect(report).toMatch(/kept for review: Never .* but for a word that turns the meaning round\)$/m)
    expect((await run('tail', '--lines', '50')).stdout).toContain('learned a pattern: Measure first')
  })

  it('show nothing of a text that was forgotten, which the record still has', async () => {
    const id = await decide('Keep tokens in heliotrope', { rationale: 'The vault is heliotrope.', owner: 'heliotrope' })
    await agent.call(sessionUpdate, { status: 'stopped' })
    expect((await run('show', '--json')).stdout).toContain('heliotrope')
    await run('forget', id, '--yes')
    for (const args of [['show'], ['show', '--json'], ['tail', '--lines', '9'], ['tail', '--lines', '9', '--json']]) {
      const { stdout } = await run(...args)
      expect(stdout).toContain('(forgotten)')
      expect(stdout).not.toContain('heliotrope')
    }
  })
})

describe('commands that look at memory', () => {
  it.each([
    ['brief'],
    ['search', 'x'],
    ['decisions'],
    ['patterns'],
    ['review'],
    ['approve', 'x'],
    ['decisions', '--lineage', 'abc'],
  ])('make no book where there is none: rutter %s %s', async (...args) => {
    const bare = scratchRepository()
    const { status, stderr } = await rutter(args, { cwd: bare })
    expect(status).toBe(1)
    expect(stderr).toContain('There is no Rutter book in')
    expect(existsSync(join(bare, '.bot'))).toBe(false)
  })

  it.each(['brief', 'search', 'decisions', 'patterns', 'review', 'approve'])('are helped with: %s', async (name) => {
    const { status, stdout } = await rutter([name, '--help'], { cwd: scratchFolder() })
    expect(status).toBe(0)
    expect(stdout).toMatch(/Examples:\n {2}\$ rutter /)
  })

  it('read no global book into being', async () => {
    for (const args of [['brief'], ['search', 'x'], ['decisions'], ['patterns'], ['review'], ['show']]) {
      expect((await run(...args)).status).toBe(0)
    }
    expect(existsSync(join(process.env['XDG_DATA_HOME'] ?? '', 'rutter'))).toBe(false)
  })
})
