import { TOOLSETS } from '../../app/toolsets.ts'
import type { Cli } from '../command.ts'
import { remoteOption } from '../options.ts'

/** The help of `rutter mcp`. The command itself is started without the command line, for a client waits for it. */
export function registerMcpHelp(cli: Cli): void {
  cli
    .command('mcp', {
      summary: 'serve an agent over MCP on standard input and output',
      details:
        "A client starts this; see rutter init for how to tell it. Ends when the client closes its end. The session that it holds is left for whoever goes on with it. With --remote the book is in this clone, and a process in the background brings it together with the team's database: at the start, when something was recorded, every few minutes, and at the end. No call waits for it, and while the database is away everything works and is kept for later; rutter status tells. What is global is not sent along: it is one user's own, and would be everybody's there (rutter sync --global does it when you say so).",
      hasResult: false,
      examples: ['claude mcp add rutter -- rutter mcp', 'rutter mcp --slot reviews --toolsets session,task'],
    })
    .option('--slot <slot>', 'the slot of sessions that name none (env: RUTTER_SLOT, default: "default")')
    .option('--toolsets <list>', `which tools to offer, separated by commas: ${TOOLSETS.join(', ')} (default: all)`)
    .addOption(remoteOption())
}
