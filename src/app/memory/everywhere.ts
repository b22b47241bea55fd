import { GLOBAL_PROJECT } from '../../domain/memory/room.ts'
import type { LedgerWriter } from '../../ports/ledger.ts'
import type { MemoryReader } from '../../ports/memory.ts'
import type { Context } from '../context.ts'

/** More than any book has: what looks for trouble looks at all there is. */
export const ALL = 100_000_000

/**
 * Looks at the memory of every project that this book knows, its own first, and of global scope, at one moment; gives what was found in
 * all of them.
 */
export async function lookEverywhere<T>(
  { ledger }: Context,
  look: (memory: MemoryReader, projectId: string) => Promise<readonly T[]>,
): Promise<T[]> {
  return await ledger.readWithGlobal(async (book, global) => {
    const found: (readonly T[])[] = []
    for (const id of new Set([ledger.project_id, ...(await book.memory.projects())])) {
      found.push(await look(book.memory, id))
    }
    if (global !== null) found.push(await look(global.memory, GLOBAL_PROJECT))
    return found.flat()
  })
}

/** Writes about each thing in the book that it belongs to: what is global in the shared one, all else in this one. */
export async function writeEverywhere<T extends { readonly project_id: string }, Done>(
  { ledger }: Context,
  things: readonly T[],
  work: (book: LedgerWriter, things: readonly T[]) => Promise<readonly Done[]>,
): Promise<Done[]> {
  const isGlobal = ({ project_id }: T) => project_id === GLOBAL_PROJECT
  const [shared, own] = [things.filter(isGlobal), things.filter((thing) => !isGlobal(thing))]
  const done = own.length === 0 ? [] : await ledger.write((book) => work(book, own))
  if (shared.length === 0) return [...done]
  return done.concat(await ledger.writeWithGlobal((_own, global) => work(global, shared)))
}
