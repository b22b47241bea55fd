import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { outcome, rutter, scratchBook, scratchRepository, start, startAgent, written } from '../support/cli.ts'

const node = process.execPath

interface Shown {
  session: { status: string; end_reason: string; slot: string; workflow: string | null; session_id: string }
  events: { type: string; actor: unknown; data: { command?: Command; detail?: string | null } }[]
}

interface Command {
  argv: string[]
  exit_code: number | null
  signal: string | null
  output_tail: string[]
}

/** How the last session ended, by its record. */
async function lastEnd(cwd: string) {
  const { session, events } = (await rutter(['show', '--json'], { cwd })).json() as Shown
  const end = events.at(-1)
  return { session, type: end?.type, detail: end?.data.detail, command: end?.data.command }
}

describe('rutter run', () => {
  it('runs a command as a session, with its input and output, and ends with its status', async () => {
    const cwd = scratchRepository()
    const program = 'process.stdin.on("data", (d) => process.stdout.write("got " + d)); console.error("aside")'
    const { status, stdout, stderr } = await rutter(['run', '--workflow', 'nightly', '--', node, '-e', program], {
      cwd,
      input: 'летопись',
    })
    expect(status).toBe(0)
    expect(stdout).toBe('got летопись')
    expect(stderr).toContain('aside')
    const { session, command } = await lastEnd(cwd)
    expect(session).toMatchObject({ status: 'stopped', end_reason: 'command_exited', workflow: 'nightly' })
    expect(command).toEqual({ argv: [node, '-e', program], exit_code: 0, signal: null, output_tail: [] })
  })

  it('keeps the last 20 lines of output when the command fails', async () => {
    const cwd = scratchBook()
    const program =
      'for (let i = 1; i <= 30; i++) console.log("line " + i); console.error("\\u001b[31mred\\u001b[0m"); process.exitCode = 3'
    const { status } = await rutter(['run', '--', node, '-e', program], { cwd })
    expect(status).toBe(3)
    const { command } = await lastEnd(cwd)
    expect(command?.exit_code).toBe(3)
    expect(command?.output_tail).toHaveLength(20)
    expect(command?.output_tail).toContain('line 30')
    expect(command?.output_tail).toContain('red')
    const { stdout } = await rutter(['show'], { cwd })
    expect(stdout).toContain('exit status 3')
    expect(stdout).toContain('  | line 30')
  })

  it('keeps secrets of command and output out of the record', async () => {
    const cwd = scratchBook()
    const secret = ['ghp', 'A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8'].join('_')
    const { stdout } = await rutter(
      ['run', '--', node, '-e', 'console.log(process.argv[1]); process.exit(1)', secret],
      { cwd },
    )
    expect(stdout).toContain(secret)
    const { session, command } = await lastEnd(cwd)
    expect(JSON.stringify(command)).toContain('[redacted:')
    const record = readFileSync(join(cwd, '.bot', 'workspace', 'sessions', `${session.session_id}.jsonl`), 'utf8')
    expect(record).not.toContain(secret)
  })

  it('tells the command which session it is', async () => {
    const cwd = scratchBook()
    const program =
      'const { RUTTER_SLOT, RUTTER_ROOT, RUTTER_SESSION_ID } = process.env; console.log(JSON.stringify({ RUTTER_SLOT, RUTTER_ROOT, RUTTER_SESSION_ID }))'
    const { json } = await rutter(['run', '--slot', 'nightly', '--', node, '-e', program], { cwd })
    const { session } = await lastEnd(cwd)
    expect(json()).toEqual({ RUTTER_SLOT: 'nightly', RUTTER_ROOT: cwd, RUTTER_SESSION_ID: session.session_id })
    expect(session.slot).toBe('nightly')
  })

  it('passes options behind the command on to it, without -- too', async () => {
    const cwd = scratchBook()
    const { stdout } = await rutter(['run', node, '-p', 'process.argv.slice(1).join()', '--', '--json', '--slot'], {
      cwd,
    })
    expect(stdout).toBe('--json,--slot\n')
  })

  it('gives the result as JSON, and what the command writes apart from it', async () => {
    const cwd = scratchBook()
    const { status, json, stderr } = await rutter(
      ['run', '--json', '--', node, '-e', 'console.log("hi"); process.exit(4)'],
      { cwd },
    )
    expect(status).toBe(4)
    expect(json()).toMatchObject({ exit_status: 4, exit_code: 4, signal: null, session: { status: 'stopped' } })
    expect(stderr).toContain('hi')
  })

  it('does not start the command while somebody holds the slot', async () => {
    const cwd = scratchBook()
    const agent = await startAgent(cwd)
    const mark = join(cwd, 'started')
    const program = `require("fs").writeFileSync(${JSON.stringify(mark)}, "")`
    const { status, stdout, stderr } = await rutter(['run', '--', node, '-e', program], { cwd })
    expect(status).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toContain(`rutter run: Slot "default" is held by session ${agent.session_id}`)
    expect(stderr).toContain('--slot')
    expect(existsSync(mark)).toBe(false)
    expect((await rutter(['run', '--slot', 'other', '--', node, '-e', program], { cwd })).status).toBe(0)
  })

  it('ends with 127 when there is no such command, and the record says so', async () => {
    const cwd = scratchBook()
    const { status, stderr } = await rutter(['run', '--', 'no-such-command-here'], { cwd })
    expect(status).toBe(127)
    expect(stderr).toContain('command not found')
    const { type, detail, session } = await lastEnd(cwd)
    expect(type).toBe('session.ended')
    expect(detail).toContain('no-such-command-here')
    expect(session.status).toBe('stopped')
  })

  it('ends with 128 and the number of the signal that ended the command', async () => {
    const cwd = scratchBook()
    const { status } = await rutter(['run', '--', node, '-e', 'process.kill(process.pid, "SIGKILL")'], { cwd })
    expect(status).toBe(137)
    expect((await lastEnd(cwd)).command).toMatchObject({ exit_code: null, signal: 'SIGKILL' })
  })

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'hands %s on to the command and records how it ends',
    async (signal) => {
      const cwd = scratchBook()
      const program = `process.on("${signal}", () => { console.log("bye"); process.exit(9) }); setInterval(() => {}, 1000); console.log("ready")`
      const run = start(['run', '--', node, '-e', program], { cwd })
      const ended = outcome(run)
      await written(run, 'ready')
      run.kill(signal)
      const { status, stdout } = await ended
      expect(stdout).toBe('ready\nbye\n')
      expect(status).toBe(9)
      expect((await lastEnd(cwd)).command).toMatchObject({ exit_code: 9, signal: null })
    },
  )

  it('does not wait for what the command left behind in the background', async () => {
    const cwd = scratchBook()
    const program = `
      const { spawn } = require("child_process")
      const left = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)"], { stdio: "inherit", detached: true })
      left.unref()
      console.log(left.pid)`
    const { status, stdout } = await rutter(['run', '--', node, '-e', program], { cwd, input: '' })
    onTestFinished(() => void process.kill(Number(stdout), 'SIGKILL'))
    expect(status).toBe(0)
    expect(() => process.kill(Number(stdout), 0)).not.toThrow()
  })

  it('lets an agent inside join its session, report to it, and stop it before the command ends', async () => {
    const cwd = scratchBook()
    const inner = join(import.meta.dirname, '../fixtures/agent-in-run.mjs')
    const { status, stdout, stderr } = await rutter(['run', '--', node, inner], { cwd })
    expect(stderr).not.toContain('was not recorded')
    expect(stdout).toContain('joined true')
    expect(stdout).toContain('stopped true')
    expect(status).toBe(0)
    const { session } = await lastEnd(cwd)
    expect(session).toMatchObject({ status: 'stopped', end_reason: 'stopped_by_agent', tasks_completed: 1 })
  })

  it('ends the command when an operator stops its session', async () => {
    const cwd = scratchBook()
    const running = rutter(['run', '--', node, '-e', 'setTimeout(() => console.log("went on"), 20_000)'], { cwd })
    let live: string | undefined
    while (live === undefined) {
      const { json } = await rutter(['sessions', '--json'], { cwd })
      live = (json() as { sessions: { session_id: string }[] }).sessions[0]?.session_id
    }
    expect((await rutter(['stop', live], { cwd })).status).toBe(0)
    const { status, stdout, stderr } = await running
    expect(status).toBe(143)
    expect(stdout).not.toContain('went on')
    expect(stderr).toContain('was ended from outside')
  })

  it('frees the slot for the next run', async () => {
    const cwd = scratchBook()
    for (const code of [0, 5]) {
      const { status } = await rutter(['run', '--', node, '-e', `process.exit(${code})`], { cwd })
      expect(status).toBe(code)
    }
    expect((await rutter(['status', '--json'], { cwd })).json()).toMatchObject({ slots: [] })
  })
})
