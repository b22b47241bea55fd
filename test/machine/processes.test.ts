import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Holder } from '../../src/domain/lease.ts'
import type { SystemAccess } from '../../src/machine/process-table.ts'
import { systemProcesses } from '../../src/machine/processes.ts'

const processes = systemProcesses()
const children: ChildProcess[] = []

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})

function start(program: string, ...args: string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  return child
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [chunk] = await once(child.stdout!, 'data')
  return String(chunk).trim()
}

/** Another process of this program, by its own account. */
async function startHolder(name?: string): Promise<{ child: ChildProcess; holder: Holder }> {
  const script = join(import.meta.dirname, '../fixtures/print-holder.ts')
  const child = start(process.execPath, script, ...(name === undefined ? [] : [name]))
  return { child, holder: JSON.parse(await firstLine(child)) }
}

/** Polls without giving Node the chance to collect a child that has ended. */
function until(test: () => boolean): boolean {
  const end = Date.now() + 5_000
  while (Date.now() < end) if (test()) return true
  return false
}

function noSuchProcess(): never {
  throw Object.assign(new Error('kill ESRCH'), { code: 'ESRCH' })
}

function notPermitted(): never {
  throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' })
}

describe('this process', () => {
  test('knows itself, always in the same words, and is alive', () => {
    const self = processes.self()
    expect(self).toMatchObject({ host: hostname(), pid: process.pid })
    expect(systemProcesses().self()).toEqual(self)
    expect(processes.liveness(self)).toBe('alive')
  })

  test('takes a holder with its own id and another start time for one that had the id before', () => {
    expect(processes.liveness({ ...processes.self(), started: '1' })).toBe('dead')
  })
})

describe.runIf(process.platform === 'linux' || process.platform === 'darwin')('another process of this machine', () => {
  test('is alive while it runs and dead when it was killed', async () => {
    const { child, holder } = await startHolder()
    expect(processes.liveness(holder)).toBe('alive')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(processes.liveness(holder)).toBe('dead')
  })

  test('is dead when it was killed and its parent has not noticed yet', async () => {
    const { child, holder } = await startHolder()
    child.kill('SIGKILL')
    expect(until(() => processes.liveness(holder) === 'dead')).toBe(true)
    expect(() => process.kill(holder.pid, 0)).not.toThrow()
  })

  test('is dead as a zombie that nobody collects', async () => {
    const parent = start('sh', '-c', 'sleep 0 & echo $!; exec sleep 30')
    const pid = Number(await firstLine(parent))
    expect(until(() => processes.liveness({ ...processes.self(), pid, started: '' }) === 'dead')).toBe(true)
    expect(() => process.kill(pid, 0)).not.toThrow()
  })

  test('is alive while it is stopped', async () => {
    const { child, holder } = await startHolder()
    child.kill('SIGSTOP')
    await sleep(100)
    expect(processes.liveness(holder)).toBe('alive')
  })

  test('is dead when its id belongs to a process that started at another time', async () => {
    const { holder } = await startHolder()
    expect(processes.liveness({ ...holder, started: `${holder.started}1` })).toBe('dead')
  })

  test('is told by its start time even if its name looks like the fields after it', async () => {
    const { child, holder } = await startHolder(') Z 1 (2) X 3')
    expect(processes.liveness(holder)).toBe('alive')
    expect(holder.started).not.toBe('')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(processes.liveness(holder)).toBe('dead')
  })

  test('is here although the host was given another name since', async () => {
    const { child, holder } = await startHolder()
    expect(processes.liveness({ ...holder, host: 'renamed' })).toBe('alive')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(processes.liveness({ ...holder, host: 'renamed' })).toBe('dead')
  })
})

describe('a process that cannot be seen from here', () => {
  const self = processes.self()

  test.each<[string, Partial<Holder>]>([
    ['on another machine', { host: 'elsewhere', boot_id: 'another' }],
    ['on another machine that does not tell its boots apart', { host: 'elsewhere', boot_id: '' }],
    ['of the same host name, on a machine that does not tell its boots apart', { boot_id: '' }],
    ['in another container of this machine', { pid_space: 'pid:[1]' }],
    ['in a container of the same name, at another boot', { pid_space: 'pid:[1]', boot_id: 'another' }],
    ['without an id that a process can have', { pid: 0 }],
    ['without an id that a process can have, again', { pid: -1 }],
    ['with an id beyond all ids', { pid: 2 ** 32 + 1 }],
  ])('is unknown: %s', (_, difference) => {
    expect(processes.liveness({ ...self, pid: 4_000_000, ...difference })).toBe('unknown')
  })

  test.runIf(self.boot_id !== '')('is dead when this machine was started anew since', () => {
    expect(processes.liveness({ ...self, boot_id: 'the boot before' })).toBe('dead')
  })
})

