import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { nodeDisk } from '../../src/log/disk.ts'
import { ensureBook } from '../../src/log/init.ts'
import { bookLayout, isForkFile, isStreamId, streamOfFile } from '../../src/log/layout.ts'
import { refusalOf, tempFolder } from '../support/book.ts'

const layoutIn = (root: string) => bookLayout(join(root, '.bot'))
const read = (path: string) => readFileSync(path, 'utf8')

test('writes what is missing, tells what that was, and nothing the second time', () => {
  const layout = layoutIn(tempFolder())
  const first = ensureBook(nodeDisk, layout, 'my-project')
  expect(first.settings.project_id).toBe('my-project')
  expect(first.created).toEqual([layout.settings, layout.gitignore, layout.gitattributes])
  const before = [layout.settings, layout.gitignore, layout.gitattributes].map((path) => [
    read(path),
    statSync(path).mtimeMs,
  ])
  const second = ensureBook(nodeDisk, layout, 'another-name')
  expect(second).toEqual({ settings: first.settings, created: [] })
  expect(
    [layout.settings, layout.gitignore, layout.gitattributes].map((path) => [read(path), statSync(path).mtimeMs]),
  ).toEqual(before)
  expect(existsSync(layout.folder('session'))).toBe(true)
})

test.each([
  ['ends in a line feed', 'mine\n'],
  ['lacks the last line feed', 'mine'],
  ['has the line ends of Windows', 'mine\r\nyours\r\n'],
  ['is empty', ''],
  ['has a comment', '# .control/ is not here\n'],
])('keeps what stands in files of git that are there, when such a file %s', (_how, text) => {
  const layout = layoutIn(tempFolder())
  mkdirSync(layout.bot)
  for (const path of [layout.gitignore, layout.gitattributes]) writeFileSync(path, text)
  ensureBook(nodeDisk, layout, 'x')
  ensureBook(nodeDisk, layout, 'x')
  for (const [path, wanted] of [
    [layout.gitignore, ['.control/', '*.tmp']],
    [
      layout.gitattributes,
      ['workspace/sessions/*.jsonl -text merge=union', 'workspace/memory/*.jsonl -text merge=union'],
    ],
  ] as const) {
    expect(read(path).startsWith(text)).toBe(true)
    const lines = read(path).split(/\r?\n/)
    for (const line of wanted) expect(lines.filter((there) => there === line)).toHaveLength(1)
    expect(read(path).endsWith('\n')).toBe(true)
  }
})

test('adds only the line that is missing', () => {
  const layout = layoutIn(tempFolder())
  mkdirSync(layout.bot)
  writeFileSync(layout.gitattributes, 'workspace/sessions/*.jsonl -text merge=union\r\n')
  ensureBook(nodeDisk, layout, 'x')
  expect(read(layout.gitattributes)).toBe(
    'workspace/sessions/*.jsonl -text merge=union\r\nworkspace/memory/*.jsonl -text merge=union\n',
  )
})

test('leaves settings that cannot be read as they are, and says which file it is', async () => {
  const layout = layoutIn(tempFolder())
  mkdirSync(layout.bot)
  writeFileSync(layout.settings, '{"project_id": ')
  const refusal = await refusalOf(() => ensureBook(nodeDisk, layout, 'x'))
  expect(refusal.code).toBe('invalid_argument')
  expect(refusal.message).toContain(layout.settings)
  expect(read(layout.settings)).toBe('{"project_id": ')
  expect(existsSync(layout.control)).toBe(false)
})

test.each([
  ['2026-11-21T22-23-05Z-k3f9q2', true],
  ['a', true],
  ['', false],
  ['.', false],
  ['..', false],
  ['../x', false],
  ['a/b', false],
  ['a\\b', false],
  ['a.b', false],
  ['-a', false],
  ['a b', false],
  ['ä', false],
  ['a\n', false],
  ['a\u0000', false],
  ['x'.repeat(100), true],
  ['x'.repeat(101), false],
])('takes %j for the id of a stream: %s', (id, is) => {
  expect(isStreamId(id)).toBe(is)
  expect(streamOfFile('session', `${id}.jsonl`)).toEqual(is ? { kind: 'session', id } : null)
})

test('never takes a fork for a stream', () => {
  const layout = layoutIn('/x')
  const fork = layout.fork({ kind: 'session', id: 's-1' }, 'deadbeefdeadbeef')
  expect(fork.endsWith('s-1.fork-deadbeef.jsonl')).toBe(true)
  expect(isForkFile(fork)).toBe(true)
  expect(streamOfFile('session', 's-1.fork-deadbeef.jsonl')).toBeNull()
  expect(isForkFile('s-1.jsonl')).toBe(false)
})
