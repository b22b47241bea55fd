import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import type { Complaint } from '../app/operator/complaint.ts'
import type { Layout, Place } from './desk.ts'

/** A git that hangs (on a network drive, say) shall not hang a command. */
const TIMEOUT_MS = 10_000

/** What git itself makes of a book: asked by effect, so that a rule in any file and of any form counts. */
export function examineGit(place: Place, layout: Layout): Complaint[] {
  const root = place.root
  const complaint = (level: Complaint['level'], where: string, message: string, mend: string | null): Complaint[] => [
    { check: 'git', level, where, message, mend, mended: null },
  ]
  if (!place.is_git) {
    return complaint(
      'note',
      root,
      'not a git repository: records are kept, but not versioned, shared with a clone or merged',
      'git init, then rutter init.',
    )
  }
  if (gitVersion() === null) {
    return complaint('note', root, 'git was not found, so what it makes of the book was not looked at', 'Install git.')
  }
  const sample = join(layout.folder('session'), 'a-session.jsonl')
  const ignoredBy = git(root, ['check-ignore', '-v', '--no-index', sample])
  const controlIgnored = git(root, ['check-ignore', '-q', '--no-index', layout.database])
  const controlTracked = git(root, ['ls-files', '--', layout.control])
  return [
    ...(ignoredBy.status === 0
      ? complaint(
          'wrong',
          ignoredBy.output.split('\t')[0]?.trim() ?? root,
          `this rule makes git ignore the records in ${layout.folder('session')}`,
          'Remove the rule, or except the records from it: a run that is not committed is not shared.',
        )
      : []),
    ...(controlIgnored.status === 1
      ? complaint(
          'wrong',
          layout.control,
          "git does not ignore this machine's part of the book",
          `Put ".control/" into ${layout.gitignore}, and see that no other rule takes it back.`,
        )
      : []),
    ...(controlTracked.output.trim() === ''
      ? []
      : complaint(
          'wrong',
          layout.control,
          "git tracks this machine's part of the book, which no other machine can use",
          `git rm -r --cached -- ${layout.control}`,
        )),
    ...examineAttributes(root, sample, layout, complaint),
  ]
}

function examineAttributes(
  root: string,
  sample: string,
  layout: Layout,
  complaint: (level: 'wrong', where: string, message: string, mend: string) => Complaint[],
): Complaint[] {
  const { status, output } = git(root, ['check-attr', 'text', 'merge', '--', sample])
  if (status !== 0) return []
  const lines = output.split('\n')
  const keepsLineEnds = lines.some((line) => line.endsWith(': text: unset'))
  const keepsBothSides = lines.some((line) => line.endsWith(': merge: union'))
  return [
    ...(keepsLineEnds
      ? []
      : complaint(
          'wrong',
          layout.gitattributes,
          'git may convert the line ends of records, which are hashed as they are',
          'Give the records the attribute "-text".',
        )),
    ...(keepsBothSides
      ? []
      : complaint(
          'wrong',
          layout.gitattributes,
          'a merge of two branches would leave conflict marks in records',
          'Give the records the attribute "merge=union".',
        )),
  ]
}

/** `null` where there is no git to be run. */
export function gitVersion(): string | null {
  const { status, output } = git('.', ['--version'])
  return status === 0 ? (/\d+(\.\d+)+/.exec(output)?.[0] ?? '?') : null
}

function git(folder: string, args: readonly string[]): { status: number | null; output: string } {
  const env: NodeJS.ProcessEnv = { ...process.env, LC_ALL: 'C' }
  // Set inside a hook, they would make git look at another repository than the one asked about.
  for (const name of ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_PREFIX']) delete env[name]
  const run = spawnSync('git', ['-C', folder, '-c', 'core.quotePath=false', ...args], {
    env,
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return { status: run.status, output: run.stdout ?? '' }
}
