import type { Actor, NewEvent, RecordedEvent } from '../../src/domain/event.ts'
import { EMPTY_HEAD, type Head } from '../../src/log/chain.ts'
import type { Disk, OpenFile } from '../../src/log/disk.ts'
import { bookLayout } from '../../src/log/layout.ts'
import { encodeStep, placeStep, type Reading, walkRecord } from '../../src/log/record.ts'
import { recordFiles, verifyRecords } from '../../src/log/verify.ts'
import type { Finding } from '../../src/ports/ledger.ts'

const ACTOR: Actor = { kind: 'agent', name: 'test' }

/** A record in memory, and where its chain ends. */
export interface Written {
  readonly bytes: Buffer
  readonly head: Head
  readonly events: readonly RecordedEvent[]
}

let ids = 0

/** Encodes steps one behind the other, as a ledger appends them. Two records of the same steps differ by their ids. */
export function write(steps: readonly (readonly NewEvent[])[], from: Head = EMPTY_HEAD): Written {
  const chunks: Buffer[] = []
  const events: RecordedEvent[] = []
  let head = from
  for (const step of steps) {
    const by = { actor: ACTOR, at: '2026-11-21T22:00:00.000Z', newId: () => `id-${++ids}` }
    const encoded = encodeStep(head, step, by)
    const placed = placeStep(head, encoded)
    chunks.push(placed.bytes)
    events.push(...encoded.recorded)
    head = placed.head
  }
  return { bytes: Buffer.concat(chunks), head, events }
}

/** So many steps of one small event each. */
export function plainSteps(count: number, text = 'x'): NewEvent[][] {
  return Array.from({ length: count }, (_, i) => [{ type: 'task.started', data: { task_id: `${text}-${i + 1}` } }])
}

/** A file that is nothing but bytes. What a reader may not do to it fails. */
export function memoryFile(bytes: Buffer): OpenFile {
  const never = () => {
    throw new Error('A reader wrote.')
  }
  return {
    size: bytes.length,
    ino: 1,
    created: false,
    read: (offset, length) => bytes.subarray(offset, offset + length),
    append: never,
    sync: never,
    truncate: never,
    close() {},
  }
}

export interface Walked {
  readonly steps: readonly (readonly RecordedEvent[])[]
  readonly events: readonly RecordedEvent[]
  readonly reading: Reading
}

export function walk(bytes: Buffer, from: Head = EMPTY_HEAD): Walked {
  const steps: RecordedEvent[][] = []
  const reading = walkRecord(memoryFile(bytes), from, (links) => {
    steps.push(links.map(({ event }) => event))
  })
  return { steps, events: steps.flat(), reading }
}

/** What `verify` finds in a book that holds one record, of which the store knows the head where one is given. */
export function verify(bytes: Buffer, known?: Head): readonly Finding[] {
  const layout = bookLayout('/book')
  const path = layout.record({ kind: 'session', id: 's-1' })
  const disk = {
    list: (folder: string) => (folder === layout.folder('session') ? ['s-1.jsonl'] : []),
    open: (at: string) => (at === path ? memoryFile(bytes) : null),
  } as unknown as Disk
  return verifyRecords(disk, recordFiles(disk, layout), () => known).findings
}

export const damage = (findings: readonly Finding[]): readonly Finding[] => findings.filter((f) => f.damage)

/** The lines of a record, each with its line feed. */
export function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = []
  let start = 0
  for (let feed = bytes.indexOf(10); feed !== -1; feed = bytes.indexOf(10, start)) {
    lines.push(bytes.subarray(start, feed + 1))
    start = feed + 1
  }
  if (start < bytes.length) lines.push(bytes.subarray(start))
  return lines
}
