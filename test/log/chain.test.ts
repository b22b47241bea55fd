import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { NewEvent } from '../../src/domain/event.ts'
import { endsAt } from '../../src/log/chain.ts'
import { newEvent } from '../domain/arbitraries.ts'
import { damage, linesOf, memoryFile, plainSteps, verify, walk, write } from './records.ts'

const steps = fc.array(fc.array(newEvent as fc.Arbitrary<NewEvent>, { minLength: 1, maxLength: 4 }), { maxLength: 12 })

/** A record of 12 events, big enough that numbers of one and of two digits stand in it. */
const LINES = 12
const RECORD = write(plainSteps(LINES))

const kinds = (bytes: Buffer) => verify(bytes).map(({ kind, line }) => `${kind} ${line}`)
const ids = (events: readonly { id: string }[]) => events.map(({ id }) => id)

describe('a record as it was written', () => {
  test('walks clean, step by step, to the head where it was left', () => {
    fc.assert(
      fc.property(steps, (given) => {
        const { bytes, head, events } = write(given)
        const walked = walk(bytes)
        expect(walked.events).toEqual(JSON.parse(JSON.stringify(events)))
        expect(walked.steps.map((step) => step.length)).toEqual(given.map((step) => step.length))
        expect(walked.reading).toMatchObject({ head, observations: [], tail: 'clean', events: events.length })
        expect(verify(bytes, head)).toEqual([])
        expect(endsAt(memoryFile(bytes), head)).toBe(true)
      }),
    )
  })

  test('goes on from any of its steps to the same end', () => {
    fc.assert(
      fc.property(steps, steps, (before, after) => {
        const first = write(before)
        const second = write(after, first.head)
        const bytes = Buffer.concat([first.bytes, second.bytes])
        expect(ids(walk(bytes, first.head).events)).toEqual(ids(second.events))
        expect(walk(bytes, first.head).reading.head).toEqual(walk(bytes).reading.head)
      }),
    )
  })

  test('has the same events with the line ends of Windows, on all lines or on some', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.boolean()), (coin) => {
        const { bytes, events } = RECORD
        const converted = Buffer.concat(
          linesOf(bytes).map((line) =>
            coin.next().value ? Buffer.concat([line.subarray(0, -1), Buffer.from('\r\n')]) : line,
          ),
        )
        expect(ids(walk(converted).events)).toEqual(ids(events))
        expect(verify(converted)).toEqual([])
      }),
      { numRuns: 20 },
    )
  })

  test('is not called damaged when only its line ends were converted since the store saw it', () => {
    const { bytes, head } = write(plainSteps(LINES))
    expect(damage(verify(Buffer.from(bytes.toString().replaceAll('\n', '\r\n')), head))).toEqual([])
  })
})

