import { Refusal } from '../../domain/refusal.ts'
import type { Progress } from '../../ports/ledger.ts'
import type { Context } from '../context.ts'
import { earlierNames, mendOfName, messageOfName } from '../memory/earlier-names.ts'
import { nameOf } from '../memory/names.ts'
import { findRings, messageOfRing, openRings, type Ring } from '../memory/rings.ts'
import { findTwins, messageOf, queueTwins, type Twins } from '../memory/twins.ts'
import type { Complaint } from './complaint.ts'

/** What a merge, or another project id, did to what was learned. */
export async function examineMemory(
  context: Context,
  fix: boolean,
  onProgress: ((progress: Progress) => void) | undefined,
): Promise<Complaint[]> {
  const names = await examineNames(context)
  try {
    // What is in force again is held against the others too.
    const rings = await examineRings(context, fix)
    return [...rings, ...(await examineTwins(context, fix, onProgress)), ...names]
  } catch (error) {
    // The book of all projects may be out of reach; that must not hide what is wrong in this one.
    if (!(error instanceof Refusal) || error.code !== 'store_unavailable') throw error
    const { message, hint = null } = error
    return [{ check: 'store', level: 'wrong', where: 'decisions', message, mend: hint, mended: null }, ...names]
  }
}

/** Decisions that took the place of each other in a ring, as clones make one that each retire a decision of the others. */
async function examineRings(context: Context, fix: boolean): Promise<Complaint[]> {
  const rings = await findRings(context)
  const opened = new Map<Ring, string>()
  if (fix && rings.length > 0) {
    for (const { ring, in_force } of await openRings(context, rings)) opened.set(ring, nameOf(in_force))
  }
  return rings.map((ring): Complaint => {
    const back = opened.get(ring)
    return {
      check: 'memory',
      level: 'wrong',
      where: `decision ${ring.members[0]?.id}`,
      message: messageOfRing(ring),
      mend: 'rutter doctor --fix brings the newest back into force; save_decision with "supersedes" then says another.',
      mended: back === undefined ? null : `in force again is ${back}`,
    }
  })
}

/** Pairs of decisions that are told one by one; after a merge of two long branches there may be many. */
const TWINS_TOLD = 50

/** Decisions that met in a merge and were never held against each other: which of them counts, only a person can say. */
async function examineTwins(
  context: Context,
  fix: boolean,
  onProgress: ((progress: Progress) => void) | undefined,
): Promise<Complaint[]> {
  const twins = await findTwins(context, onProgress)
  const queued: ReadonlySet<Twins> = fix ? await queueTwins(context, twins) : new Set()
  const mended = 'put in the review queue; rutter review shows both'
  const base = { check: 'memory', level: 'wrong', mend: 'rutter doctor --fix puts them in the review queue.' } as const
  const complaints = twins.slice(0, TWINS_TOLD).map(
    (pair): Complaint => ({
      ...base,
      where: `decision ${pair.newer.id}`,
      message: messageOf(pair),
      mended: queued.has(pair) ? mended : null,
    }),
  )
  const more = twins.slice(TWINS_TOLD)
  if (more.length === 0) return complaints
  const message = `${more.length} more pairs of decisions are alike or took the place of the same one`
  const isMended = more.every((pair) => queued.has(pair))
  return [...complaints, { ...base, where: 'decisions', message, mended: isMended ? mended : null }]
}

/** What was left behind under another project id. A book may hold several projects, so it is no more than a note. */
async function examineNames(context: Context): Promise<Complaint[]> {
  const own = context.ledger.project_id
  return (await earlierNames(context)).map((name) => ({
    check: 'memory',
    level: 'note',
    where: `project "${name.project_id}"`,
    message: messageOfName(name, own),
    mend: mendOfName(name, own),
    mended: null,
  }))
}
