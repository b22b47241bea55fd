import type { MemoryEvent } from './events.ts'

/** A permission for one global write, by the digest of its token: records are read by many. */
export interface Approval {
  readonly id: string
  /** What the clock said when it was given; ISO 8601 UTC, `null` where that was not recorded. */
  readonly granted_at: string | null
  /** ISO 8601 UTC. */
  readonly expires_at: string
  readonly spent: boolean
}

export function foldApproval(id: string, facts: readonly MemoryEvent[]): Approval | undefined {
  const granted = facts.find((event) => event.type === 'approval.granted' && event.data.approval_id === id)
  if (granted?.type !== 'approval.granted') return undefined
  const spent = facts.some((event) => event.type === 'approval.spent' && event.data.approval_id === id)
  const { granted_at = null, expires_at } = granted.data
  return { id, granted_at, expires_at, spent }
}
