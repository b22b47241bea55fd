import type { StreamRef } from '../../domain/event.ts'
import { streamKey } from '../../domain/stream.ts'
import type { Marks, Seen } from '../../log/watches.ts'
import type { Sql } from './sql.ts'
import { streamIn } from './streams.ts'

/** Milliseconds between two looks: at a stream that just went on, and at those where nothing has come for a while. */
const REST_MS = { busy: 100, idle: 1000 }

const ENDS = `
  SELECT st.kind, st.id, st.hash
  FROM unnest($2::text[], $3::text[]) AS watched (kind, id)
  JOIN rutter.streams AS st ON st.project_id = $1 AND st.kind = watched.kind AND st.id = watched.id`

/**
 * A stream went on when it ends in another line. The server is asked, in one statement for everybody in this process who watches, and
 * only while somebody does: writers pay nothing. A `NOTIFY`, even in a transaction of its own behind the commit, is a third of a
 * recorded call's work again, for every call of the fleet, whether or not anybody listens; and it wakes the connections of all who do.
 */
export class TableMarks implements Marks {
  readonly #ask: <T>(work: (sql: Sql) => Promise<T>) => Promise<T>
  readonly #project: string
  #restMs = REST_MS.busy

  constructor(projectId: string, ask: <T>(work: (sql: Sql) => Promise<T>) => Promise<T>) {
    this.#project = projectId
    this.#ask = ask
  }

  async look(streams: readonly StreamRef[]): Promise<readonly string[]> {
    const [kinds, ids] = [streams.map(({ kind }) => kind), streams.map(({ id }) => id)]
    const rows = await this.#ask((sql) => sql.all(ENDS, [this.#project, kinds, ids]))
    const ends = new Map(rows.map((row) => [streamKey(streamIn(row)), String(row['hash'])]))
    return streams.map((stream) => ends.get(streamKey(stream)) ?? '')
  }

  rest(seen: Seen): number {
    this.#restMs = seen === 'nothing' ? Math.min(REST_MS.idle, 1.5 * this.#restMs) : REST_MS.busy
    return this.#restMs
  }

  close(): void {
    this.#restMs = REST_MS.busy
  }
}
