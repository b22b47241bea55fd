import { perform } from '../../app/operation.ts'
import { requestGlobalWriteApproval } from '../../app/operations/request_global_write_approval.ts'
import type { Cli } from '../command.ts'
import { duration, when } from '../format.ts'

/** `rutter approve`: a person lets an agent write once what all projects read. */
export function registerApprove(cli: Cli): void {
  const command = cli
    .command('approve', {
      summary: 'allow one write in global scope',
      details:
        'What is saved there is read in every project. The token is good for one write of decisions and patterns.',
      examples: ['rutter approve "Never commit secrets, as a rule for all projects"'],
    })
    .argument('<preview...>', 'what will be written')
  cli.action<[string[]], object>(command, async (desk, [words]) => {
    const context = desk.operator()
    const granted = await perform(requestGlobalWriteApproval, context, { content_preview: words.join(' ') })
    desk.answer(granted, () => [granted.token])
    // Beside the token, so that a script can take it as it is.
    const until = `${when(granted.expires_at)}, ${duration(granted.ttl_seconds * 1000)} from now`
    desk.out.note(`One global write is allowed until ${until}. The agent passes this token as governance_token.`)
    return 0
  })
}
