import { Option } from 'commander'
import { perform } from '../../app/operation.ts'
import { sessionByPrefix } from '../../app/operator/by-prefix.ts'
import { whisper } from '../../app/operator/whisper.ts'
import type { Cli } from '../command.ts'
import { ago } from '../format.ts'
import { Misuse } from '../misuse.ts'

/** `rutter whisper`: an instruction for a running agent. */
export function registerWhisper(cli: Cli): void {
  const command = cli
    .command('whisper', {
      summary: 'leave an instruction for a running agent',
      details:
        'The agent gets it once, with its next heartbeat; "abort" tells it to stop at once and comes before all others.',
      examples: [
        'rutter whisper 2026-11-21T22-23-05Z-0ak3f9 "Leave the migration to me"',
        'rutter whisper 2026-11-21T22-23-05Z-0ak3f9 "Stop, wrong branch" --priority abort',
      ],
    })
    .argument('<id>', 'the session, or the beginning of its id; rutter status shows it')
    .argument('<text>', 'what the agent shall read')
    .addOption(
      new Option('--priority <priority>', 'how it is handed over')
        .choices(['normal', 'urgent', 'abort'])
        .default('normal'),
    )
  cli.action<[string, string], { priority: string }>(command, async (desk, [id, text], { priority }) => {
    if (text.trim() === '') throw new Misuse('There is nothing to whisper: the text is empty.')
    const context = desk.operator()
    const session_id = await sessionByPrefix(context, id)
    const sent = await perform(whisper, context, { session_id, instruction: text, priority })
    const now = context.clock.now()
    const when = sent.holder_gone
      ? 'No process holds the session now; whoever goes on with it gets the whisper.'
      : `The agent gets it with its next heartbeat (${sent.last_heartbeat_at === null ? 'it has sent none so far' : `the last came ${ago(sent.last_heartbeat_at, now)}`}).`
    const others = sent.whispers_waiting - 1
    desk.answer(sent, () => [
      `Whisper ${sent.whisper_id} (${sent.priority}) waits for session`,
      `${sent.session_id}${others > 0 ? `, with ${others} more` : ''}.`,
      when,
    ])
    return 0
  })
}
