import { GENESIS, type StreamRef } from './event.ts'

/** Where a copy of a stream ends. */
export interface End {
  /** 0 where there is nothing of it. */
  readonly seq: number
  /** SHA-256 of the last line, hex; `GENESIS` where there is none. */
  readonly hash: string
}

export const NOTHING: End = { seq: 0, hash: GENESIS }

/** A stream and where one copy of it ends. */
export interface StreamEnd extends End {
  readonly stream: StreamRef
}

/** What two copies of one stream are to each other. */
export type Standing =
  | 'equal'
  /** There is the beginning of here: it takes what it lacks. */
  | 'here_has_more'
  | 'there_has_more'
  /** Each has something that the other does not: both are kept. */
  | 'forked'

/**
 * The one question whenever two copies meet. `hashInLonger` is what the longer one has at the seq where the shorter one ends, and is
 * not looked at where both are of one length or one is empty. A hash covers the line and, through it, all lines before.
 */
export function standingOf(here: End, there: End, hashInLonger: string | null): Standing {
  if (here.seq === there.seq) return here.hash === there.hash ? 'equal' : 'forked'
  const [shorter, standing] =
    here.seq < there.seq ? ([here, 'there_has_more'] as const) : ([there, 'here_has_more'] as const)
  return shorter.seq === 0 || shorter.hash === hashInLonger ? standing : 'forked'
}
