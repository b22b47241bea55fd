import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Answer } from './answers.ts'
import { checkMemory, type MemoryRecord, marksOfMemory, type StoredMemory } from './memory-checker.ts'

/**
 * Reads records and answers and says what does not fit. Shares no code with the program that wrote them: it has its own idea of
 * a line, of its hash and of what each event means, so that one misunderstanding cannot hide the other.
 */

export const VIOLATIONS = [
  'lost',
  'doubled',
  'refused_yet_recorded',
  'gaps',
  'broken',
  'tokens_out_of_order',
  'slot_held_twice',
  'after_end',
  'fenced_out',
  'time_went_back',
  'forked',
  'store_differs',
  'half_batches',
  'keys_split',
  'said_twice',
  'tokens_misspent',
  'skip_of_nothing',
  'rebuild_differs',
] as const
export type Violation = (typeof VIOLATIONS)[number]

export interface Verdict {
  readonly counts: Record<Violation, number>
  /** One line for each violation, the first few of each kind. */
  readonly details: readonly string[]
  readonly events: number
  readonly sessions: number
  readonly adoptions: number
  readonly reclaims: number
  readonly artifacts: number
}

export interface Line {
  seq: number
  id: string
  at: string
  type: string
  actor: { kind: string; name: string }
  data: Record<string, unknown>
  more?: number
  prev: string
}

interface Grant {
  readonly session: string
  readonly slot: string
  readonly token: number
  /** Milliseconds of the real clock in the event's UUIDv7, which nobody steps: the order over several records. */
  readonly ms: number
}

/** What the store says of a session, to be compared with its record. */
export interface StoredSession {
  readonly session_id: string
  readonly tasks_completed: number
  readonly tasks_failed: number
  readonly tasks_skipped: number
  readonly usage: { readonly turns: number }
  readonly status: string
  readonly token: number
}

/** What beside a book's own records is to be looked at. */
export interface Beside {
  /** What the store says of sessions. */
  readonly sessions?: readonly StoredSession[]
  /** The book that all projects share. */
  readonly global?: string
  /** What both stores say of what was learned, as they followed the records, and as they were computed again from them. */
  readonly known?: { readonly followed: StoredMemory; readonly rebuilt: StoredMemory }
}

/** Checks all records of a book against every answer that was given; and against what the stores know, where that was asked. */
export function check(bot: string, answers: readonly Answer[], beside: Beside = {}): Verdict {
  const counts = Object.fromEntries(VIOLATIONS.map((kind) => [kind, 0])) as Record<Violation, number>
  const details: string[] = []
  const tell = (kind: Violation, detail: string) => {
    counts[kind]++
    if (counts[kind] <= 5) details.push(`${kind}: ${detail}`)
  }

  const records = recordsIn(bot, 'sessions', tell)
  const memory = recordsIn(bot, 'memory', tell)
  const shared = beside.global === undefined ? new Map<string, Line[]>() : recordsIn(beside.global, 'memory', tell)

  const marked = new Map<string, number>()
  const mark = (name: string) => marked.set(name, (marked.get(name) ?? 0) + 1)
  for (const [session, lines] of records) {
    for (const line of lines) for (const name of marksOf(session, line)) mark(name)
    checkSession(session, lines, tell)
  }
  for (const lines of [...memory.values(), ...shared.values()]) {
    for (const line of lines) for (const name of marksOfMemory(line)) mark(name)
  }
  checkAnswers(answers, marked, tell)
  checkSlots(records, tell)
  if (beside.sessions !== undefined) checkStore(records, beside.sessions, tell)

  const own = [...records, ...memory].map(([name, lines]): MemoryRecord => ({ book: 'own', name, lines }))
  const global = [...shared].map(([name, lines]): MemoryRecord => ({ book: 'global', name, lines }))
  const learned = checkMemory([...own, ...global], answers, tell, beside.known?.followed)
  if (beside.known !== undefined) checkRebuilt(beside.known, tell)
  for (const book of [bot, beside.global ?? bot]) {
    const note = join(book, '.control', 'pending.json')
    if (beside.known !== undefined && existsSync(note)) tell('half_batches', `nobody finished what ${note} announces`)
  }

  const all = [...records.values(), ...memory.values(), ...shared.values()].flat()
  return {
    artifacts: learned.artifacts,
    counts,
    details,
    events: all.length,
    sessions: records.size,
    adoptions: all.filter((l) => l.type === 'lease.granted' && l.data['reason'] === 'adopted').length,
    reclaims: all.filter((l) => l.type === 'session.ended' && isReclaim(l)).length,
  }
}

