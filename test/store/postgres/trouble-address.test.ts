import { execFileSync } from 'node:child_process'
import { appendFileSync, chmodSync, chownSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { Pool } from '../../../src/store/postgres/pool.ts'
import { refusalOf, tempFolder } from '../../support/book.ts'
import { sharedServer } from '../../support/postgres.ts'
import type { TestServer } from '../../support/postgres-server.ts'
import { IMPATIENT, ledgerOn, printed } from '../../support/trouble.ts'

const shared = sharedServer()

const SECRET = 'hunter2-very-secret'

let server: TestServer
beforeAll(async () => {
  server = await shared
  await server.sql(`CREATE ROLE guarded LOGIN PASSWORD '${SECRET}'`)
  await server.sql('CREATE DATABASE guarded OWNER guarded')
  const hba = join(server.dataDir, 'pg_hba.conf')
  const rules = ['hostssl secure all all trust', 'host secure all all reject', 'host all guarded all scram-sha-256']
  writeFileSync(hba, `${rules.join('\n')}\n${readFileSync(hba, 'utf8')}`)
  await server.sql('SELECT pg_reload_conf()')
})

const at = (authority: string, rest = '/guarded') => `postgres://${authority}${rest}`

async function refused(url: string) {
  const refusal = await refusalOf(async () => await ledgerOn(url, IMPATIENT).read(async () => {}))
  expect(printed(refusal)).not.toContain(SECRET)
  return refusal
}

test('the right password lets in', async () => {
  await ledgerOn(at(`guarded:${SECRET}@127.0.0.1:${server.port}`)).read(async () => {})
})

test.each<[string, (port: number) => string, RegExp]>([
  [
    'a wrong password',
    (p) => at(`guarded:${SECRET}x@127.0.0.1:${p}`),
    /guarded@127.*let this user in: password authentication failed for user "guarded"/,
  ],
  ['no password', (p) => at(`guarded@127.0.0.1:${p}`), /wants a password, and its address has none/],
  ['a wrong user', (p) => at(`nobody_here:${SECRET}@127.0.0.1:${p}`), /role "nobody_here" does not exist/],
  [
    'a wrong database',
    (p) => at(`guarded:${SECRET}@127.0.0.1:${p}`, '/guard'),
    /no such database: database "guard" does not exist/,
  ],
  [
    'a wrong port',
    () => at(`guarded:${SECRET}@127.0.0.1:1`),
    /127\.0\.0\.1:1\/guarded cannot be reached: .*ECONNREFUSED/,
  ],
  [
    'a port of localhost with nobody',
    () => at(`guarded:${SECRET}@localhost:1`),
    /localhost:1\/guarded cannot be reached: .*ECONNREFUSED/,
  ],
  [
    'a host that is not known',
    () => at(`guarded:${SECRET}@no-such-host.invalid`),
    /no-such-host\.invalid\/guarded is not to be found/,
  ],
  [
    'a socket that is not there',
    () => at(`guarded:${SECRET}@`, '/guarded?host=/nowhere'),
    /nowhere\/guarded cannot be reached: .*ENOENT/,
  ],
  [
    'TLS from a server that has none',
    (p) => at(`guarded:${SECRET}@127.0.0.1:${p}`, '/guarded?sslmode=require'),
    /do not agree on TLS: The server does not support SSL/,
  ],
  [
    'no TLS where the server demands it',
    (p) => at(`guarded:${SECRET}@127.0.0.1:${p}`, '/secure'),
    /let this user in: .*(no encryption|SSL off|rejects)/,
  ],
])('%s is told of by name, and without the password', async (_, url, message) => {
  const refusal = await refused(url(server.port))
  expect(refusal.code).toBe('store_unavailable')
  expect(refusal.message).toMatch(message)
  expect(refusal.hint).toBeTruthy()
})

test.each([
  `postgres://me:${SECRET}/x@host/db`,
  `postgres://me:12/${SECRET}@host/db`,
  `postgres://me:12?${SECRET}@host/db`,
  `postgres://me:12#${SECRET}@host/db`,
  `postgres://me:a@b/${SECRET}@host/db`,
  `postgres://me:a@b?${SECRET}@host/db`,
  `postgres://me:%zz${SECRET}@host/db`,
  `postgres://me:${SECRET}@one:1,two:2/db`,
  `postgres://me:${SECRET}@host:port/db`,
  `postgres://me:${SECRET}@host:99999/db`,
  `postgres://me:${SECRET}@host/db?port=77777`,
  `mysql://me:${SECRET}@host/db`,
  `me:${SECRET}@host/db`,
  `host=h password=${SECRET}`,
])('an address that cannot be read is refused at once, and nothing of it is shown: %#', async (url) => {
  const refusal = await refused(url)
  expect(refusal.code).toBe('invalid_argument')
  expect(`${refusal.message} ${refusal.hint}`).toContain('postgres://USER:PASSWORD@HOST:PORT/DATABASE')
})

test('several hosts are refused, as only one would be looked at', async () => {
  const refusal = await refused(at(`me:${SECRET}@`, '/db?host=one,two'))
  expect(refusal).toMatchObject({ code: 'invalid_argument', message: expect.stringMatching(/names several hosts/) })
  expect(refusal.hint).toMatch(/one host/)
})

test.each([
  ['channel_binding=Require', 'channel_binding', /prefer, disable, require/],
  ['target_session_attrs=read-write', 'target_session_attrs', /any.*one host/],
  ['gssencmode=require', 'gssencmode', /prefer, disable/],
  ['gssencmode=Prefer', 'gssencmode', /prefer, disable/],
  ['require_auth=scram-sha-256', 'require_auth', /verify-full/],
  ['requirepeer=postgres', 'requirepeer', /directory/],
  ['requiressl=1', 'requiressl', /sslmode=require/],
  ['ssl=false', 'ssl', /true, 1, 0, no-verify.*sslmode/],
  ['sslmode=require&sslcertmode=require', 'sslcertmode', /allow, disable/],
  ['sslmode=verify-full&sslcrl=/x', 'sslcrl', /authority/],
  ['sslmode=verify-full&sslcrldir=/x', 'sslcrldir', /authority/],
  ['sslmode=require&ssl_min_protocol_version=TLSv1.3', 'ssl_min_protocol_version', /TLSv1\.2.*on the server/],
  ['sslmode=require&sslnegotiation=straight', 'sslnegotiation', /postgres, direct/],
  ['min_protocol_version=3.2', 'min_protocol_version', /3\.0/],
  ['hostaddr=10.0.0.1', 'hostaddr', /as the host/],
  ['service=team', 'service', /host, user and database/],
  ['dbname=other', 'dbname', /HOST\/DATABASE/],
])('a demand that would not be kept is refused, and named: %s', async (parameters, name, allowed) => {
  const refusal = await refused(at(`me:${SECRET}@127.0.0.1:1`, `/db?password=${SECRET}&${parameters}`))
  expect(refusal).toMatchObject({ code: 'invalid_argument' })
  expect(refusal.message).toMatch(new RegExp(`^${name} is ".+" in the store's address, .*be kept`))
  expect(refusal.hint).toMatch(allowed)
})

test.each(['sslmin=x', 'SSLMODE=require', 'sslmode=require&ssl_mode=verify-full', 'schema=public', '__proto__=x'])(
  'a parameter that nobody knows is refused, and named: %s',
  async (parameters) => {
    const refusal = await refused(at(`me:${SECRET}@127.0.0.1:1`, `/db?${parameters}`))
    expect(refusal).toMatchObject({ code: 'invalid_argument' })
    const [name = ''] = parameters.split('&').at(-1)?.split('=') ?? []
    expect(refusal.message).toContain(`"${name}"`)
    expect(refusal.hint).toMatch(/Allowed are: .*\bsslmode\b.*\bsslrootcert\b/)
  },
)

test.each([
  `password=a&${SECRET}`,
  `password=a&${SECRET}=x`,
  `sslpassword=a&b=c&${SECRET}`,
  `password=a&${SECRET.replaceAll(/[^a-z]/g, '')}`,
  `${SECRET}%40host`,
])('the end of a password is not taken for the name of a parameter, and not shown: %#', async (parameters) => {
  const refusal = await refused(at('me:12@127.0.0.1:1', `/db?${parameters}`))
  expect(refusal).toMatchObject({ code: 'invalid_argument' })
  expect(printed(refusal)).not.toMatch(/hunter/)
  expect(refusal.hint).toMatch(/%26/)
})

test.each([
  'channel_binding=prefer&gssencmode=prefer&sslcertmode=allow',
  'channel_binding=disable&gssencmode=disable&sslcertmode=disable&ssl=0',
  'connect_timeout=5&keepalives=1&keepalives_idle=5&keepalives_interval=5&keepalives_count=5&tcp_user_timeout=900',
  'application_name=a&fallback_application_name=b&client_encoding=UTF8&target_session_attrs=any&load_balance_hosts=disable',
  'statement_timeout=30000&lock_timeout=3000&idle_in_transaction_session_timeout=4000&query_timeout=60000&options=-c%20work_mem%3D1MB',
  'ssl_min_protocol_version=TLSv1.2&ssl_max_protocol_version=TLSv1.3&sslsni=1&sslcompression=0&sslnegotiation=postgres',
  'require_auth=&requirepeer=&requiressl=0&passfile=/x&krbsrvname=postgres&gssdelegation=0&min_protocol_version=3.0',
])('what can be kept, and what nothing is lost by, lets in: %s', async (parameters) => {
  await ledgerOn(at(`guarded:${SECRET}@127.0.0.1:${server.port}`, `/guarded?${parameters}`)).read(async () => {})
})

test('every character that is written as it must be is part of the password, and of nothing else', async () => {
  const odd = 'a@b/c:d?e#f%g h'
  await server.sql(`CREATE ROLE odd LOGIN PASSWORD '${odd}'`)
  await server.sql('CREATE DATABASE odd OWNER odd')
  const hba = join(server.dataDir, 'pg_hba.conf')
  writeFileSync(hba, `host all odd all scram-sha-256\n${readFileSync(hba, 'utf8')}`)
  await server.sql('SELECT pg_reload_conf()')
  await ledgerOn(at(`odd:${encodeURIComponent(odd)}@127.0.0.1:${server.port}`, '/odd')).read(async () => {})
  const { where } = new Pool({ url: at(`odd:${encodeURIComponent(odd)}@127.0.0.1:${server.port}`, '/odd') })
  expect(where).toBe(`odd@127.0.0.1:${server.port}/odd`)
})

test('something that is no PostgreSQL is given up on, and told of', async () => {
  const web = createServer((socket) => socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void web.close())
  const { port } = web.address() as { port: number }
  expect((await refused(at(`guarded:${SECRET}@127.0.0.1:${port}`))).message).toMatch(/cannot be reached/)
})

describe('a server with a certificate of its own making', () => {
  let [folder, url] = ['', '']
  beforeAll(async () => {
    folder = server.dataDir
    const make = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=database.test']
    const files = [
      '-addext',
      'subjectAltName=DNS:database.test',
      '-keyout',
      `${folder}/server.key`,
      '-out',
      `${folder}/server.crt`,
    ]
    execFileSync('openssl', [...make, ...files], { stdio: 'ignore' })
    const { uid, gid } = statSync(folder)
    for (const name of ['server.key', 'server.crt']) chownSync(join(folder, name), uid, gid)
    chmodSync(join(folder, 'server.key'), 0o600)
    appendFileSync(join(folder, 'postgresql.conf'), 'ssl = on\n')
    await server.sql('SELECT pg_reload_conf()')
    await server.sql('CREATE DATABASE secure OWNER guarded')
    url = at(`guarded:${SECRET}@127.0.0.1:${server.port}`, '/secure')
  })

  const rootIn = (to: string) => {
    const path = join(to, 'root.crt')
    writeFileSync(path, readFileSync(join(folder, 'server.crt')))
    return path
  }

  test('is talked to where TLS alone is asked for', async () => {
    await ledgerOn(`${url}?sslmode=require`).read(async () => {})
  })

  test.each(['verify-full', 'verify-ca&sslrootcert=OTHER', 'verify-full&sslrootcert=OTHER'])(
    'is not trusted with sslmode=%s',
    async (mode) => {
      const other = join(tempFolder(), 'other.crt')
      execFileSync(
        'openssl',
        [
          'req',
          '-x509',
          '-newkey',
          'rsa:2048',
          '-nodes',
          '-subj',
          '/CN=other',
          '-keyout',
          `${other}.key`,
          '-out',
          other,
        ],
        { stdio: 'ignore' },
      )
      const refusal = await refused(`${url}?sslmode=${mode.replace('OTHER', other)}`)
      expect(refusal.message).toMatch(/do not agree on TLS: .*certificate/)
    },
  )

  test('is trusted where its certificate was given, if its name need not be right', async () => {
    await ledgerOn(`${url}?sslmode=verify-ca&sslrootcert=${rootIn(tempFolder())}`).read(async () => {})
  })

  test('is not trusted under another name', async () => {
    const refusal = await refused(`${url}?sslmode=verify-full&sslrootcert=${rootIn(tempFolder())}`)
    expect(refusal.message).toMatch(/do not agree on TLS: .*(altnames|cert)/i)
  })

  test('cannot be checked against a file that is not there, and is as soon as it is', async () => {
    const path = join(tempFolder(), 'root.crt')
    const ledger = ledgerOn(`${url}?sslmode=verify-ca&sslrootcert=${path}`)
    const refusal = await refusalOf(ledger.read(async () => {}))
    expect(refusal.message).toContain(path)
    expect(printed(refusal)).not.toContain(SECRET)
    writeFileSync(path, readFileSync(join(folder, 'server.crt')))
    await ledger.read(async () => {})
  })
})
