import fc from 'fast-check'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { restored, Sql } from '../../../src/store/postgres/sql.ts'
import { sharedServer } from '../../support/postgres.ts'
import { preparedDatabase, startedAgent } from '../../support/trouble.ts'

void sharedServer()

test.each([
  ['the sign that stands in for what the database cannot keep', 'a\u{F8FF}b\u{F8FF}0\u{F8FF}1'],
  ['characters of two halves', 'a\u{1F600}b'],
])('%s comes back as it was given, however often it is stored', async (_, text) => {
  const { url, truth } = await preparedDatabase()
  const { call, session_id } = await startedAgent(url)
  await call('session_update', { current_task_id: text })
  for (const status of ['paused', 'running', 'paused']) await call('session_update', { status })
  await call('task_add', { tasks: [{ task_id: text, title: text }] })
  await call('steering_heartbeat', { session_id, status: text })
  expect(await call('session_get_state')).toMatchObject({ current_task_id: text })
  expect(await call('task_list')).toMatchObject({ tasks: [{ task_id: text, title: text }] })
  expect(await truth.read((book) => book.heartbeat(session_id))).toMatchObject({ status: text })
  await truth.rebuild()
  expect(await call('session_get_state')).toMatchObject({ current_task_id: text })
  expect((await truth.verify()).findings).toEqual([])
})

test('every array of texts, numbers or truths arrives as it was given', async () => {
  const { url } = await preparedDatabase()
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  onTestFinished(() => client.end())
  const sql = new Sql(client, true)
  const sign = fc.constantFrom('"', '\\', ',', '{', '}', ' ', '\n', '\0', '\u{F8FF}', 'NULL', '\u{1F600}', 'é')
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.oneof(sign, fc.string())).map((parts) => parts.join('')),
  )
  const arrays = fc.record({
    texts: fc.array(text),
    some: fc.array(fc.option(text)),
    numbers: fc.array(fc.integer()),
    truths: fc.array(fc.boolean()),
  })
  await fc.assert(
    fc.asyncProperty(arrays, async ({ texts, some, numbers, truths }) => {
      const asked = 'SELECT $1::text[] AS texts, $2::text[] AS some, $3::integer[] AS numbers, $4::boolean[] AS truths'
      const row = (await sql.get(asked, [texts, some, numbers, truths])) ?? {}
      const back = (column: string) =>
        (row[column] as (string | null)[]).map((one) => (one === null ? null : restored(one)))
      expect({ texts: back('texts'), some: back('some') }).toEqual({ texts, some })
      expect([row['numbers'], row['truths']]).toEqual([numbers, truths])
    }),
    { numRuns: 300 },
  )
})
