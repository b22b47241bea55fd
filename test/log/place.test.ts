import { existsSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseSettings } from '../../src/domain/settings.ts'
import { defaultProjectId, findPlace } from '../../src/log/place.ts'
import { refusalOf, tempFolder } from '../support/book.ts'
import { git } from '../support/git.ts'

function folder(...parts: string[]): string {
  const path = join(...parts)
  mkdirSync(path, { recursive: true })
  return path
}

/** A repository with one commit. */
function repository(path: string): string {
  folder(path)
  git(path, 'init', '-q', '-b', 'main')
  git(path, 'commit', '-q', '--allow-empty', '-m', 'x')
  return path
}

describe('the book of a folder', () => {
  test('is in the root of the repository, from the root, a folder in it, or a file', () => {
    const root = repository(join(tempFolder(), 'repo'))
    const deep = folder(root, 'src', 'deep')
    writeFileSync(join(deep, 'file.ts'), '')
    for (const start of [root, deep, join(deep, 'file.ts')]) {
      expect(findPlace(start)).toMatchObject({ root, bot: join(root, '.bot'), is_git: true, linked_worktree: null })
    }
  })

  test('is in the main worktree for all linked ones, with the same place for all', () => {
    const temp = tempFolder()
    const root = repository(join(temp, 'repo'))
    git(root, 'worktree', 'add', '-q', '../linked')
    git(root, 'worktree', 'add', '-q', 'inside/deep')
    const main = findPlace(root)
    for (const linked of [join(temp, 'linked'), join(root, 'inside', 'deep')]) {
      expect(findPlace(folder(linked, 'src'))).toEqual({ ...main, linked_worktree: linked })
    }
  })

  test('is in each worktree by itself where the repository is bare', () => {
    const temp = tempFolder()
    const origin = repository(join(temp, 'origin'))
    git(temp, 'clone', '-q', '--bare', origin, 'bare.git')
    for (const name of ['one', 'two']) git(join(temp, 'bare.git'), 'worktree', 'add', '-q', `../${name}`, '-b', name)
    const [one, two] = [findPlace(join(temp, 'one')), findPlace(join(temp, 'two'))]
    expect(one).toMatchObject({ root: join(temp, 'one'), is_git: true, linked_worktree: null })
    expect(two.root).toBe(join(temp, 'two'))
    expect(two.id).not.toBe(one.id)
  })

  test('is in the worktree when the repository is kept elsewhere', () => {
    const temp = tempFolder()
    folder(temp, 'elsewhere')
    git(temp, 'init', '-q', '--separate-git-dir', join(temp, 'elsewhere', 'repo.git'), 'tree')
    expect(findPlace(join(temp, 'tree'))).toMatchObject({
      root: join(temp, 'tree'),
      is_git: true,
      linked_worktree: null,
    })
  })

  test('is its own in a submodule', () => {
    const temp = tempFolder()
    const library = repository(join(temp, 'library'))
    const root = repository(join(temp, 'repo'))
    git(root, 'submodule', 'add', '-q', library, 'libs/library')
    const sub = join(root, 'libs', 'library')
    expect(findPlace(folder(sub, 'src'))).toMatchObject({ root: sub, is_git: true, linked_worktree: null })
  })

  test('is the nearest one upwards where there is no git, else the folder itself', () => {
    const temp = tempFolder()
    const deep = folder(temp, 'a', 'b', 'c')
    expect(findPlace(deep)).toMatchObject({ root: deep, is_git: false, linked_worktree: null })
    folder(temp, 'a', '.bot')
    expect(findPlace(deep)).toMatchObject({ root: join(temp, 'a'), is_git: false })
  })

  test('of a repository comes before a book that lies in a folder of it', () => {
    const root = repository(join(tempFolder(), 'repo'))
    const deep = folder(root, 'a', 'b')
    folder(root, 'a', '.bot')
    expect(findPlace(deep).root).toBe(root)
  })

  test.each(['with spaces', 'данные', '日本語', "it's", 'Übung', '[x]', '-dash', '%41'])(
    'is found in a path such as %s',
    (name) => {
      const temp = tempFolder()
      const root = repository(join(temp, name, 'repo'))
      git(root, 'worktree', 'add', '-q', '--detach', `../linked ${name}`)
      expect(findPlace(join(temp, name, `linked ${name}`))).toMatchObject({ root })
    },
  )

  test('is the same through a symbolic link', () => {
    const temp = tempFolder()
    const root = repository(join(temp, 'repo'))
    symlinkSync(root, join(temp, 'link'))
    expect(findPlace(join(temp, 'link'))).toEqual(findPlace(root))
  })

  test('is in the linked worktree itself when the main one is gone', () => {
    const temp = tempFolder()
    const root = repository(join(temp, 'repo'))
    git(root, 'worktree', 'add', '-q', '../linked')
    renameSync(root, join(temp, 'moved'))
    expect(findPlace(join(temp, 'linked'))).toMatchObject({ root: join(temp, 'linked'), is_git: true })
  })

  test('is not looked for in a folder that is not there', async () => {
    const gone = join(tempFolder(), 'gone')
    const refusal = await refusalOf(() => findPlace(gone))
    expect(refusal.code).toBe('invalid_argument')
    expect(refusal.message).toContain(gone)
    expect(refusal.hint).toContain('--root')
  })

  test('is found without changing anything', () => {
    const temp = tempFolder()
    findPlace(temp)
    expect(existsSync(join(temp, '.bot'))).toBe(false)
  })

  test('has a name that tells nothing of its path, and differs from place to place', () => {
    const temp = tempFolder()
    const [one, two] = [findPlace(folder(temp, 'one')), findPlace(folder(temp, 'two'))]
    expect(one.id).toMatch(/^[0-9a-f]{16}$/)
    expect(one.id).not.toBe(two.id)
    expect(findPlace(join(temp, 'one')).id).toBe(one.id)
  })
})

