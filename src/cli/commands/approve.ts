import { perform } from '../../app/operation.ts'
import { requestGlobalWriteApproval } from '../../app/operations/request_global_write_approval.ts'
import type { Cli } from '../command.ts'
import { duration, when } from '../format.ts'
import { Misuse } from '../misuse.ts'

/** `rutter approve`: a person lets an agent write once what all projects read. */
export function registerApprove(cli: Cli): void {
  const command = cli
    .command('approve', {
      summary: 'allow one write in global scope',
      details:
        'What is saved there is read in every project. The token that is printed lets whoever has it make one call that saves decisions and patterns there, from any project of this user, until it expires (approval_seconds in .bot/rutter.json). What that call says is not held against your words: they are kept with the approval, so that it can be seen later what it was given for.',
      examples: ['rutter approve "Never commit secrets, as a rule for all projects"'],
    })
    .argument('<preview...>', 'what the write will say, in your words')
  cli.action<[string[]], object>(command, async (desk, [words]) => {
    const preview = words.join(' ').trim()
    if (preview === '') {
      throw new Misuse(
        'There is nothing to approve: what will be written is left empty.',
        'Say it in your words: rutter approve "Secrets never enter a repository"',
      )
    }
    const granted = await perform(requestGlobalWriteApproval, desk.operator(), { content_preview: preview })
    desk.answer(granted, () => [granted.token])
    // Beside the token, so that a script can take it as it is.
    const until = `${when(granted.expires_at)} (${duration(granted.ttl_seconds * 1000)})`
    desk.out.note(
      [
        `One call may write in global scope until ${until}.`,
        'Whoever passes the token as governance_token makes it: give it to your agent.',
        'What it says is not held against your words; those are kept with the approval.',
      ].join('\n'),
    )
    return 0
  })
}
