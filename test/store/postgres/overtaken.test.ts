import { expect, onTestFinished, test } from 'vitest'
import { Refusal } from '../../../src/domain/refusal.ts'
import { sessionStream } from '../../../src/domain/session/projection.ts'
import type { LedgerWriter } from '../../../src/ports/ledger.ts'
import { PostgresLedger } from '../../../src/store/postgres/ledger.ts'
import { AGENT, refusalOf, testMachine } from '../../support/book.ts'
import { sharedServer, testDatabase } from '../../support/postgres.ts'

void sharedServer()

const BY = { actor: AGENT, at: '2026-11-21T22:00:00.000Z' }

async function setUp() {
  const { url } = await testDatabase()
  const machine = testMachine()
  const open = () => {
    const processes = machine.process()
    const ledger = new PostgresLedger({ url, project_id: 'p', place: 'here', processes, lease_ttl_ms: 60_000 })
    onTestFinished(() => ledger.close())
    return { ledger, self: processes.self() }
  }
  return { machine, open }
}

/** Begins a session in the slot, and ends the one that a dead process left there; as `session_initialize` does it. */
async function take(
  book: LedgerWriter,
  id: string,
  lookedAt: string[],
  between: () => Promise<unknown> = async () => {},
) {
  const status = await book.lease('default')
  if (status !== undefined) {
    lookedAt.push(status.lease.session_id)
    await between()
    const state = await book.session(status.lease.session_id)
    if (state !== undefined && state.end_time === null) {
      if (status.held) throw new Refusal('session_locked', 'taken')
      const ended = { reason: 'process_gone', detail: null, command: null }
      await book.append(sessionStream(state.session_id), [{ type: 'session.ended', data: ended }], BY)
    }
  }
  const { token, holder } = await book.grant('default', id)
  const data = {
    session_id: id,
    session_type: 'autonomous',
    slot: 'default',
    workflow: null,
    provider: null,
    model: null,
  }
  const started = { ...data, metadata: {}, max_consecutive_failures: 3 }
  const granted = { slot: 'default', token, reason: 'initialized', holder, book: 'here' }
  const events = [
    { type: 'session.started', data: started },
    { type: 'lease.granted', data: granted },
  ]
  await book.append(sessionStream(id), events, BY)
}

test('a slot that somebody takes between two looks of another is not taken from him', async () => {
  const { machine, open } = await setUp()
  const [first, quick, slow] = [open(), open(), open()]
  await first.ledger.write((book) => take(book, 's-1', []))
  machine.say(first.self, 'dead')
  const lookedAt: string[] = []
  let isFirstTry = true
  const refusal = await refusalOf(
    slow.ledger.write((book) =>
      take(book, 's-3', lookedAt, async () => {
        if (isFirstTry) await quick.ledger.write((other) => take(other, 's-2', []))
        isFirstTry = false
      }),
    ),
  )
  expect(refusal.code).toBe('session_locked')
  expect(lookedAt).toEqual(['s-1', 's-2'])
  const read = quick.ledger
  expect((await read.read((book) => book.lease('default')))?.lease).toMatchObject({ session_id: 's-2', token: 2 })
  expect(await read.read((book) => book.session('s-3'))).toBeUndefined()
  expect(await read.read((book) => book.session('s-1'))).toMatchObject({ status: 'interrupted' })
})

test('a write of which one stream has gone on meanwhile leaves nothing of itself in the others', async () => {
  const { machine, open } = await setUp()
  const [first, second] = [open(), open()]
  await first.ledger.write((book) => take(book, 's-1', []))
  machine.say(first.self, 'dead')
  let tries = 0
  await second.ledger.write(async (book) => {
    tries++
    await take(book, 's-2', [])
    // A last call of the dead one that was on its way.
    const late = [{ type: 'task.started', data: { task_id: 'late' } }]
    if (tries === 1) await first.ledger.write((other) => other.append(sessionStream('s-1'), late, BY))
  })
  expect(tries).toBe(2)
  const types = async (id: string) => (await first.ledger.history(sessionStream(id))).events.map(({ type }) => type)
  expect(await types('s-1')).toEqual(['session.started', 'lease.granted', 'task.started', 'session.ended'])
  expect(await types('s-2')).toEqual(['session.started', 'lease.granted'])
  expect((await first.ledger.read((book) => book.lease('default')))?.lease.token).toBe(2)
})
