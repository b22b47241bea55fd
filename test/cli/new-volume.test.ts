import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { rutter, scratchBook, scratchFolder, startAgent } from '../support/cli.ts'
import { sharedServer, testDatabase } from '../support/postgres.ts'

void sharedServer()

/** The commands under a heading of docs/scale.md, as one types them. */
function commandsOf(lead: string): string[][] {
  const document = readFileSync(join(import.meta.dirname, '../../docs/scale.md'), 'utf8')
  const [, shell = ''] = /```sh\n(.*?)```/s.exec(document.slice(document.indexOf(lead))) ?? []
  const lines = shell.split('\n').map((line) => line.replace(/#.*/, '').trim())
  return lines.filter((line) => line.startsWith('rutter ')).map((line) => line.split(/\s+/).slice(1))
}

test('a team that begins a new database takes along what was learned, and leaves the old records where they are', async () => {
  const [{ url: old }, { url: next }] = [await testDatabase(), await testDatabase()]
  const cwd = scratchBook()
  const at = { cwd, env: { XDG_DATA_HOME: scratchFolder('data'), OLD: old, NEW: next } }
  const texts = { owner: 'olga', date: '2026-11-21' }
  const agent = await startAgent(cwd, {}, { ...at.env, RUTTER_STORE: old })
  const { artifact_id } = await agent.call('save_decision', {
    decision: { ...texts, scope: 'project', title: 'Keep one clock', rationale: 'Two never agree.' },
  })
  const { token } = await agent.call('request_global_write_approval', { content_preview: 'a lesson' })
  await agent.call('save_decision', {
    decision: { ...texts, scope: 'global', title: 'Write lines of JSON', rationale: 'They merge.' },
    governance_token: token,
  })
  await agent.call('task_add', { tasks: [{ task_id: 't-1', title: 'Wind the clock' }] })
  await agent.call('session_update', { status: 'stopped' })
  await agent.close()

  const commands = commandsOf('**A new volume**')
  expect(commands.length).toBeGreaterThan(2)
  for (const command of commands) {
    const given = command.map((word) => word.replaceAll('"', '').replace('$OLD', old).replace('$NEW', next))
    const { status, stderr } = await rutter(given, at)
    expect({ command, status, stderr }).toEqual({ command, status: 0, stderr: '' })
  }

  const at2 = { ...at, env: { ...at.env, RUTTER_STORE: next } }
  expect((await rutter(['sessions', '--json'], at2)).json()).toMatchObject({ sessions: [] })
  expect((await rutter(['search', 'clock'], at2)).stdout).toContain('Keep one clock')
  const exported = async (store: string) => (await rutter(['export', '--all-projects', '--store', store], at)).stdout
  expect(await exported(next)).toBe(await exported(old))
  // Who looks for where it came from finds the record in the old volume, whole.
  const decision = (await rutter(['decisions', '--json', '--store', next], at)).json()
  expect(JSON.stringify(decision)).toContain(String(artifact_id))
  expect(JSON.stringify(decision)).toContain(agent.session_id)
  expect((await rutter(['show', agent.session_id, '--store', old], at)).stdout).toContain('Keep one clock')
  expect((await rutter(['verify', '--store', old], at)).status).toBe(0)

  const follower = await startAgent(cwd, {}, at2.env)
  const again = { ...texts, scope: 'project', title: 'Keep one clock', rationale: 'Two never agree.' }
  expect(await follower.call('save_decision', { decision: again })).toMatchObject({
    dedup_outcome: 'duplicate_skip',
    artifact_id,
  })
  await follower.close()
})
