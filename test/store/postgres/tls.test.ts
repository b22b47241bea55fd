import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls, TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { forDriver } from '../../../src/store/postgres/address.ts'
import { Pool } from '../../../src/store/postgres/pool.ts'
import { refusalOf } from '../../support/book.ts'
import { rutter, scratchBook } from '../../support/cli.ts'
import { startPostgres, type TestServer, unprivileged } from '../../support/postgres-server.ts'

/** What a server says, by its protocol: ways to get in, that somebody is in, and that it waits for a statement. */
const BINDS = message('R', 10, 'SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0')
const SCRAM = message('R', 10, 'SCRAM-SHA-256\0\0')
const CLEAR = message('R', 3)
const KERBEROS = message('R', 7)
const CONTINUE = message('R', 11, 'r=x,s=AAAA,i=4096')
const FINAL = message('R', 12, 'v=AAAA')
const IN = message('R', 0)
const READY = message('Z', null, 'I')
const ERROR = message('E', null, 'SFATAL\0C28P01\0Mno\0\0')

const why = hasOpenssl() ? '' : ' (not tested: openssl is not installed here)'

describe.skipIf(why !== '')(`a server that speaks TLS${why}`, () => {
  let server: TestServer
  let folder: string
  let authority: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rutter-tls-'))
    authority = join(folder, 'authority.crt')
    server = await startPostgres()
    makeCertificates(folder, server.dataDir)
    // The database "sealed" is for TLS alone, and asks for a password.
    writeFileSync(
      join(server.dataDir, 'pg_hba.conf'),
      [
        'local all all trust',
        'hostssl sealed all all scram-sha-256',
        'hostnossl sealed all all reject',
        'host plain all all scram-sha-256',
        'host all clear all password',
        'host all digested all md5',
        'host all all all trust',
        '',
      ].join('\n'),
    )
    await server.sql('CREATE DATABASE sealed')
    await server.sql('CREATE DATABASE plain')
    for (const role of ['pilot', 'clear']) await server.sql(`CREATE ROLE ${role} LOGIN PASSWORD 'lead line'`)
    await server.sql("SET password_encryption = 'md5'; CREATE ROLE digested LOGIN PASSWORD 'lead line'")
    await server.sql('ALTER SYSTEM SET ssl = on')
    await server.sql('SELECT pg_reload_conf()')
    for (let i = 0; i < 200 && (await server.sql('SHOW ssl'))[0]?.['ssl'] !== 'on'; i++) await sleep(25)
  })
  afterAll(async () => {
    await server.end()
    rmSync(folder, { recursive: true, force: true })
  })

  const address = (parameters: string, host = 'localhost') =>
    `postgres://admin@${host}:${server.port}/postgres${parameters === '' ? '' : `?${parameters}`}`
  const isSecure = async (url: string) => {
    const pool = new Pool({ url, patience_ms: 1000 })
    onTestFinished(() => pool.close())
    const row = await pool.ask((sql) => sql.get('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()'))
    return row?.['ssl']
  }

  test('is spoken to in the clear unless the address says otherwise', async () => {
    expect(await isSecure(address(''))).toBe(false)
    expect(await isSecure(address('sslmode=disable'))).toBe(false)
  })

  test('is trusted as psql trusts it: without a look where TLS is required and no more', async () => {
    for (const mode of ['allow', 'prefer', 'require', 'no-verify']) {
      expect(await isSecure(address(`sslmode=${mode}`)), mode).toBe(true)
    }
  })

  test('is known by its authority, and by its name where that is wanted', async () => {
    const root = `sslrootcert=${encodeURIComponent(authority)}`
    expect(await isSecure(address(`sslmode=verify-full&${root}`))).toBe(true)
    expect(await isSecure(address(`sslmode=verify-ca&${root}`, '127.0.0.1'))).toBe(true)
    const other = await refusalOf(isSecure(address(`sslmode=verify-full&${root}`, '127.0.0.1')))
    expect(other.message).toMatch(/do not agree on TLS: .*127\.0\.0\.1/)
    expect(other.hint).toContain('sslrootcert')
  })

  test('is refused where nobody vouches for it', async () => {
    const refusal = await refusalOf(isSecure(address('sslmode=verify-full')))
    expect(refusal.message).toMatch(/do not agree on TLS: .*(self-signed|unable to)/)
  })

  test('can demand TLS, and says so to whoever comes without, never with a password in the answer', async () => {
    const sealed = (parameters: string) => `postgres://pilot:lead%20line@localhost:${server.port}/sealed${parameters}`
    expect(await isSecure(sealed('?sslmode=require'))).toBe(true)
    for (const url of [sealed(''), sealed('?sslmode=disable'), sealed('?sslmode=verify-full')]) {
      const { message, hint } = await refusalOf(isSecure(url))
      expect(`${message} ${hint}`).toMatch(/TLS|no encryption/)
      expect(`${message} ${hint}`).not.toMatch(/lead( |%20)line/)
    }
  })

  describe('where its address asks for channel binding', () => {
    const sealed = (parameters: string, { user = 'pilot:lead%20line', port = server.port } = {}) =>
      `postgres://${user}@localhost:${port}/sealed?channel_binding=require${parameters}`

    test('proves that the connection ends at it', async () => {
      expect(await isSecure(sealed('&sslmode=require'))).toBe(true)
      expect(await isSecure(sealed(`&sslmode=verify-full&sslrootcert=${encodeURIComponent(authority)}`))).toBe(true)
      expect(await isSecure(sealed('&sslmode=require&channel_binding=prefer'))).toBe(true)
    })

    test.each([
      ['without TLS', 'pilot', 'plain', 'sslmode=disable', /offers none over this connection/],
      ['without a password', 'admin', 'postgres', 'sslmode=require', /lets this user in without it/],
      ['for a password as it is', 'clear', 'postgres', 'sslmode=require', /asks for the password without it/],
      ['for a password by MD5', 'digested', 'postgres', 'sslmode=require', /asks for the password without it/],
    ])('is left when it lets in %s', async (_, user, database, mode, message) => {
      const url = `postgres://${user}:lead%20line@localhost:${server.port}/${database}?${mode}`
      expect(typeof (await isSecure(url))).toBe('boolean')
      const refusal = await refusalOf(isSecure(`${url}&channel_binding=require`))
      expect(refusal).toMatchObject({ code: 'store_unavailable', hint: expect.stringContaining('scram-sha-256') })
      expect(refusal.message).toMatch(message)
      expect(JSON.stringify(refusal.body)).not.toContain('lead')
    })

    test('is not mistaken for one that sits between and has a certificate of its own', async () => {
      const port = await between(server.port, join(folder, 'other'))
      const url = (parameters: string) =>
        `postgres://pilot:lead%20line@localhost:${port}/sealed?sslmode=require${parameters}`
      // Encrypted it is, up to the one between, who reads everything.
      expect(await isSecure(url(''))).toBe(true)
      const refusal = await refusalOf(isSecure(url('&channel_binding=require')))
      expect(refusal.message).toMatch(/SCRAM channel binding check failed/)
      expect(refusal.hint).toMatch(/between/)
    })

    test.each<[string, Buffer[][]]>([
      ['offers a proof and lets it in without one', [[BINDS], [IN, READY]]],
      ['lets it in at once', [[IN, READY]]],
      ['is ready at once', [[READY]]],
      ['gives a false proof', [[BINDS], [FINAL, IN, READY]]],
      ['says all of it in one breath', [[BINDS, FINAL, IN, READY]]],
      ['refuses, and is ready nevertheless', [[ERROR, READY]]],
      ['asks for the password, and lets it in', [[CLEAR, IN, READY]]],
    ])('is told nothing when it is somebody who %s', async (_, says) => {
      for (const tls of [true, false]) {
        const other = await impostor(says, tls ? join(folder, 'impostor') : null)
        const url = `postgres://pilot:lead%20line@localhost:${other.port}/sealed?sslmode=${tls ? 'require' : 'disable'}`
        const refusal = await refusalOf(isSecure(`${url}&channel_binding=require`))
        expect(refusal.code).toBe('store_unavailable')
        await vi.waitFor(() => expect(other.open()).toBe(0))
        expect(other.heard()).not.toMatch(/lead line|SELECT|BEGIN/)
      }
    })
  })

  test('gets no warning of the driver onto the standard error of a program', async () => {
    const cwd = scratchBook()
    for (const parameters of ['sslmode=require', `sslmode=verify-ca&sslrootcert=${authority}`, 'sslmode=prefer']) {
      await server.sql('DROP SCHEMA IF EXISTS rutter CASCADE')
      const { status, stderr } = await rutter(['status', '--store', address(parameters)], { cwd })
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    }
  })

  test('is not taken for one that does when it does not', async () => {
    const plain = await startPostgres()
    onTestFinished(() => plain.end())
    const url = `postgres://admin@127.0.0.1:${plain.port}/postgres?sslmode=require`
    expect((await refusalOf(isSecure(url))).message).toMatch(/do not agree on TLS: .*does not support SSL/)
  })

  test.each([
    ['asks by a way that is not known', 'pilot:lead%20line', [[KERBEROS]], /by a way that is not known here/],
    ['cannot prove what it is', 'pilot:lead%20line', [[SCRAM], [FINAL, IN, READY]], /SASL/],
    [
      'waits for a password that there is none of',
      'pilot',
      [[SCRAM], [CONTINUE]],
      /wants a password, and its address has none/,
    ],
  ])('leaves nothing open and nothing broken when it %s', async (_, user, says, message) => {
    const other = await impostor(says, join(folder, 'impostor'))
    const url = `postgres://${user}@localhost:${other.port}/sealed?sslmode=require`
    expect((await refusalOf(isSecure(url))).message).toMatch(message)
    await vi.waitFor(() => expect(other.open()).toBe(0))
    expect(other.heard()).not.toMatch(/lead line|SELECT|BEGIN/)
  })

  test('is not even called where the address cannot be meant', async () => {
    for (const [parameters, message] of [
      ['sslmode=verify_full', 'sslmode is "verify_full" in the store\'s address.'],
      [
        'sslmode=verify-ca',
        "sslmode is verify-ca in the store's address, and no sslrootcert says which authority is meant.",
      ],
      [
        'sslmode=verify-full&sslrootcert=/no/such',
        "sslrootcert in the store's address names /no/such, which cannot be read: ENOENT.",
      ],
    ] as const) {
      expect(await refusalOf(isSecure(address(parameters)))).toMatchObject({ code: 'invalid_argument', message })
    }
  })
})

