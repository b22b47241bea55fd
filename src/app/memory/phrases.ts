import type { MemoryEvent, Resolution } from '../../domain/memory/events.ts'
import type { Room } from '../../domain/memory/room.ts'
import { percent } from './saving.ts'

/** What happened to what was learned, as a line of a timeline. */
export function memoryPhrase({ type, data }: MemoryEvent): string {
  const where = placeOf(data)
  switch (type) {
    case 'summary.saved':
      return `summed up${where}: ${data.objective}${leftOpen(data.open_items.length, data.next_actions.length)}`
    case 'decision.saved': {
      const alike = data.similarity === null ? '' : `, ${percent(data.similarity)} alike`
      const replaced = data.supersedes === null ? '' : ` (in the place of ${shortened(data.supersedes)}${alike})`
      return `decided${where}: ${data.title}${replaced}`
    }
    case 'decision.repeated':
      return `decided again what decision ${shortened(data.artifact_id)} says${where}`
    case 'decision.retired':
      return `decision ${shortened(data.artifact_id)} gave way to ${shortened(data.superseded_by)}`
    case 'pattern.saved':
      return `learned a pattern${where}: ${data.trigger}`
    case 'pattern.validated':
      return `pattern ${shortened(data.artifact_id)} found valid again`
    case 'review.opened': {
      const turned = data.reason === 'negation' ? TURNED_ROUND : ''
      return `kept for review${where}: ${data.decision.title} (${percent(data.similarity)} like ${shortened(data.candidate_id)}${turned})`
    }
    case 'review.resolved':
      return `review ${shortened(data.review_id)} resolved: ${RESOLVED[data.resolution]}`
    case 'approval.granted':
      return `one global write allowed: ${data.content_preview}`
    case 'approval.spent':
      return 'the allowed global write was made'
    case 'artifact.forgotten':
      return `${shortened(data.artifact_id)} forgotten${data.purged ? ' and taken out of the record' : ''}`
  }
}

/** Follows how alike two texts are. */
export const TURNED_ROUND = ', but for a word that turns the meaning round'

/** What became of a text that waited. */
export const RESOLVED: Readonly<Record<Resolution, string>> = {
  supersede: 'it took the place of the old one',
  keep_both: 'both are kept',
  discard: 'it was discarded',
}

/** An id as far as a reader needs it to tell it from its neighbours. */
function shortened(id: string): string {
  return id.slice(0, 8)
}

function placeOf({ scope, focus }: Pick<Room, 'scope' | 'focus'>): string {
  if (scope === 'global') return ' for all projects'
  return scope === 'focus' ? ` in focus ${focus}` : ''
}

function leftOpen(open: number, next: number): string {
  const parts = [...(open === 0 ? [] : [`${open} left open`]), ...(next === 0 ? [] : [`${next} to do next`])]
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}
