import type { Artifact } from '../../../domain/memory/artifact.ts'
import type { Review } from '../../../domain/memory/review.ts'
import { GLOBAL_PROJECT } from '../../../domain/memory/room.ts'
import { byText } from '../../../domain/order.ts'
import { Refusal } from '../../../domain/refusal.ts'
import type { LedgerReader } from '../../../ports/ledger.ts'
import type { Context } from '../../context.ts'
import { cypherOf } from './cypher.ts'
import { graphmlOf } from './graphml.ts'
import { jsonGraphOf } from './json-graph.ts'
import { jsonlOf } from './jsonl.ts'
import type { Memory, Run } from './model.ts'

/** How each format is written, as text in pieces; none of them knows where it goes. */
export const EXPORT_FORMATS = {
  jsonl: jsonlOf,
  'json-graph': jsonGraphOf,
  graphml: graphmlOf,
  cypher: cypherOf,
} as const satisfies Record<string, (memory: Memory) => Generator<string>>
export type ExportFormat = keyof typeof EXPORT_FORMATS

/** More than any book has: an export is all of it. */
const ALL = 100_000_000

/**
 * What is known, at one moment: of one project (`null` for the repository's own), or of every project of this book and of global scope.
 * The same memory comes in the same order from every book. A project of which nothing is known is refused.
 */
export async function memoryToExport(
  { ledger, clock }: Context,
  wanted: { project_id: string | null; all_projects: boolean },
): Promise<Memory> {
  return await ledger.readWithGlobal(async (book, global) => {
    const known = [...new Set([ledger.project_id, ...(await book.memory.projects())])].sort(byText)
    const one = wanted.project_id ?? ledger.project_id
    if (!known.includes(one)) throw unknownProject(one, known)
    const places: [LedgerReader, string][] = (wanted.all_projects ? known : [one]).map((id) => [book, id])
    if (wanted.all_projects && global !== null) places.push([global, GLOBAL_PROJECT])
    const artifacts: Artifact[] = []
    const reviews: Review[] = []
    for (const [{ memory }, project_id] of places) {
      for (const artifact of (await memory.artifacts({ project_id, in_force: false, limit: ALL })).reverse()) {
        artifacts.push(artifact)
      }
      for (const review of await memory.reviews({ project_id, limit: ALL })) reviews.push(review)
    }
    const named = artifacts.flatMap(({ project_id, origin }) => [project_id, origin.project_id])
    const project_ids = [...new Set([...(wanted.all_projects ? [] : [one]), ...named])].sort(byText)
    return { exported_at: clock.now(), project_ids, artifacts, reviews, runs: await runsOf(book, artifacts) }
  })
}

function unknownProject(id: string, known: readonly string[]): Refusal {
  return new Refusal('invalid_argument', `Nothing is known of project "${id}" here, so nothing was exported.`, {
    hint: `Known are: ${known.map((one) => `"${one}"`).join(', ')}. --all-projects exports them all, and what is global.`,
    details: { project_id: id, known },
  })
}

async function runsOf(book: LedgerReader, artifacts: readonly Artifact[]): Promise<Run[]> {
  const projects = new Map<string, string>()
  for (const { sessions, origin } of artifacts) {
    for (const id of sessions) if (!projects.has(id)) projects.set(id, origin.project_id)
  }
  const runs: Run[] = []
  for (const [id, project_id] of projects) {
    const state = await book.session(id)
    const { status = null, start_time = null, end_time = null } = state ?? {}
    runs.push({ id, project_id, status, start_time, end_time })
  }
  return runs
}
