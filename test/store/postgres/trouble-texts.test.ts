import { expect, test } from 'vitest'
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
