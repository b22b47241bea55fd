import { createHash } from 'node:crypto'
import type { Answer, SavedItem } from './answers.ts'
import type { Line, Tell } from './checker.ts'

/** One record of either book. */
export interface MemoryRecord {
  readonly book: 'own' | 'global'
  readonly name: string
  readonly lines: readonly Line[]
}

/** What the stores say of artifacts, to be compared with the records; in each the part that is compared. */
export interface StoredMemory {
  readonly own: { readonly artifacts: readonly StoredArtifact[] }
  readonly global: { readonly artifacts: readonly StoredArtifact[] } | null
}

export interface StoredArtifact {
  readonly id: string
  readonly superseded_by: readonly string[]
}

/** What the records say of one artifact. */
interface Told {
  readonly id: string
  readonly kind: string
  readonly room: string
  readonly text: string
  readonly where: string[]
  readonly supersededBy: Set<string>
}

/** The mark of a memory event, as answers spell it. */
export function marksOfMemory({ type, data }: Line): string[] {
  switch (type) {
    case 'decision.saved':
      return [`saved:${data['owner']}`]
    case 'pattern.saved':
      return [`saved:${(data['exclusions'] as string[])[0]}`]
    case 'summary.saved':
      return [`saved:${(data['open_items'] as string[])[0]}`]
    case 'review.opened':
      return [`review:${data['review_id']}`]
    case 'review.resolved':
      return [`resolved:${data['review_id']}`]
    case 'approval.granted':
      return [`approval:${data['approval_id']}`]
    default:
      return []
  }
}

/** Holds what was learned, as all records of both books tell it, against what savers were answered. */
export function checkMemory(
  records: readonly MemoryRecord[],
  answers: readonly Answer[],
  tell: Tell,
  stored?: StoredMemory,
): { artifacts: number } {
  const told = artifactsIn(records)
  checkSaidOnce(told, tell)
  checkItems(told, answers, tell)
  checkBatches(records, answers, tell)
  checkKeys(records, answers, tell)
  checkTokens(records, answers, tell)
  if (stored !== undefined) checkStored(told, stored, tell)
  return { artifacts: told.size }
}

function artifactsIn(records: readonly MemoryRecord[]): Map<string, Told> {
  const told = new Map<string, Told>()
  const all = records.flatMap(({ name, lines }) => lines.map((line) => ({ line, where: `${name}:${line.seq}` })))
  for (const { line, where } of all) {
    const said = textSaid(line)
    if (said === null) continue
    const { data } = line
    const id = String(data['artifact_id'])
    const known = told.get(id)
    if (known !== undefined) known.where.push(where)
    else {
      const [kind] = line.type.split('.') as [string]
      told.set(id, { id, kind, room: roomIn(data), text: plain(said), where: [where], supersededBy: new Set() })
    }
  }
  for (const { line } of all) {
    const { type, data } = line
    const gone =
      type === 'decision.saved' ? data['supersedes'] : type === 'decision.retired' ? data['artifact_id'] : null
    const by = type === 'decision.saved' ? data['artifact_id'] : data['superseded_by']
    if (gone !== null && gone !== undefined) told.get(String(gone))?.supersededBy.add(String(by))
  }
  return told
}

/** The text of what an event says; `null` for any other event. */
function textSaid({ type, data }: Line): string | null {
  if (type === 'decision.saved') return String(data['title'])
  if (type === 'pattern.saved') return String(data['trigger'])
  if (type === 'summary.saved') return String(data['objective'])
  return null
}

/** The rig's texts are written in two ways at most: loud with a full stop, or not. */
function plain(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[.\s]+/g, ' ')
    .trim()
}

function roomIn(data: Line['data']): string {
  return data['scope'] === 'focus' ? `focus:${data['focus']}` : String(data['scope'])
}

/** Each artifact is recorded once, and no two in force say the same in one room. */
function checkSaidOnce(told: ReadonlyMap<string, Told>, tell: Tell): void {
  const inForce = new Map<string, string>()
  for (const { id, kind, room, text, where, supersededBy } of told.values()) {
    if (where.length > 1) tell('said_twice', `${kind} ${id} was saved in ${where.join(' and ')}`)
    if (kind === 'summary' || supersededBy.size > 0) continue
    const other = inForce.get(`${kind} ${room} ${text}`)
    if (other !== undefined) tell('said_twice', `${kind} ${id} and ${other} are both in force in ${room}: ${text}`)
    inForce.set(`${kind} ${room} ${text}`, id)
  }
}

/** Every id that was given is in the records, and nothing was new twice. */
function checkItems(told: ReadonlyMap<string, Told>, answers: readonly Answer[], tell: Tell): void {
  const fresh = new Map<string, string>()
  for (const { by, call, item } of itemsOf(answers)) {
    const { kind, room, text, artifact_id, outcome, mark } = item
    if (artifact_id === null) continue
    const which = `${kind} ${artifact_id} (${outcome}, answered to ${by} in ${call})`
    const known = told.get(artifact_id)
    if (known === undefined) tell(outcome === 'duplicate_skip' ? 'skip_of_nothing' : 'lost', `${which} is in no record`)
    else if (known.room !== room || (kind !== 'summary' && known.text !== plain(text)))
      tell('skip_of_nothing', `${which} is recorded as ${known.kind} in ${known.room}: ${known.text}`)
    if (outcome !== 'new') continue
    const same = `${kind} ${room} ${plain(text)}`
    const before = fresh.get(same)
    if (before !== undefined) tell('said_twice', `${same} was new to ${before} and to ${mark}`)
    fresh.set(same, mark)
  }
}

