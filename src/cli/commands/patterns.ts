import { type PatternView, patternsByScope } from '../../app/operator/by-scope.ts'
import type { Cli } from '../command.ts'
import { ago } from '../format.ts'
import { groupLines, paragraph, shortId, smallPrint, titled } from '../memory-text.ts'
import { wholeNumber } from '../options.ts'
import type { Out } from '../out.ts'
import { terminalWidth } from '../terminal.ts'

interface Options {
  project?: string
  focus?: string
  limit: number
}

/** `rutter patterns`: what is done again and again, and how. */
export function registerPatterns(cli: Cli): void {
  const command = cli
    .command('patterns', {
      summary: 'patterns: what to do when, step by step',
      examples: ['rutter patterns', 'rutter patterns --focus payments --json'],
    })
    .option('--project <id>', "another project than the repository's own")
    .option('--focus <focus>', 'of the focuses only this one')
    .option('--limit <count>', 'how many of each scope, the newest', wholeNumber(1, 10_000), 100)
  cli.action<[], Options>(command, async (desk, _args, { project, focus, limit }) => {
    const context = desk.operator()
    const query = { project_id: project ?? null, focus: focus ?? null, all: false, limit }
    const patterns = await patternsByScope(context, query)
    const now = context.clock.now()
    desk.answer(patterns, () =>
      groupLines(desk.out, patterns, {
        none: 'No pattern was saved here yet.',
        entry: (pattern) => patternLines(desk.out, pattern, now),
      }),
    )
    return 0
  })
}

function patternLines(out: Out, { id, text, session_id }: PatternView, now: string): string[] {
  if (text === null) return []
  const width = terminalWidth()
  return [
    ...titled(out, { text: shortId(id), look: [] }, [{ text: text.trigger.trim(), look: 'bold' }], width),
    ...text.repeatable_steps.flatMap((step, i) => numbered(i + 1, step, width)),
    ...(text.exclusions.length === 0 ? [] : paragraph(`Not for: ${text.exclusions.join('; ')}`, '  ', width)),
    ...smallPrint(
      out,
      [
        `validated ${ago(text.last_validated_at, now)}`,
        session_id === null ? 'outside any session' : `session ${session_id}`,
      ],
      '  ',
      width,
    ),
  ]
}

/** A step, its further lines below its first word. */
function numbered(number: number, step: string, width: number | null): string[] {
  const sign = `  ${number}. `
  return paragraph(step, ' '.repeat(sign.length), width).map((line, i) =>
    i === 0 ? sign + line.slice(sign.length) : line,
  )
}
