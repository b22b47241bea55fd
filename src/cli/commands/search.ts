import { InvalidArgumentError } from 'commander'
import { type Search, search } from '../../app/operator/search.ts'
import type { MatchKind } from '../../domain/memory/search-doc.ts'
import type { Cli } from '../command.ts'
import { ago } from '../format.ts'
import { paragraph, shortId, smallPrint, titled } from '../memory-text.ts'
import { Misuse } from '../misuse.ts'
import { wholeNumber } from '../options.ts'
import type { Out } from '../out.ts'
import { terminalWidth } from '../terminal.ts'
import { oneLine } from '../text.ts'

const KINDS: readonly MatchKind[] = ['decision', 'pattern', 'summary', 'session', 'task', 'error']
const COLOURS = {
  decision: 'green',
  pattern: 'cyan',
  summary: 'blue',
  session: 'magenta',
  task: 'yellow',
  error: 'red',
} as const

/** Matches that one call shows. */
const MOST = 50

interface Options {
  project?: string
  limit: number
  kind?: readonly MatchKind[]
}

type Match = Search['matches'][number]

/** `rutter search`: what was learned and done, by its words. */
export function registerSearch(cli: Cli): void {
  const command = cli
    .command('search', {
      summary: 'search what was learned and done',
      details: 'Any words: a topic, an error, the name of a file. The best match comes first.',
      examples: ['rutter search sqlite lock', 'rutter search --kind decision,pattern "retry with jitter"'],
    })
    .argument('<query...>', 'the words')
    .option('--project <id>', "another project than the repository's own")
    .option('--limit <count>', 'how many to show', wholeNumber(1, MOST), 10)
    .option('--kind <kinds>', `only these, with commas between: ${KINDS.join(', ')}`, kinds)
  cli.action<[string[]], Options>(command, async (desk, [words], { project, limit, kind }) => {
    const query = words.join(' ').trim()
    if (query === '') throw new Misuse('There is nothing to search for: the query is empty.', 'Give one word or more.')
    const context = desk.operator()
    const found = await search(context, { query, project_id: project, limit, kinds: kind })
    const now = context.clock.now()
    desk.answer(found, () => [
      ...(found.message === null ? [] : paragraph(found.message, '', terminalWidth())),
      ...(found.matches.length === 0 ? [`Nothing was found for "${oneLine(query)}".`] : []),
      ...found.matches.flatMap((match, i) => [...(i === 0 ? [] : ['']), ...matchLines(desk.out, match, now)]),
      ...moreLines(found, limit),
    ])
    return 0
  })
}

function moreLines({ more, or_more }: Search, limit: number): string[] {
  if (more === 0) return []
  const how = limit < MOST ? `--limit shows up to ${MOST}.` : 'More words, or --kind, find fewer.'
  return ['', `Not shown: ${more} ${or_more ? 'or ' : ''}more that fit less well. ${how}`]
}

function matchLines(out: Out, match: Match, now: string): string[] {
  const width = terminalWidth()
  const title = oneLine(match.title)
  const snippet = oneLine(match.snippet)
  const id = match.kind === 'session' || match.kind === 'task' || match.kind === 'error' ? null : shortId(match.id)
  return [
    ...titled(out, { text: match.kind, look: COLOURS[match.kind] }, [{ text: title, look: 'bold' }], width),
    ...(snippet === '' || snippet === title ? [] : paragraph(snippet, '  ', width)),
    ...smallPrint(
      out,
      [
        ago(match.saved_at, now),
        match.scope === 'global' ? 'all projects' : match.focus === null ? null : `focus ${oneLine(match.focus)}`,
        match.session_id === null ? 'outside any session' : `session ${match.session_id}`,
        id,
      ],
      '  ',
      width,
    ),
  ]
}

function kinds(text: string): readonly MatchKind[] {
  const named = text.split(',').map((kind) => kind.trim())
  const unknown = named.filter((kind) => !(KINDS as readonly string[]).includes(kind))
  if (unknown.length === 0) return [...new Set(named as MatchKind[])]
  throw new InvalidArgumentError(`Unknown: ${unknown.join(', ')}. There are: ${KINDS.join(', ')}.`)
}
