import { memoryStream } from '../../../domain/memory/projection.ts'
import { GLOBAL_PROJECT } from '../../../domain/memory/room.ts'
import { byText } from '../../../domain/order.ts'
import { Refusal } from '../../../domain/refusal.ts'
import type { LedgerReader, LedgerWriter, Progress } from '../../../ports/ledger.ts'
import type { Context } from '../../context.ts'
import { ForeignPlanner } from './foreign.ts'
import { OwnPlanner } from './own.ts'
import type { DatedEvent, Plan, Tally } from './planner.ts'
import { type ImportFormat, type Source, withoutGlobal } from './source.ts'

export interface ImportWish {
  /** Where all of it goes but what is global; each item's own project where it is `null`, or this repository's where it has none. */
  readonly project_id: string | null
  /** Whether what is global is taken in too, or left out; `null` refuses a file that has any. */
  readonly global: 'take' | 'leave' | null
  /** Judge and count, and write nothing. */
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
 * Takes in what was read from a file: all of it is judged and recorded in one write, so a crash leaves everything there or nothing, and
 * a dry run counts what the write would. Importing again changes nothing.
 *
 * What is imported keeps when it was said, and from our own export by whom, so it is a stream of its own, the oldest first.
 */
export async function importMemory(context: Context, file: Source, wish: ImportWish): Promise<Imported> {
  const { ledger } = context
  const { source, left } = wish.global === 'take' ? { source: file, left: 0 } : withoutGlobal(file)
  if (left > 0 && wish.global === null) throw globalNotAsked(left)
  const planner =
    source.format === 'rutter'
      ? new OwnPlanner(context, source, wish.project_id)
      : new ForeignPlanner(context, source, wish.project_id)
  const projects = planner.projects()
  await refuseUnknownProjects(context, Object.keys(projects), wish.project_id)
  const plan = async (own: LedgerReader, global: LedgerReader | null): Promise<Plan> => {
    let done = 0
    const onItem = () => wish.onProgress?.({ done: ++done, total: planner.items })
    // A global book that is not there knows as little of it as this one does.
    return await planner.plan({ own: own.memory, global: (global ?? own).memory }, onItem)
  }
  const { outcomes } = await (wish.dry_run
    ? ledger.readWithGlobal(plan)
    : GLOBAL_PROJECT in projects
      ? ledger.writeWithGlobal((own, global) => record(context, plan, own, global))
      : ledger.write((own) => record(context, plan, own, null)))
  const skipped = left === 0 ? {} : { 'of global scope': left }
  return {
    format: source.format,
    dry_run: wish.dry_run,
    items: planner.items,
    outcomes,
    projects,
    left_out: { ...(source.format === 'rutter' ? {} : source.left_out), ...skipped },
  }
}

async function record(
  context: Context,
  planIn: (own: LedgerReader, global: LedgerReader | null) => Promise<Plan>,
  own: LedgerWriter,
  global: LedgerWriter | null,
): Promise<Plan> {
  const plan = await planIn(own, global)
  await append(context, own, plan.events.own)
  if (global !== null) await append(context, global, plan.events.global)
  return plan
}

/** What is global is read in every project of this user, so nobody brings it there unawares. */
function globalNotAsked(count: number): Refusal {
  const what = count === 1 ? '1 item of the file is' : `${count} items of the file are`
  return new Refusal(
    'governance_required',
    `${what} of global scope, which is read in every project of yours, not in this one alone. Nothing was imported.`,
    { hint: 'Add --global to take in what is global too, or --no-global to leave it out.', details: { global: count } },
  )
}

async function refuseUnknownProjects(
  { ledger, settings }: Context,
  wanted: readonly string[],
  named: string | null,
): Promise<void> {
  if (!settings.strict_projects) return
  const known = new Set([GLOBAL_PROJECT, ledger.project_id, ...(await ledger.read(({ memory }) => memory.projects()))])
  const unknown = wanted.filter((id) => !known.has(id))
  if (unknown.length === 0) return
  throw new Refusal(
    'scope_blocked',
    `Not known here ${unknown.length === 1 ? 'is project' : 'are the projects'} ${unknown.map((id) => `"${id}"`).join(', ')}, and this repository's settings have strict_projects. Nothing was imported.`,
    {
      hint:
        named === null
          ? `--project ${ledger.project_id} brings all of it into this repository's own project.`
          : `Name one that is known, such as "${ledger.project_id}".`,
    },
  )
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
  for (const { event, at, actor } of timed.toSorted((a, b) => byText(a.at, b.at))) {
    await book.append(stream, [event], { actor: actor ?? connection.actor, at })
  }
}
