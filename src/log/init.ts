import { existsSync, readFileSync } from 'node:fs'
import { parseSettings, type Settings } from '../domain/settings.ts'
import type { Disk } from './disk.ts'
import type { BookLayout } from './layout.ts'

/** This machine's part of the book is nobody else's business. */
/** A kill may leave a record that was being put in place beside the one that it was to be. */
const IGNORED = ['.control/', '*.tmp']

/**
 * Records are lines that are only ever added: where two branches both added some, a merge keeps them all, and the chain tells
 * which copy is which. Line ends are left alone, because every line is hashed.
 */
const ATTRIBUTES = ['workspace/sessions/*.jsonl -text merge=union', 'workspace/memory/*.jsonl -text merge=union']

/** What `ensureBook` had to do. */
export interface Initialized {
  readonly settings: Settings
  readonly created: readonly string[]
}

/** Makes sure that the book's files are there; what is there already stays as it is. */
export function ensureBook(disk: Disk, layout: BookLayout, defaultProjectId: string): Initialized {
  const created: string[] = []
  if (!existsSync(layout.settings)) {
    const text = `${JSON.stringify({ project_id: defaultProjectId }, null, 2)}\n`
    // A file that could not be read back must not be written.
    parseSettings(text, layout.settings)
    disk.makeFolder(layout.bot)
    disk.replace(layout.settings, text)
    created.push(layout.settings)
  }
  const settings = parseSettings(readFileSync(layout.settings, 'utf8'), layout.settings)
  if (ensureLines(disk, layout.gitignore, IGNORED)) created.push(layout.gitignore)
  if (ensureLines(disk, layout.gitattributes, ATTRIBUTES)) created.push(layout.gitattributes)
  disk.makeFolder(layout.folder('session'))
  disk.makeFolder(layout.control)
  return { settings, created }
}

/** Adds the lines that a file lacks; true when there were any. */
function ensureLines(disk: Disk, path: string, wanted: readonly string[]): boolean {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const present = new Set(text.split(/\r?\n/).map((line) => line.trim()))
  const missing = wanted.filter((line) => !present.has(line))
  if (missing.length === 0) return false
  const gap = text === '' || text.endsWith('\n') ? '' : '\n'
  disk.replace(path, `${text}${gap}${missing.join('\n')}\n`)
  return true
}
