import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { ReviewView } from '../../src/app/memory/shapes.ts'
import { saveDecision } from '../../src/app/operations/save_decision.ts'
import { byPrefix } from '../../src/app/operator/by-prefix.ts'
import { askAbout } from '../../src/cli/commands/review.ts'
import { Refusal } from '../../src/domain/refusal.ts'
import { rutter, scratchBook, written } from '../support/cli.ts'
import { type Learner, ownGlobalBook, startLearner } from '../support/learner.ts'
import { aDecision } from '../support/learnings.ts'

const because = { rationale: 'Nothing else can be committed with the code and merged without a server that runs.' }
const OLD = 'Keep the store of every session in plain files'
const NEVER = 'Never keep the store of every session in plain files'

let cwd: string
let agent: Learner
let old: string

beforeEach(async () => {
  ownGlobalBook()
  cwd = scratchBook()
  agent = await startLearner(cwd)
  old = (await save(OLD)).artifact_id ?? ''
})

const save = (title: string) => agent.call(saveDecision, { decision: aDecision(title, because) })
const run = (...args: string[]) => rutter(args, { cwd })
const waiting = async () => String((await save(NEVER)).review_id)
const inForce = async () => {
  const { groups } = (await run('decisions', '--json')).json() as {
    groups: { entries: { text: { title: string } }[] }[]
  }
  return groups.flatMap(({ entries }) => entries.map(({ text }) => text.title)).sort()
}

describe('rutter review in a pipe', () => {
  it('says that nothing waits', async () => {
    expect(await run('review')).toMatchObject({ status: 0, stdout: 'Nothing waits for review.\n' })
    expect((await run('review', '--json')).json()).toEqual({ reviews: [], resolved: null })
  })

  it('lists what waits below what it is like, the words that differ in brackets', async () => {
    const id = await waiting()
    const { status, stdout } = await run('review')
    expect(status).toBe(0)
    expect(stdout).toContain(`Review ${id.slice(0, 8)}  `)
    expect(stdout).toContain('a word turns the meaning round')
    expect(stdout).toMatch(new RegExp(`^IN FORCE {2}${old.slice(0, 8)}\\n${OLD}$`, 'm'))
    expect(stdout).toMatch(/^NEW, waits\n\{\+Never\+\} keep the store of every session in plain files$/m)
    expect(stdout).not.toContain('\u001b')
    expect((await run('review', '--json')).json()).toMatchObject({
      reviews: [{ id, candidate: { id: old, in_force: true }, decision: { title: NEVER } }],
    })
  })

  it('colours the words that differ where colours are asked for', async () => {
    await waiting()
    const { stdout } = await rutter(['review'], { cwd, env: { FORCE_COLOR: '1' } })
    expect(stdout).toContain('\u001b[32m\u001b[1mNever\u001b[22m\u001b[39m keep the store')
    expect(stdout).not.toContain('{+')
  })

  it.each([
    ['supersede', [NEVER]],
    ['keep_both', [OLD, NEVER].sort()],
    ['discard', [OLD]],
  ])('resolves one by the beginning of its id: %s', async (resolution, left) => {
    const id = await waiting()
    const { status, stdout } = await run('review', id.slice(0, 8), '--resolve', resolution)
    expect(status).toBe(0)
    expect(stdout).toContain('Nothing waits any more.')
    expect(await inForce()).toEqual(left)
    const again = await run('review', id, '--resolve', resolution, '--json')
    expect(again.json()).toMatchObject({ reviews: [], resolved: { status: 'saved' } })
    const other = await run('review', id, '--resolve', resolution === 'discard' ? 'keep_both' : 'discard')
    expect(other.status).toBe(1)
    expect(other.stderr).toContain('comes too late')
  })

  it('lists and resolves what is in force by then, where the old one gave way to something else', async () => {
    const id = await waiting()
    const heir = 'Keep the store of every session in one SQLite file'
    const saved = await agent.call(saveDecision, { decision: aDecision(heir, { rationale: '', supersedes: old }) })
    const { stdout } = await run('review')
    expect(stdout).toContain(`${old.slice(0, 8)}, which this was about, gave way to ${saved.artifact_id?.slice(0, 8)}`)
    expect(stdout).toMatch(new RegExp(`^IN FORCE {2}${saved.artifact_id?.slice(0, 8)}\\n.*SQLite`, 'm'))
    expect(stdout).not.toContain('turns the meaning round')
    const resolved = await run('review', id, '--resolve', 'supersede')
    expect(resolved.stdout).toContain(
      `in the place of "${heir}" (${saved.artifact_id}), which took the place of ${old}`,
    )
    expect(await inForce()).toEqual([NEVER])
  })

  it('is recorded in the name of the person', async () => {
    const id = await waiting()
    await run('review', id, '--resolve', 'supersede')
    const { json } = await run('decisions', '--lineage', old, '--json')
    expect(json()).toMatchObject({
      line: [{}, { decision: { saved_by: { kind: 'operator' }, text: { title: NEVER } } }],
    })
  })

  it('is called wrongly without an id, or with a resolution that is none, and changes nothing then', async () => {
    const id = await waiting()
    expect((await run('review', '--resolve', 'discard')).status).toBe(2)
    expect((await run('review', id, '--resolve', 'burn')).status).toBe(2)
    const unknown = await run('review', 'zzz', '--resolve', 'discard', '--json')
    expect(unknown.status).toBe(1)
    expect(unknown.json()).toMatchObject({ error: { code: 'artifact_not_found' } })
    expect((await run('review', '--json')).json()).toMatchObject({ reviews: [{ id }] })
  })
})

