import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'

/** Ids made from one draw of the system's randomness, which costs more than the rest of the making. */
const DRAW = 256
const BYTES_PER_ID = 16

/** Gives a maker of UUIDv7s. Their order within a millisecond is left to chance: a record's own order is its `seq`. */
export function eventIds(): () => string {
  const pool = new Uint8Array(DRAW * BYTES_PER_ID)
  let used = DRAW
  return () => {
    if (used === DRAW) {
      randomFillSync(pool)
      used = 0
    }
    const random = pool.subarray(used * BYTES_PER_ID, (used + 1) * BYTES_PER_ID)
    used++
    return v7({ random })
  }
}
