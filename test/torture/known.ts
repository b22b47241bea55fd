import { writeFileSync } from 'node:fs'
import { wordsOfDecision } from '../../src/domain/memory/judge.ts'
import type { LedgerReader, VerifyReport } from '../../src/ports/ledger.ts'
import type { Rig } from './rig.ts'

/** Everything: the books under test are small. */
const ALL = 1_000_000
/** With how many decisions each index is tried: those that are alike, and those that have the words. */
const COMPARED = 40
const SEARCHED = 8

/** What the store of one book knows of what was learned. */
export interface Known {
  readonly artifacts: readonly KnownArtifact[]
  readonly reviews: readonly object[]
  /** What its indexes find for some of the texts. */
  readonly found: readonly object[]
}

export interface KnownArtifact {
  readonly project_id: string
  readonly id: string
  readonly superseded_by: readonly string[]
}

/** Writes what both stores know to a file, in an order that depends on nothing but what is known. */
export async function writeKnown({ ledger }: Rig, to: string): Promise<{ to: string }> {
  const known = await ledger.readWithGlobal(async (book, global) => ({
    own: await knownTo(book),
    global: global === null ? null : await knownTo(global),
  }))
  writeFileSync(to, JSON.stringify(known))
  return { to }
}

async function knownTo({ memory }: LedgerReader): Promise<Known> {
  const artifacts: KnownArtifact[] = []
  const reviews: object[] = []
  const found: object[] = []
  for (const project_id of (await memory.projects()).sort()) {
    const all = await memory.artifacts({ project_id, in_force: false, limit: ALL })
    artifacts.push(...all)
    reviews.push(...(await memory.reviews({ project_id, limit: ALL })))
    for (const [index, { scope, focus, text, kind }] of all.slice(0, COMPARED).entries()) {
      if (kind !== 'decision' || text === null) continue
      const similar = await memory.similar({ project_id, scope, focus }, wordsOfDecision(text), 0.5)
      found.push({ similar, matches: index < SEARCHED ? await matching(memory, project_id, text.title) : [] })
    }
  }
  return { artifacts: sorted(artifacts), reviews: sorted(reviews), found }
}

/** All that fit, not the best: which of a hundred equals are shown first depends on the order in which they came. */
async function matching(memory: LedgerReader['memory'], project_id: string, text: string): Promise<string[]> {
  const now = '2026-11-22T00:00:00.000Z'
  const matches = await memory.search({ project_ids: [project_id], text, limit: ALL, now })
  return matches.map(({ kind, id }) => `${kind} ${id}`).sort()
}

function sorted<T extends object>(of: readonly T[]): T[] {
  const keyed = of.map((one) => ({ one, key: (one as { id: string }).id }))
  return keyed.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ one }) => one)
}

/** Throws away what both stores computed and computes it again. */
export async function rebuildBoth({ ledger, global }: Rig): Promise<object> {
  const own = await ledger.rebuild()
  return { own, global: (await hasGlobal(ledger)) ? await global.rebuild() : null }
}

/** What `verify` finds in both books. */
export async function verifyBoth({ ledger, global }: Rig): Promise<Pick<VerifyReport, 'findings'>> {
  const own = await ledger.verify()
  const shared = (await hasGlobal(ledger)) ? await global.verify() : null
  return { findings: [...own.findings, ...(shared?.findings ?? [])] }
}

/** Asking creates nothing. */
function hasGlobal(ledger: Rig['ledger']): Promise<boolean> {
  return ledger.readWithGlobal(async (_book, global) => global !== null)
}
