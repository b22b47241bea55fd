/** A book full of records, written without a store. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { v7 as uuidv7 } from 'uuid'
import type { NewSessionEvent } from '../src/domain/session/events.ts'
import { newSessionId } from '../src/domain/session/id.ts'
import { EMPTY_HEAD } from '../src/log/chain.ts'
import { bookLayout } from '../src/log/layout.ts'
import { encodeStep, placeStep } from '../src/log/record.ts'
import { workEvents } from './events.ts'

const FIRST_DAY = Date.parse('2026-03-01T08:00:00.000Z')
/** Between two events of a session, and between the starts of two sessions. */
const STEP_MS = 1500
const SESSION_MS = 3_600_000

/** Every session runs from its start to its end in the slot `default`, one after the other. */
export function writeRecords(folder: string, sessions: number, eventsEach: number): void {
  const layout = bookLayout(join(folder, '.bot'))
  mkdirSync(layout.folder('session'), { recursive: true })
  writeFileSync(layout.settings, `${JSON.stringify({ project_id: 'bench' })}\n`)
  for (let n = 0; n < sessions; n++) {
    const startedAt = FIRST_DAY + n * SESSION_MS
    const id = newSessionId(new Date(startedAt).toISOString(), () => (n % 36) / 36)
    let head = EMPTY_HEAD
    const chunks: Buffer[] = []
    const add = (...events: NewSessionEvent[]) => {
      const at = new Date(startedAt + head.seq * STEP_MS).toISOString()
      const by = { actor: { kind: 'agent', name: 'bench' }, at, newId: () => uuidv7() } as const
      const placed = placeStep(head, encodeStep(head, events, by))
      chunks.push(placed.bytes)
      head = placed.head
    }
    add(...beginning(id, n + 1))
    const work = workEvents(id)
    while (head.seq < eventsEach - 1) add(work.next().value)
    add({ type: 'session.ended', data: { reason: 'stopped_by_agent', detail: null, command: null } })
    writeFileSync(layout.record({ kind: 'session', id }), Buffer.concat(chunks))
  }
}

function beginning(id: string, token: number): NewSessionEvent[] {
  const holder = { host: 'bench', boot_id: 'bench', pid_space: '', pid: 1, started: '' }
  return [
    {
      type: 'session.started',
      data: {
        session_id: id,
        session_type: 'autonomous',
        slot: 'default',
        workflow: null,
        provider: 'anthropic',
        model: 'claude-sonnet-4-5',
        metadata: {},
        max_consecutive_failures: 3,
      },
    },
    { type: 'lease.granted', data: { slot: 'default', token, reason: 'initialized', holder, book: 'elsewhere' } },
  ]
}
