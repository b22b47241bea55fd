import fc from 'fast-check'
import { expect, test } from 'vitest'
import { perform } from '../../src/app/operation.ts'
import { operations } from '../../src/app/operations/index.ts'
import { GLOBAL_PROJECT } from '../../src/domain/memory/room.ts'
import { Refusal } from '../../src/domain/refusal.ts'
import { systemIdentity } from '../../src/machine/identity.ts'
import type { LedgerReader } from '../../src/ports/ledger.ts'
import { type AppCommand, sessionCommand } from '../ledger/commands.ts'
import { seededRandom, testContext } from '../support/book.ts'
import { sharedServer } from '../support/postgres.ts'
import { postgresBook } from '../support/postgres-book.ts'
import { type AnyBook, bookInFiles } from '../support/stores.ts'

void sharedServer()

// Few words, so that much is alike; among them one that turns a meaning round, and what a database may stumble over.
const word = fc.constantFrom(
  'cache',
  'pages',
  'never',
  'logs',
  'lines',
  'json',
  'keep',
  "it's",
  '航海',
  'a\0b',
  '\ud800x',
)
const phrase = fc.array(word, { minLength: 1, maxLength: 7 }).map((words) => words.join(' '))
const scope = fc.constantFrom('project', 'project', 'focus', 'global')
/** Stands for an id that came in an answer before: the nth of its kind, so that both books are told their own. */
const earlier = (kind: string) => fc.nat(30).map((nth) => `#${kind}:${nth}`)
const where = fc.record(
  { project_id: fc.constantFrom('other', 'test-project'), focus: fc.constantFrom('web', 'logs') },
  { requiredKeys: [] },
)
const decision = fc.record(
  {
    title: phrase,
    rationale: phrase,
    owner: fc.constant('olga'),
    date: fc.constant('2026-11-21'),
    scope,
    supersedes: earlier('artifact'),
  },
  { requiredKeys: ['title', 'rationale', 'owner', 'date', 'scope'] },
)
const pattern = fc.record({
  trigger: phrase,
  repeatable_steps: fc.array(phrase, { minLength: 1, maxLength: 2 }),
  scope,
  last_validated_at: fc.constant('2026-11-21T10:00:00Z'),
})
const session = fc.record({
  objective: phrase,
  actions_taken: fc.array(phrase, { maxLength: 1 }),
  decisions_made: fc.constant([]),
  open_items: fc.array(phrase, { maxLength: 2 }),
  next_actions: fc.array(phrase, { maxLength: 1 }),
  save_scope: scope,
})
const governance_token = fc.option(earlier('token'), { nil: null })
const idempotency_key = fc.constantFrom(null, 'run-1', 'run-2')

const learning: Record<string, fc.Arbitrary<Record<string, unknown>>> = {
  request_global_write_approval: fc.record({ content_preview: phrase }),
  save_decision: fc.tuple(fc.record({ decision, governance_token }), where).map(([a, b]) => ({ ...a, ...b })),
  save_pattern: fc.tuple(fc.record({ pattern, governance_token }), where).map(([a, b]) => ({ ...a, ...b })),
  save_session: fc.record({ session, idempotency_key }),
  store_session_with_learnings: fc.record({
    session,
    decisions: fc.array(decision, { maxLength: 3 }),
    patterns: fc.array(pattern, { maxLength: 2 }),
    ...{ governance_token, idempotency_key },
  }),
  memory_review: fc.record({
    action: fc.constant('resolve'),
    id: earlier('review'),
    resolution: fc.constantFrom('supersede', 'keep_both', 'discard'),
    governance_token,
  }),
  memory_surface: fc.tuple(fc.record({ query: phrase }), where).map(([a, { project_id }]) => ({ ...a, project_id })),
  retrieve_context: where,
  session_list: fc.record({ limit: fc.constantFrom(1, 20) }),
  session_get_stats: fc.constant({}),
  task_list: fc.record({ status: fc.constantFrom('todo', 'in_progress', 'done') }, { requiredKeys: [] }),
}

const memoryCommand: fc.Arbitrary<AppCommand> = fc.constantFrom(...Object.keys(learning)).chain((name) =>
  fc.record({
    connection: fc.nat(3),
    name: fc.constant(name),
    input: learning[name] ?? fc.constant({}),
    then_ms: fc.constantFrom(0, 1, 1000, -5000),
  }),
)
/** The process of every second connection is killed, and another one takes its place. */
const death = fc.constant<AppCommand>({ connection: 1, name: 'death', input: {}, then_ms: 0 })

const commands = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: sessionCommand },
    { weight: 8, arbitrary: memoryCommand },
    { weight: 1, arbitrary: death },
  ),
  { minLength: 5, maxLength: 40 },
)

