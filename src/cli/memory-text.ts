import stringWidth from 'string-width'
import type { ByScope } from '../app/operator/by-scope.ts'
import type { Scope } from '../domain/memory/room.ts'
import type { Out } from './out.ts'
import { terminalWidth } from './terminal.ts'
import { clean, oneLine } from './text.ts'
import { type Piece, wrap, wrapPieces } from './wrap.ts'

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

/** What stands before a title, and the title beside it, its further lines below its first word. */
export function titled(out: Out, head: Piece<Look>, title: readonly Piece<Look>[], width: number | null): string[] {
  const wide = stringWidth(head.text) + 2
  const pieces = title.map(({ text, look }) => ({ text: clean(text).replace(/\s+/g, ' '), look }))
  return wrapPieces(pieces, width === null ? null : width - wide).map((line, i) => {
    const begin = i === 0 ? `${out.paint(head.look, head.text)}  ` : ' '.repeat(wide)
    return begin + line.map(({ text, look }) => out.paint(look, text)).join('')
  })
}

type Look = Parameters<Out['paint']>[0]

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
  { groups, left_out, message }: ByScope<View>,
  says: { readonly none: string; readonly entry: (view: View) => readonly string[] },
): string[] {
  const width = terminalWidth()
  const told = message === null ? [] : paragraph(message, '', width)
  if (groups.length === 0) return [...told, says.none]
  const lines = groups.flatMap((group) => [
    '',
    out.paint('bold', `${placeName(group)} (${group.entries.length})`),
    ...group.entries.flatMap((view) => ['', ...says.entry(view)]),
  ])
  const more = left_out.map(({ scope, count, or_more }) => `${count} ${or_more ? 'or ' : ''}more in scope ${scope}`)
  const end =
    more.length === 0 ? [] : ['', ...paragraph(`Not shown: ${more.join(', ')}. --limit shows more.`, '', width)]
  return [...told, ...lines.slice(told.length === 0 ? 1 : 0), ...end]
}
