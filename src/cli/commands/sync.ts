import { Option } from 'commander'
import type { SyncedFork } from '../../app/operator/forked.ts'
import { type Synced, sync } from '../../app/operator/sync.ts'
import type { StreamRef } from '../../domain/event.ts'
import type { Cli } from '../command.ts'
import { REFUSED } from '../command.ts'
import { Misuse } from '../misuse.ts'
import { withProgressBar } from '../progress.ts'
import { oneLine, plural } from '../text.ts'

interface Options {
  remote?: string
  global?: true
  dryRun?: true
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
    .addOption(new Option('--remote <url>', "the team's PostgreSQL database, postgres://...").env('RUTTER_REMOTE'))
    .option('--global', 'the book that all of your projects share, too')
    .option('--dry-run', 'compare and count, and write nothing')
  cli.action<[], Options>(command, async (desk, _args, { remote: url, global, dryRun }) => {
    if (url === undefined || url === '') {
      throw new Misuse(
        'Which database to sync with was not said.',
        'Give --remote postgres://USER@HOST/DATABASE, or set RUTTER_REMOTE.',
      )
    }
    const { copies, identity, openRemote } = desk.openBook()
    const remote = openRemote(url)
    const synced: Synced[] = []
    try {
      for (const book of global === true ? (['own', 'global'] as const) : (['own'] as const)) {
        synced.push(
          await withProgressBar('syncing', (onProgress) =>
            sync(copies.copyOf(book), remote.copyOf(book), {
              dry_run: dryRun === true,
              digest: (text) => identity.digest(text),
              onProgress,
            }),
          ),
        )
      }
    } finally {
      await remote.close()
    }
    const [own, shared] = synced
    desk.answer({ ...own, ...(shared === undefined ? {} : { global: shared }) }, () => synced.flatMap(linesOf))
    return synced.some(({ forks, left_apart }) => forks.length + left_apart.length > 0) ? REFUSED : 0
  })
}

function linesOf({ project_id, there, dry_run, equal, sent, received, forks, left_apart }: Synced): string[] {
  const book = project_id === '*' ? 'Global book' : `Project ${oneLine(project_id)}`
  const [send, receive] = dry_run ? ['would be sent', 'would be received'] : ['sent', 'received']
  const moved = ({ streams, events }: Synced['sent'], how: string) =>
    streams === 0 ? `nothing ${how}` : `${plural(streams, 'record')} (${plural(events, 'event')}) ${how}`
  return [
    `${book} and ${oneLine(there)}: ${moved(sent, send)}, ${moved(received, receive)}, ${equal} alike.`,
    ...forks.flatMap((fork) => forkLines(fork, dry_run)),
    ...left_apart.map(({ stream, where, message }) => `Left apart: ${nameOf(stream)}, ${oneLine(where)}: ${message}.`),
    ...(left_apart.length > 0 ? ['rutter verify says more of a record that is not as it was written.'] : []),
    ...(dry_run ? ['Nothing was written.'] : []),
  ]
}

function forkLines({ stream, common, here, there }: SyncedFork, dryRun: boolean): string[] {
  const keeps = dryRun ? 'would keep' : 'keeps'
  return [
    `Forked: ${nameOf(stream)} parted behind event ${common}, and each side ${keeps} both copies:`,
    `  here   ${oneLine(here.in_place)}`,
    `         the other copy: ${oneLine(here.beside)}`,
    `  there  ${oneLine(there.in_place)}`,
    `         the other copy: ${oneLine(there.beside)}`,
  ]
}

function nameOf({ kind, id }: StreamRef): string {
  return kind === 'session' ? `session ${oneLine(id)}` : `memory record ${oneLine(id)}`
}