describe('an id', () => {
  const known = ['aa11', 'aa22', 'aa', 'bb33'].map((id) => ({ id, title: `title of ${id}` }))
  const refusal = (given: string) => {
    try {
      byPrefix(given, known, 'decision')
    } catch (error) {
      if (error instanceof Refusal) return error
    }
    throw new Error('It was to be refused.')
  }

  it('is found by its beginning, in capitals too', () => {
    expect(byPrefix('b', known, 'decision').id).toBe('bb33')
    expect(byPrefix('BB3', known, 'decision').id).toBe('bb33')
  })

  it('is itself before it is the beginning of others', () => {
    expect(byPrefix('aa', known, 'decision').id).toBe('aa')
  })

  it('is refused with the candidates where several begin so', () => {
    const { body } = refusal('a')
    expect(body).toMatchObject({ code: 'invalid_argument', candidates: [{ id: 'aa11' }, { id: 'aa22' }, { id: 'aa' }] })
    expect(body.hint).toContain('aa22 (title of aa22)')
  })

  it.each(['', 'c', 'aa111'])('is refused where none begins so: "%s"', (given) => {
    expect(refusal(given).code).toBe('artifact_not_found')
  })

  it('lists no more candidates than a person reads', () => {
    const many = Array.from({ length: 30 }, (_, i) => ({ id: `a${i}`, title: 'x' }))
    expect(() => byPrefix('a', many, 'decision')).toThrow('30 ids of a decision begin with "a".')
  })
})

describe('going through the queue', () => {
  const reviewOf = (id: string, candidate = 'c1') =>
    ({ id, decision: { id: null }, candidate: { id: candidate } }) as ReviewView
  const reviews = ['r1', 'r2', 'r3'].map((id) => reviewOf(id))

  interface Desk {
    readonly resolve?: (id: string, how: string) => Promise<string>
    /** A review as it stands by now. */
    readonly current?: (id: string) => ReviewView | null
  }

  /** What was resolved and written when these keys are pressed. */
  async function pressing(keys: (string | null)[], desk: Desk = {}) {
    const { resolve = async (id, how) => `${id} ${how}`, current = reviewOf } = desk
    const lines: string[] = []
    const done: string[] = []
    await askAbout(reviews, {
      out: { line: (text = '') => void lines.push(text), paint: (_style, text) => text },
      keys: { next: async () => keys.shift() ?? null },
      show: ({ id, candidate }) => [`shown ${id} beside ${candidate?.id}`],
      current: async (id) => current(id),
      resolve: async ({ id }, how) => {
        done.push(`${id} ${how}`)
        return await resolve(id, how)
      },
    })
    return { done, text: lines.join('\n'), unused: keys }
  }

  it('does with each what its key says', async () => {
    const { done, text } = await pressing(['s', 'k', 'd'])
    expect(done).toEqual(['r1 supersede', 'r2 keep_both', 'r3 discard'])
    expect(text).toContain('(3 of 3) shown r3')
  })

  it('leaves one that is passed over as it is, and stops where it is told to', async () => {
    const { done, text, unused } = await pressing(['n', 'q', 'd'])
    expect(done).toEqual([])
    expect(text).toContain('shown r2')
    expect(text).not.toContain('shown r3')
    expect(unused).toEqual(['d'])
  })

  it.each([['D'], ['left'], ['constructor'], ['return'], [' ']])(
    'does nothing for the key %j but say which there are',
    async (key) => {
      const { done, text } = await pressing([key, 'q'])
      expect(done).toEqual([])
      expect(text).toContain('s, k, d, n or q')
    },
  )

  it('stops at the end of the input', async () => {
    expect((await pressing([null])).done).toEqual([])
  })

  it('goes on with the next when somebody else resolved one meanwhile', async () => {
    const resolve = async (id: string) => {
      if (id === 'r1') throw new Refusal('invalid_argument', 'It comes too late.')
      return 'Discarded.'
    }
    const { done, text } = await pressing(['d', 'd', 'q'], { resolve })
    expect(done).toEqual(['r1 discard', 'r2 discard'])
    expect(text).toContain('It comes too late.')
  })

  it('passes over one that does not wait any more by the time that it would be shown', async () => {
    const { done, text } = await pressing(['s', 's'], { current: (id) => (id === 'r2' ? null : reviewOf(id)) })
    expect(done).toEqual(['r1 supersede', 'r3 supersede'])
    expect(text).toContain('Review r2 does not wait any more.')
  })

  it('shows one as it stands by then, not as it was listed', async () => {
    const { text } = await pressing(['q'], { current: (id) => reviewOf(id, 'c2') })
    expect(text).toContain('shown r1 beside c2')
  })

  it('shows one again and asks anew when it changed between showing and answering', async () => {
    let heir = 'c1'
    const resolve = async (id: string, how: string) => {
      if (heir === 'c1') {
        heir = 'c2'
        throw new Refusal('invalid_argument', 'c2 took the place of c1.')
      }
      return `${id} ${how}`
    }
    const { done, text } = await pressing(['s', 'd', 'q'], { resolve, current: (id) => reviewOf(id, heir) })
    expect(done).toEqual(['r1 supersede', 'r1 discard'])
    expect(text).toMatch(
      /shown r1 beside c1[\s\S]*c2 took the place of c1\. It is shown again\.[\s\S]*shown r1 beside c2/,
    )
  })
})

