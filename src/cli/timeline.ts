import { sentenceOf } from '../app/timeline.ts'
import type { RecordedEvent } from '../domain/event.ts'
import { timeOfDay } from './format.ts'
import { paragraph } from './memory-text.ts'
import type { Out } from './out.ts'

const COLOURS: Readonly<Record<string, Parameters<Out['paint']>[0]>> = {
  'task.completed': 'green',
  'task.failed': 'red',
  'task.skipped': 'yellow',
  'circuit.opened': 'red',
  'whisper.sent': 'cyan',
  'summary.saved': 'blue',
  'decision.saved': 'blue',
  'pattern.saved': 'blue',
  'review.opened': 'yellow',
}

/**
 * An event with its time, its further lines below its first word, as wide as the terminal; empty for one that only keeps the books.
 */
export function timelineLines(out: Out, event: RecordedEvent, indent: string, width: number | null): string[] {
  const sentence = sentenceOf(event)
  if (sentence === null) return []
  const colour = COLOURS[event.type]
  const begin = `${indent}${timeOfDay(event.at)}  `
  return paragraph(sentence, ' '.repeat(begin.length), width).map((line, i) => {
    const said = line.slice(begin.length)
    return (i === 0 ? begin : ' '.repeat(begin.length)) + (colour === undefined ? said : out.paint(colour, said))
  })
}
