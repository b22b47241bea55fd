import { decide } from '../../domain/session/decide.ts'
import { hasEnded, type SessionState } from '../../domain/session/state.ts'
import { statistics } from '../../domain/session/statistics.ts'
import type { Finding, LeaseStatus, Progress } from '../../ports/ledger.ts'
import type { Context } from '../context.ts'
import { record, releaseSlot } from '../record.ts'
import type { Complaint } from './complaint.ts'
import { examineMemory } from './doctor-memory.ts'

/** Sessions whose two task counts are compared: the latest, live or over. */
const SESSIONS_COMPARED = 20

/** Mends that were made when the record was opened, because the next write needs a clean end. */
const MENDED_ON_OPENING: ReadonlySet<Finding['kind']> = new Set([
  'torn_tail',
  'incomplete_step',
  'missing_file',
  'unreadable_store',
])

export interface Examination {
  /**
   * End sessions that were left behind and free their slots; put decisions that met in a merge in the review queue, and one of those
   * that took the place of each other in a ring back in force.
   */
  readonly fix: boolean
  /** Write back what the store has of records and the working tree lacks. */
  readonly restore: boolean
  readonly onProgress?: (progress: Progress) => void
}

/** Looks for what can go wrong in a book, and mends what it is told to; nothing is lost by it. */
export async function examineBook(context: Context, { fix, restore, onProgress }: Examination): Promise<Complaint[]> {
  const locks = await examineLocks(context, fix)
  const tasks = await examineTasks(context)
  const memory = await examineMemory(context, fix, onProgress)
  const lacking = await examineLacking(context, restore)
  const report = await context.ledger.verify(onProgress)
  const isSame = (a: Finding, b: Finding) => a.where === b.where && a.line === b.line && a.kind === b.kind
  const met = context.ledger.repairs().filter((repair) => !report.findings.some((found) => isSame(found, repair)))
  const told = new Set(lacking.map(({ where }) => where))
  const repairs = met.filter(({ where }) => !told.has(where))
  return [...locks, ...repairs.map(ofRepair), ...report.findings.map(ofFinding), ...lacking, ...tasks, ...memory]
}

/** Locks whose holder is provably gone, or whose session is over or unknown. */
async function examineLocks(context: Context, fix: boolean): Promise<Complaint[]> {
  const stale = await context.ledger.read(async (book) => {
    const found: { status: LeaseStatus; state: SessionState | undefined }[] = []
    for (const status of await book.leases()) {
      const state = await book.session(status.lease.session_id)
      if (status.gone !== null || state === undefined || hasEnded(state)) found.push({ status, state })
    }
    return found
  })
  const complaints: Complaint[] = []
  for (const { status, state } of stale) {
    const { slot, session_id } = status.lease
    const base = {
      check: 'lock',
      level: 'wrong',
      where: `slot "${slot}"`,
      message: staleBecause(status, state),
      mend:
        state === undefined || hasEnded(state)
          ? 'rutter doctor --fix frees the slot.'
          : `Let the agent go on with session ${session_id}, or end it: rutter doctor --fix.`,
    } as const
    complaints.push({ ...base, mended: fix ? await clearLock(context, slot, session_id) : null })
  }
  return complaints
}

function staleBecause({ lease, gone }: LeaseStatus, state: SessionState | undefined): string {
  const who = `process ${lease.holder.pid} on ${lease.holder.host}`
  if (state === undefined) return `held by session ${lease.session_id}, of which there is no record`
  if (hasEnded(state)) return `still held by session ${lease.session_id}, which ended at ${state.end_time}`
  return gone === 'process_gone'
    ? `session ${lease.session_id} was left behind: ${who} no longer runs`
    : `session ${lease.session_id} was left behind: ${who} let its lease run out`
}

/** Ends the session of a stale lock and frees its slot; looks again first, since somebody may have gone on with it. */
async function clearLock(context: Context, slot: string, sessionId: string): Promise<string | null> {
  return await context.ledger.write(async (book) => {
    const status = await book.lease(slot)
    if (status?.lease.session_id !== sessionId) return 'the slot was taken anew meanwhile; nothing was done'
    const state = await book.session(sessionId)
    if (state === undefined || hasEnded(state)) {
      await book.release(slot)
      return `slot "${slot}" is free`
    }
    if (status.gone === null) return 'its holder is back; nothing was done'
    const { pid, host } = status.lease.holder
    const how = status.gone === 'process_gone' ? 'no longer ran' : 'had let its lease run out'
    const detail = `process ${pid} on ${host} ${how}; cleared by rutter doctor`
    const command = { kind: 'end', reason: status.gone, detail, command: null } as const
    const after = await record(book, context, state, decide(state, command, context.connection.actor))
    await releaseSlot(book, after)
    return `session ${sessionId} was ended as interrupted, slot "${slot}" is free`
  })
}