function itemsOf(answers: readonly Answer[]): { by: string; call: string; item: SavedItem }[] {
  return answers.flatMap(({ by, call, items = [] }) =>
    items.filter(({ status }) => status === 'saved').map((item) => ({ by, call, item })),
  )
}

const OF_A_BATCH = /^batch (\S+) item (\d+) of (\d+) /

/** Of a batch there is all or nothing, answered or not, in both books together. */
function checkBatches(records: readonly MemoryRecord[], answers: readonly Answer[], tell: Tell): void {
  // What the answer itself says was left out is not missed.
  const excused = new Set<string>()
  for (const answer of answers) {
    const { idempotency_key, items = [] } = answer
    if (idempotency_key === undefined) continue
    const isLeftOut = items.some(({ status, text }) => status !== 'saved' && OF_A_BATCH.test(text))
    if (isLeftOut || answer.call === 'open_global') excused.add(idempotency_key)
  }
  const found = new Map<string, { count: number; items: Map<string, string>; calls: Set<string> }>()
  for (const { book, lines } of records) {
    for (const line of lines) {
      const [, key, item, count] = OF_A_BATCH.exec(textSaid(line) ?? '') ?? []
      if (key === undefined || item === undefined) continue
      const batch = found.get(key) ?? { count: Number(count), items: new Map(), calls: new Set() }
      batch.items.set(item, book)
      for (const mark of marksOfMemory(line)) batch.calls.add(mark.replace(/^saved:|\/.*$/g, ''))
      found.set(key, batch)
    }
  }
  for (const [key, { count, items, calls }] of found) {
    if (excused.has(key)) continue
    const there = [...items].map(([item, book]) => `${item} (${book})`).join(', ')
    if (items.size !== count) tell('half_batches', `of ${key} there are ${there}, of ${count}`)
    // A second call that has something to add has found half of what the first one said.
    else if (calls.size > 1) tell('half_batches', `${key} was saved in parts, by ${[...calls].join(' and ')}`)
  }
}

/** Keys and tokens are not recorded, their digests are. */
function digest(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

/** An idempotency key names one summary, whoever gives it and how often. */
function checkKeys(records: readonly MemoryRecord[], answers: readonly Answer[], tell: Tell): void {
  const ids = new Map<string, Set<string>>()
  const note = (key: string, id: string) => ids.set(key, (ids.get(key) ?? new Set()).add(id))
  for (const { lines } of records) {
    for (const { type, data } of lines) {
      if (type !== 'summary.saved' || data['idempotency_key'] === null) continue
      note(String(data['idempotency_key']), String(data['artifact_id']))
    }
  }
  for (const { idempotency_key, items = [] } of answers) {
    const id = items.find(({ kind }) => kind === 'summary')?.artifact_id
    if (idempotency_key !== undefined && typeof id === 'string') note(digest(idempotency_key), id)
  }
  for (const [key, of] of ids) if (of.size > 1) tell('keys_split', `${key} stands for ${[...of].join(' and ')}`)
}

/** A token opens the global room once, and then it is spent. */
function checkTokens(records: readonly MemoryRecord[], answers: readonly Answer[], tell: Tell): void {
  const spent = new Map<string, number>()
  for (const { lines } of records) {
    for (const { type, data } of lines) {
      if (type !== 'approval.spent') continue
      const id = String(data['approval_id'])
      spent.set(id, (spent.get(id) ?? 0) + 1)
    }
  }
  for (const [id, times] of spent) if (times > 1) tell('tokens_misspent', `${id} was spent ${times} times`)
  const opened = new Map<string, string>()
  for (const { by, token, items = [] } of answers) {
    if (token === undefined || !items.some(isGlobalWrite)) continue
    const before = opened.get(token)
    if (before !== undefined) tell('tokens_misspent', `one token was good for ${before} and for ${by}`)
    opened.set(token, by)
    const id = digest(token)
    if (!spent.has(id)) tell('tokens_misspent', `the token with which ${by} wrote is not spent: ${id}`)
  }
}

/** True for what needs a token: a summary does not. */
function isGlobalWrite({ kind, room, outcome }: SavedItem): boolean {
  return kind !== 'summary' && room === 'global' && (outcome === 'new' || outcome === 'supersede')
}

/** What the stores know of artifacts, told again from the records. */
function checkStored(told: ReadonlyMap<string, Told>, stored: StoredMemory, tell: Tell): void {
  const known = new Map([...stored.own.artifacts, ...(stored.global?.artifacts ?? [])].map((one) => [one.id, one]))
  for (const id of known.keys()) if (!told.has(id)) tell('store_differs', `the store knows ${id}, which no record says`)
  for (const { id, supersededBy } of told.values()) {
    const one = known.get(id)
    if (one === undefined) tell('store_differs', `the store does not know artifact ${id}`)
    else if ([...one.superseded_by].sort().join() !== [...supersededBy].sort().join()) {
      tell('store_differs', `artifact ${id} is superseded by other ones in the store than in the records`)
    }
  }
}
