import { basename, join } from 'node:path'
import type { StreamRef } from '../../domain/event.ts'
import { type PurgeableText, runsWithText, withoutText } from '../../domain/memory/purged.ts'
import { sessionStream } from '../../domain/session/projection.ts'
import { isSameStream } from '../../domain/stream.ts'
import type { Disk } from '../../log/disk.ts'
import { type BookLayout, isForkFile, streamOfFile } from '../../log/layout.ts'
import { lineHash, parseLine } from '../../log/line.ts'
import { type Rewritten, rewritten } from '../../log/rewrite.ts'
import { type RecordFile, recordFiles } from '../../log/verify.ts'
import type { Purged } from '../../ports/ledger.ts'
import { retryWhileBusy } from './busy.ts'
import type { Database } from './database.ts'
import type { TransactionParts } from './read-transaction.ts'
import type { Store } from './store.ts'

/** Runs something under the write lock and commits it. */
type Locked = <T>(work: (store: Store) => Promise<T>) => Promise<T>

/** How often the emptied write-ahead log is asked for while somebody reads from it. */
const TRIES = 20

/**
 * Refuses while somebody runs a session here whose record has the text: their agent appends to that record, and whoever follows it
 * would lose their place. A session whose holder is gone is another matter: nobody appends to its record but under the lock, and
 * whoever goes on with it later finds the store at the end of the record as it is then.
 *
 * Where this clone's own memory has it, that stream is closed and the next write begins another. So what is recorded of the purge is
 * in no record that is written anew, and holds also where such a record meets its old chain again.
 */
export function prepareToPurge(parts: TransactionParts, text: PurgeableText): void {
  const { streams } = parts
  for (const stream of heldStreams(parts)) if (recordHas(parts, stream, text)) throw runsWithText(stream)
  const writer = streams.writer()
  if (writer !== undefined && recordHas(parts, writer.stream, text)) streams.dropWriter()
}

/** The streams of sessions whose holder is not provably gone. */
function heldStreams({ leases }: TransactionParts): StreamRef[] {
  // A lease that can only be judged by watching it is watched by every look at the book; here it holds until that is over.
  return leases.all(() => {}).flatMap(({ held, lease }) => (held ? [sessionStream(lease.session_id)] : []))
}

/** Nobody had a session when the purge of its record began; somebody may have gone on with it since. */
function refuseHeld(parts: TransactionParts, stream: StreamRef): void {
  if (heldStreams(parts).some((held) => isSameStream(held, stream))) throw runsWithText(stream)
}

/**
 * Takes a text out of every record of a book, and of all that this machine keeps of them. One record after the other, each replaced
 * as a whole; what a crash leaves undone a second run does.
 *
 * The chain behind a line that was changed is another chain. A clone that has the old one still has the text too, and where the two
 * meet in a merge, both are kept and told of, as of every fork; purging once more there leaves the one.
 */
export async function purge(text: PurgeableText, locked: Locked): Promise<Purged> {
  const { files, copies } = await locked(async ({ parts }) => ({
    files: filesWith(parts, text),
    copies: dropCopies(parts, text),
  }))
  let [lines, records] = [0, 0]
  for (const file of files) {
    let changed: number | null = null
    while (changed === null) changed = await locked(async ({ parts }) => purgeFile(parts, file, text))
    lines += changed
    if (changed > 0) records++
  }
  const is_scrubbed = await locked((store) => scrub(store))
  return { lines, records, copies, is_scrubbed }
}

/**
 * Copies that the store and this machine have of the text, also of records that are not in the working tree, go for good; but never
 * those that save the record of a running session from git.
 */
function dropCopies(parts: TransactionParts, text: PurgeableText): number {
  const { streams, disk, layout } = parts
  for (const stream of streams.keptStreams()) {
    if (!streams.keptLines(stream, 0).some(({ line }) => hasText(line, text))) continue
    refuseHeld(parts, stream)
    streams.forgetLines(stream)
  }
  // Torn ends that nobody was answered about, and databases that could not be read: computed again, or of no use.
  const names = disk.list(layout.torn)
  const told = new Set(names.filter((name) => mentions(disk, join(layout.torn, name), text)).map(asideAs))
  const gone = names.filter((name) => told.has(asideAs(name)))
  for (const name of gone) disk.remove(join(layout.torn, name))
  return gone.length
}

