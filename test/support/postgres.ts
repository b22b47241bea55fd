import { afterAll, onTestFinished } from 'vitest'
import { type PostgresPrograms, startPostgres, type TestServer } from './postgres-server.ts'

let server: Promise<TestServer> | undefined
let databases = 0

/** The server that a test file shares among its tests; it is stopped behind the last one. Who asks first says which programs. */
export function sharedServer(programs?: PostgresPrograms): Promise<TestServer> {
  if (server === undefined) {
    server = startPostgres({}, programs)
    afterAll(async () => {
      await (await server)?.end()
      server = undefined
    })
  }
  return server
}

/** A database of a test's own, empty. To be asked for inside a test, and `sharedServer` before, where a file's tests are described. */
export async function testDatabase(): Promise<{ url: string; name: string; server: TestServer }> {
  const at = await sharedServer()
  const name = `book_${process.pid}_${++databases}`
  await at.sql(`CREATE DATABASE ${name}`)
  onTestFinished(async () => {
    await at.sql(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
  })
  return { url: at.url(name), name, server: at }
}
