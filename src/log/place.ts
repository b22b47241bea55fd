import { hash } from 'node:crypto'
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { homedir, hostname } from 'node:os'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import { Refusal } from '../domain/refusal.ts'

/** Where a project's book is, and what kind of place that is. */
export interface Place {
  /** The project's folder: the main worktree of a git repository, or a plain folder. */
  readonly root: string
  /** `<root>/.bot`. */
  readonly bot: string
  /** False where there is no git: records are kept, but nothing versions, shares or merges them. */
  readonly is_git: boolean
  /** The linked worktree from which the main one was found, where that was the way. */
  readonly linked_worktree: string | null
  /** Names this place without telling its path, which would end up in committed records. */
  readonly id: string
}

/**
 * Finds the book that a folder belongs to: the git repository around it, in a linked worktree the main worktree (parallel agents
 * share one book), without git the nearest folder upwards that has a `.bot`, else the folder itself.
 */
export function findPlace(start: string): Place {
  const from = resolve(start)
  if (!existsSync(from)) {
    throw new Refusal('invalid_argument', `There is no folder ${from}.`, { hint: 'Check --root or RUTTER_ROOT.' })
  }
  const folder = realpathSync(statSync(from).isDirectory() ? from : dirname(from))
  const repository = upwards(folder, (at) => existsSync(join(at, '.git')))
  if (repository === null) return place(upwards(folder, (at) => existsSync(join(at, '.bot'))) ?? folder, false, null)
  const main = mainWorktree(repository)
  return main === repository ? place(repository, true, null) : place(main, true, repository)
}

/** Where the book is that all of a user's projects share: `rutter` in the data folder, by the XDG base directory rules. */
export function globalPlace(env: Readonly<Record<string, string | undefined>> = process.env): Place {
  const given = env['XDG_DATA_HOME']
  // A relative path is to be ignored, say the rules.
  const data = given !== undefined && isAbsolute(given) ? given : join(homedir(), '.local', 'share')
  const bot = join(data, 'rutter')
  return { root: bot, bot, is_git: false, linked_worktree: null, id: placeId(bot) }
}

/** A project id that two clones of one repository agree on: the name of its origin, else of its folder. */
export function defaultProjectId(place: Place): string {
  const name = originName(place) ?? basename(place.root)
  const id = name
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+|-+$/g, '')
  return id === '' ? 'project' : id.slice(0, 100)
}

function place(root: string, isGit: boolean, linkedWorktree: string | null): Place {
  const bot = join(root, '.bot')
  return { root, bot, is_git: isGit, linked_worktree: linkedWorktree, id: placeId(bot) }
}

/** Two machines may have their books at the same path, as containers do. */
function placeId(bot: string): string {
  return hash('sha256', `${hostname()}\n${bot}`, 'hex').slice(0, 16)
}

/** The worktree that has the repository itself. A bare repository has none: then each worktree keeps its own book. */
function mainWorktree(worktree: string): string {
  const gitDir = gitDirOf(worktree)
  if (gitDir === null) return worktree
  const common = readIfThere(join(gitDir, 'commondir'))?.trim()
  if (common === undefined) return worktree
  const commonDir = resolve(gitDir, common)
  return basename(commonDir) === '.git' ? realpathSync(dirname(commonDir)) : worktree
}

/** The repository's folder: `.git` itself, or where a `.git` file points to. */
function gitDirOf(worktree: string): string | null {
  const dotGit = join(worktree, '.git')
  if (statSync(dotGit).isDirectory()) return dotGit
  const target = /^gitdir: (.+)$/m.exec(readIfThere(dotGit) ?? '')?.[1]
  return target === undefined ? null : resolve(worktree, target)
}

function originName(place: Place): string | null {
  if (!place.is_git) return null
  const gitDir = gitDirOf(place.root)
  const config = gitDir === null ? undefined : readIfThere(join(gitDir, 'config'))
  const url = /\[remote "origin"\][^[]*?\n\s*url\s*=\s*(.+)/.exec(config ?? '')?.[1]
  return url === undefined
    ? null
    : basename(
        url
          .trim()
          .replace(/[/\\]+$/, '')
          .replace(/^.*[:/\\]/, ''),
        '.git',
      )
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function upwards(folder: string, found: (at: string) => boolean): string | null {
  for (let at = folder; ; at = dirname(at)) {
    if (found(at)) return at
    if (dirname(at) === at) return null
  }
}
