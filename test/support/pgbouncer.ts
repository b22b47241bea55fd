import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { freePort, type TestServer, unprivileged } from './postgres-server.ts'

/** pgbouncer as a system package installs it; `null` where it is not there. */
export const PGBOUNCER: string | null =
  ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/usr/local/bin/pgbouncer'].find((path) => existsSync(path)) ?? null

export interface Pooler {
  url(database: string, user?: string): string
  end(): Promise<void>
}

/** A pooler before a server that hands each transaction to whatever connection is free; with so few that all are shared. */
export async function startPgbouncer(server: TestServer, users: readonly string[], connections = 2): Promise<Pooler> {
  const program = PGBOUNCER ?? 'pgbouncer'
  const folder = mkdtempSync(join(tmpdir(), 'rutter-pgb-'))
  const port = await freePort()
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    pool_mode: 'transaction',
    default_pool_size: connections,
    max_client_conn: 500,
    auth_type: 'trust',
    auth_file: join(folder, 'users.txt'),
    logfile: join(folder, 'log'),
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`)
  const ini = join(folder, 'pgbouncer.ini')
  writeFileSync(
    ini,
    `[databases]\n* = host=${server.socketDir} port=${server.port}\n[pgbouncer]\n${lines.join('\n')}\n`,
  )
  writeFileSync(settings.auth_file, users.map((user) => `"${user}" ""\n`).join(''))
  const as = unprivileged()
  chmodSync(folder, 0o755)
  if ('uid' in as) chownSync(folder, as.uid, as.gid)
  const child: ChildProcess = spawn(program, [ini], { ...as, cwd: folder, stdio: 'ignore' })
  const url: Pooler['url'] = (database, user = users[0] ?? '') => `postgres://${user}@127.0.0.1:${port}/${database}`
  const end = async () => {
    const over = child.exitCode !== null || new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGINT')
    await over
    rmSync(folder, { recursive: true, force: true })
  }
  for (let i = 0; ; i++) {
    const client = new pg.Client({ connectionString: url('postgres') })
    try {
      await client.connect()
      await client.end()
      return { url, end }
    } catch (error) {
      if (i === 200 || child.exitCode !== null) {
        throw new Error(`pgbouncer did not start; see ${settings.logfile}`, { cause: error })
      }
      await sleep(25)
    }
  }
}
