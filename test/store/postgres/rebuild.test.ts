import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { aDecision } from '../../support/learnings.ts'
import { sharedServer } from '../../support/postgres.ts'
import { agentOn, ledgerOn, preparedDatabase, startedAgent } from '../../support/trouble.ts'

void sharedServer()

/** A database that somebody holds up: with a statement of theirs, in a transaction that goes on until they let go. */
async function setUp() {
  const database = await preparedDatabase()
  const { rows, url } = database
  const holdUp = async (...statements: string[]) => {
    const client = new pg.Client(url)
    await client.connect()
    onTestFinished(() => client.end())
    await client.query('BEGIN')
    for (const statement of statements) await client.query(statement)
    return async () => void (await client.query('ROLLBACK'))
  }
  /** Comes back once so many statements wait for a lock, or one that has a text in it. */
  const untilWaiting = async (wanted: number | string) => {
    for (;;) {
      const found = await rows("SELECT query FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
      const waiting = found.map(({ query }) => String(query))
      if (typeof wanted === 'number' ? waiting.length >= wanted : waiting.some((query) => query.includes(wanted)))
        return
      await sleep(10)
    }
  }
  return { ...database, holdUp, untilWaiting }
}

test('a status that changes while a rebuild is under way is what the session is found by', async () => {
  const { url, truth, project_id, holdUp, untilWaiting } = await setUp()
  const agent = await startedAgent(url)
  await agent.call('session_increment_completed')
  const letGo = await holdUp(`SELECT 1 FROM rutter.sessions WHERE project_id = '${project_id}' FOR UPDATE`)
  const rebuilt = truth.rebuild()
  await untilWaiting('DELETE FROM rutter.sessions')
  const called = agent.call('session_update', { status: 'paused' })
  await untilWaiting('WITH head')
  await letGo()
  await rebuilt
  expect(await called).toMatchObject({ status: 'paused' })
  expect((await agent.call('session_list', { status: 'paused' }))['sessions']).toHaveLength(1)
})

test('what is saved for the first time as a rebuild begins is found behind it', async () => {
  const { url, truth, holdUp, untilWaiting } = await setUp()
  const letGo = await holdUp('LOCK TABLE rutter.events IN SHARE MODE')
  const saved = agentOn(ledgerOn(url)).call('save_decision', { decision: aDecision('Use one store') })
  await untilWaiting(1)
  const rebuilt = truth.rebuild()
  await untilWaiting(2)
  await letGo()
  expect(await saved).toMatchObject({ status: 'saved' })
  await rebuilt
  const found = await agentOn(truth).call('memory_surface', { query: 'one store' })
  expect(found['matches']).toHaveLength(1)
})

test('a session that begins as a rebuild does stays', async () => {
  const { url, truth, project_id, holdUp, untilWaiting } = await setUp()
  await startedAgent(url)
  const of = `project_id = '${project_id}'`
  const letGo = await holdUp(
    `INSERT INTO rutter.memory_locks (project_id) VALUES ('${project_id}') ON CONFLICT DO NOTHING`,
    `SELECT 1 FROM rutter.memory_locks WHERE ${of} FOR UPDATE`,
  )
  const rebuilt = truth.rebuild()
  await untilWaiting('memory_locks')
  const second = await startedAgent(url, {}, 'second')
  await letGo()
  await rebuilt
  await second.call('session_increment_completed')
  const { session_id } = second
  expect(await agentOn(truth).call('session_get_state', { session_id })).toMatchObject({ tasks_completed: 1 })
})
