import { eventsWaiting, type RemoteStatus, TRIED_AGAIN } from '../app/operator/remote-status.ts'
import type { Desk } from './desk.ts'
import { ago, lasting } from './format.ts'
import { forkLines, leftApartLine } from './sync-text.ts'
import { oneLine } from './text.ts'

/** How a clone stands to the team's database beside it, for people. */
export function remoteLines({ out }: Desk, status: RemoteStatus, now: string): string[] {
  const { away_since, needs_help, error, lacking, forks, left_apart } = status
  const since = away_since === null ? '' : ` for ${lasting(away_since, now)}`
  const how = needs_help ? out.paint('red', 'not possible') : out.paint('yellow', 'away')
  return [
    ...remoteHead(status, now),
    ...(error === null ? [] : [`  ${how}${since}: ${oneLine(error.message)}`]),
    ...(error === null ? [] : [`  ${needs_help ? oneLine(error.hint ?? '') : TRIED_AGAIN}`]),
    ...(lacking === 0 ? [] : [`  ${eventsWaiting(lacking)}`]),
    ...[...forks.flatMap((fork) => forkLines(fork, false)), ...left_apart.map(leftApartLine)].map(
      (line) => `  ${line}`,
    ),
  ]
}

/** The same without what is wrong, for whoever tells that apart. */
export function remoteHead({ remote, together_at, is_at_it, cut_off_at }: RemoteStatus, now: string): string[] {
  const when = together_at === null ? 'never yet' : ago(together_at, now)
  return [
    `Together with ${oneLine(remote)}: ${when}${is_at_it ? '; just now at it again' : ''}`,
    ...(cut_off_at === null
      ? []
      : [`  an attempt was killed that had begun ${ago(cut_off_at, now)}; the next goes on from there`]),
  ]
}
