import { asRefusal } from '../../app/operation.ts'
import type { Complaint } from '../../app/operator/complaint.ts'
import { examineBook } from '../../app/operator/doctor.ts'
import { type RemoteStatus, remoteComplaints } from '../../app/operator/remote-status.ts'
import type { StoreAbout } from '../../ports/team-store.ts'
import type { Cli } from '../command.ts'
import type { Desk } from '../desk.ts'
import { answerExamination, foundLines } from '../findings.ts'
import { examineGit, gitVersion } from '../git.ts'
import { Misuse } from '../misuse.ts'
import { withProgressBar } from '../progress.ts'
import { remoteHead } from '../remote-text.ts'
import { oneLine, plural } from '../text.ts'

/** `rutter doctor`: what is wrong with a book and its surroundings, and how to mend it. */
export function registerDoctor(cli: Cli): void {
  const command = cli
    .command('doctor', {
      summary: 'look for what is wrong, and mend what is safe to mend',
      details:
        "Looks at locks that were left behind, records, task counts, decisions that met in a merge, what was learned under another project id, the team's database beside the book, settings, and what git makes of the book, where that is in files. Status 1 while something is wrong.",
      examples: ['rutter doctor', 'rutter doctor --fix', 'rutter doctor --restore'],
    })
    .option(
      '--fix',
      'end sessions whose process is gone and free their slots; put decisions that met in a merge in the review queue, and one of those that took the place of each other back in force',
    )
    .option('--restore', 'write back records that the store has and the working tree lacks')
  cli.action<[], { fix?: true; restore?: true }>(command, async (desk, _args, { fix = false, restore = false }) => {
    if (!desk.hasBook) throw desk.noBook()
    if (restore && desk.store !== undefined) {
      throw new Misuse(
        '--restore writes back records that git took out of the working tree; those of a team are in its database.',
      )
    }
    const { complaints, about, remote } = await examine(desk, fix, restore)
    const wrong = complaints.filter(({ level, mended }) => level === 'wrong' && mended === null)
    const environment = {
      node: process.version,
      sqlite: process.versions['sqlite'] ?? null,
      git: gitVersion(),
      platform: `${process.platform} ${process.arch}`,
    }
    const result = {
      ok: wrong.length === 0,
      root: desk.place.root,
      book: desk.place.bot,
      environment,
      ...desk.whereIfShared,
      ...(about === null ? {} : { database: about }),
      ...(remote === null ? {} : { remote }),
      findings: complaints,
    }
    return answerExamination(desk, result, (verdict) => [
      ...(desk.teamStore === null
        ? [
            `Book ${oneLine(desk.place.bot)}`,
            `Node ${environment.node}, SQLite ${environment.sqlite}, git ${environment.git ?? 'not found'}, ${environment.platform}`,
          ]
        : [
            `Book at ${oneLine(desk.teamStore.where)}, settings in ${oneLine(desk.layout.settings)}`,
            ...(about === null ? [] : [aboutLine(about)]),
            `Node ${environment.node}, ${environment.platform}`,
          ]),
      ...(remote === null ? [] : remoteHead(remote, new Date().toISOString())),
      ...complaints.flatMap((complaint) => ['', ...complaintLines(desk, complaint)]),
      '',
      verdict(result.ok ? 'Nothing is wrong.' : `${plural(wrong.length, 'thing')} wrong.`),
    ])
  })
}

interface Examined {
  readonly complaints: readonly Complaint[]
  /** `null` where there is no team's database, or it does not answer. */
  readonly about: StoreAbout | null
  /** `null` where no team's database is beside the book. */
  readonly remote: RemoteStatus | null
}

async function examine(desk: Desk, fix: boolean, restore: boolean): Promise<Examined> {
  let about: StoreAbout | null = null
  try {
    about = (await desk.teamStore?.about()) ?? null
    const context = desk.operator()
    const inBook = await withProgressBar('verifying', (onProgress) =>
      examineBook(context, { fix, restore, onProgress }),
    )
    // Git has the records of a book in files alone.
    const inGit = desk.teamStore === null ? examineGit(desk.place, desk.layout) : []
    const remote = await desk.remoteStatus()
    const between = remote === null ? [] : remoteComplaints(remote)
    return { complaints: [...mendedOnOpening(desk), ...inGit, ...inBook, ...between], about, remote }
  } catch (error) {
    const { code, message, hint } = asRefusal(error)
    // A doctor that stops at what it was called for would be none; a bug is another matter.
    if (code === 'internal') throw error
    const check = code === 'invalid_argument' ? 'settings' : 'store'
    const where = desk.teamStore?.where ?? desk.place.bot
    return {
      complaints: [{ check, level: 'wrong', where, message, mend: hint ?? null, mended: null }],
      about,
      remote: null,
    }
  }
}

function aboutLine({ server, role, version, row_level_security, search_by_index }: StoreAbout): string {
  const tables = version === null ? "no tables of Rutter's" : `tables of version ${version}`
  return `${oneLine(server)}, ${tables}, as role ${oneLine(role)}, row-level security ${row_level_security ? 'on' : 'off'}${search_by_index ? '' : ', search without its index (docs/scale.md)'}`
}

/** Whoever opens a book puts its missing files there; it should not happen unseen. */
function mendedOnOpening(desk: Desk): Complaint[] {
  return desk.openBook().created.map((file) => ({
    check: 'git',
    level: 'note',
    where: file,
    message: 'the file was missing, or lacked lines that git needs to treat the book right',
    mend: 'Commit it.',
    mended: 'when the book was opened',
  }))
}

function complaintLines(desk: Desk, { level, where, message, mend, mended }: Complaint): string[] {
  const below = [
    ...(mended !== null ? [`Done: ${mended}`] : []),
    ...(mend !== null && (mended === null || level === 'note') ? [mend] : []),
  ]
  const [mark, colour] =
    mended !== null
      ? (['mended', 'green'] as const)
      : level === 'wrong'
        ? (['wrong', 'red'] as const)
        : (['note', 'yellow'] as const)
  return foundLines(desk, { mark, colour, where, message }, below)
}
