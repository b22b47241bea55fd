import { asRefusal } from '../../app/operation.ts'
import { noBook } from '../../app/operator/book.ts'
import type { Complaint } from '../../app/operator/complaint.ts'
import { examineBook } from '../../app/operator/doctor.ts'
import type { Cli } from '../command.ts'
import type { Desk } from '../desk.ts'
import { answerExamination, foundLines } from '../findings.ts'
import { examineGit, gitVersion } from '../git.ts'
import { withProgressBar } from '../progress.ts'
import { oneLine, plural } from '../text.ts'

/** `rutter doctor`: what is wrong with a book and its surroundings, and how to mend it. */
export function registerDoctor(cli: Cli): void {
  const command = cli
    .command('doctor', {
      summary: 'look for what is wrong, and mend what is safe to mend',
      details:
        'Looks at locks that were left behind, records, task counts, decisions that met in a merge, what was learned under another project id, settings, and what git makes of the book. Status 1 while something is wrong.',
      examples: ['rutter doctor', 'rutter doctor --fix', 'rutter doctor --restore'],
    })
    .option(
      '--fix',
      'end sessions whose process is gone and free their slots; put decisions that met in a merge in the review queue, and one of those that took the place of each other back in force',
    )
    .option('--restore', 'write back records that the store has and the working tree lacks')
  cli.action<[], { fix?: true; restore?: true }>(command, async (desk, _args, { fix = false, restore = false }) => {
    if (!desk.hasBook) throw noBook(desk.place.root)
    const complaints = await examine(desk, fix, restore)
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
      findings: complaints,
    }
    return answerExamination(desk, result, (verdict) => [
      `Book ${oneLine(desk.place.bot)}`,
      `Node ${environment.node}, SQLite ${environment.sqlite}, git ${environment.git ?? 'not found'}, ${environment.platform}`,
      ...complaints.flatMap((complaint) => ['', ...complaintLines(desk, complaint)]),
      '',
      verdict(result.ok ? 'Nothing is wrong.' : `${plural(wrong.length, 'thing')} wrong.`),
    ])
  })
}

async function examine(desk: Desk, fix: boolean, restore: boolean): Promise<Complaint[]> {
  try {
    const context = desk.operator()
    const inBook = await withProgressBar('verifying', (onProgress) =>
      examineBook(context, { fix, restore, onProgress }),
    )
    return [...mendedOnOpening(desk), ...examineGit(desk.place, desk.layout), ...inBook]
  } catch (error) {
    const { code, message, hint } = asRefusal(error)
    // A doctor that stops at what it was called for would be none; a bug is another matter.
    if (code === 'internal') throw error
    const check = code === 'invalid_argument' ? 'settings' : 'store'
    return [{ check, level: 'wrong', where: desk.place.bot, message, mend: hint ?? null, mended: null }]
  }
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
