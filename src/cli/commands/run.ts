import { keepLeases } from '../../app/lease-keeper.ts'
import { asRefusal } from '../../app/operation.ts'
import { beginCommandRun, endCommandRun, watchForStop } from '../../app/operator/command-run.ts'
import type { Refusal } from '../../domain/refusal.ts'
import { exitStatus, runChild } from '../child.ts'
import type { Cli } from '../command.ts'
import { defaultSlot } from '../desk.ts'
import { remoteOption } from '../options.ts'
import { oneLine } from '../text.ts'

/** `rutter run`: any command as a session. */
export function registerRun(cli: Cli): void {
  const command = cli
    .command('run', {
      summary: 'run a command as a session of its own',
      details:
        'The command holds the slot while it runs; how it ended, and the last lines of its output when it failed, go into the record. It finds RUTTER_SLOT, RUTTER_ROOT and RUTTER_SESSION_ID in its environment, and RUTTER_STORE or RUTTER_REMOTE where there is one, so an agent that it starts is about this session. rutter stop ends the command too (SIGTERM, after five seconds SIGKILL). The exit status is that of the command; 127 when it was not found, 128 and the number of the signal that ended it. With --json, what the command writes goes to standard error, and the result to standard output.',
      examples: [
        'rutter run -- npm test',
        'rutter run --slot nightly --workflow triage -- claude -p "Work through the open tasks"',
      ],
    })
    .argument('<command...>', 'the command and its arguments')
    .option('--slot <slot>', 'the slot to hold (env: RUTTER_SLOT, default: "default")')
    .option('--workflow <workflow>', 'what the run is for')
    .addOption(remoteOption())
    .passThroughOptions()
  cli.action<[string[]], { slot?: string; workflow?: string }>(command, async (desk, [argv], options) => {
    const { out, isJson } = desk
    desk.keepTogether()
    const book = desk.openOrMakeBook()
    const slot = options.slot ?? defaultSlot()
    const context = book.connect({ kind: 'rutter', name: 'rutter run' }, slot)
    const { session_id } = await beginCommandRun(context, { slot, workflow: options.workflow, argv })
    const complain = (error: unknown) => out.note(`rutter run: ${asRefusal(error).message}`)
    const stopKeeping = keepLeases(book.ledger, book.settings.lease_seconds, complain)
    out.note(`rutter run: session ${session_id} in slot "${oneLine(slot)}"`)
    const env = {
      ...process.env,
      ...(desk.store === undefined ? {} : { RUTTER_STORE: desk.store }),
      ...(desk.remote === undefined ? {} : { RUTTER_REMOTE: desk.remote }),
      RUTTER_SLOT: slot,
      RUTTER_ROOT: desk.place.root,
      RUTTER_SESSION_ID: session_id,
    }
    const stopped = new AbortController()
    const stopWatching = watchForStop(context, session_id, () => {
      out.note(`rutter run: session ${session_id} was ended from outside; the command is told to end`)
      stopped.abort()
    })
    const stdout = isJson ? process.stderr : process.stdout
    const child = await runChild(argv, { env, stdout, stop: stopped.signal })
    stopWatching()
    const status = exitStatus(child)
    try {
      const onAway = ({ message }: Refusal, patienceMs: number) => {
        out.note(
          `rutter run: ${message} The end of the command is tried for ${patienceMs / 60_000} minutes; Ctrl-C gives it up.`,
        )
      }
      const session = await endCommandRun(context, session_id, { argv, ...child }, onAway)
      if (isJson)
        out.json({ session_id, exit_status: status, exit_code: child.exit_code, signal: child.signal, session })
    } catch (error) {
      // The command has run, and its status is what the caller asked for; that its end could not be recorded comes second.
      const refusal = asRefusal(error)
      if (isJson) out.json({ error: refusal.body })
      out.note(`rutter run: the end of session ${session_id} was not recorded: ${refusal.message}`)
      return status
    } finally {
      stopKeeping()
    }
    const how = child.problem ?? (child.signal === null ? `exit status ${status}` : `ended by ${child.signal}`)
    out.note(`rutter run: ${oneLine(how)}; rutter show ${session_id}`)
    return status
  })
}
