import { ARTIFACT_KINDS, type Artifact, type ArtifactKind } from '../../domain/memory/artifact.ts'
import { settingsSchema } from '../../domain/settings.ts'
import type { Context } from '../context.ts'
import { ALL } from './everywhere.ts'

/** A project of this book that may be what this repository's own was called before. */
export interface EarlierName {
  readonly project_id: string
  /** What it has and the repository's own has not, by kind. */
  readonly counts: Readonly<Record<ArtifactKind, number>>
  /** True where something was saved for the repository's own project since. */
  readonly is_followed: boolean
}

/**
 * Projects of this book whose memory seems to have been left behind when the settings were given another project id. That a book holds
 * several projects is as it should be, and they grow beside each other; one that had most of what it has before the repository's own
 * had anything is told. What was taken over since, under its id or in the same words, is not counted, nor what was forgotten.
 */
export async function earlierNames({ ledger }: Context): Promise<EarlierName[]> {
  return await ledger.read(async ({ memory }) => {
    const all = (project_id: string) => memory.artifacts({ project_id, in_force: false, limit: ALL })
    const own = await all(ledger.project_id)
    const began = own.at(-1)?.saved_at ?? null
    const known = new Set(own.flatMap(({ id, content_hash }) => [id, content_hash ?? id]))
    const isLeft = ({ id, content_hash, forgotten }: Artifact) =>
      !forgotten && !known.has(id) && (content_hash === null || !known.has(content_hash))
    const names: EarlierName[] = []
    for (const project_id of await memory.projects()) {
      if (project_id === ledger.project_id || !isNameOfARepository(project_id)) continue
      const left = (await all(project_id)).filter(isLeft)
      const before = left.filter(({ saved_at }) => began === null || saved_at < began)
      if (before.length * 2 <= left.length) continue
      const counts = Object.fromEntries(
        ARTIFACT_KINDS.map((kind) => [kind, left.filter((artifact) => artifact.kind === kind).length]),
      ) as Record<ArtifactKind, number>
      names.push({ project_id, counts, is_followed: began !== null })
    }
    return names
  })
}

/** Agents may name a project as they like; the settings may not. */
function isNameOfARepository(id: string): boolean {
  return settingsSchema.shape.project_id.safeParse(id).success
}

/** What is left under the earlier name, for a person. */
export function messageOfName({ project_id, counts }: EarlierName, own: string): string {
  const parts = [
    count(counts.decision, 'decision', 'decisions'),
    count(counts.pattern, 'pattern', 'patterns'),
    count(counts.summary, 'summary', 'summaries'),
  ].filter((part) => part !== null)
  const listed = parts.length > 1 ? `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}` : parts.join('')
  return `this book holds ${listed} of project "${project_id}", which this project, "${own}", does not read`
}

/** What to do where it is the same project, in commands that can be pasted. */
export function mendOfName({ project_id, is_followed }: EarlierName, own: string): string {
  const takeOver = `rutter export --project ${project_id} | rutter import - --project ${own}`
  const putBack = `put "project_id": ${JSON.stringify(project_id)} back into .bot/rutter.json`
  const since = is_followed ? ` (what was saved for "${own}" since then stays under that name)` : ''
  return `If this project was called so before: take it over with ${takeOver}, or ${putBack}${since}. If it is another project, that is as it should be.`
}

function count(number: number, one: string, many: string): string | null {
  return number === 0 ? null : `${number} ${number === 1 ? one : many}`
}
