import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, readlinkSync, readSync } from 'node:fs'

/** What a look at a process id found. `started` is `''` where the system does not tell. */
export type Seen = { readonly there: false } | { readonly there: true; readonly started: string }

/** The processes of one operating system, as far as telling the living from the dead needs them. */
export interface ProcessTable {
  bootId(): string
  pidSpace(): string
  look(pid: number): Seen
}

/** The ways to the system, so that tests can put something else in their place. */
export interface SystemAccess {
  platform: NodeJS.Platform
  /** Where the Linux process file system is mounted. */
  proc: string
  /** Asks whether a process exists: throws ESRCH if not, EPERM if it may not be touched. */
  probe(pid: number): void
  /** Output of a program; throws when it fails. */
  run(program: string, args: readonly string[]): string
}

export const SYSTEM: SystemAccess = {
  platform: process.platform,
  proc: '/proc',
  probe: (pid) => void process.kill(pid, 0),
  run: (program, args) =>
    execFileSync(program, args, {
      encoding: 'utf8',
      timeout: 5_000,
      stdio: ['ignore', 'pipe', 'ignore'],
      // Start times are compared as text, so every process must print them in the same language and time zone.
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    }),
}

const GONE: Seen = { there: false }
const THERE: Seen = { there: true, started: '' }

/** The process table of the running system. */
export function processTable(system: SystemAccess): ProcessTable {
  if (system.platform === 'linux') return linuxTable(system)
  if (system.platform === 'darwin') return macTable(system)
  return { bootId: () => '', pidSpace: () => '', look: (pid) => probe(system, pid) }
}

function linuxTable(system: SystemAccess): ProcessTable {
  const { proc } = system
  // A process that was put in a process space of its own without a new /proc still sees the outer one, where its
  // numbers mean other processes.
  let ours: boolean | undefined
  const isOurs = () => {
    ours ??= attempt(() => readlinkSync(`${proc}/self`)) === String(process.pid)
    return ours
  }
  return {
    bootId: () => attempt(() => readFileSync(`${proc}/sys/kernel/random/boot_id`, 'latin1').trim()),
    pidSpace: () => attempt(() => readlinkSync(`${proc}/self/ns/pid`)),
    look: (pid) => {
      if (!isOurs()) return probe(system, pid)
      const stat = attempt(() => readStat(`${proc}/${pid}/stat`))
      // Nothing to read is no proof: /proc may hide the processes of other users (hidepid).
      return parseStat(stat) ?? probe(system, pid)
    },
  }
}

const statBuffer = Buffer.alloc(1024)

/** Three system calls; `readFileSync` needs more, because files in /proc claim to be empty. */
function readStat(path: string): string {
  const file = openSync(path, 'r')
  try {
    return statBuffer.toString('latin1', 0, readSync(file, statBuffer))
  } finally {
    closeSync(file)
  }
}

/**
 * Reads `pid (name) state ... starttime ...`. The name may hold spaces and parentheses, so fields are counted from the
 * last `)`: the state is field 3, the start time (clock ticks since boot) field 22.
 */
function parseStat(stat: string): Seen | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state] = fields
  const started = fields[19]
  if (!state || !started) return undefined
  // A zombie has ended and only waits for its parent to notice.
  return state === 'Z' || state === 'X' || state === 'x' ? GONE : { there: true, started }
}

function macTable(system: SystemAccess): ProcessTable {
  return {
    bootId: () => attempt(() => system.run('/usr/sbin/sysctl', ['-n', 'kern.bootsessionuuid']).trim()),
    pidSpace: () => '',
    look: (pid) => {
      const line = attempt(() => system.run('/bin/ps', ['-o', 'stat=', '-o', 'lstart=', '-p', String(pid)]).trim())
      const [state, ...started] = line.split(/\s+/)
      if (!state) return probe(system, pid)
      return state.startsWith('Z') ? GONE : { there: true, started: started.join(' ') }
    },
  }
}

/** Whether a process exists, when that is all that can be found out. One that may not be inspected exists. */
function probe(system: SystemAccess, pid: number): Seen {
  try {
    system.probe(pid)
    return THERE
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH' ? GONE : THERE
  }
}

function attempt(read: () => string): string {
  try {
    return read()
  } catch {
    return ''
  }
}