export type Tell = (kind: Violation, detail: string) => void

function recordsIn(bot: string, kind: 'sessions' | 'memory', tell: Tell): Map<string, Line[]> {
  const folder = join(bot, 'workspace', kind)
  const names = existsSync(folder) ? readdirSync(folder) : []
  const records = new Map<string, Line[]>()
  for (const name of names.filter((n) => n.endsWith('.jsonl'))) {
    if (name.includes('.fork-')) tell('forked', name)
    else {
      const lines = readRecord(join(folder, name), name, tell)
      // An empty file is what is left of a stream whose first write never finished: it never was.
      if (lines.length > 0) records.set(name.slice(0, -'.jsonl'.length), lines)
    }
  }
  return records
}

/** A store that followed the records call by call knows what one knows that read them from the beginning. */
function checkRebuilt({ followed, rebuilt }: NonNullable<Beside['known']>, tell: Tell): void {
  for (const book of ['own', 'global'] as const) {
    const [before, after] = [followed[book], rebuilt[book]].map((known) => Object.entries(known ?? {}))
    for (const [index, [part, list]] of (before ?? []).entries()) {
      const again = after?.[index]?.[1] ?? []
      const texts = [list, again].map((all) => (all as object[]).map((one) => JSON.stringify(one)))
      const [old, anew] = texts as [string[], string[]]
      const first = old.findIndex((text, i) => text !== anew[i])
      if (first >= 0 || old.length !== anew.length) {
        const where = first >= 0 ? `${old[first]} and ${anew[first]}` : `${old.length} and ${anew.length}`
        tell('rebuild_differs', `${part} of the ${book} book, before and after: ${where}`)
      }
    }
  }
}

function readRecord(path: string, name: string, tell: Tell): Line[] {
  const text = readFileSync(path, 'utf8')
  const raw = text.split('\n')
  if (raw.pop() !== '') tell('broken', `${name}: the last line has no line feed`)
  const lines: Line[] = []
  let prev = '0'.repeat(64)
  let at = ''
  for (const [index, source] of raw.entries()) {
    const where = `${name}:${index + 1}`
    let line: Line
    try {
      line = JSON.parse(source) as Line
    } catch {
      tell('broken', `${where} is no JSON: ${source.slice(0, 60)}`)
      continue
    }
    if (line.seq !== lines.length + 1) tell('gaps', `${where} has seq ${line.seq}, expected ${lines.length + 1}`)
    if (line.prev !== prev) tell('broken', `${where} does not follow the line before it`)
    if (line.at < at) tell('time_went_back', `${where} is of ${line.at}, the event before it of ${at}`)
    prev = createHash('sha256').update(source).digest('hex')
    at = line.at
    lines.push(line)
  }
  if (lines.at(-1)?.more !== undefined) tell('broken', `${name} ends in the middle of a step`)
  return lines
}

/** The marks that an event carries; a call that was answered names those that it must have left. */
function marksOf(session: string, line: Line): string[] {
  const { type, data } = line
  switch (type) {
    case 'session.started':
      return [`init:${(data['metadata'] as Record<string, string>)['mark'] ?? session}`]
    case 'lease.granted':
      return [`grant:${data['slot']}:${data['token']}`]
    case 'session.ended':
      return [`end:${session}`]
    case 'task.started':
      return [`start:${data['task_id']}`]
    case 'task.completed':
      return data['task_id'] === null ? [] : [`complete:${data['task_id']}`]
    case 'task.failed':
    case 'task.skipped':
      return [`fail:${(data['error'] as { message: string }).message}`]
    case 'task.added':
      return [`add:${data['task_id']}`]
    case 'task.marked_done':
      return [`done:${data['note']}`]
    case 'turn.recorded':
      return [`turn:${data['request_id']}`]
    case 'whisper.sent':
      return [`whisper:${data['instruction']}`]
    case 'whisper.delivered':
      return (data['whisper_ids'] as string[]).map((id) => `deliver:${id}`)
    default:
      return marksOfMemory(line)
  }
}

