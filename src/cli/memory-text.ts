import type { ByScope } from '../app/operator/by-scope.ts'
import type { Scope } from '../domain/memory/room.ts'
import type { Out } from './out.ts'
import { oneLine } from './text.ts'
import { wrap } from './wrap.ts'

/**
 * The beginning of an id, as long as it takes to tell it from others: ids made of what they name differ from their first digit on,
 * those made of the time do so to the millisecond after twelve.
 */
export function shortId(id: string): string {
  return id.slice(0, id.charAt(14) === '7' ? 13 : 8)
}

/** Where something learned holds, as a heading says it. */
export function placeName(place: { scope: Scope; project_id: string | null; focus: string | null }): string {
  if (place.scope === 'global') return 'All projects'
  const project = `project ${oneLine(place.project_id ?? '')}`
  return place.scope === 'focus' ? `Focus ${oneLine(place.focus ?? '')} of ${project}` : `P${project.slice(1)}`
}

/** A paragraph with all its lines indented, as wide as the terminal. */
export function paragraph(text: string, indent: string, width: number | null): string[] {
  return wrap(oneLine(text), width === null ? null : width - indent.length).map((line) => indent + line)
}

/** Small print: parts that are there, between dots; a line is broken between them. */
export function smallPrint(
  out: Out,
  parts: readonly (string | null)[],
  indent: string,
  width: number | null,
): string[] {
  const text = parts.filter((part) => part !== null).map((part) => part.replaceAll(' ', NO_BREAK))
  const lines = wrap(text.join(' · '), width === null ? null : width - indent.length)
  return lines.map((line) => indent + out.paint('gray', line.replaceAll(NO_BREAK, ' ')))
}

/** A space that no line is broken at. */
const NO_BREAK = '\u00a0'

/** Everything of some kind, under a heading for each place. */
export function groupLines<View>(
  out: Out,
  { groups, truncated_scopes, message }: ByScope<View>,
  says: { readonly none: string; readonly entry: (view: View) => readonly string[] },
): string[] {
  const told = message === null ? [] : [oneLine(message)]
  if (groups.length === 0) return [...told, says.none]
  const lines = groups.flatMap((group) => [
    '',
    out.paint('bold', `${placeName(group)} (${group.entries.length})`),
    ...group.entries.flatMap((view) => ['', ...says.entry(view)]),
  ])
  const more =
    truncated_scopes.length === 0 ? [] : ['', `There are more in: ${truncated_scopes.join(', ')}. See --limit.`]
  return [...told, ...lines.slice(told.length === 0 ? 1 : 0), ...more]
}
