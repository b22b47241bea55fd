import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { outcome, rutter, scratchBook, scratchFolder, start } from '../support/cli.ts'
import { startPostgres } from '../support/postgres-server.ts'

test('how a command ended is recorded though the database was away then, and its status is what the caller gets', async () => {
  const server = await startPostgres()
  onTestFinished(() => server.end())
  await server.sql('CREATE DATABASE team')
  const at = { cwd: scratchBook(), env: { XDG_DATA_HOME: scratchFolder('data'), RUTTER_STORE: server.url('team') } }
  const child = start(['run', '--', 'sh', '-c', 'echo begun; sleep 2; echo torn sail >&2; exit 4'], at)
  const ended = outcome(child)
  if (child.stdout !== null) await once(child.stdout, 'data')
  await server.kill()
  // The command ends, and for longer than any call is tried nobody is there.
  await sleep(9000)
  expect(child.exitCode).toBeNull()
  await server.start()
  const { status, stderr } = await ended
  expect(status).toBe(4)
  expect(stderr).toMatch(/cannot be reached.*The end of the command is tried for 10 minutes; Ctrl-C gives it up\./)
  expect(stderr).not.toContain('was not recorded')
  const [id = ''] = /session (\S+) in slot/.exec(stderr)?.slice(1) ?? []
  const shown = (await rutter(['show', id], at)).stdout
  expect(shown).toMatch(/exit status 4/)
  expect(shown).toContain('torn sail')
})