function checkAnswers(answers: readonly Answer[], marked: ReadonlyMap<string, number>, tell: Tell): void {
  const answered = new Set<string>()
  for (const answer of answers) if (!('refused' in answer)) for (const mark of answer.marks) answered.add(mark)
  for (const mark of answered) if (!marked.has(mark)) tell('lost', `${mark} was answered and is not in the record`)
  for (const [mark, times] of marked) if (times > 1) tell('doubled', `${mark} stands ${times} times in the record`)
  for (const answer of answers) {
    if (!('refused' in answer)) continue
    for (const mark of answer.marks) {
      // Who stops what another one stops at the same moment is refused, and yet it ended.
      if (mark.startsWith('end:') || answered.has(mark) || !marked.has(mark)) continue
      tell('refused_yet_recorded', `${mark} was refused (${answer.refused}) and is in the record`)
    }
  }
}

/** Nothing follows the end; and who was overtaken by a later grant writes no more. */
function checkSession(session: string, lines: readonly Line[], tell: Tell): void {
  let ended = false
  let holder: string | null = null
  const overtaken = new Set<string>()
  for (const line of lines) {
    const where = `${session} event ${line.seq} (${line.type} by ${line.actor.name})`
    if (ended) tell('after_end', where)
    if (line.type === 'session.ended') ended = true
    if (line.type === 'lease.granted') {
      if (holder !== null && holder !== line.actor.name) overtaken.add(holder)
      holder = line.actor.name
      overtaken.delete(holder)
    } else if (line.actor.kind === 'agent' && overtaken.has(line.actor.name) && !isReclaim(line)) {
      tell('fenced_out', where)
    }
  }
}

/** An end that a new session in the slot wrote for a holder that was gone. */
function isReclaim(line: Line): boolean {
  return (
    line.type === 'session.ended' && (line.data['reason'] === 'process_gone' || line.data['reason'] === 'lease_expired')
  )
}

/** Tokens rise from grant to grant, and a slot goes to another session only once the one before is over. */
function checkSlots(records: ReadonlyMap<string, readonly Line[]>, tell: Tell): void {
  const grants: Grant[] = []
  const ends = new Map<string, number>()
  for (const [session, lines] of records) {
    for (const line of lines) {
      if (line.type === 'session.ended') ends.set(session, msOf(line.id))
      if (line.type !== 'lease.granted') continue
      grants.push({ session, slot: String(line.data['slot']), token: Number(line.data['token']), ms: msOf(line.id) })
    }
  }
  const bySlot = Map.groupBy(grants, ({ slot }) => slot)
  for (const [slot, own] of bySlot) {
    // Within a record the order is the record's; the sort is stable and keeps it.
    const inOrder = own.sort((a, b) => a.ms - b.ms || a.token - b.token)
    for (const [i, grant] of inOrder.entries()) {
      const before = inOrder[i - 1]
      if (before === undefined) continue
      const which = `slot ${slot}: token ${before.token} (${before.session}) then ${grant.token} (${grant.session})`
      if (grant.token <= before.token) tell('tokens_out_of_order', which)
      if (grant.session === before.session) continue
      const ended = ends.get(before.session)
      if (ended === undefined || ended > grant.ms) tell('slot_held_twice', which)
    }
    const perSession = Map.groupBy(own, ({ session }) => session)
    for (const [session, those] of perSession) {
      if (those.some(({ token }, i) => i > 0 && token <= (those[i - 1]?.token ?? 0))) {
        tell('tokens_out_of_order', `slot ${slot}: tokens of ${session} do not rise`)
      }
    }
  }
}

function msOf(uuid: string): number {
  return Number.parseInt(uuid.replaceAll('-', '').slice(0, 12), 16)
}

/** What the store counts, counted again. */
function checkStore(records: ReadonlyMap<string, readonly Line[]>, stored: readonly StoredSession[], tell: Tell): void {
  const known = new Map(stored.map((session) => [session.session_id, session]))
  for (const id of known.keys())
    if (!records.has(id)) tell('store_differs', `the store knows ${id}, which has no record`)
  for (const [id, lines] of records) {
    const session = known.get(id)
    if (session === undefined) {
      tell('store_differs', `the store does not know ${id}`)
      continue
    }
    const times = (type: string) => lines.filter((line) => line.type === type).length
    const ended = lines.some((line) => line.type === 'session.ended')
    const differs =
      session.tasks_completed !== times('task.completed') ||
      session.tasks_failed !== times('task.failed') ||
      session.tasks_skipped !== times('task.skipped') ||
      session.usage.turns !== times('turn.recorded') ||
      ended !== (session.status === 'stopped' || session.status === 'interrupted')
    if (differs) tell('store_differs', `${id}: the store's figures are not those of the record`)
  }
}