describe('the id of a project that nobody named', () => {
  test.each([
    ['https://github.com/acme/widgets.git', 'widgets'],
    ['git@github.com:acme/widgets.git', 'widgets'],
    ['ssh://git@host:22/acme/widgets/', 'widgets'],
    ['/srv/git/widgets.git', 'widgets'],
    ['../widgets', 'widgets'],
    ['C:\\repos\\widgets.git', 'widgets'],
    ['https://example.org/my%20repo.git', 'my-20repo'],
    ['host:widgets', 'widgets'],
  ])('is the name of the origin %s: %s', (url, id) => {
    const temp = tempFolder()
    const root = repository(join(temp, 'some-folder'))
    git(root, 'remote', 'add', 'upstream', 'https://example.org/other.git')
    git(root, 'remote', 'add', 'origin', url)
    expect(defaultProjectId(findPlace(root))).toBe(id)
  })

  test('is the same in a linked worktree, and in every clone of one origin', () => {
    const temp = tempFolder()
    const origin = repository(join(temp, 'widgets'))
    for (const name of ['one', 'two']) git(temp, 'clone', '-q', origin, name)
    git(join(temp, 'one'), 'worktree', 'add', '-q', '../linked')
    for (const name of ['one', 'two', 'linked']) expect(defaultProjectId(findPlace(join(temp, name)))).toBe('widgets')
  })

  test('is the name of the folder where there is no origin', () => {
    expect(defaultProjectId(findPlace(folder(tempFolder(), 'My Project')))).toBe('My-Project')
  })

  test('keeps letters of Latin script readable without their accents', () => {
    expect(defaultProjectId(findPlace(folder(tempFolder(), 'Übungsplätze')))).toBe('Ubungsplatze')
  })

  test('is one that the settings take, whatever the folder is called', () => {
    const temp = tempFolder()
    const place = { ...findPlace(temp), is_git: false }
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 150 }), (name) => {
        const id = defaultProjectId({ ...place, root: `/x/${name.replaceAll('/', '')}` })
        expect(parseSettings(JSON.stringify({ project_id: id }), 'x').project_id).toBe(id)
      }),
      { numRuns: 300 },
    )
  })
})
