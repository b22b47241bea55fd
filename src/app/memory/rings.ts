import { type Decision, isInForce } from '../../domain/memory/artifact.ts'
import { ringsAmong } from '../../domain/memory/rings.ts'
import type { LedgerWriter } from '../../ports/ledger.ts'
import type { MemoryReader } from '../../ports/memory.ts'
import type { Context } from '../context.ts'
import { isDecision } from './desk.ts'
import { ALL, lookEverywhere, writeEverywhere } from './everywhere.ts'
import { nameOf } from './names.ts'
import { artifactId, Draft, placeOf, type Saying } from './saving.ts'

/** Decisions that took the place of each other in a ring, so that none of them is in force; the newest first. */
export interface Ring {
  readonly project_id: string
  readonly members: readonly Decision[]
}

/** A ring that was opened, and what is in force at its end now. */
export interface Opened {
  readonly ring: Ring
  readonly in_force: Decision
}

/** Every ring of this book and the global one. */
export async function findRings(context: Context): Promise<Ring[]> {
  return await lookEverywhere(context, async (memory, project_id) => {
    const decisions = await memory.artifacts({ project_id, kinds: ['decision'], in_force: false, limit: ALL })
    return ringsAmong(decisions.filter(isDecision)).map((members) => ({ project_id, members }))
  })
}

/**
 * Opens rings: the newest member that was not forgotten is said again, in its own place, so that it is in force. Its id is made of what it
 * says and of what it takes the place of, so clones that open the same ring say one artifact. Where a member's words are in force again
 * already, somebody has decided since, and the ring ends there. Rings that are none any more are left.
 */
export async function openRings(context: Context, rings: readonly Ring[]): Promise<Opened[]> {
  return await writeEverywhere(context, rings, (book, those) => open(context, book, those))
}

async function open(context: Context, book: LedgerWriter, rings: readonly Ring[]): Promise<Opened[]> {
  const { clock, connection } = context
  const now = clock.now()
  const draft = new Draft(context, book.memory, now)
  const opened: Opened[] = []
  for (const ring of rings) {
    const members = await stillARing(book.memory, ring)
    if (members !== null) opened.push({ ring, in_force: await endOf(context, draft, members) })
  }
  await book.append(await book.memoryStream(), draft.events, { actor: connection.actor, at: now })
  return opened
}

/** Its members as they are now, if nothing else took the place of any of them since it was found. */
async function stillARing(memory: MemoryReader, { project_id, members }: Ring): Promise<Decision[] | null> {
  const now: Decision[] = []
  for (const { id } of members) {
    const member = await memory.artifact(project_id, id)
    if (member !== undefined && isDecision(member)) now.push(member)
  }
  const [ring] = ringsAmong(now)
  return ring !== undefined && ring.length === members.length ? ring : null
}

async function endOf(context: Context, draft: Draft, ring: readonly Decision[]): Promise<Decision> {
  const told = ring.flatMap((member) => (member.text === null ? [] : [{ member, text: member.text }]))
  for (const { member } of told) {
    const alike = await draft.desk.withHash(member, 'decision', member.content_hash ?? '')
    const again = alike.filter(isDecision).find(isInForce)
    if (again === undefined) continue
    const place = placeOf(member, sayingOf(context, member))
    draft.add({ type: 'decision.retired', data: { artifact_id: member.id, ...place, superseded_by: again.id } })
    draft.desk.retire(member.id, again.id)
    return again
  }
  const [newest] = told
  if (newest === undefined) throw new Error('A ring has a member that was not forgotten.')
  const { member, text } = newest
  const saying = sayingOf(context, member)
  const content_hash = member.content_hash ?? ''
  const id = await artifactId(draft, saying, 'decision', member, content_hash, member.id)
  const place = placeOf(member, saying)
  const from = { content_hash, supersedes: member.id, similarity: null, summary_id: null }
  return draft.addArtifact({
    type: 'decision.saved',
    data: { artifact_id: id, ...place, ...text, ...from },
  }) as Decision
}

/** In the name of the session that said it first: the text is its own. */
function sayingOf(context: Context, { origin }: Decision): Saying {
  return { context, origin, summary_id: null }
}

/** Members of a ring that are named; rings are short, and a message is read. */
const MOST_NAMED = 10

/** Which decisions went round, and what that means, for a person. */
export function messageOfRing({ members }: Ring): string {
  const names = members.slice(0, MOST_NAMED).map(nameOf)
  const more = members.length - names.length
  const all = more > 0 ? `${names.join(', ')} and ${more} more` : names.join(', ')
  return members.length === 1
    ? `${all} took its own place, so it is not in force`
    : `these ${members.length} took the place of each other in a ring, so none of them is in force: ${all}`
}
