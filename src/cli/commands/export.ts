import { once } from 'node:events'
import { createWriteStream, renameSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { Option } from 'commander'
import { EXPORT_FORMATS, type ExportFormat, memoryToExport } from '../../app/memory/export/export.ts'
import type { Memory } from '../../app/memory/export/model.ts'
import type { Cli } from '../command.ts'
import { Misuse } from '../misuse.ts'
import { withProgressBar } from '../progress.ts'
import { oneLine, plural } from '../text.ts'

interface Options {
  format: ExportFormat
  project?: string
  allProjects?: true
  output?: string
}

/** Pieces of text between two looks at the bar. */
const PIECES_PER_UPDATE = 200

/** `rutter export`: all that was learned, for another program or another book. */
export function registerExport(cli: Cli): void {
  const command = cli
    .command('export', {
      summary: 'write out what was learned: summaries, decisions, patterns, reviews',
      details:
        'jsonl has all that is known, forgotten texts aside, and is the one that rutter import reads back; the same memory is the same file. The others are graphs (nodes Project, Focus, Run, Summary, Decision, Pattern; edges PRODUCED, SUPERSEDES, CONFLICTS_WITH, BELONGS_TO, HAS_FOCUS, SUMMARIZES): JSON Graph Format v2, GraphML, and Cypher statements. A file is put in place whole or not at all.',
      examples: [
        'rutter export --format jsonl -o memory.jsonl',
        'rutter export --format cypher --all-projects | cypher-shell',
        'rutter export --format graphml --project atlas -o atlas.graphml',
      ],
    })
    .addOption(
      new Option('--format <format>', 'how it is written').choices(Object.keys(EXPORT_FORMATS)).default('jsonl'),
    )
    .addOption(new Option('--project <id>', "another project than the repository's own").conflicts('allProjects'))
    .option('--all-projects', 'every project that this book has learned about, and what is global')
    .option('-o, --output <file>', 'where to; standard output when it is left out')
  cli.action<[], Options>(command, async (desk, _args, { format, project, allProjects, output }) => {
    if (desk.isJson && output === undefined) {
      throw new Misuse('--json prints what was done, and the export itself goes to standard output.', 'Add -o FILE.')
    }
    const memory = await memoryToExport(desk.operator(), {
      project_id: project ?? null,
      all_projects: allProjects === true,
    })
    const total = memory.artifacts.length + memory.reviews.length
    if (total === 0) desk.out.note('Nothing has been saved there yet, so the export is empty.')
    if (output === undefined) {
      await write(memory, format, process.stdout)
      return 0
    }
    const file = resolve(output)
    await writeFile(memory, format, file)
    const result = { file, format, artifacts: memory.artifacts.length, reviews: memory.reviews.length }
    desk.answer(result, () => [
      `${plural(result.artifacts, 'artifact')} and ${plural(result.reviews, 'review')} are in ${oneLine(file)}.`,
    ])
    return 0
  })
}

async function writeFile(memory: Memory, format: ExportFormat, file: string): Promise<void> {
  const beside = `${file}.${process.pid}.tmp`
  try {
    const stream = createWriteStream(beside, { flush: true })
    await once(stream, 'open')
    await write(memory, format, stream)
    stream.end()
    await finished(stream)
    renameSync(beside, file)
  } catch (error) {
    rmSync(beside, { force: true })
    throw new Misuse(`${file} cannot be written: ${error instanceof Error ? error.message : error}`)
  }
}

/** As fast as the reader takes it: what a pipe has not taken yet is not made yet. */
async function write(memory: Memory, format: ExportFormat, stream: Writable): Promise<void> {
  const total = memory.artifacts.length + memory.reviews.length
  await withProgressBar('exporting', async (update) => {
    let pieces = 0
    for (const piece of EXPORT_FORMATS[format](memory)) {
      if (!stream.write(piece)) await once(stream, 'drain')
      if (++pieces % PIECES_PER_UPDATE === 0) update({ done: Math.min(pieces, total), total })
    }
  })
}
