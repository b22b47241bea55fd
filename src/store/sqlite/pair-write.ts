import type { StreamRef } from '../../domain/event.ts'
import { isMemoryEvent, type MemoryEvent } from '../../domain/memory/events.ts'
import type { Disk } from '../../log/disk.ts'
import type { BookLayout } from '../../log/layout.ts'
import type { Finding, LedgerWriter } from '../../ports/ledger.ts'
import type { PausePoint } from './read-transaction.ts'
import type { Store } from './store.ts'
import { WriteTransaction } from './transaction.ts'
import { tellBehind } from './write-path.ts'

/** What a write adds to one book. */
type Additions = { readonly stream: StreamRef; readonly events: readonly MemoryEvent[] }[]

interface Pending {
  readonly own: Additions
  readonly global: Additions
}

export interface PairParts {
  readonly disk: Disk
  /** Of the project's book: whoever writes there next finishes what was begun. */
  readonly layout: BookLayout
  readonly pausePoint: (point: PausePoint) => void
  readonly report: (finding: Finding) => void
}

/**
 * One write in two locked books. Two files cannot be synced at once, so what will be added to both is put on disk first: after a
 * crash whoever comes next adds what is missing, and as long as that note is not whole, nothing was added to either.
 */
export async function carryOutPair<T>(
  own: Store,
  global: Store,
  work: (book: LedgerWriter, global: LedgerWriter) => Promise<T>,
  parts: PairParts,
): Promise<{ result: T } | 'begin again'> {
  const { disk, layout, pausePoint } = parts
  if (disk.stat(layout.pending) !== null) {
    // Only now are both books locked for certain; a second note would take the place of the first.
    await finishPair(own, global, parts)
    return 'begin again'
  }
  const here = new WriteTransaction(own.parts)
  const there = new WriteTransaction(global.parts)
  try {
    const result = await work(here, there)
    pausePoint('decided')
    if (!own.database.isCurrent() || !global.database.isCurrent()) return 'begin again'
    const pending: Pending = { own: here.learned(), global: there.learned() }
    const isPair = pending.own.length > 0 && pending.global.length > 0
    try {
      if (isPair) disk.replace(layout.pending, JSON.stringify(pending))
      pausePoint('prepared')
      there.record()
      here.record()
    } catch (error) {
      takeBack(there, here, isPair, parts)
      throw error
    }
    if (isPair) dropNote(parts)
    follow([there, global], [here, own], parts)
    return { result }
  } finally {
    here.close()
    there.close()
    for (const { database } of [global, own]) database.rollBack()
    // What was recorded stands, whatever becomes of this.
    await own
      .keepSightings(here.sightings)
      .catch((error: unknown) => tell(parts, 'a look at a lease was not kept', error))
  }
}

/** A refused write must not be finished by the next one, so its note goes first; then each book as far as it can be cut back. */
function takeBack(there: WriteTransaction, here: WriteTransaction, isPair: boolean, parts: PairParts): void {
  const { disk, layout } = parts
  if (isPair) {
    // Emptied before it is removed, since a power cut may bring back a file that was only removed; and cut short rather than
    // replaced, since a full disk has no room for another.
    attempt(parts, 'the note of a refused write could not be emptied', () => emptyNote(disk, layout))
    attempt(parts, 'the note of a refused write could not be removed', () => disk.remove(layout.pending))
  }
  for (const transaction of [there, here]) {
    attempt(parts, 'what a refused write had added could not be cut off', () => transaction.undo())
  }
}

function emptyNote(disk: Disk, layout: BookLayout): void {
  const file = disk.open(layout.pending, false)
  try {
    file?.truncate(0)
    file?.sync()
  } finally {
    file?.close()
  }
}

function attempt(parts: PairParts, whatFailed: string, work: () => void): void {
  try {
    work()
  } catch (error) {
    tell(parts, whatFailed, error)
  }
}

function tell({ layout, report }: PairParts, what: string, error: unknown): void {
  const message = `${what} (${error instanceof Error ? error.message : error})`
  report({ stream: null, where: layout.pending, line: null, kind: 'store_behind', message, damage: false })
}

/** Adds what a write in two books had announced and not added before its process died. Both books are locked. */
export async function finishPair(own: Store, global: Store, parts: PairParts): Promise<void> {
  const { disk, layout } = parts
  const pending = readPending(disk, layout)
  const here = new WriteTransaction(own.parts)
  const there = new WriteTransaction(global.parts)
  try {
    for (const [transaction, additions] of [
      [there, pending?.global ?? []],
      [here, pending?.own ?? []],
    ] as const) {
      for (const { stream, events } of additions) {
        // Git may have put an older copy of the clone's memory in place meanwhile, or none of the session: nothing may be added there.
        const isThere = stream.kind === 'session' && (await transaction.session(stream.id)) !== undefined
        const target = isThere ? stream : await transaction.memoryStream()
        await transaction.addMissing(target, events)
      }
      transaction.record()
    }
    disk.remove(layout.pending)
    follow([there, global], [here, own], parts)
  } finally {
    here.close()
    there.close()
  }
}

/** Both books have it. Whoever comes upon a note that could not be removed finds all of it done. */
function dropNote(parts: PairParts): void {
  attempt(parts, 'a note of what is done could not be removed; the next call does it', () =>
    parts.disk.remove(parts.layout.pending),
  )
}

/** The records have it, so it stands: a store that cannot follow now is brought up to date by the next call. */
function follow(
  global: readonly [WriteTransaction, Store],
  own: readonly [WriteTransaction, Store],
  parts: PairParts,
): void {
  for (const [transaction, store] of [global, own]) {
    try {
      transaction.project()
      store.database.commit()
      transaction.remember()
    } catch (error) {
      tellBehind(parts, error)
      store.database.rollBack()
    }
  }
}

/** A note that is not whole was never acted on. */
function readPending(disk: Disk, layout: BookLayout): Pending | null {
  const file = disk.open(layout.pending, false)
  if (file === null) return null
  try {
    const { own, global } = (JSON.parse(file.read(0, file.size).toString('utf8')) ?? {}) as Partial<Pending>
    if (!Array.isArray(own) || !Array.isArray(global)) return null
    const known = (additions: Additions) =>
      additions.map(({ stream, events }) => ({ stream, events: events.filter(isMemoryEvent) }))
    return { own: known(own), global: known(global) }
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  } finally {
    file.close()
  }
}
