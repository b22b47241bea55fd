import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { outcome, rutter, scratchFolder } from '../support/cli.ts'

it('the demonstration ends by itself, shows the main job and keeps what it made', async () => {
  const folder = scratchFolder()
  const script = join(import.meta.dirname, '../../scripts/demo.ts')
  const env = { ...process.env, TMPDIR: folder, RUTTER_ROOT: '/nowhere', RUTTER_SLOT: 'other' }
  const { status, stdout, stderr } = await outcome(spawn(process.execPath, [script], { env }))
  expect(stderr).toBe('')
  expect(status).toBe(0)
  for (const part of [
    'session_locked',
    'circuit_open',
    'control pause, whisper "The crane is unlocked now: try H-5 again"',
    'control continue',
    '4 done, 5 failed, 1 skipped',
    'claude-sonnet-4-5',
    'gpt-5',
    'store_session_with_learnings -> saved',
    'retrieve_context -> succeeded',
    'the same again -> duplicate_skip',
    'said more exactly -> supersede',
    'turned round by a word -> manual_review',
    'in the place of',
    'all whole',
    '?? .bot/rutter.json',
    'claude mcp add rutter',
  ]) {
    expect(stdout).toContain(part)
  }
  const project = stdout.trimEnd().split('Everything above is kept in ')[1] ?? ''
  expect(project.startsWith(folder)).toBe(true)
  expect(existsSync(join(project, '.bot', 'rutter.json'))).toBe(true)
  expect((await rutter(['doctor'], { cwd: project })).stdout).toContain('Nothing is wrong.')
})