/** Carries the commands out over four connections of two processes, and gives every answer. */
async function answersOf(book: AnyBook, list: readonly AppCommand[]): Promise<unknown[]> {
  const random = seededRandom()
  let named = 0
  const nextId = () => `00000000-0000-7000-8000-${String(++named).padStart(12, '0')}`
  const identity = { ...systemIdentity(nextId), secret: nextId }
  const open = () => {
    const processes = book.machine.process()
    return { processes, ledger: book.open({ processes }) }
  }
  const connect = (of: ReturnType<typeof open>, slot: string) => ({
    ...testContext(of.ledger, book.clock, { slot, random }),
    identity,
  })
  const stays = open()
  let dies = open()
  const contexts = [0, 1, 2, 3].map((i) => connect(i % 2 === 0 ? stays : dies, i < 2 ? 'default' : 'review'))
  const seen: Record<string, string[]> = { artifact: [], review: [], token: [] }
  const resolved = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(resolved)
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolved(inner)]))
    }
    const [, kind = '', nth] = (typeof value === 'string' && /^#(\w+):(\d+)$/.exec(value)) || []
    const ids = seen[kind]
    return ids === undefined ? value : (ids[Number(nth) % Math.max(1, ids.length)] ?? 'nobody')
  }
  const answers: unknown[] = []
  for (const { connection, name, input, then_ms } of list) {
    if (name === 'death') {
      book.machine.say(dies.processes.self(), 'dead')
      dies = open()
      for (const i of [1, 3]) contexts[i] = connect(dies, i < 2 ? 'default' : 'review')
      continue
    }
    const context = contexts[connection] ?? contexts[0]
    const operation = operations.find((one) => one.name === name)
    if (context === undefined || operation === undefined) throw new Error(`Nobody can call ${name}.`)
    const about = name === 'steering_heartbeat' ? { session_id: context.connection.session_id ?? 'nobody' } : {}
    try {
      const answer = await perform(operation, context, { ...(resolved(input) as object), ...about })
      answers.push([name, answer])
      const text = JSON.stringify(answer)
      for (const [, id = ''] of text.matchAll(/"artifact_id":"([^"]+)"/g)) seen['artifact']?.push(id)
      for (const [, id = ''] of text.matchAll(/"review_id":"([^"]+)"/g)) seen['review']?.push(id)
      for (const [, id = ''] of text.matchAll(/"token":"([^"]+)"/g)) seen['token']?.push(id)
    } catch (error) {
      if (!(error instanceof Refusal) || error.code === 'internal' || error.code === 'store_unavailable') throw error
      answers.push([name, error.body])
    }
    if (then_ms >= 0) book.clock.advance(then_ms)
    else book.clock.setWall(new Date(Date.parse(book.clock.now()) + then_ms).toISOString())
  }
  const last = book.open()
  answers.push(await last.readWithGlobal(everything))
  for (const [kind, share] of [['session'], ['memory'], ['memory', 'global']] as const) {
    // An event's own id is new each time, and the hash of a line is of that too.
    answers.push((await book.events(kind, share)).map(({ id: _id, prev: _prev, ...event }) => event))
  }
  return [...answers, await last.verify()]
}

async function everything(book: LedgerReader, global: LedgerReader | null) {
  const sessions = await book.sessions({ limit: 1000 })
  const perSession: unknown[] = []
  for (const { session_id, slot } of sessions) {
    perSession.push([
      await book.taskSync(session_id),
      await book.heartbeat(session_id),
      (await book.lastSessionIn(slot))?.session_id,
      await book.turnIsCounted(session_id, 'r-1'),
    ])
  }
  const tasks = await book.tasks({ limit: 100 })
  const taskIds = await book.taskIds()
  const leases = (await book.leases()).map(({ lease, held, gone }) => [
    lease.slot,
    lease.session_id,
    lease.token,
    held,
    gone,
  ])
  const learned = async (project_id: string, of: LedgerReader | null) => [
    (await of?.memory.artifacts({ project_id, in_force: false, limit: 1000 })) ?? [],
    (await of?.memory.reviews({ project_id, limit: 1000 })) ?? [],
    (await of?.memory.focuses(project_id)) ?? [],
  ]
  const memory = [
    await learned('test-project', book),
    await learned('other', book),
    // In files there is none before something is saved there.
    await learned(GLOBAL_PROJECT, global),
  ]
  return { sessions, perSession, tasks, taskIds, leases, projects: await book.memory.projects(), memory }
}

/** By the clock of the store, and not by that of the test. */
const OF_THE_STORE = new Set(['locked_at', 'last_heartbeat_at', 'lease_expires_at', 'expires_at'])

function comparable(answers: readonly unknown[]): unknown {
  const text = JSON.stringify(answers, (key, value) => (OF_THE_STORE.has(key) ? undefined : value))
  return JSON.parse(renumbered(text).replaceAll(/(\(process \d+ on test-host), since [^)]*\)/g, '$1)'))
}

/** Who is overtaken decides anew, with new ids and secrets: only their order is the same. */
function renumbered(text: string): string {
  const id = /00000000-0000-7000-8000-\d{12}/g
  const approval = /(?<="approval_id":")[0-9a-f]{64}/g
  const ids = [...new Set(text.match(id))].sort()
  const approvals = [...new Set(text.match(approval))]
  return text
    .replaceAll(id, (one) => `id ${ids.indexOf(one) + 1}`)
    .replaceAll(approval, (one) => `approval ${approvals.indexOf(one) + 1}`)
}

test('whatever agents do, both stores give the same answers, record the same and know the same in the end', async () => {
  await fc.assert(
    fc.asyncProperty(commands, async (list) => {
      const [files, team] = [bookInFiles(), postgresBook()]
      const expected = await answersOf(files, list)
      expect(comparable(await answersOf(team, list))).toEqual(comparable(expected))
      for (const book of [files, team]) await book.end()
    }),
    { numRuns: 25 },
  )
})
