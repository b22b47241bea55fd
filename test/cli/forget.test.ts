import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { rutter, scratchBook, scratchFolder, startAgent } from '../support/cli.ts'

const TEXT = { title: 'Keep tokens in heliotrope', rationale: 'The vault is called heliotrope.', owner: 'olga' }

/** A book with one decision in the record of a session; the agent still runs. */
async function bookWithDecision() {
  const cwd = scratchBook()
  const agent = await startAgent(cwd)
  const decision = { ...TEXT, date: '2026-11-21', scope: 'project' }
  const { artifact_id } = await agent.call('save_decision', { decision })
  const text = () => {
    const files = readdirSync(join(cwd, '.bot'), { recursive: true, withFileTypes: true })
    return files
      .filter((file) => file.isFile())
      .map((file) => readFileSync(join(file.parentPath, file.name), 'latin1'))
      .join('\n')
  }
  const env = { XDG_DATA_HOME: scratchFolder('data') }
  return { cwd, env, agent, id: String(artifact_id), text }
}

test('asks before it forgets, and where nobody can be asked wants --yes', async () => {
  const { cwd, env, id } = await bookWithDecision()
  const asked = await rutter(['forget', id], { cwd, env })
  expect(asked.status).toBe(2)
  expect(asked.stderr).toContain('--yes')
  const { status, stdout } = await rutter(['forget', id, '--yes'], { cwd, env })
  expect(status).toBe(0)
  expect(stdout).toBe(
    `Decision ${id} is forgotten: no answer has its text any more.\nIts text is still in the record; --purge takes it out there too.\n`,
  )
  const again = await rutter(['forget', id], { cwd, env })
  expect([again.status, again.stdout]).toEqual([0, `Decision ${id} was forgotten already.\n`])
})

test('takes the text out of the whole book with --purge, once the session is over', async () => {
  const { cwd, env, agent, id, text } = await bookWithDecision()
  const refused = await rutter(['forget', id, '--purge', '--yes', '--json'], { cwd, env })
  expect(refused.status).toBe(1)
  expect(refused.json()).toMatchObject({ error: { code: 'session_locked', locked_by: agent.session_id } })
  expect(refused.stderr).toContain(`end it with: rutter stop ${agent.session_id}`)
  await agent.call('session_update', { status: 'stopped' })
  await agent.close()
  expect(text()).toContain('heliotrope')
  const purged = await rutter(['forget', id, '--purge', '--yes'], { cwd, env })
  expect(purged.status).toBe(0)
  expect(purged.stdout).toContain('1 line of 1 record was written anew without it.')
  expect(purged.stdout).toContain('history')
  expect(text().toLowerCase()).not.toContain('heliotrope')
  expect(await rutter(['verify'], { cwd, env })).toMatchObject({ status: 0 })
})

test('takes it out of the record of a session that was left behind, which can be gone on with', async () => {
  const { cwd, env, agent, id, text } = await bookWithDecision()
  await agent.close()
  const purged = await rutter(['forget', id, '--purge', '--yes', '--json'], { cwd, env })
  expect(purged.json()).toMatchObject({ purged: { lines: 1, records: 1, is_scrubbed: true } })
  expect(text().toLowerCase()).not.toContain('heliotrope')
  expect(await rutter(['verify'], { cwd, env })).toMatchObject({ status: 0 })

  const next = await startAgent(cwd, { slot: 'other' })
  const { session_id } = agent
  expect(await next.call('session_update', { session_id, current_task_id: 'H-2' })).toMatchObject({
    session_id,
    status: 'running',
    active: true,
  })
  await next.call('session_update', { session_id, status: 'stopped' })
  expect((await rutter(['show', session_id], { cwd, env })).stdout).toMatch(/task H-2 started/)
  expect(text().toLowerCase()).not.toContain('heliotrope')
  expect(await rutter(['verify'], { cwd, env })).toMatchObject({ status: 0 })
})

test('takes the beginning of an id, and refuses one that is too short or that several have', async () => {
  const { cwd, env, agent, id } = await bookWithDecision()
  const summary = (objective: string) =>
    agent.call('save_session', {
      session: {
        objective,
        actions_taken: [],
        decisions_made: [],
        open_items: [],
        next_actions: [],
        save_scope: 'project',
      },
    })
  const { artifact_id: first } = await summary('Sail')
  const { artifact_id: second } = await summary('Land')
  const short = await rutter(['forget', id.slice(0, 3), '--yes', '--json'], { cwd, env })
  expect(short.json()).toMatchObject({ error: { code: 'artifact_not_found', nearest: [id] } })
  expect(short.stderr).toContain('at least 4 characters')
  // Ids made of the time begin alike within the minute.
  const both = await rutter(['forget', String(first).slice(0, 8), '--yes', '--json'], { cwd, env })
  expect(both.status).toBe(1)
  expect(both.json()).toMatchObject({ error: { candidates: [{ id: second, title: 'Land' }, { id: first }] } })
  expect((await rutter(['forget', id.slice(0, 8).toUpperCase(), '--yes'], { cwd, env })).stdout).toContain(id)
})

test('refuses an unknown id with the nearest, and says in --help what is not undone', async () => {
  const { cwd, env, id } = await bookWithDecision()
  const wrong = await rutter(['forget', `${id}0`, '--yes'], { cwd, env })
  expect(wrong.status).toBe(1)
  expect(wrong.stderr).toContain(id)
  const { stdout } = await rutter(['forget', '--help'], { cwd, env })
  expect(stdout.replace(/\s+/g, ' ')).toContain('Without --purge the text stays in the record')
  expect(stdout.replace(/\s+/g, ' ')).toContain('What git has in its history')
})
