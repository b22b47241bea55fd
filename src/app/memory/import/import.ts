import { memoryStream } from '../../../domain/memory/projection.ts'
import { GLOBAL_PROJECT } from '../../../domain/memory/room.ts'
import { byText } from '../../../domain/order.ts'
import { Refusal } from '../../../domain/refusal.ts'
import type { LedgerReader, LedgerWriter, Progress } from '../../../ports/ledger.ts'
import type { Context } from '../../context.ts'
import type { DatedEvent } from './facts.ts'
import { ForeignPlanner } from './foreign.ts'
import { isGraphbase, readGraphbase } from './graphbase.ts'
import { OwnPlanner } from './own.ts'
import type { Outcome, Planner, Tally } from './planner.ts'
import { isRutter, readRutter } from './rutter.ts'
import { isServerMemory, readServerMemory } from './server-memory.ts'
import { broken, type ImportFormat, type JsonLine, jsonLines, parsed, type Source } from './source.ts'

export interface ImportWish {
  /** Told from the file where it is `null`. */
  readonly format: ImportFormat | null
  /** Where all of it goes but what is global; each item's own project where it is `null`, or this repository's where it has none. */
  readonly project_id: string | null
  /** Judge and count, and write nothing: what is judged in one write is held against each other, and against no lot before it. */
  readonly dry_run: boolean
  readonly onProgress?: (progress: Progress) => void
}

export interface Imported {
  readonly format: ImportFormat
  readonly dry_run: boolean
  readonly items: number
  /** What became of them. */
  readonly outcomes: Tally
  /** How many went to each project; `*` is global scope. */
  readonly projects: Readonly<Record<string, number>>
  /** What of the file is not taken over, and how much of it. */
  readonly left_out: Readonly<Record<string, number>>
}

/**
 * Takes in what a file knows. All of it is read and checked before anything is written; then so many items at a time, each lot in one
 * write. Importing again changes nothing, and finishes what a crash cut short.
 *
 * What is imported keeps when it was said, and from our own export by whom, so it is a stream of its own, the oldest first.
 */
export async function importMemory(context: Context, text: string, wish: ImportWish): Promise<Imported> {
  const source = await readSource(context, text, wish.format)
  const planner =
    source.format === 'rutter'
      ? new OwnPlanner(context, source, wish.project_id)
      : new ForeignPlanner(context, source, wish.project_id)
  refuseUnknownProjects(context, planner, await knownProjects(context), wish.project_id)
  const tally: Record<Outcome, number> = { saved: 0, superseding: 0, known: 0, waiting: 0 }
  let done = 0
  for (const isGlobal of [false, true]) {
    const indexes = planner.indexes(isGlobal)
    for (let from = 0; from < indexes.length; from += planner.at_once) {
      const lot = indexes.slice(from, from + planner.at_once)
      for (const outcome of await takeIn(context, planner, lot, isGlobal, wish.dry_run)) tally[outcome]++
      done += lot.length
      wish.onProgress?.({ done, total: planner.items })
    }
  }
  return {
    format: source.format,
    dry_run: wish.dry_run,
    items: planner.items,
    outcomes: tally,
    projects: planner.projects(),
    left_out: source.format === 'rutter' ? {} : source.left_out,
  }
}

/** Reads a file; refused with the place of the first thing that cannot be understood. */
async function readSource({ clock, redactor }: Context, text: string, format: ImportFormat | null): Promise<Source> {
  const now = clock.now()
  const document = text.trimStart().startsWith('{') ? wholeDocument(text) : null
  const lines = document === null ? jsonLines(text) : [document]
  const [first] = lines
  if (first === undefined) throw broken('the file', 'it is empty')
  const clean = await redactor.redact(lines)
  switch (format ?? formatOf(first.json)) {
    case 'rutter':
      return readRutter(clean)
    case 'server-memory':
      return readServerMemory(clean, now)
    case 'graphbase':
      return readGraphbase(clean, now)
    case null:
      throw broken(first.where, 'it is none of the formats that can be imported')
  }
}

/** A document that goes over many lines, as a person's editor or a pretty printer leaves it; `null` for lines of JSON. */
function wholeDocument(text: string): JsonLine | null {
  const firstLine = text.trimStart().split('\n', 1)[0] ?? ''
  try {
    JSON.parse(firstLine)
    return null
  } catch {
    // What it is becomes plain from its end; where that is broken, each line is looked at for itself.
    return text.trimEnd().endsWith('}') && /"nodes"\s*:/.test(text)
      ? { where: 'the file', json: parsed(text, 'the file') }
      : null
  }
}

function formatOf(first: unknown): ImportFormat | null {
  if (isRutter(first)) return 'rutter'
  if (isGraphbase(first)) return 'graphbase'
  return isServerMemory(first) ? 'server-memory' : null
}

async function knownProjects({ ledger }: Context): Promise<ReadonlySet<string>> {
  return new Set([ledger.project_id, ...(await ledger.read(({ memory }) => memory.projects()))])
}

function refuseUnknownProjects(
  { ledger, settings }: Context,
  planner: Planner,
  known: ReadonlySet<string>,
  wanted: string | null,
): void {
  if (!settings.strict_projects) return
  const unknown = Object.keys(planner.projects()).filter((id) => id !== GLOBAL_PROJECT && !known.has(id))
  if (unknown.length === 0) return
  throw new Refusal(
    'scope_blocked',
    `Not known here ${unknown.length === 1 ? 'is project' : 'are the projects'} ${unknown.map((id) => `"${id}"`).join(', ')}, and this repository's settings have strict_projects. Nothing was imported.`,
    {
      hint:
        wanted === null
          ? `--project ${ledger.project_id} brings all of it into this repository's own project.`
          : `Name one that is known, such as "${ledger.project_id}".`,
    },
  )
}

async function takeIn(
  context: Context,
  planner: Planner,
  lot: readonly number[],
  isGlobal: boolean,
  dryRun: boolean,
): Promise<readonly Outcome[]> {
  const { ledger } = context
  if (dryRun) {
    return await ledger.readWithGlobal(async (book, global) => {
      // A global book that is not there knows as little of it as this one does.
      const reader: LedgerReader = isGlobal && global !== null ? global : book
      return planner.keep(await planner.plan(reader.memory, lot))
    })
  }
  const work = async (book: LedgerWriter) => {
    const plan = await planner.plan(book.memory, lot)
    await append(context, book, plan.events)
    return plan
  }
  const plan = isGlobal ? await ledger.writeWithGlobal((_own, global) => work(global)) : await ledger.write(work)
  return planner.keep(plan)
}

/** In the order of their time, in a stream of its own: in one that goes on, none could be older than the last event there. */
async function append(
  { identity, clock, connection }: Context,
  book: LedgerWriter,
  events: readonly DatedEvent[],
): Promise<void> {
  const now = clock.now()
  const stream = memoryStream(identity.newId())
  const timed = events.map((dated) => ({ ...dated, at: dated.at > now ? now : dated.at }))
  const ordered = timed.toSorted((a, b) => byText(a.at, b.at))
  for (let from = 0; from < ordered.length; ) {
    const first = ordered[from] as DatedEvent
    const by = { at: first.at, actor: first.actor ?? connection.actor }
    const isOther = ({ at, actor }: DatedEvent) => at !== by.at || (actor ?? connection.actor).name !== by.actor.name
    const length = ordered.slice(from).findIndex(isOther)
    const to = length === -1 ? ordered.length : from + length
    await book.append(
      stream,
      ordered.slice(from, to).map(({ event }) => event),
      by,
    )
    from = to
  }
}
