import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { nodeDisk } from '../../src/log/disk.ts'
import { ensureBook } from '../../src/log/init.ts'
import { bookLayout } from '../../src/log/layout.ts'
import { tempFolder } from '../support/book.ts'
import { git } from '../support/git.ts'
import { linesOf, plainSteps, verify, walk, write } from './records.ts'

/** Two clones of one repository with a book and a record in it, and what each does to them. */
function twoClones() {
  const root = tempFolder()
  const [one, two] = [join(root, 'one'), join(root, 'two')]
  mkdirSync(one)
  git(one, 'init', '-q', '-b', 'main')
  const layout = (clone: string) => bookLayout(join(clone, '.bot'))
  ensureBook(nodeDisk, layout(one), 'merged')
  const path = (clone: string) => layout(clone).record({ kind: 'session', id: 's-1' })
  const add = (clone: string, bytes: Buffer) => appendFileSync(path(clone), bytes)
  const commit = (clone: string) => {
    git(clone, 'add', '-A')
    git(clone, 'commit', '-q', '-m', 'x')
  }
  const clone = () => git(root, 'clone', '-q', one, two)
  return { root, one, two, layout, path, add, commit, clone }
}

test('a real git merge of two clones keeps every line of both, and the chain goes on from the own side', () => {
  const { one, two, path, add, commit, clone } = twoClones()
  const common = write(plainSteps(3))
  add(one, common.bytes)
  commit(one)
  clone()
  const ours = write(plainSteps(2, 'ours'), common.head)
  const theirs = write(plainSteps(3, 'theirs'), common.head)
  add(one, ours.bytes)
  commit(one)
  add(two, theirs.bytes)
  commit(two)
  git(one, 'pull', '-q', '--no-rebase', '--no-edit', two, 'main')

  const merged = readFileSync(path(one))
  const lines = linesOf(merged).map(String)
  for (const { bytes } of [common, ours, theirs])
    for (const line of linesOf(bytes)) expect(lines).toContain(String(line))
  expect(lines).toHaveLength(8)
  expect(walk(merged).events.map(({ id }) => id)).toEqual([...common.events, ...ours.events].map(({ id }) => id))
  expect(verify(merged).map(({ kind, line }) => [kind, line])).toEqual([
    ['forked', 6],
    ['forked', 7],
    ['forked', 8],
  ])
})

test('a real git merge of records that only one side wrote to brings them over as they are', () => {
  const { one, two, layout, path, add, commit, clone } = twoClones()
  const common = write(plainSteps(3))
  add(one, common.bytes)
  commit(one)
  clone()
  const more = write(plainSteps(2, 'more'), common.head)
  add(two, more.bytes)
  writeFileSync(layout(two).record({ kind: 'session', id: 's-2' }), write(plainSteps(1)).bytes)
  commit(two)
  writeFileSync(layout(one).record({ kind: 'session', id: 's-3' }), write(plainSteps(1)).bytes)
  commit(one)
  git(one, 'pull', '-q', '--no-rebase', '--no-edit', two, 'main')
  expect(verify(readFileSync(path(one)), more.head)).toEqual([])
  expect(nodeDisk.list(dirname(path(one))).sort()).toEqual(['s-1.jsonl', 's-2.jsonl', 's-3.jsonl'])
})

test('git leaves the line ends of records alone, also where it converts those of text', () => {
  const { one, path, add, commit } = twoClones()
  const { bytes, head } = write(plainSteps(3))
  add(one, bytes)
  git(one, 'config', 'core.autocrlf', 'true')
  commit(one)
  git(one, 'rm', '-q', '--cached', '-r', '.')
  git(one, 'reset', '-q', '--hard')
  expect(readFileSync(path(one)).equals(bytes)).toBe(true)
  expect(verify(readFileSync(path(one)), head)).toEqual([])
})

test('git never sees what is this machine’s own', () => {
  const { one, layout, commit } = twoClones()
  writeFileSync(layout(one).database, 'x')
  commit(one)
  const versioned = git(one, 'ls-files').trim().split('\n')
  expect(versioned).toEqual(['.bot/.gitattributes', '.bot/.gitignore', '.bot/rutter.json'])
})
