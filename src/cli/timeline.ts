import { sentenceOf } from '../app/timeline.ts'
import type { RecordedEvent } from '../domain/event.ts'
import { timeOfDay } from './format.ts'
import type { Out } from './out.ts'
import { oneLine } from './text.ts'

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

/** An event on one line, with its time; `null` for one that only keeps the books. */
export function timelineLine(out: Out, event: RecordedEvent): string | null {
  const sentence = sentenceOf(event)
  if (sentence === null) return null
  const colour = COLOURS[event.type]
  const said = oneLine(sentence)
  return `${timeOfDay(event.at)}  ${colour === undefined ? said : out.paint(colour, said)}`
}
