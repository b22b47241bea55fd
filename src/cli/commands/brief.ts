import { LEAST_TOKENS, MOST_TOKENS } from '../../app/memory/brief-fit.ts'
import { briefText } from '../../app/memory/brief-text.ts'
import { perform } from '../../app/operation.ts'
import { retrieveContext } from '../../app/operations/retrieve_context.ts'
import type { Cli } from '../command.ts'
import { wholeNumber } from '../options.ts'

interface Options {
  project?: string
  focus?: string
  topic?: string
  maxTokens?: number
}

/** `rutter brief`: what an agent reads before it starts. */
export function registerBrief(cli: Cli): void {
  const command = cli
    .command('brief', {
      summary: 'what an agent should know before it starts',
      details:
        'What the last sessions left open, decisions in force, patterns, errors that repeat: the same that retrieve_context gives an agent, as Markdown.',
      examples: [
        'rutter brief',
        'rutter brief --focus payments --topic "retries and time-outs"',
        'rutter brief > BRIEF.md',
      ],
    })
    .option('--project <id>', "another project than the repository's own")
    .option('--focus <focus>', 'an area within the project')
    .option('--topic <topic>', 'only what is about this')
    .option('--max-tokens <count>', 'how long it may be (default: 4000)', wholeNumber(LEAST_TOKENS, MOST_TOKENS))
  cli.action<[], Options>(command, async (desk, _args, { project, focus, topic, maxTokens }) => {
    const given = { project_id: project, focus, topic, max_tokens: maxTokens }
    const brief = await perform(retrieveContext, desk.operator(), given)
    desk.answer(brief, () =>
      briefText(brief)
        .split('\n')
        .map((line) => (line.startsWith('#') ? desk.out.paint('bold', line) : line)),
    )
    return 0
  })
}
