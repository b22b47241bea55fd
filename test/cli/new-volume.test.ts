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

test('a team that begins a new database takes along what was learned in each project, and leaves the old records', async () => {
  const [{ url: old }, { url: next }] = [await testDatabase(), await testDatabase()]
  const env = { XDG_DATA_HOME: scratchFolder('data') }
  const texts = { owner: 'olga', date: '2026-11-21' }
  const clones = ['atlas', 'bronze'].map((project) => ({ project, cwd: scratchBook(project, project) }))
  const worked = new Map<string, { session_id: string; artifact_id: string }>()
  for (const { project, cwd } of clones) {
    const agent = await startAgent(cwd, {}, { ...env, RUTTER_STORE: old })
    const { artifact_id } = await agent.call('save_decision', {
      decision: { ...texts, scope: 'project', title: `Keep one clock in ${project}`, rationale: 'Two never agree.' },
    })
    const { token } = await agent.call('request_global_write_approval', { content_preview: 'a lesson' })
    await agent.call('save_decision', {
      decision: { ...texts, scope: 'global', title: `Write lines of JSON, says ${project}`, rationale: 'They merge.' },
      governance_token: token,
    })
    await agent.call('task_add', { tasks: [{ task_id: 't-1', title: 'Wind the clock' }] })
    await agent.call('session_update', { status: 'stopped' })
    await agent.close()
    worked.set(project, { session_id: agent.session_id, artifact_id: String(artifact_id) })
  }

  const commands = commandsOf('**A new volume**')
  expect(commands.map(([name]) => name)).toEqual(['migrate', 'export', 'import'])
  for (const { cwd } of clones) {
    for (const command of commands) {
      const given = command.map((word) => word.replaceAll('"', '').replace('$OLD', old).replace('$NEW', next))
      const { status, stderr } = await rutter(given, { cwd, env })
      expect({ command, status, stderr }).toEqual({ command, status: 0, stderr: '' })
    }
  }

  for (const { project, cwd } of clones) {
    const at = { cwd, env }
    const { session_id, artifact_id } = worked.get(project) ?? {}
    const exported = async (store: string) => (await rutter(['export', '--all-projects', '--store', store], at)).stdout
    const inOld = await exported(old)
    expect(inOld).toContain(`Keep one clock in ${project}`)
    expect(inOld).toContain('Write lines of JSON, says bronze')
    expect(await exported(next)).toBe(inOld)
    expect((await rutter(['sessions', '--json', '--store', next], at)).json()).toMatchObject({ sessions: [] })
    expect((await rutter(['search', 'clock', '--store', next], at)).stdout).toContain(`Keep one clock in ${project}`)
    // Who looks for where it came from finds the record in the old volume, whole.
    const decisions = JSON.stringify((await rutter(['decisions', '--json', '--store', next], at)).json())
    expect(decisions).toContain(artifact_id)
    expect(decisions).toContain(session_id)
    const shown = await rutter(['show', String(session_id), '--store', old], at)
    expect(shown.stdout).toContain(`Keep one clock in ${project}`)
    expect((await rutter(['verify', '--store', old], at)).status).toBe(0)
    const follower = await startAgent(cwd, {}, { ...env, RUTTER_STORE: next })
    const title = `Keep one clock in ${project}`
    const again = { ...texts, scope: 'project', title, rationale: 'Two never agree.' }
    expect(await follower.call('save_decision', { decision: again })).toMatchObject({
      dedup_outcome: 'duplicate_skip',
      artifact_id,
    })
    await follower.close()
  }
})