/** Records that the working tree lacks, or has shorter than the store. Only their owner knows whether that is meant. */
async function examineLacking({ ledger }: Context, restore: boolean): Promise<Complaint[]> {
  const complaints: Complaint[] = []
  for (const finding of await ledger.lacking()) {
    const written = restore && finding.stream !== null ? await ledger.writeBack(finding.stream) : 0
    complaints.push({
      ...ofFinding(finding),
      mend: 'After a switch of branches that is as it should be. Otherwise: rutter doctor --restore writes it back.',
      mended: written === 0 ? null : `${written} events were written back`,
    })
  }
  return complaints
}

/** Where tasks counted as completed and tasks marked done are not the same tasks. */
async function examineTasks({ ledger, clock }: Context): Promise<Complaint[]> {
  return await ledger.read(async (book) => {
    const complaints: Complaint[] = []
    for (const state of await book.sessions({ limit: SESSIONS_COMPARED })) {
      const { sync } = statistics(state, await book.taskSync(state.session_id), clock.now())
      if (sync.in_sync) continue
      const ids = sync.unmatched_task_ids.join(', ')
      const more = sync.unmatched_count - sync.unmatched_task_ids.length
      const which = ids === '' ? '' : `; only one of the two for: ${ids}${more > 0 ? ` and ${more} more` : ''}`
      complaints.push({
        check: 'tasks',
        level: hasEnded(state) ? 'note' : 'wrong',
        where: `session ${state.session_id}`,
        message: `${sync.tasks_completed} tasks counted as completed, ${sync.tasks_marked_done} marked done${which}`,
        mend: hasEnded(state)
          ? null
          : 'Call session_increment_completed and task_mark_done once for each task that is done.',
        mended: null,
      })
    }
    return complaints
  })
}

/** What was met when the book was opened: mended already, or as a switch of branches leaves it. */
function ofRepair(finding: Finding): Complaint {
  const isMended = MENDED_ON_OPENING.has(finding.kind)
  return {
    check: finding.stream === null ? 'store' : 'record',
    level: finding.damage ? 'wrong' : 'note',
    where: placeOf(finding),
    message: finding.message,
    mend: isMended ? null : mendOf(finding),
    mended: isMended ? 'when the book was opened' : null,
  }
}

function ofFinding(finding: Finding): Complaint {
  return {
    check: 'record',
    level: finding.damage ? 'wrong' : 'note',
    where: placeOf(finding),
    message: finding.message,
    mend: mendOf(finding),
    mended: null,
  }
}

function placeOf({ where, line }: Finding): string {
  return line === null ? where : `${where}:${line}`
}

/** What a person can do about something in a record. */
export function mendOf({ kind, mend }: Pick<Finding, 'kind' | 'mend'>): string {
  if (mend !== undefined) return mend
  switch (kind) {
    case 'torn_tail':
    case 'incomplete_step':
      return 'Any next call puts the cut end aside; nothing that was answered is lost.'
    case 'altered_line':
    case 'missing_lines':
    case 'foreign_line':
    case 'doubled_line':
      return 'Take the file as it was written from git (git log -- FILE, git restore --source=COMMIT -- FILE), then rutter rebuild.'
    case 'forked':
      return 'Both copies are kept. Compare them; when you need only one, remove the other with git rm.'
    case 'unknown_event':
    case 'newer_version':
      return 'Update Rutter; until then these events are kept and passed over.'
    case 'shortened':
    case 'missing_file':
      return 'If you did not mean to remove it: git restore -- FILE, or switch to the branch that has it.'
    case 'store_behind':
      return 'Any next call takes it in. Where this comes again, see whether the disk is full or the folder may not be written.'
    case 'unreadable_store':
      return 'rutter rebuild computes the store again from the records.'
  }
}
