import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { NewEvent } from '../../src/domain/event.ts'
import { EMPTY_HEAD } from '../../src/log/chain.ts'
import { readLines, STOP, walkRecord } from '../../src/log/record.ts'
import { damage, linesOf, memoryFile, plainSteps, verify, walk, write } from './records.ts'

const CHUNK = 1 << 20

test('loses no whole step and takes no half one, wherever in its last three lines it was cut', () => {
  const events = (count: number): NewEvent[] =>
    Array.from({ length: count }, (_, i) => ({ type: 'task.started', data: { task_id: `ä-${i}` } }))
  for (const sizes of [[1, 1, 1, 1], [2, 3], [1, 3, 1], [1, 2, 2], [4]]) {
    const { bytes } = write(sizes.map(events))
    const lines = linesOf(bytes)
    const from = lines.slice(0, -3).reduce((sum, line) => sum + line.length, 0)
    for (let size = from; size < bytes.length; size++) {
      const cut = bytes.subarray(0, size)
      // A line counts as soon as all of it but its line feed is there.
      const wholeLines = linesOf(bytes.subarray(0, size + 1)).filter((line) => line.at(-1) === 10).length
      let whole = 0
      let steps = 0
      while (steps < sizes.length && whole + (sizes[steps] ?? 0) <= wholeLines) whole += sizes[steps++] ?? 0

      const { reading, steps: walked } = walk(cut)
      expect(walked.map((step) => step.length)).toEqual(sizes.slice(0, steps))
      expect(reading.head.seq).toBe(whole)
      const end = lines.slice(0, whole).reduce((sum, line) => sum + line.length, 0)
      if (size === end) expect(reading.tail).toBe('clean')
      else if (size === end - 1) expect(reading.tail).toBe('unsealed')
      else expect(['torn', 'incomplete_step']).toContain(reading.tail)
      if (size < end - 1 || size > end) {
        expect(damage(verify(cut)).map(({ kind }) => kind)).toEqual([
          reading.tail === 'torn' ? 'torn_tail' : 'incomplete_step',
        ])
      }
      // What is written next goes behind the last whole step: the rest is put aside before.
      expect(reading.head.end).toBe(end)
    }
  }
})

test('reads the lines of any bytes as splitting at line feeds gives them', () => {
  const bytes = fc.array(fc.constantFrom(10, 13, 97, 0xc3, 0xa4, 0), { maxLength: 50 }).map((list) => Buffer.from(list))
  fc.assert(
    fc.property(bytes, fc.nat(50), (content, start) => {
      const from = Math.min(start, content.length)
      const lines = [...readLines(memoryFile(content), from)]
      const rest = content.subarray(from)
      const expected = linesOf(rest).map((line) => line.toString('latin1'))
      expect(lines.map((l) => l.bytes.toString('latin1') + (l.terminated ? '\n' : ''))).toEqual(expected)
      for (const line of lines) {
        expect(content.subarray(line.offset, line.offset + line.bytes.length).equals(line.bytes)).toBe(true)
      }
    }),
  )
})

test.each([-4, -3, -2, -1, 0, 1])(
  'reads a character of four bytes that begins %d bytes from the border of a chunk',
  (shift) => {
    const probe = write([[{ type: 'task.started', data: { task_id: '@' } }]]).bytes
    const at = probe.indexOf('@')
    const task_id = `${'x'.repeat(CHUNK - at + shift)}🧭é`
    const { bytes, head } = write([[{ type: 'task.started', data: { task_id } }], ...plainSteps(3)])
    // Ids count up, so the line may begin a byte later than the probe's.
    expect(Math.abs(bytes.indexOf('🧭') - (CHUNK + shift))).toBeLessThanOrEqual(1)
    const walked = walk(bytes)
    expect(walked.events[0]?.data).toEqual({ task_id })
    expect(walked.reading).toMatchObject({ head, tail: 'clean', observations: [] })
  },
)

test('puts the border of a chunk anywhere near a line feed without losing a line', () => {
  const second = plainSteps(1)
  const pad = (length: number) => write([[{ type: 'task.started', data: { task_id: 'x'.repeat(length) } }], ...second])
  const overhead = linesOf(pad(0).bytes)[0]?.length ?? 0
  for (let shift = -3; shift <= 3; shift++) {
    const { bytes, head } = pad(CHUNK - overhead + shift)
    expect(walk(bytes).reading).toMatchObject({ head, events: 2, observations: [], tail: 'clean' })
  }
})

test('reads a line of several chunks, and thousands of lines over several', () => {
  const long = write([[{ type: 'task.started', data: { task_id: 'ü'.repeat(CHUNK * 2) } }], ...plainSteps(2)])
  expect(walk(long.bytes).reading).toMatchObject({ head: long.head, events: 3, observations: [] })
  const many = write(plainSteps(8000, 'a task whose name is somewhat long, so that the lines together pass two chunks'))
  expect(many.bytes.length).toBeGreaterThan(2 * CHUNK)
  expect(walk(many.bytes).reading).toMatchObject({ head: many.head, events: 8000, observations: [] })
  const middle = many.events.length / 2
  const head = walk(Buffer.concat(linesOf(many.bytes).slice(0, middle))).reading.head
  expect(walk(many.bytes, head).events).toHaveLength(middle)
})

test('stops when its receiver has seen enough, at the head behind the last step that it handed over', () => {
  const { bytes } = write(plainSteps(10))
  let seen = 0
  const reading = walkRecord(memoryFile(bytes), EMPTY_HEAD, () => (++seen === 4 ? STOP : undefined))
  expect(reading).toMatchObject({ head: { seq: 4 }, events: 4, tail: 'clean' })
  expect(reading.head.end).toBe(Buffer.concat(linesOf(bytes).slice(0, 4)).length)
  expect(walk(bytes, reading.head).events).toHaveLength(6)
})

test('takes what another branch wrote for no torn line, although its last line feed is missing', () => {
  const common = write(plainSteps(2))
  const ours = write(plainSteps(2, 'ours'), common.head)
  const theirs = write(plainSteps(2, 'theirs'), common.head)
  const merged = Buffer.concat([common.bytes, ours.bytes, theirs.bytes]).subarray(0, -1)
  const { reading } = walk(merged)
  expect(reading.head.seq).toBe(4)
  expect(reading.tail).not.toBe('torn')
})

test('cuts off no line that stands whole behind the last step, when only the very last one is torn', () => {
  const common = write(plainSteps(2))
  const ours = write(plainSteps(2, 'ours'), common.head)
  const theirs = write(plainSteps(2, 'theirs'), common.head)
  const whole = Buffer.concat([common.bytes, ours.bytes, theirs.bytes])
  const { reading } = walk(Buffer.concat([whole, Buffer.from('{"v":1,"seq":5,"id"')]))
  expect(reading.tail).toBe('torn')
  expect(reading.head.end).toBe(whole.length)
})
