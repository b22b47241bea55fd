import { GLOBAL_PROJECT } from '../../domain/memory/room.ts'
import { byText } from '../../domain/order.ts'
import type { Sql } from './sql.ts'

/**
 * Whoever saves what was learned compares it with all that is known, so two may not do that at once in a project: each holds the
 * project's row until its transaction is over. Rows are locked and no advisory locks taken: poolers and distributed databases keep no
 * promise about those.
 *
 * All wait for each other in one order, the global project last, so never in a circle. Which projects a call is about comes out
 * piece by piece; where one stands before what is held already and is not free, the call is given up as a conflict, and its next
 * attempt begins with all that it was found to need.
 */
export class MemoryLocks {
  readonly #sql: Sql
  readonly #wanted: Set<string>
  readonly #held = new Set<string>()
  /** One after the other: a second call waits until it is known what the first one got. */
  #last: Promise<void> = Promise.resolve()

  /** `wanted` outlives the attempt, and is shared by all attempts at one write. */
  constructor(sql: Sql, wanted: Set<string> = new Set()) {
    this.#sql = sql
    this.#wanted = wanted
  }

  /** Comes back once all of these are held. */
  async take(projectIds: readonly string[]): Promise<void> {
    this.#last = this.#last.then(() => this.#hold(projectIds))
    await this.#last
  }

  async #hold(projectIds: readonly string[]): Promise<void> {
    if (projectIds.every((id) => this.#held.has(id))) return
    for (const id of projectIds) this.#wanted.add(id)
    for (const id of [...this.#wanted].sort(inOrder)) {
      if (this.#held.has(id)) continue
      const mayWait = [...this.#held].every((held) => inOrder(held, id) < 0)
      await this.#lock(id, mayWait)
      this.#held.add(id)
    }
  }

  async #lock(projectId: string, mayWait: boolean): Promise<void> {
    this.#sql.begin()
    const text = `SELECT 1 FROM rutter.memory_locks WHERE project_id = $1 FOR UPDATE${mayWait ? '' : ' NOWAIT'}`
    if ((await this.#sql.get(text, [projectId])) !== undefined) return
    await this.#sql.run('INSERT INTO rutter.memory_locks (project_id) VALUES ($1) ON CONFLICT DO NOTHING', [projectId])
    await this.#sql.get(text, [projectId])
  }
}

function inOrder(a: string, b: string): number {
  return Number(a === GLOBAL_PROJECT) - Number(b === GLOBAL_PROJECT) || byText(a, b)
}
