import { Command, CommanderError, Option } from 'commander'
import { asRefusal } from '../app/operation.ts'
import type { Cli } from './command.ts'
import { MISUSED, REFUSED } from './command.ts'
import { registerApprove } from './commands/approve.ts'
import { registerBrief } from './commands/brief.ts'
import { registerDecisions } from './commands/decisions.ts'
import { registerDoctor } from './commands/doctor.ts'
import { registerExport } from './commands/export.ts'
import { registerForget } from './commands/forget.ts'
import { registerImport } from './commands/import.ts'
import { registerInit } from './commands/init.ts'
import { registerMcpHelp } from './commands/mcp.ts'
import { registerMigrate } from './commands/migrate.ts'
import { registerPatterns } from './commands/patterns.ts'
import { registerRebuild } from './commands/rebuild.ts'
import { registerReview } from './commands/review.ts'
import { registerRun } from './commands/run.ts'
import { registerSearch } from './commands/search.ts'
import { registerSessions } from './commands/sessions.ts'
import { registerShow } from './commands/show.ts'
import { registerStats } from './commands/stats.ts'
import { registerStatus } from './commands/status.ts'
import { registerSteering } from './commands/steering.ts'
import { registerSync } from './commands/sync.ts'
import { registerTail } from './commands/tail.ts'
import { registerVerify } from './commands/verify.ts'
import { registerWhisper } from './commands/whisper.ts'
import { type Adapters, Desk } from './desk.ts'
import { Misuse } from './misuse.ts'
import { type Out, standardOut } from './out.ts'

export interface ProgramOptions {
  readonly version: string
  /** Loaded only by a command that needs a book, so that `--help` answers at once. */
  readonly adapters: () => Promise<Adapters>
}

/** Runs one command line and sets the exit status: 0 done, 1 refused, 2 called wrongly, or what the command says. */
export async function runCommandLine(argv: readonly string[], options: ProgramOptions): Promise<void> {
  const out = standardOut()
  let running = ''
  // A reader that has seen enough (`| head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit()
  })
  const program = rootCommand(options.version)
  const cli: Cli = {
    command(usage, { summary, details, examples, hasResult = true }) {
      const command = program.command(usage).summary(summary)
      const sentence = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`
      command.description(details === undefined ? sentence : `${sentence} ${details}`)
      if (hasResult) command.addOption(new Option('--json', 'print the result as JSON'))
      command.addOption(new Option('--root <dir>', 'the project, when it is not the current folder').env('RUTTER_ROOT'))
      command.addOption(
        new Option(
          '--store <url>',
          "a team's PostgreSQL database, postgres://..., in place of the project's files",
        ).env('RUTTER_STORE'),
      )
      command.addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ ${example}`).join('\n')}`)
      return command
    },
    action(command, work) {
      command.action(async () => {
        running = command.name()
        const given = command.opts()
        const desk = new Desk(await options.adapters(), out, given)
        try {
          process.exitCode = (await work(desk, command.processedArgs as never, given as never)) ?? 0
        } finally {
          await desk.close()
        }
      })
    },
  }
  for (const register of COMMANDS) register(cli)
  program.hook('preSubcommand', (_, command) => {
    running = command.name()
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    process.exitCode = explain(error, running, out, asksForJson(argv))
  }
}

/** In the order of the help. */
const COMMANDS: readonly ((cli: Cli) => void)[] = [
  registerInit,
  registerMcpHelp,
  registerRun,
  registerStatus,
  registerSessions,
  registerShow,
  registerStats,
  registerTail,
  registerWhisper,
  registerSteering,
  registerBrief,
  registerSearch,
  registerDecisions,
  registerPatterns,
  registerReview,
  registerApprove,
  registerForget,
  registerExport,
  registerImport,
  registerSync,
  registerVerify,
  registerRebuild,
  registerDoctor,
  registerMigrate,
]

function rootCommand(version: string): Command {
  return new Command('rutter')
    .description(
      'The logbook and memory of coding agents: what every run did, and what was learned. An MCP server for agents, a command line for people.',
    )
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print how a command is called')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .addHelpText(
      'after',
      '\nBegin with `rutter init` in your repository. Exit status: 0 done, 1 refused or damage found, 2 called wrongly.',
    )
}

function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end === -1 ? undefined : end).includes('--json')
}

/** Tells a person, or a program, what went wrong; gives the exit status. */
function explain(error: unknown, command: string, out: Out, isJson: boolean): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0
  // Called without a command: commander has printed the help.
  if (error instanceof CommanderError && error.code === 'commander.help') return MISUSED
  const isMisuse = error instanceof Misuse || error instanceof CommanderError
  const told = isMisuse ? misuseBody(error, command) : refusalBody(error)
  if (isJson) out.json({ error: told })
  const hint = told.hint === undefined ? '' : `\n${told.hint}`
  out.note(`rutter${command === '' ? '' : ` ${command}`}: ${told.message}${hint}`)
  return isMisuse ? MISUSED : REFUSED
}

/** What a person can do, where a refusal does not say it or says it to agents. */
const HINTS: Readonly<Record<string, string>> = {
  no_active_session: 'An agent begins a session with session_initialize, a command with rutter run.',
  ambiguous_session: 'Name one by its id.',
  session_stopped: 'rutter sessions --status running lists those that still run.',
  lease_lost: 'rutter status shows who has the slot now.',
  session_locked: 'Wait for it, end it with rutter stop, or take another slot with --slot.',
}

/** Names of tools and of their arguments have underscores: only an agent can do what a hint says that has one. */
const FOR_AGENTS = /\b[a-z]+(_[a-z]+)+\b/

function refusalBody(error: unknown) {
  const { body } = asRefusal(error)
  const given = body.hint?.replaceAll('session_list', 'rutter sessions')
  const hint = given === undefined || FOR_AGENTS.test(given) ? (HINTS[body.code] ?? given) : given
  return hint === undefined ? body : { ...body, hint }
}

function misuseBody(error: Misuse | CommanderError, command: string): { code: string; message: string; hint?: string } {
  const message = error.message.replace(/^error: /, '')
  const hint = error instanceof Misuse ? error.hint : undefined
  const usage = `rutter ${command === '' ? '' : `${command} `}--help shows how it is called.`
  return { code: 'invalid_argument', message, hint: hint ?? usage }
}