describe('on Linux', () => {
  let proc: string

  beforeEach(() => {
    proc = mkdtempSync(join(tmpdir(), 'rutter-proc-'))
    mkdirSync(join(proc, 'sys/kernel/random'), { recursive: true })
    writeFileSync(join(proc, 'sys/kernel/random/boot_id'), 'boot-1\n')
    symlinkSync(String(process.pid), join(proc, 'self'))
    mkdirSync(join(proc, String(process.pid), 'ns'), { recursive: true })
    symlinkSync('pid:[77]', join(proc, String(process.pid), 'ns/pid'))
    put(process.pid, 'node', 'S', '500')
  })

  afterEach(() => rmSync(proc, { recursive: true }))

  function put(pid: number, name: string, state: string, started: string) {
    mkdirSync(join(proc, String(pid)), { recursive: true })
    const between = Array.from({ length: 18 }, (_, n) => n)
    writeFileSync(join(proc, `${pid}/stat`), `${pid} (${name}) ${state} ${between.join(' ')} ${started} 9 9 9\n`)
  }

  function linux(access: Partial<SystemAccess> = {}) {
    return systemProcesses({ platform: 'linux', proc, probe: noSuchProcess, ...access })
  }

  test('reads boot, process space and start time', () => {
    expect(linux().self()).toEqual({
      host: hostname(),
      boot_id: 'boot-1',
      pid_space: 'pid:[77]',
      pid: process.pid,
      started: '500',
    })
  })

  test.each([
    ['R', 'alive'],
    ['S', 'alive'],
    ['D', 'alive'],
    ['T', 'alive'],
    ['t', 'alive'],
    ['Z', 'dead'],
    ['X', 'dead'],
    ['x', 'dead'],
  ])('takes a process in state %s for %s', (state, expected) => {
    put(42, 'a) Z (b', state, '700')
    expect(linux().liveness({ ...linux().self(), pid: 42, started: '700' })).toBe(expected)
  })

  test('takes a process that /proc hides from others for alive', () => {
    expect(linux({ probe: notPermitted }).liveness({ ...linux().self(), pid: 43 })).toBe('alive')
    expect(linux({ probe: () => {} }).liveness({ ...linux().self(), pid: 43 })).toBe('alive')
    expect(linux().liveness({ ...linux().self(), pid: 43 })).toBe('dead')
  })

  test('takes a process whose line cannot be made out for alive as long as it exists', () => {
    put(44, 'cut', 'S', '1')
    writeFileSync(join(proc, '44/stat'), '44 (cut')
    expect(linux({ probe: () => {} }).liveness({ ...linux().self(), pid: 44 })).toBe('alive')
  })

  test('does not look into a /proc that counts processes differently', () => {
    put(45, 'other', 'Z', '1')
    rmSync(join(proc, 'self'))
    symlinkSync('999999', join(proc, 'self'))
    const inside = linux({ probe: () => {} })
    expect(inside.self().started).toBe('')
    expect(inside.liveness({ ...inside.self(), pid: 45, started: '700' })).toBe('alive')
  })

  test('gets by without /proc', () => {
    const bare = linux({ proc: join(proc, 'nothing') })
    expect(bare.self()).toMatchObject({ boot_id: '', pid_space: '', started: '' })
    expect(bare.liveness(bare.self())).toBe('alive')
    expect(bare.liveness({ ...bare.self(), pid: 46 })).toBe('dead')
    expect(bare.liveness({ ...bare.self(), pid: 46, host: 'elsewhere' })).toBe('unknown')
  })

  test('costs less than half a millisecond', () => {
    const own = systemProcesses()
    const other = { ...own.self(), pid: process.ppid, started: '' }
    const started = performance.now()
    for (let n = 0; n < 1_000; n += 1) own.liveness(other)
    expect((performance.now() - started) / 1_000).toBeLessThan(0.5)
  })
})

describe('on macOS', () => {
  const lines: Record<string, string> = {
    [String(process.pid)]: 'S    Sat Nov 21 10:00:00 2026    \n',
    '50': 'Ss+  Sat Nov 21 11:11:11 2026\n',
    '51': 'Z    Sat Nov 21 11:11:11 2026\n',
  }
  const mac = systemProcesses({
    platform: 'darwin',
    probe: noSuchProcess,
    run: (program, args) => {
      if (program.endsWith('sysctl')) return 'BOOT-UUID\n'
      const line = lines[args.at(-1) ?? '']
      if (line === undefined) throw new Error('exit status 1')
      return line
    },
  })
  const holder = { ...mac.self(), pid: 50, started: 'Sat Nov 21 11:11:11 2026' }

  test('reads boot and start time from sysctl and ps', () => {
    expect(mac.self()).toMatchObject({ boot_id: 'BOOT-UUID', pid_space: '', started: 'Sat Nov 21 10:00:00 2026' })
  })

  test('tells the living from zombies, from those that are gone and from those that got the id later', () => {
    expect(mac.liveness(holder)).toBe('alive')
    expect(mac.liveness({ ...holder, started: 'Sat Nov 21 09:00:00 2026' })).toBe('dead')
    expect(mac.liveness({ ...holder, pid: 51 })).toBe('dead')
    expect(mac.liveness({ ...holder, pid: 52 })).toBe('dead')
    expect(mac.liveness({ ...holder, boot_id: 'BOOT-BEFORE' })).toBe('dead')
  })
})

describe('on Windows', () => {
  const windows = (probe: () => void) => systemProcesses({ platform: 'win32', probe })

  test('goes by whether the process exists', () => {
    const holder = { ...windows(() => {}).self(), pid: 60 }
    expect(holder).toMatchObject({ boot_id: '', pid_space: '', started: '' })
    expect(windows(() => {}).liveness(holder)).toBe('alive')
    expect(windows(notPermitted).liveness(holder)).toBe('alive')
    expect(windows(noSuchProcess).liveness(holder)).toBe('dead')
  })
})

test.runIf(process.platform === 'linux')('the start time is field 22 of what the kernel says', () => {
  const stat = readFileSync('/proc/self/stat', 'latin1')
  expect(stat.split(' ')).toContain(processes.self().started)
})
