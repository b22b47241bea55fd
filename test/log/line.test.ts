import fc from 'fast-check'
import { expect, test } from 'vitest'
import { envelopeSchema, GENESIS, isEnvelope, type RecordedEvent } from '../../src/domain/event.ts'
import { encodeLine, lineHash, parseLine } from '../../src/log/line.ts'
import { text } from '../domain/arbitraries.ts'

const surrogates = fc.string({ unit: fc.integer({ min: 0xd800, max: 0xdfff }).map((u) => String.fromCharCode(u)) })
const jsonText = fc.oneof(text, surrogates)
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, 2 ** 53, 1e21, 1.7976931348623157e308, 5e-324, -1),
)
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    number,
    jsonText,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(jsonText, tie('value'), { maxKeys: 4 }),
  ),
})).value

const event: fc.Arbitrary<RecordedEvent> = fc.record({
  v: fc.constant(1),
  seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  id: fc.string({ minLength: 1 }),
  at: fc.constant('2026-11-21T22:23:05.123Z'),
  type: fc.oneof(fc.constant('turn.recorded'), fc.string({ minLength: 1 })),
  actor: fc.record({ kind: fc.constantFrom('agent', 'operator', 'rutter'), name: jsonText }),
  data: fc.dictionary(jsonText, json, { maxKeys: 4 }),
  more: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
  prev: fc.constant(GENESIS),
})

/** Minus nought is no JSON; everything else comes back as it went. */
const asJson = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown

test('gives back every event that it wrote, whatever its data holds', () => {
  fc.assert(
    fc.property(event, (written) => {
      const parsed = parseLine(encodeLine(written))
      expect(parsed.kind).toBe('event')
      if (parsed.kind === 'event') expect(asJson(parsed.event)).toEqual(asJson(written))
    }),
    { numRuns: 500 },
  )
})

test('writes one line, the same bytes each time, that survive being stored as UTF-8', () => {
  fc.assert(
    fc.property(event, (written) => {
      const line = encodeLine(written)
      expect(line).not.toMatch(/[\r\n]/)
      expect(Buffer.from(line).toString('utf8')).toBe(line)
      const shuffled = Object.fromEntries(Object.entries(written).reverse()) as unknown as RecordedEvent
      expect(encodeLine(shuffled)).toBe(line)
      expect(lineHash(line)).toBe(lineHash(Buffer.from(line)))
    }),
  )
})

test('shows the fields in the order of the documentation', () => {
  const actor = { kind: 'agent', name: 'claude-code' } as const
  const written = { prev: GENESIS, more: 1, data: {}, actor, type: 't', at: 'now', id: 'i', seq: 12, v: 1 }
  expect(encodeLine(written)).toBe(
    `{"v":1,"seq":12,"id":"i","at":"now","type":"t","actor":{"kind":"agent","name":"claude-code"},"data":{},"more":1,"prev":"${GENESIS}"}`,
  )
})

test('never throws, whatever stands in a line', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        jsonText,
        fc.json(),
        json.map((value) => JSON.stringify(value)),
      ),
      (line) => {
        expect(['foreign', 'event', 'newer']).toContain(parseLine(line).kind)
      },
    ),
    { numRuns: 500 },
  )
})

test.each([
  ['<<<<<<< HEAD', 'a git conflict marker'],
  ['=======', 'a git conflict marker'],
  ['>>>>>>> theirs', 'a git conflict marker'],
  ['||||||| merged common ancestors', 'a git conflict marker'],
  ['hello', 'not JSON'],
  ['[]', 'not an event'],
  ['{"v":1}', 'not an event: seq'],
  ['{"v":0}', 'not an event: v'],
  ['', 'not JSON'],
])('takes %j for foreign: %s', (line, why) => {
  const parsed = parseLine(line)
  expect(parsed).toMatchObject({ kind: 'foreign' })
  if (parsed.kind === 'foreign') expect(parsed.why).toContain(why)
})

test('keeps a line of a newer version without looking at what it says', () => {
  const actor = { kind: 'agent', name: 'x' }
  const newer = {
    v: 2,
    seq: 1,
    id: 'i',
    at: 'now',
    type: 'from.the.future',
    actor,
    data: { a: 1 },
    prev: GENESIS,
    sig: 'x',
  }
  expect(parseLine(JSON.stringify(newer))).toMatchObject({ kind: 'newer', event: { v: 2, data: { a: 1 } } })
})

test('takes for an event exactly what the schema takes for one', () => {
  const odd = fc.oneof(json, fc.constantFrom(undefined, null, 0, 1, -1, 1.5, '', 'x', [], {}, 2 ** 53))
  const fields = ['v', 'seq', 'id', 'at', 'type', 'actor', 'data', 'more', 'prev'] as const
  fc.assert(
    fc.property(event, fc.constantFrom(...fields), odd, fc.boolean(), (whole, field, value, spoil) => {
      const line = asJson(spoil ? { ...whole, [field]: value } : whole)
      expect(isEnvelope(line)).toBe(envelopeSchema.safeParse(line).success)
    }),
    { numRuns: 1000 },
  )
})
