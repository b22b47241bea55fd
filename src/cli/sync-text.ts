import type { Synced } from '../app/operator/sync.ts'
import type { StreamRef } from '../domain/event.ts'
import type { SyncedFork } from '../domain/remote.ts'
import { oneLine, plural } from './text.ts'

/** What a sync came to, for people. */
export function syncLines({ project_id, there, dry_run, equal, sent, received, forks, left_apart }: Synced): string[] {
  const book = project_id === '*' ? 'Global book' : `Project ${oneLine(project_id)}`
  const [send, receive] = dry_run ? ['would be sent', 'would be received'] : ['sent', 'received']
  const moved = ({ streams, events }: Synced['sent'], how: string) =>
    streams === 0 ? `nothing ${how}` : `${plural(streams, 'record')} (${plural(events, 'event')}) ${how}`
  return [
    `${book} and ${oneLine(there)}: ${moved(sent, send)}, ${moved(received, receive)}, ${equal} alike.`,
    ...forks.flatMap((fork) => forkLines(fork, dry_run)),
    ...left_apart.map(leftApartLine),
    ...(left_apart.length > 0 ? ['rutter verify says more of a record that is not as it was written.'] : []),
    ...(dry_run ? ['Nothing was written.'] : []),
  ]
}

export function leftApartLine({ stream, where, message }: Synced['left_apart'][number]): string {
  return `Left apart: ${nameOf(stream)}, ${oneLine(where)}: ${message}.`
}

export function forkLines({ stream, common, here, there }: SyncedFork, dryRun: boolean): string[] {
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
