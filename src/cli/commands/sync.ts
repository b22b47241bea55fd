import { constants, getPriority, setPriority } from 'node:os'
import { Option } from 'commander'
import { asRefusal } from '../../app/operation.ts'
import { type Synced, sync } from '../../app/operator/sync.ts'
import { syncByHand, syncInBackground, type Together } from '../../app/operator/together.ts'
import type { Cli } from '../command.ts'
import { REFUSED } from '../command.ts'
import type { Desk, OpenBook } from '../desk.ts'
import { Misuse } from '../misuse.ts'
import { remoteOption } from '../options.ts'
import { withProgressBar } from '../progress.ts'
import { syncLines } from '../sync-text.ts'

interface Options {
  global?: true
  dryRun?: true
  background?: true
}

/** `rutter sync`: this clone's records and a team's database, brought together. */
export function registerSync(cli: Cli): void {
  const command = cli
    .command('sync', {
      summary: "bring this clone's records and a team's database together",
      details:
        'In both directions: whatever record is longer on one side is taken over by the other, line for line. Only what differs is read, and a sync that was cut off is finished by the next one. Sessions may run meanwhile; one that runs elsewhere comes as a record and takes no slot here. Where both sides have added to the same record, it has forked: each side goes on with its own copy and keeps the other beside it. What was learned twice is one, as after a merge; rutter doctor finds what is nearly the same. Status 1 when there is a fork, or a record that could not be taken over.',
      examples: [
        'rutter sync --remote postgres://me@db.example/team',
        'RUTTER_REMOTE=postgres://me@db.example/team rutter sync --dry-run',
        'rutter sync --global --json',
      ],
    })
    .addOption(remoteOption())
    .option(
      '--global',
      "the book that all of your projects share, too; never by itself, as it is yours and not the team's",
    )
    .option('--dry-run', 'compare and count, and write nothing')
    .addOption(
      new Option(
        '--background',
        'for a timer, and as rutter mcp does it: no output, at low priority, one at a time, never for longer than ten minutes',
      ).conflicts(['global', 'dryRun', 'json']),
    )
  cli.action<[], Options>(command, async (desk, _args, options) => {
    const url = desk.remote
    if (url === undefined) {
      throw new Misuse(
        'Which database to sync with was not said.',
        'Give --remote postgres://USER@HOST/DATABASE, or set RUTTER_REMOTE.',
      )
    }
    return options.background === true ? await inBackground(desk, url) : await byHand(desk, url, options)
  })
}

async function byHand(desk: Desk, url: string, options: Options): Promise<number> {
  const [isGlobal, dry_run] = [options.global === true, options.dryRun === true]
  const book = desk.openBook()
  const { copies, identity, openRemote } = book
  const remote = openRemote(url)
  const [own, other] = [copies.copyOf('own').where, remote.copyOf('own').where]
  if (own === other) {
    throw new Misuse(
      `Both sides are the database ${own}: with a store the book here is in it.`,
      'Unset RUTTER_STORE, or leave --store out, to bring the files of this clone together with it.',
    )
  }
  const synced: Synced[] = []
  try {
    for (const which of isGlobal ? (['own', 'global'] as const) : (['own'] as const)) {
      const [here, there] = [copies.copyOf(which), remote.copyOf(which)]
      // Only how this clone's own records stand is noted.
      const isNoted = which === 'own' && !dry_run && desk.store === undefined
      synced.push(
        await withProgressBar('syncing', (onProgress) => {
          const how = { dry_run, digest: (text: string) => identity.digest(text), onProgress }
          return isNoted ? syncByHand({ ...partsOf(book), here, there }, how) : sync(here, there, how)
        }),
      )
    }
  } finally {
    await remote.close()
  }
  const [first, shared] = synced
  desk.answer({ ...first, ...(shared === undefined ? {} : { global: shared }) }, () => synced.flatMap(syncLines))
  return synced.some(isApart) ? REFUSED : 0
}

/** Ends the process: where the database does not answer there is nothing to wait for, and a sync may be cut off anywhere. */
async function inBackground(desk: Desk, url: string): Promise<never> {
  if (desk.store !== undefined)
    throw new Misuse('With --store the book is in a database itself: nothing here is to be brought to one.')
  const book = desk.openBook()
  yieldToOthers()
  const [here, there] = [book.copies.copyOf('own'), book.openRemote(url).copyOf('own')]
  const how = { dry_run: false, digest: (text: string) => book.identity.digest(text) }
  try {
    const synced = await syncInBackground({ ...partsOf(book), here, there }, how)
    process.exit(synced !== null && isApart(synced) ? REFUSED : 0)
  } catch (error) {
    desk.out.note(`rutter sync: ${asRefusal(error).message}`)
    process.exit(REFUSED)
  }
}

/** Whoever is lower already may not rise, and where no process may change its own it is no reason to leave the work. */
function yieldToOthers(): void {
  try {
    const wanted = constants.priority.PRIORITY_BELOW_NORMAL
    if (getPriority() < wanted) setPriority(wanted)
  } catch {
    // At the usual priority it is done as well.
  }
}

function partsOf({ notes, clock, processes }: OpenBook): Omit<Together, 'here' | 'there'> {
  return { notes, clock, processes }
}

function isApart({ forks, left_apart }: Synced): boolean {
  return forks.length + left_apart.length > 0
}
