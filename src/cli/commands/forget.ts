import { createInterface } from 'node:readline/promises'
import { type Forgettable, type Forgotten, forget, forgettable, type Wanted } from '../../app/memory/forgetting.ts'
import { purgeOnBothSides } from '../../app/operator/purge-together.ts'
import type { Cli } from '../command.ts'
import type { Desk, OpenBook } from '../desk.ts'
import { when } from '../format.ts'
import { paragraph } from '../memory-text.ts'
import { Misuse } from '../misuse.ts'
import { terminalWidth } from '../terminal.ts'
import { oneLine, plural } from '../text.ts'

const KINDS = { decision: 'decision', pattern: 'pattern', summary: 'summary', review: 'text that waits for review' }

/** `rutter forget`: takes something that was learned out of all answers, and on request out of the record. */
export function registerForget(cli: Cli): void {
  const command = cli
    .command('forget', {
      summary: 'take a decision, pattern, summary or waiting text out of all answers',
      details:
        'Its text is in no answer, search, brief or export from then on; that there once was something stays, so nothing that it superseded comes back. Without --purge the text stays in the record (.bot/workspace, or that of a team in its database) and in what this machine keeps of it. --purge takes it out of these too: the lines that have it are written anew without it, and those behind them are chained again, so another clone that still has the old record meets a fork and must purge as well. With RUTTER_REMOTE it is taken out of that database in the same call. What git has in its history, or a backup has, on this machine or elsewhere, no command of Rutter can undo.',
      examples: [
        'rutter forget 0b9f6a5e-3f5d-5c0e-9d59-6f0f3c2f4a11',
        'rutter forget 0b9f6a5e-3f5d-5c0e-9d59-6f0f3c2f4a11 --purge --yes',
      ],
    })
    .argument('<id>', 'of the artifact, or of the review that the text waits in; its beginning will do')
    .option(
      '--purge',
      'take the text out of the record as well; refused while somebody runs a session whose record has it',
    )
    .option('--project <id>', "whose memory it is; the repository's own, then the global one, when it is left out")
    .option('--yes', 'do not ask')
  cli.action<[string], { purge?: true; project?: string; yes?: true }>(command, async (desk, [id], options) => {
    const context = desk.operator()
    const wanted = { id, project_id: options.project ?? null }
    const purge = options.purge === true
    const before = await forgettable(context, wanted)
    const isDone = before.is_forgotten && !purge
    if (!isDone && options.yes !== true && !(await isConfirmed(desk, before, purge))) {
      throw new Misuse('Nothing was forgotten: it was not confirmed.', 'Answer with "yes", or call it with --yes.')
    }
    const beside = purge && before.project_id !== null ? desk.openBeside() : null
    if (beside === null) {
      const forgotten = await forget(context, wanted, { purge })
      answer(desk, forgotten, linesOf(forgotten, desk.store === undefined ? 'clone' : 'database'))
      return 0
    }
    try {
      const { here, there } = await onBothSides(desk, beside, { ...wanted, id: before.id })
      const ofDatabase = ['In the database:', ...linesOf(there, 'database').map((line) => `  ${line}`)]
      answer(desk, { ...here, there }, [...linesOf(here, 'clone beside a database'), ...ofDatabase])
    } finally {
      await beside.ledger.close()
    }
    return 0
  })
}

async function onBothSides(desk: Desk, beside: OpenBook, wanted: Wanted) {
  const own = desk.openBook()
  const sides = {
    here: { context: desk.operator(own), copies: own.copies },
    there: { context: desk.operator(beside), copies: beside.copies },
  }
  return await purgeOnBothSides({ ...sides, notes: own.notes }, wanted, (text) => own.identity.digest(text))
}

function answer(desk: Desk, result: object, lines: readonly string[]): void {
  desk.answer(result, () => lines.flatMap((line) => paragraph(line, '', terminalWidth())))
}

async function isConfirmed({ out }: Desk, before: Forgettable, purge: boolean): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new Misuse(
      'Nobody can be asked here whether it is to be forgotten. Nothing was changed.',
      'Call it with --yes.',
    )
  }
  out.note(`${nameOf(before)}, saved ${when(before.saved_at)}: ${oneLine(before.title ?? '(forgotten)')}`)
  const asked = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const what = purge ? 'Forget it, and take it out of the record for good?' : 'Forget it?'
    return (await asked.question(`${what} Type "yes": `)).trim().toLowerCase() === 'yes'
  } finally {
    asked.close()
  }
}

function nameOf({ kind, id }: Pick<Forgettable, 'kind' | 'id'>): string {
  const name = KINDS[kind]
  return `${name.charAt(0).toUpperCase()}${name.slice(1)} ${oneLine(id)}`
}

type Whose = 'clone' | 'clone beside a database' | 'database'

/** Who else may still have the text. */
const ELSEWHERE: Readonly<Record<Whose, string>> = {
  clone:
    'Commit the changed records. Git still has the old ones in its history, and other clones have them until they pull; where both added to one, they purge as well. A database that this clone is brought together with has it too, and gives it back: purge there first, with --store.',
  'clone beside a database':
    'Commit the changed records. Git still has the old ones in its history. Other clones that were brought together with the database have it too, and give it back: they purge before their next sync.',
  database:
    'Backups of the database still have it. Clones that were brought together with it have it too, and give it back: they purge before their next sync.',
}

function linesOf(forgotten: Forgotten, whose: Whose): string[] {
  const isShared = whose === 'database'
  const { purged, was_forgotten, said_again_as } = forgotten
  const lines = [
    was_forgotten
      ? `${nameOf(forgotten)} was forgotten already.`
      : `${nameOf(forgotten)} is forgotten: no answer has its text any more.`,
  ]
  if (purged === null && !was_forgotten) lines.push('Its text is still in the record; --purge takes it out there too.')
  if (purged !== null) {
    const removed = purged.copies === 0 ? '' : ` ${plural(purged.copies, 'file')} that had been put aside went with it.`
    lines.push(
      purged.lines === 0
        ? `No record had its text any more.${removed}`
        : `${plural(purged.lines, 'line')} of ${plural(purged.records, 'record')} ${purged.lines === 1 ? 'was' : 'were'} written anew without it.${removed}`,
      ELSEWHERE[whose],
    )
    if (!purged.is_scrubbed) {
      lines.push(
        isShared
          ? "The server clears its files of it some time later (autovacuum); the tables' owner can have that at once, with VACUUM."
          : 'Another process reads from the store, whose files may still have words of it: run this again later.',
      )
    }
  }
  if (said_again_as.length > 0) {
    lines.push(`The same words stand under other ids, and stay: ${said_again_as.map(oneLine).join(', ')}.`)
  }
  return lines
}