/** The files of a database were put aside together, and each may have words of which another has the context. */
function asideAs(name: string): string {
  return name.replace(/-(wal|shm)$/, '')
}

/** Records first: whether a copy beside one still differs can be told only once the record is as it will be. */
function filesWith({ disk, layout }: TransactionParts, text: PurgeableText): RecordFile[] {
  const found = recordFiles(disk, layout).filter(
    ({ path }) => mentions(disk, path, text) && (purgedRecord(disk, path, text)?.hashes.size ?? 0) > 0,
  )
  return found.sort((a, b) => Number(isForkFile(a.path)) - Number(isForkFile(b.path)))
}

/**
 * Gives the number of lines that had the text, or `null` where it is to be called again: the store's own copies of a record's lines
 * are gone for good, committed, before the record is another. Held against them after a crash, it would be taken for a fork, and they
 * would be put beside it. They come again where somebody whispers to a session that was left behind.
 */
function purgeFile(parts: TransactionParts, { kind, path }: RecordFile, text: PurgeableText): number | null {
  const { disk, layout, streams, meeting } = parts
  const result = purgedRecord(disk, path, text)
  if (result === null || result.hashes.size === 0) return 0
  const name = basename(path)
  const stream = streamOfFile(kind, name)
  if (stream === null) {
    putCopy(disk, layout, { kind, path }, result.bytes)
    return result.changed
  }
  refuseHeld(parts, stream)
  if (streams.lastKeptSeq(stream) > 0) {
    streams.forgetLines(stream)
    return null
  }
  disk.replace(path, result.bytes)
  meeting.meet(stream).file?.close()
  return result.changed
}

/** The other copy of a record that parted is named after what is in it; where it is the record's beginning by now, it is none. */
function putCopy(disk: Disk, layout: BookLayout, { kind, path }: RecordFile, bytes: Buffer): void {
  const name = basename(path)
  if (!isForkFile(name)) {
    disk.replace(path, bytes)
    return
  }
  const stream: StreamRef = { kind, id: name.slice(0, name.indexOf('.fork-')) }
  const record = contentOf(disk, layout.record(stream))
  if (record === null || !record.subarray(0, bytes.length).equals(bytes)) {
    disk.replace(layout.fork(stream, lineHash(bytes)), bytes)
  }
  disk.remove(path)
}

/**
 * Leaves nothing of what was deleted in the database's files: words that only the text had are in the indexes, and bytes of deleted
 * rows in free pages and in the write-ahead log. False where somebody reads from that log; it is emptied once they are gone.
 */
async function scrub(store: Store): Promise<boolean> {
  store.rebuild()
  store.database.commit()
  await retryWhileBusy(() => store.database.exec('VACUUM'))
  for (let tries = 0; tries < TRIES; tries++) {
    if (isLogEmptied(store.database)) return true
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return false
}

function isLogEmptied(database: Database): boolean {
  return Number(database.sql('PRAGMA wal_checkpoint(TRUNCATE)').get()?.['busy']) === 0
}

/** In the working tree, or among the lines that the store has of it. */
function recordHas({ streams, disk, layout }: TransactionParts, stream: StreamRef, text: PurgeableText): boolean {
  const inFile = purgedRecord(disk, layout.record(stream), text)
  return (inFile !== null && inFile.changed > 0) || streams.keptLines(stream, 0).some(({ line }) => hasText(line, text))
}

function purgedRecord(disk: Disk, path: string, text: PurgeableText): Rewritten | null {
  const bytes = contentOf(disk, path)
  return bytes === null ? null : rewritten(bytes, (event) => withoutText(event, text))
}

/** True where a file may have the text: an event that has it also has its id, or the hash that all copies of it share. */
function mentions(disk: Disk, path: string, { id, same }: PurgeableText): boolean {
  const bytes = contentOf(disk, path)
  return bytes !== null && (bytes.includes(id) || (same !== null && bytes.includes(same.content_hash)))
}

function contentOf(disk: Disk, path: string): Buffer | null {
  const file = disk.open(path, false)
  if (file === null) return null
  try {
    return file.read(0, file.size)
  } finally {
    file.close()
  }
}

function hasText(line: string, text: PurgeableText): boolean {
  const parsed = parseLine(line)
  return parsed.kind === 'event' && withoutText(parsed.event, text) !== null
}
