import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { linesOf, reportOn } from '../../bench/recall/report.ts'
import { BrokenFile, readSamples } from '../../bench/recall/samples.ts'
import { recallAt } from '../../bench/recall/score.ts'
import { tempFolder } from '../support/book.ts'

const OWN = join(import.meta.dirname, '../fixtures/recall/coding-runs.json')

function fileWith(content: unknown): string {
  const path = join(tempFolder(), 'conversations.json')
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

const turn = (dia_id: string, text: string) => ({ speaker: 'Ann', dia_id, text })

/** Two sessions; each question names its answer by a word that stands nowhere else. */
const TINY = {
  sample_id: 'tiny',
  conversation: {
    speaker_a: 'Ann',
    session_1_date_time: '1:56 pm on 8 May, 2026',
    session_1: [turn('D1:1', 'The lease expired.'), turn('D1:2', 'A walrus appeared.')],
    session_2_date_time: '2:00 pm on 9 May, 2026',
    session_2: [turn('D2:1', 'A zebra followed.'), turn('D2:2', 'Nobody knows why.')],
  },
  qa: [
    { question: 'Where is the walrus?', answer: 'here', evidence: ['D1:2'], category: 1 },
    { question: 'Where are walrus and zebra?', answer: 'here', evidence: ['D1:2', 'D2:1'], category: 2 },
    { question: 'What about quaggas?', answer: 'none', evidence: ['D2:2'], category: 1 },
    { question: 'Who asked?', answer: 'nobody', evidence: [], category: 5 },
  ],
}

describe('recall', () => {
  test('counts what stands among the first k: any of it, how much of it, and whether all of it', () => {
    const rankings = [
      { found: ['a', 'b', 'c'], wanted: new Set(['a']) },
      { found: ['a', 'b', 'c'], wanted: new Set(['b', 'c']) },
      { found: [], wanted: new Set(['a', 'b']) },
      { found: ['x', 'b'], wanted: new Set(['b', 'y']) },
    ]
    expect(recallAt([1, 2, 3], rankings)).toEqual([
      { k: 1, any: 1 / 4, share: 1 / 4, all: 1 / 4 },
      { k: 2, any: 3 / 4, share: 2 / 4, all: 1 / 4 },
      { k: 3, any: 3 / 4, share: 2.5 / 4, all: 2 / 4 },
    ])
  })

  test('of a tiny conversation is what one counts by hand', async () => {
    const report = await reportOn(readSamples(fileWith([TINY])), tempFolder())
    expect(report).toMatchObject({ samples: 1, sessions: 2, turns: 4, questions: 3, skipped: 1, unknown: 0 })
    // The walrus's session is first; of walrus and zebra one session can be first, and both are among three; quaggas are nowhere.
    expect(report.rutter.sessions.slice(0, 2)).toEqual([
      { k: 1, any: 2 / 3, share: 1.5 / 3, all: 1 / 3 },
      { k: 3, any: 2 / 3, share: 2 / 3, all: 2 / 3 },
    ])
    expect(report.rutter.turns[0]).toEqual({ k: 5, any: 2 / 3, share: 2 / 3, all: 2 / 3 })
    expect(report.categories['2']).toMatchObject({ questions: 1, turns: [{ k: 5, all: 1 }, {}, {}, {}] })
  })

  test('looks only within the conversation that a question is about', async () => {
    const other = { ...TINY, sample_id: 'other', qa: [] }
    const both = await reportOn(readSamples(fileWith([TINY, other])), tempFolder())
    const alone = await reportOn(readSamples(fileWith([TINY])), tempFolder())
    expect(both.rutter).toEqual(alone.rutter)
    expect(both.baseline).toEqual(alone.baseline)
  })

  test('of our own conversations is reported whole, and beats the bare words of single turns', async () => {
    const report = await reportOn(readSamples(OWN), tempFolder())
    expect(report).toMatchObject({ samples: 3, questions: 60, skipped: 0, unknown: 0 })
    const at5 = ({ turns }: typeof report.rutter) => turns[0]?.share ?? 0
    expect(at5(report.rutter)).toBeGreaterThan(at5(report.baseline))
    const lines = linesOf(report).join('\n')
    expect(lines).toContain('60 questions')
    expect(lines).toMatch(/sessions +@1 +@3 +@5 +@10/)
    expect(lines).toMatch(/turns +@5 +@10 +@25 +@50/)
  })
})

describe('a file of conversations', () => {
  test('may name several turns in one piece of evidence, pad numbers and name turns that are not there', () => {
    const qa = [
      { question: 'one', evidence: ['D1:1; D2:01'], category: 1 },
      { question: 'two', evidence: ['D1:2 D9:9'] },
      { question: 'three', evidence: ['D'] },
      { question: 'four' },
    ]
    const [sample] = readSamples(fileWith([{ ...TINY, qa }]))
    expect(sample?.questions.map(({ evidence }) => evidence)).toEqual([['D1:1', 'D2:1'], ['D1:2']])
    expect(sample).toMatchObject({ skipped: 2, unknown: 1 })
  })

  test('may have dates of sessions that never took place, and more keys than are read', () => {
    const conversation = { ...TINY.conversation, session_3_date_time: '1 June', session_1_summary: 'A walrus.' }
    const [sample] = readSamples(fileWith([{ ...TINY, conversation }]))
    expect(sample?.sessions.map(({ number }) => number)).toEqual([1, 2])
  })

  test('has its sessions in the order of their numbers', () => {
    const session = (n: number) => [turn(`D${n}:1`, 'x')]
    const conversation = Object.fromEntries([10, 2, 1, 9].map((n) => [`session_${n}`, session(n)]))
    const qa = [{ question: 'x', evidence: ['D1:1'] }]
    expect(readSamples(fileWith([{ conversation, qa }]))[0]?.sessions.map(({ number }) => number)).toEqual([
      1, 2, 9, 10,
    ])
  })

  const { conversation } = TINY
  test.each([
    ['is not JSON', '{"a": ', /is not JSON/],
    ['is empty', '', /is not JSON/],
    ['is an object', TINY, /is an object; a list of conversations is expected/],
    ['is an empty list', [], /is an empty list/],
    ['has a sample without questions', [TINY, { conversation }], /\[1\]\.qa: /],
    ['has a sample that is no object', [null], /\[0\]: /],
    [
      'has a conversation without sessions',
      [{ ...TINY, conversation: { speaker_a: 'Ann' } }],
      /\[0\]\.conversation has no session/,
    ],
    [
      'has a session that is no list',
      [{ ...TINY, conversation: { session_1: 'x' } }],
      /\[0\]\.conversation\.session_1: /,
    ],
    [
      'has a turn without text',
      [{ ...TINY, conversation: { session_1: [{ speaker: 'Ann', dia_id: 'D1:1' }] } }],
      /session_1\[0\]\.text: /,
    ],
    [
      'has a turn id of its own',
      [{ ...TINY, conversation: { session_1: [turn('first', 'x')] } }],
      /session_1\[0\]\.dia_id: is no turn id/,
    ],
    [
      'has a turn twice',
      [{ ...TINY, conversation: { session_1: [turn('D1:1', 'x'), turn('D1:1', 'y')] } }],
      /has the turn D1:1 a second time/,
    ],
    [
      'has a date that is no text',
      [{ ...TINY, conversation: { ...conversation, session_1_date_time: 8 } }],
      /session_1_date_time is a number/,
    ],
    ['has a question without words', [{ ...TINY, qa: [{ evidence: ['D1:1'] }] }], /\[0\]\.qa\[0\]\.question: /],
    ['has nothing to score', [{ ...TINY, qa: [] }], /nothing to score/],
  ])('that %s is named, with what is wrong', (_, content, message) => {
    const path = fileWith(content)
    const reading = () => readSamples(path)
    expect(reading).toThrow(BrokenFile)
    expect(reading).toThrow(message)
    expect(reading).toThrow(path)
  })

  test('that is not there is named', () => {
    expect(() => readSamples('/nowhere/at-all.json')).toThrow(/\/nowhere\/at-all\.json: cannot be read: /)
  })
})

describe('the command', () => {
  const run = (...args: string[]) =>
    promisify(execFile)(process.execPath, [join(import.meta.dirname, '../../bench/recall.ts'), ...args])

  test('prints a report, for people or as JSON', async () => {
    const path = fileWith([TINY])
    expect((await run(path)).stdout).toContain('1 conversations, 2 sessions, 4 turns, 3 questions')
    expect(JSON.parse((await run(path, '--json')).stdout)).toMatchObject({ file: path, questions: 3 })
  })

  test('says what is wrong with a file or an argument in one line and ends with 2', async () => {
    const path = fileWith('[')
    await expect(run(path)).rejects.toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^\/.*is not JSON.*\n$/),
    })
    await expect(run()).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('Give one file') })
  })
})