/** `script` of util-linux gives a command a terminal; others take other arguments. */
const hasScript = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false

/** A command line on a terminal of so many columns. */
function onTerminal(columns: number, ...args: string[]): ChildProcess {
  const launcher = join(import.meta.dirname, '../../bin/rutter.js')
  const command = [process.execPath, launcher, ...args].map((word) => `'${word}'`).join(' ')
  const env = { ...process.env, TERM: 'xterm', NO_COLOR: '' }
  const line = `stty cols ${columns} rows 50 && ${command}`
  const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], { cwd, env, stdio: 'pipe' })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

describe.runIf(hasScript)('rutter review on a terminal', () => {
  it('shows both side by side, and takes a key without a line end', async () => {
    await waiting()
    const child = onTerminal(120, 'review')
    let seen = ''
    child.stdout?.on('data', (text: Buffer) => {
      seen += text.toString()
    })
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    await written(child, '(q)uit')
    // Cursor left is an escape character, a bracket and a "D": it must not discard.
    const answered = written(child, 'There is no key "left"')
    child.stdin?.write('\u001b[D')
    await answered
    child.stdin?.write('s')
    expect(await ended).toBe(0)
    expect(seen).toMatch(/IN FORCE.* │ .*NEW, waits/)
    expect(seen).toContain('Nothing waits any more.')
    expect(await inForce()).toEqual([NEVER])
  })

  it('shows them below each other where it is narrow, and leaves all as it is on Ctrl-C', async () => {
    await waiting()
    const child = onTerminal(60, 'review')
    let seen = ''
    child.stdout?.on('data', (text: Buffer) => {
      seen += text.toString()
    })
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    await written(child, '(q)uit')
    child.stdin?.write('\u0003')
    expect(await ended).toBe(0)
    expect(seen).not.toContain('│')
    expect(seen).toContain('1 decision still waits.')
    expect(await inForce()).toEqual([OLD])
  })
})

describe('rutter approve', () => {
  it('prints a token that is good for one global write, and nothing else on standard output', async () => {
    const { status, stdout, stderr } = await run('approve', 'Secrets', 'never enter a repository')
    expect(status).toBe(0)
    expect(stdout).toMatch(/^\S{20,}\n$/)
    expect(stderr).toMatch(/until \d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2} UTC/)
    const decision = aDecision('Secrets never enter a repository', { scope: 'global' })
    const governance_token = stdout.trim()
    expect(await agent.call(saveDecision, { decision, governance_token })).toMatchObject({ status: 'saved' })
    const second = { decision: aDecision('Another thing', { scope: 'global' }), governance_token }
    expect(await agent.call(saveDecision, second)).toMatchObject({ status: 'blocked_scope' })
  })

  it('gives what the tool gives as JSON, and wants to know what for', async () => {
    expect((await run('approve', 'x', '--json')).json()).toMatchObject({ token: expect.any(String), ttl_seconds: 60 })
    expect((await run('approve')).status).toBe(2)
    expect((await run('approve', '')).status).toBe(2)
  })
})
