import type { Command } from 'commander'
import type { CommonOptions, Desk } from './desk.ts'

/** Exit statuses beside 0. */
export const REFUSED = 1
export const MISUSED = 2

/** What the help says of a command. */
export interface About {
  readonly summary: string
  readonly details?: string
  readonly examples: readonly string[]
  /** False for a command that has no result. */
  readonly hasResult?: boolean
}

/** What every file in `commands/` registers its command with. */
export interface Cli {
  /** A command with the options that all have; `usage` as commander writes it: `show [id]`. */
  command(usage: string, about: About): Command
  /** Makes a command do something. `work` gives the exit status where it is not 0. */
  action<Arguments extends readonly unknown[], Options>(
    command: Command,
    work: (desk: Desk, args: Arguments, options: Options & CommonOptions) => Promise<number | undefined>,
  ): void
}
