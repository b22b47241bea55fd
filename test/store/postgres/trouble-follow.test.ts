import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { follow } from '../../../src/app/operator/follow.ts'
import { Refusal } from '../../../src/domain/refusal.ts'
import { sessionStream } from '../../../src/domain/session/projection.ts'
import { sharedServer } from '../../support/postgres.ts'
import { startPostgres } from '../../support/postgres-server.ts'
import { tcpProxy } from '../../support/tcp-proxy.ts'
import { agentOn, IMPATIENT, ledgerOn, preparedDatabase, startedAgent } from '../../support/trouble.ts'

void sharedServer()

/** Follows a session over an address; `seqs` grows, and `over` settles with what ended it. */
function following(url: string, session_id: string, options: object = {}) {
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const ledger = ledgerOn(url, options)
  const seqs: number[] = []
  const shown = () => true
  const run = async () => {
    for await (const { seq } of follow(agentOn(ledger).context, {
      ...{ session_id, earlier: 100, shown, signal: stop.signal },
    })) {
      seqs.push(seq)
    }
  }
  const over = run().then(
    () => null,
    (error: unknown) => error,
  )
  const reach = async (seq: number) => {
    while (seqs.at(-1) !== seq) await sleep(5)
  }
  return { ledger, seqs, over, reach }
}

const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1)

test('a follower whose connections are ended again and again misses nothing and tells nothing twice', async () => {
  const { url, tcp, rows, server } = await preparedDatabase()
  const proxy = await tcpProxy(server.port)
  const { call, session_id } = await startedAgent(url)
  const { over, seqs, reach } = following(proxy.url(tcp), session_id)
  await reach(2)
  for (let i = 0; i < 6; i++) {
    // The server ends the one in turn, or the network does, whether it is asked just then or not.
    if (i % 2 === 0) proxy.cutAll()
    else await rows(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE client_addr IS NOT NULL`)
    await call('session_update', { current_task_id: `T-${i}` })
    if (i % 3 === 0) await reach(3 + i)
  }
  await call('session_update', { status: 'stopped' })
  expect(await over).toBeNull()
  expect(seqs).toEqual(upTo(9))
})

test('a follower outlasts a server that restarts, and goes on where it was', async () => {
  const server = await startPostgres()
  onTestFinished(() => server.end())
  await server.sql('CREATE DATABASE book')
  const url = server.url('book')
  const { call, session_id } = await startedAgent(url)
  const { over, seqs, reach } = following(url, session_id)
  await reach(2)
  await server.kill()
  await server.start()
  await call('session_update', { current_task_id: 'T-1' })
  await reach(3)
  await call('session_update', { status: 'stopped' })
  expect(await over).toBeNull()
  expect(seqs).toEqual(upTo(4))
})

test('a follower of a server that stays away is told so, as whoever calls is', async () => {
  const { url, tcp, server } = await preparedDatabase()
  const proxy = await tcpProxy(server.port)
  const { session_id } = await startedAgent(url)
  const { over, reach } = following(proxy.url(tcp), session_id, { ...IMPATIENT, patience_ms: 200 })
  await reach(2)
  proxy.close()
  const error = await over
  expect(error).toBeInstanceOf(Refusal)
  expect(error).toMatchObject({ code: 'store_unavailable' })
})

test('any number of followers of a process ask over one connection, which is closed behind them', async () => {
  const { url, tcp, rows, truth, server } = await preparedDatabase()
  const { call, session_id } = await startedAgent(url)
  const proxy = await tcpProxy(server.port)
  const ledger = ledgerOn(proxy.url(tcp))
  const watches = Array.from({ length: 20 }, () =>
    ledger.watch([sessionStream(session_id)], { signal: new AbortController().signal, at_most_ms: 60_000 }),
  )
  await Promise.all(watches.map((watch) => watch.next()))
  const woken = watches.map((watch) => watch.next())
  await call('session_update', { current_task_id: 'T-1' })
  expect(await Promise.all(woken)).toEqual(watches.map(() => ({ done: false, value: 'stirred' })))
  const connections = async () =>
    Number(
      (
        await rows(
          'SELECT count(*) AS n FROM pg_stat_activity WHERE client_addr IS NOT NULL AND datname = current_database()',
        )
      )[0]?.['n'],
    )
  expect(await connections()).toBe(1)
  await ledger.close()
  while ((await connections()) > 0) await sleep(5)
  expect((await truth.verify()).findings).toEqual([])
})

test('watching and calling go on side by side where there is one connection for both', async () => {
  const { url } = await preparedDatabase()
  const { call, session_id, ledger } = await startedAgent(url, { max: 1 })
  const watch = ledger.watch([sessionStream(session_id)], { signal: new AbortController().signal, at_most_ms: 60_000 })
  await watch.next()
  for (let i = 0; i < 5; i++) {
    const woken = watch.next()
    await call('session_update', { current_task_id: `T-${i}` })
    expect((await woken).value).toBe('stirred')
  }
})