describe('a record that was changed', () => {
  /** Where to edit, and which bits of the byte to flip. */
  const edit = [fc.nat(RECORD.bytes.length - 1), fc.integer({ min: 1, max: 255 })] as const

  function edited(at: number, flip: number) {
    const { bytes, head, events } = RECORD
    const after = Buffer.from(bytes)
    after[at] = (bytes[at] ?? 0) ^ flip
    const line = bytes.subarray(0, at).filter((byte) => byte === 10).length + 1
    return { after, head, events, line, wasLineFeed: bytes[at] === 10 }
  }

  test('is reported at the line of any single edited byte, or at the next, against which it is held', () => {
    fc.assert(
      fc.property(...edit, (at, flip) => {
        const { after, head, line } = edited(at, flip)
        // A carriage return for the very last line feed is what a checkout may do: no line is another for it.
        fc.pre(at !== RECORD.bytes.length - 1 || after.at(-1) !== 0x0d)
        const reported = damage(verify(after, head)).map((finding) => finding.line ?? 0)
        expect(reported.length).toBeGreaterThan(0)
        expect(reported.some((told) => Math.abs(told - line) <= 1)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  test('is reported by the chain alone, wherever the edit is, but for the last line', () => {
    fc.assert(
      fc.property(...edit, (at, flip) => {
        const { after, line } = edited(at, flip)
        fc.pre(line < LINES)
        expect(damage(verify(after)).length).toBeGreaterThan(0)
      }),
      { numRuns: 300 },
    )
  })

  test('shows an edit of its last line only to whoever knows the head, since no line follows', () => {
    const { bytes, head } = write(plainSteps(3))
    const edited = Buffer.from(bytes.toString().replace('x-3', 'y-3'))
    expect(verify(edited)).toEqual([])
    expect(verify(edited, head)).toMatchObject([{ kind: 'altered_line', line: 3, damage: true }])
    expect(endsAt(memoryFile(edited), head)).toBe(false)
  })

  test('loses no more than the lines that a single edited byte touches', () => {
    fc.assert(
      fc.property(...edit, (at, flip) => {
        const { after, events, line, wasLineFeed } = edited(at, flip)
        const left = new Set(ids(walk(after).events))
        const lost = events.filter(({ id }) => !left.has(id)).map(({ seq }) => seq)
        const touched = wasLineFeed ? [line, line + 1] : [line]
        for (const seq of lost) expect(touched).toContain(seq)
      }),
      // The worst place to hit is a digit of a line's number: 4 becomes 5.
      { numRuns: 1000, examples: [[RECORD.bytes.indexOf('"seq":4,') + 6, 1]] },
    )
  })

  test('goes on behind a line whose number was raised', () => {
    const { bytes } = write(plainSteps(LINES))
    const edited = Buffer.from(bytes.toString().replace('"seq":2,', '"seq":9,'))
    expect(walk(edited).events.map((e) => (e.data as { task_id: string }).task_id)).toContain('x-12')
  })

  test('is reported where a line was taken out, and the chain goes on behind it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: LINES - 2 }), (index) => {
        const { bytes, events } = RECORD
        const lines = linesOf(bytes)
        const cut = Buffer.concat(lines.toSpliced(index, 1))
        expect(kinds(cut)).toEqual([`missing_lines ${index + 1}`])
        expect(verify(cut)[0]?.message).toContain(`event ${index + 1} is missing`)
        expect(ids(walk(cut).events)).toEqual(ids(events.toSpliced(index, 1)))
      }),
    )
  })

  test('says how many lines were taken out', () => {
    const lines = linesOf(write(plainSteps(LINES)).bytes)
    const cut = Buffer.concat(lines.toSpliced(3, 4))
    expect(verify(cut)).toMatchObject([
      { kind: 'missing_lines', line: 4, message: expect.stringContaining('events 4 to 7') },
    ])
  })

  test('shows a last line that was taken out only to whoever knows the head', () => {
    const { bytes, head } = write(plainSteps(LINES))
    const cut = Buffer.concat(linesOf(bytes).slice(0, -1))
    expect(verify(cut)).toEqual([])
    expect(verify(cut, head)).toMatchObject([{ kind: 'shortened', damage: true }])
  })

  test('is reported where a line stands twice, and counts it once', () => {
    fc.assert(
      fc.property(fc.nat(LINES - 1), fc.nat(LINES), (index, to) => {
        const { bytes, events, head } = RECORD
        const lines = linesOf(bytes)
        fc.pre(to > index)
        const doubled = Buffer.concat(lines.toSpliced(to, 0, lines[index] as Buffer))
        expect(kinds(doubled)).toEqual([`doubled_line ${to + 1}`])
        expect(ids(walk(doubled).events)).toEqual(ids(events))
        expect(walk(doubled).reading.head).toMatchObject({ seq: head.seq, hash: head.hash })
      }),
    )
  })

  test('is reported where two lines were swapped', () => {
    fc.assert(
      fc.property(fc.nat(LINES - 2), (index) => {
        const { bytes, head } = RECORD
        const lines = linesOf(bytes)
        const swapped = Buffer.concat(
          lines.with(index, lines[index + 1] as Buffer).with(index + 1, lines[index] as Buffer),
        )
        const reported = damage(verify(swapped, head)).map(({ line }) => line)
        expect(reported).toContain(index + 1)
        expect(reported).toContain(index + 2)
      }),
    )
  })

  test.each([
    ['hello', 'not JSON'],
    ['{"an":"object"}', 'not an event'],
    ['<<<<<<< HEAD', 'a git conflict marker'],
    ['', 'an empty line'],
    ['\r', 'an empty line'],
    ['\ufeff', 'not JSON'],
    ['\u0000\u0000', 'not JSON'],
  ])('is reported where somebody put %j, and loses nothing by it', (foreign, why) => {
    const { bytes, events } = write(plainSteps(4))
    for (let index = 0; index <= 4; index++) {
      const lines = linesOf(bytes).toSpliced(index, 0, Buffer.from(`${foreign}\n`))
      const findings = verify(Buffer.concat(lines))
      expect(findings).toMatchObject([{ kind: 'foreign_line', line: index + 1, damage: true }])
      expect(findings[0]?.message).toContain(why)
      expect(ids(walk(Buffer.concat(lines)).events)).toEqual(ids(events))
    }
  })

  test('keeps both sides of a merge with conflict markers: one is the chain, the other is told about', () => {
    const common = write(plainSteps(3))
    const [ours, theirs] = [write(plainSteps(2, 'ours'), common.head), write(plainSteps(3, 'theirs'), common.head)]
    const bytes = Buffer.concat([
      common.bytes,
      Buffer.from('<<<<<<< HEAD\n'),
      ours.bytes,
      Buffer.from('=======\n'),
      theirs.bytes,
      Buffer.from('>>>>>>> theirs\n'),
    ])
    expect(ids(walk(bytes).events)).toEqual(ids([...common.events, ...ours.events]))
    expect(kinds(bytes)).toEqual([
      'foreign_line 4',
      'foreign_line 7',
      'forked 8',
      'forked 9',
      'forked 10',
      'foreign_line 11',
    ])
  })
})

describe('a record of two branches', () => {
  /** How many events both have, and how many each has alone. */
  const lengths = [fc.nat(5), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })] as const

  function branches(shared: number, own: number, other: number) {
    const common = write(plainSteps(shared))
    const [ours, theirs] = [
      write(plainSteps(own, 'ours'), common.head),
      write(plainSteps(other, 'theirs'), common.head),
    ]
    return { common, ours, theirs, merged: Buffer.concat([common.bytes, ours.bytes, theirs.bytes]) }
  }

  test('is told as forked, line by line; the chain of the first goes on and nothing of either is gone', () => {
    fc.assert(
      fc.property(...lengths, (...counts) => {
        const { common, ours, theirs, merged: bytes } = branches(...counts)
        const walked = walk(bytes)
        expect(ids(walked.events)).toEqual(ids([...common.events, ...ours.events]))
        const from = common.events.length + ours.events.length
        expect(kinds(bytes)).toEqual(theirs.events.map((_, i) => `forked ${from + i + 1}`))
        expect(verify(bytes).every((finding) => finding.damage)).toBe(true)
      }),
    )
  })

  test('takes what is written next behind both, and the chain goes on', () => {
    fc.assert(
      fc.property(...lengths, (...counts) => {
        const { common, ours, merged } = branches(...counts)
        const { head } = walk(merged).reading
        expect(head.end).toBe(merged.length)
        const next = write(plainSteps(2, 'next'), head)
        const bytes = Buffer.concat([merged, next.bytes])
        expect(ids(walk(bytes).events)).toEqual(ids([...common.events, ...ours.events, ...next.events]))
        expect(ids(walk(bytes, head).events)).toEqual(ids(next.events))
        expect(walk(bytes).reading.head).toEqual(walk(bytes, head).reading.head)
      }),
    )
  })

  test('reads the same from where it was left off as from its first line, or shows that it must be read from there', () => {
    fc.assert(
      fc.property(...lengths, fc.boolean(), (shared, own, other, oursGoesOn) => {
        const { ours, theirs, merged } = branches(shared, own, other)
        const { reading, events } = walk(merged)
        const { head } = reading
        const more = write(plainSteps(2, 'more'), (oursGoesOn ? ours : theirs).head)
        const bytes = Buffer.concat([merged, more.bytes])
        const behind = walk(bytes, head)
        const misfits = behind.reading.observations.some(({ damage }) => damage)
        expect(misfits).toBe(!oursGoesOn)
        if (!misfits) expect(ids([...events, ...behind.events])).toEqual(ids(walk(bytes).events))
      }),
    )
  })
})

describe('what this Rutter does not know', () => {
  test('is chained and passed over: a newer version is told as one, and is no damage', () => {
    const { bytes } = write(plainSteps(2))
    const [first] = linesOf(bytes)
    const newer = Buffer.from(String(first).replace('{"v":1', '{"v":7'))
    const behind = write(plainSteps(2), walk(newer).reading.head)
    const record = Buffer.concat([newer, behind.bytes])
    expect(verify(record)).toMatchObject([{ kind: 'newer_version', line: 1, damage: false }])
    expect(walk(record).events.map(({ v }) => v)).toEqual([7, 1, 1])
  })

  test('is counted by type where the version is ours', () => {
    const odd = { type: 'moon.rose', data: { phase: 'full' } }
    const broken = { type: 'task.started', data: { task_id: 7 } }
    const { bytes, head } = write([[odd], ...plainSteps(1), [odd], [broken]])
    expect(verify(bytes, head)).toMatchObject([
      { kind: 'unknown_event', damage: false, message: expect.stringContaining('2 events of a type or shape') },
      { kind: 'unknown_event', damage: false, message: expect.stringContaining('"task.started"') },
    ])
  })
})
