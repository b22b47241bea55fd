import type { Approval } from '../domain/memory/approval.ts'
import type { Artifact, ArtifactKind } from '../domain/memory/artifact.ts'
import type { Review } from '../domain/memory/review.ts'
import type { Room, Scope } from '../domain/memory/room.ts'
import type { MatchKind } from '../domain/memory/search-doc.ts'

/** A decision in force that says much the same. */
export interface Similar {
  readonly id: string
  /** Jaccard similarity of the two word sets, 0 to 1. */
  readonly similarity: number
}

export interface ArtifactFilter {
  readonly project_id: string
  readonly kinds?: readonly ArtifactKind[] | undefined
  readonly scope?: Scope | undefined
  readonly focus?: string | undefined
  /** Only what has an id that begins so. Costs what it gives, however much there is. */
  readonly id_prefix?: string | undefined
  /** Only what is in force; everything, tombstones too, where it is `false`. */
  readonly in_force: boolean
  readonly limit: number
}

export interface ReviewFilter {
  readonly project_id: string
  readonly status?: Review['status'] | undefined
  /** As for artifacts. */
  readonly id_prefix?: string | undefined
  readonly limit: number
}

export interface SearchFilter {
  readonly project_ids: readonly string[]
  /** Any text; nothing in it is syntax. */
  readonly text: string
  readonly limit: number
  readonly kinds?: readonly MatchKind[] | undefined
  /** ISO 8601 UTC: what recency is counted from. */
  readonly now: string
}

export interface Match {
  readonly kind: MatchKind
  readonly id: string
  readonly project_id: string
  readonly scope: Scope
  readonly focus: string | null
  readonly session_id: string | null
  readonly at: string
  readonly title: string
  /** The passage that matched, in its own words. */
  readonly snippet: string
  /** Higher is better; only to be compared within one answer. */
  readonly score: number
}

/** What was learned, as one book knows it. A book may hold the memory of several projects, each apart from the others. */
export interface MemoryReader {
  artifact(projectId: string, id: string): Promise<Artifact | undefined>
  /** True where any fact at all is about this id; what it names need not be here, since its record may be on another branch. */
  isKnownId(projectId: string, id: string): Promise<boolean>
  /** Every artifact of the room with these very words, in force or not, newest first. */
  withHash(room: Room, kind: ArtifactKind, contentHash: string): Promise<Artifact[]>
  /** Every decision in force of the room whose words are at least so similar, the most similar first, and of equals the newest. */
  similar(room: Room, words: ReadonlySet<string>, threshold: number): Promise<Similar[]>
  /** Newest first. */
  artifacts(filter: ArtifactFilter): Promise<Artifact[]>
  review(projectId: string, id: string): Promise<Review | undefined>
  /** Oldest first, as a queue is. */
  reviews(filter: ReviewFilter): Promise<Review[]>
  approval(id: string): Promise<Approval | undefined>
  /** Every project of which something is known. */
  projects(): Promise<string[]>
  /** Every focus of a project in which something was saved. */
  focuses(projectId: string): Promise<string[]>
  search(filter: SearchFilter): Promise<Match[]>
}
