import { createReadStream, statSync } from 'node:fs'
import { Option } from 'commander'
import { type Imported, importMemory } from '../../app/memory/import/import.ts'
import { readSource } from '../../app/memory/import/read.ts'
import { IMPORT_FORMATS, type ImportFormat } from '../../app/memory/import/source.ts'
import type { Progress } from '../../ports/ledger.ts'
import type { Cli } from '../command.ts'
import { Misuse } from '../misuse.ts'
import { withProgressBar } from '../progress.ts'
import { oneLine, plural } from '../text.ts'

interface Options {
  format?: ImportFormat
  project?: string
  global?: boolean
  dryRun?: true
}

const NAMES: Readonly<Record<ImportFormat, string>> = {
  rutter: 'a Rutter export',
  'server-memory': 'the file of @modelcontextprotocol/server-memory',
  graphbase: 'a graphbase-memories graph',
}

/** `rutter import`: takes in what another book, or another program, has learned. */
export function registerImport(cli: Cli): void {
  const command = cli
    .command('import', {
      summary: 'take in what another book or program has learned',
      details:
        'All of the file is read and checked before anything is written, and all of it is written in one step: after a crash it is there as a whole or not at all, and agents wait meanwhile. Importing it again changes nothing. A file with something of global scope, which is read in every project of yours, is refused unless --global or --no-global says what is to become of that. A Rutter export (rutter export --format jsonl) keeps its ids, times and outcomes and is not judged again; what was forgotten there is forgotten here. The memory.jsonl of @modelcontextprotocol/server-memory: each entity becomes a pattern of project scope, its name and type the trigger, its observations and the relations that go out from it the steps, so that search finds all of them. A graph of graphbase-memories (one JSON document with "nodes" and "relationships", or a line for each): Session, Decision and Pattern become what they are here, with PRODUCED and SUPERSEDES; Context and EntityFact become patterns. What comes from another program is judged as everything that is saved: some of it may wait for rutter review.',
      examples: [
        'rutter import memory.jsonl --dry-run',
        'rutter import ~/.local/share/mcp/memory.jsonl --format server-memory',
        'rutter import graph.json --project atlas',
        'rutter export --all-projects --root ../other | rutter import - --no-global',
      ],
    })
    .argument('<file>', 'the file; - for standard input')
    .addOption(new Option('--format <format>', 'told from the file when it is left out').choices(IMPORT_FORMATS))
    .option(
      '--project <id>',
      'where all of it goes but what is global; else each to its own project, where the file names one',
    )
    .option('--global', 'take in what is of global scope too')
    .option('--no-global', 'leave out what is of global scope')
    .option('--dry-run', 'judge and count, and write nothing')
  cli.action<[string], Options>(command, async (desk, [file], { format, project, global, dryRun }) => {
    const context = desk.operator()
    const source = await withProgressBar('reading', (onProgress) =>
      readSource(context, linesIn(file, onProgress), format ?? null),
    )
    const imported = await withProgressBar('importing', (onProgress) =>
      importMemory(context, source, {
        project_id: project ?? null,
        global: global === undefined ? null : global ? 'take' : 'leave',
        dry_run: dryRun === true,
        onProgress,
      }),
    )
    desk.answer(imported, () => linesOf(imported, context.ledger.project_id))
    return 0
  })
}

/** As they come, so that a file of any size takes no more memory than what is made of it; the progress is in bytes. */
async function* linesIn(file: string, onProgress: (progress: Progress) => void): AsyncGenerator<string> {
  try {
    const total = file === '-' ? 0 : statSync(file).size
    const stream = file === '-' ? process.stdin : createReadStream(file)
    const decoder = new TextDecoder('utf-8')
    let rest: string[] = []
    let done = 0
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      const [first = '', ...others] = decoder.decode(chunk, { stream: true }).split('\n')
      rest.push(first)
      for (const next of others) {
        yield withoutReturn(rest.join(''))
        rest = [next]
      }
      done += chunk.length
      if (total > 0) onProgress({ done, total })
    }
    yield withoutReturn(rest.join('') + decoder.decode())
  } catch (error) {
    throw new Misuse(`${file} cannot be read: ${error instanceof Error ? error.message : error}`)
  }
}

const withoutReturn = (line: string) => (line.endsWith('\r') ? line.slice(0, -1) : line)

function linesOf({ format, dry_run, items, outcomes, projects, left_out }: Imported, own: string): string[] {
  const { saved, superseding, known, waiting } = outcomes
  const would = dry_run ? 'would be ' : ''
  const elsewhere = Object.keys(projects).filter((id) => id !== own && id !== '*')
  const lines = [
    `${plural(items, 'item')} of ${NAMES[format]}: ${saved} ${would}new, ${superseding} ${would}in the place of others, ${known} known already, ${waiting} ${would}kept for review.`,
  ]
  if (waiting > 0 && !dry_run) lines.push('Look through those that wait: rutter review')
  if (elsewhere.length > 0) {
    const where = elsewhere.map((id) => `${oneLine(id)} (${projects[id]})`).join(', ')
    lines.push(`Not in this repository's own project but in ${where}; --project ${own} would bring them here.`)
  }
  const left = Object.entries(left_out)
  if (left.length > 0) {
    lines.push(`Not taken over: ${left.map(([what, count]) => `${oneLine(what)} (${count})`).join(', ')}.`)
  }
  if (dry_run) lines.push('Nothing was written.')
  return lines
}
