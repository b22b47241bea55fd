import { parseArgs } from 'node:util'
import { asRefusal } from './app/operation.ts'
import { remoteBeside } from './app/remote-option.ts'
import { serveMcp } from './mcp/stdio.ts'
import { VERSION } from './version.ts'

/** `rutter mcp [--slot S] [--toolsets LIST] [--root DIR] [--store URL | --remote URL]`. Exits with 2 when it is called wrongly. */
export async function startMcp(argv: readonly string[]): Promise<void> {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        slot: { type: 'string' },
        toolsets: { type: 'string' },
        root: { type: 'string' },
        store: { type: 'string' },
        remote: { type: 'string' },
      },
    })
    const store = values.store ?? (process.env['RUTTER_STORE'] || undefined)
    const root = values.root ?? (process.env['RUTTER_ROOT'] || process.cwd())
    const remote = remoteBeside(store, values.remote)
    const keeper = remote === undefined ? null : (await import('./wire.ts')).keepTogether(root, remote)
    serveMcp({
      slot: values.slot ?? (process.env['RUTTER_SLOT'] || 'default'),
      runsAs: process.env['RUTTER_SESSION_ID'] || null,
      toolsets: values.toolsets,
      version: VERSION,
      // The book is opened by the first call: a client that only lists the tools does not wait for a database.
      open: async () => {
        const book = (await import('./wire.ts')).openBook(root, { store })
        book.whenRecorded(() => keeper?.recorded())
        return book
      },
    })
  } catch (error) {
    const { message, hint } = isMisuse(error) ? { message: error.message, hint: USAGE } : asRefusal(error)
    process.stderr.write(`rutter mcp: ${message}${hint === undefined ? '' : `\n${hint}`}\n`)
    process.exitCode = 2
  }
}

const USAGE = 'rutter mcp --help shows how it is called.'

/** An option that is not known, or lacks its value: `parseArgs` says which. */
function isMisuse(error: unknown): error is Error {
  return error instanceof Error && String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS')
}