describe('an address', () => {
  test('is handed to the driver as it is where it says nothing of TLS', () => {
    for (const url of [
      'postgres://a:b%3F@h/d',
      'postgres://@/d?host=/tmp/x&port=5',
      'postgres://h/d?sslmode=no-verify',
    ]) {
      expect(forDriver(url)).toBe(url)
    }
  })

  test('keeps everything else that it says', () => {
    const url = 'postgres://a:b%2F%3F@h:1/d?application_name=x%20y&sslmode=require&options=-c%20work_mem%3D1MB'
    expect(forDriver(url)).toBe(
      'postgres://a:b%2F%3F@h:1/d?application_name=x+y&sslmode=require&options=-c+work_mem%3D1MB&uselibpqcompat=true',
    )
  })
})

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** An authority of this test's own, and what it says of "localhost", where the server looks for it. */
function makeCertificates(folder: string, dataDir: string): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'authority.key',
    '-out',
    'authority.crt',
    '-days',
    '2',
    '-subj',
    '/CN=Harbour',
  )
  openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=localhost')
  writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost')
  const signed = [
    '-CA',
    'authority.crt',
    '-CAkey',
    'authority.key',
    '-CAcreateserial',
    '-extfile',
    'names',
    '-days',
    '2',
  ]
  openssl('x509', '-req', '-in', 'server.csr', '-out', 'server.crt', ...signed)
  const as = unprivileged()
  for (const name of ['server.crt', 'server.key']) {
    const path = join(dataDir, name)
    writeFileSync(path, readFileSync(join(folder, name)), { mode: 0o600 })
    if ('uid' in as) chownSync(path, as.uid, as.gid)
  }
}

