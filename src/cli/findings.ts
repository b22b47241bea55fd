import { REFUSED } from './command.ts'
import type { Desk } from './desk.ts'
import { oneLine } from './text.ts'

/** Something that was found, for people: how bad it is, where it is, what it is, and below it what was or can be done. */
export function foundLines(
  { out }: Desk,
  found: {
    readonly mark: string
    readonly colour: 'red' | 'yellow' | 'green'
    readonly where: string
    readonly message: string
  },
  below: readonly string[],
): string[] {
  const mark = out.paint(found.colour, found.mark)
  return [`${mark}  ${oneLine(found.where)}`, ...[found.message, ...below].map((line) => `  ${oneLine(line)}`)]
}

/**
 * Answers what an examination came to; gives the exit status, which is 1 while something is wrong. `lines` gets what paints the
 * verdict.
 */
export function answerExamination(
  desk: Desk,
  result: { readonly ok: boolean },
  lines: (verdict: (text: string) => string) => readonly string[],
): number {
  desk.answer(result, () => lines((text) => desk.out.paint(result.ok ? 'green' : 'red', text)))
  return result.ok ? 0 : REFUSED
}
