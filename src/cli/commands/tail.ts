import { sessionMeant } from '../../app/operator/current.ts'
import { follow } from '../../app/operator/follow.ts'
import { sentenceOf } from '../../app/timeline.ts'
import type { Cli } from '../command.ts'
import { wholeNumber } from '../options.ts'
import { terminalWidth } from '../terminal.ts'
import { timelineLines } from '../timeline.ts'

/** How a shell names a command that Ctrl-C ended. */
const INTERRUPTED = 130

/** `rutter tail`: a session as it goes on. */
export function registerTail(cli: Cli): void {
  const command = cli
    .command('tail', {
      summary: 'follow a session live, until it ends',
      details: 'With --json, one event a line as it stands in the record. Ctrl-C ends it.',
      examples: ['rutter tail', 'rutter tail --lines 100', 'rutter tail --json | jq .type'],
    })
    .argument('[id]', 'the session, or the beginning of its id; the current one, or the last, when it is left out')
    .option('--lines <count>', 'how many earlier lines to print first', wholeNumber(0, 1_000_000), 10)
  cli.action<[string | undefined], { lines: number }>(command, async (desk, [id], { lines }) => {
    const context = desk.operator()
    const stop = new AbortController()
    const interrupt = () => stop.abort()
    process.once('SIGINT', interrupt)
    try {
      const options = {
        session_id: await sessionMeant(context, id),
        earlier: lines,
        shown: (event: Parameters<typeof sentenceOf>[0]) => sentenceOf(event) !== null,
        signal: stop.signal,
      }
      for await (const event of follow(context, options)) {
        if (desk.isJson) desk.out.json(event)
        else desk.out.line(timelineLines(desk.out, event, '', terminalWidth()).join('\n'))
      }
    } finally {
      process.removeListener('SIGINT', interrupt)
    }
    return stop.signal.aborted ? INTERRUPTED : 0
  })
}
