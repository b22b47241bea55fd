import { parseArgs } from 'node:util'
import { asRefusal } from './app/operation.ts'
import { serveMcp } from './mcp/stdio.ts'
import { VERSION } from './version.ts'
import { openBook } from './wire.ts'

/** `rutter mcp [--slot S] [--toolsets LIST] [--root DIR]`. Exits with 2 when it is called wrongly. */
export function startMcp(argv: readonly string[]): void {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { slot: { type: 'string' }, toolsets: { type: 'string' }, root: { type: 'string' } },
    })
    const root = values.root ?? process.env['RUTTER_ROOT'] ?? process.cwd()
    serveMcp({
      slot: values.slot ?? process.env['RUTTER_SLOT'] ?? 'default',
      toolsets: values.toolsets,
      version: VERSION,
      open: () => openBook(root),
    })
  } catch (error) {
    const { message, hint } = asRefusal(error)
    process.stderr.write(`rutter mcp: ${message}${hint === undefined ? '' : `\n${hint}`}\n`)
    process.exitCode = 2
  }
}