function message(letter: string, code: number | null, text = ''): Buffer {
  const body = Buffer.concat([code === null ? Buffer.alloc(0) : int32(code), Buffer.from(text)])
  return Buffer.concat([Buffer.from(letter), int32(body.length + 4), body])
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

/** Somebody who has a port and no database, says this by turns, and keeps his side open. With a folder he speaks TLS. */
async function impostor(says: readonly (readonly Buffer[])[], folder: string | null) {
  const own = folder === null ? null : certificate(folder)
  let heard = ''
  const { port, open } = await listening((client) => {
    const talk = (socket: Socket) => {
      let turn = 0
      socket.on('error', () => {})
      socket.on('data', (bytes) => {
        heard += bytes.toString('latin1')
        const next = says[turn++]
        if (next !== undefined) socket.write(Buffer.concat(next))
      })
    }
    if (own === null) return talk(client)
    client.once('data', () => {
      client.write('S')
      talk(new TLSSocket(client, { isServer: true, ...own }))
    })
  })
  return { port, open: () => open.size, heard: () => heard }
}

/** Somebody between, who speaks TLS to both sides, with a certificate of his own for ours. Gives the port where he listens. */
async function between(port: number, folder: string): Promise<number> {
  const own = certificate(folder)
  const { port: his } = await listening((client) => {
    const there = connect(port, 'localhost')
    there.on('error', () => {})
    client.on('close', () => there.destroy())
    // Both begin by asking whether the other speaks TLS, and answer with one letter.
    client.once('data', (asked) => {
      there.write(asked)
      there.once('data', () => {
        const onward = connectTls({ socket: there, rejectUnauthorized: false })
        client.write('S')
        const ours = new TLSSocket(client, { isServer: true, ...own })
        for (const socket of [onward, ours]) socket.on('error', () => {})
        ours.pipe(onward).pipe(ours)
      })
    })
  })
  return his
}

/** A port until the test ends, and the connections that are open there. */
async function listening(onClient: (client: Socket) => void) {
  const open = new Set<Socket>()
  const listener = createServer((client) => {
    open.add(client)
    client.on('error', () => {})
    client.on('close', () => open.delete(client))
    onClient(client)
  })
  await new Promise<void>((resolve) => listener.listen(0, 'localhost', resolve))
  onTestFinished(() => {
    for (const socket of open) socket.destroy()
    listener.close()
  })
  return { port: (listener.address() as AddressInfo).port, open }
}

/** One that nobody vouches for. */
function certificate(folder: string) {
  if (!existsSync(folder)) {
    mkdirSync(folder)
    const made = ['-nodes', '-keyout', 'own.key', '-out', 'own.crt', '-days', '2', '-subj', '/CN=localhost']
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...made], { cwd: folder, stdio: 'pipe' })
  }
  return { key: readFileSync(join(folder, 'own.key')), cert: readFileSync(join(folder, 'own.crt')) }
}
