import type { Context } from '../../context.ts'
import { isGraphbase, readGraphbase } from './graphbase.ts'
import { isRutter, readRutter } from './rutter.ts'
import { isServerMemory, readServerMemory } from './server-memory.ts'
import { broken, type ImportFormat, type JsonLine, parsed, type Source } from './source.ts'

/** Lines that are searched for secrets together. */
const AT_ONCE = 1000

/**
 * Reads a file, line by line; refused with the place of the first thing that cannot be understood. `format` is told from the file
 * where it is `null`.
 */
export async function readSource(
  { clock, redactor }: Context,
  lines: AsyncIterable<string>,
  format: ImportFormat | null,
): Promise<Source> {
  const clean: JsonLine[] = []
  let waiting: JsonLine[] = []
  let found = format
  for await (const line of jsonLines(lines)) {
    found ??= formatOf(line)
    waiting.push(line)
    if (waiting.length < AT_ONCE) continue
    clean.push(...(await redactor.redact(waiting)))
    waiting = []
  }
  clean.push(...(await redactor.redact(waiting)))
  switch (found) {
    case 'rutter':
      return readRutter(clean)
    case 'server-memory':
      return readServerMemory(clean, clock.now())
    case 'graphbase':
      return readGraphbase(clean, clock.now())
    case null:
      throw broken('the file', 'it is empty')
  }
}

/** Lines of JSON, empty ones passed over; or one document that goes over many lines, as an editor or a pretty printer leaves it. */
async function* jsonLines(lines: AsyncIterable<string>): AsyncGenerator<JsonLine> {
  let number = 0
  let document: string[] | null = null
  for await (const line of lines) {
    number++
    if (document !== null) document.push(line)
    else if (line.trim() !== '') {
      const where = `line ${number}`
      if (number === 1) refuseOtherExports(line)
      // A line that is whole is no beginning of a document.
      if (number === 1 && !isJson(line)) document = [line]
      else yield { where, json: parsed(line, where) }
    }
  }
  if (document === null) return
  const text = document.join('\n')
  const isOne = /"(?:nodes|graph)"\s*:/.test(text) && text.trimEnd().endsWith('}')
  // Where it is none, its first line is what is wrong.
  yield isOne ? { where: 'the file', json: parsed(text, 'the file') } : notJson(document[0] ?? '')
}

function notJson(line: string): JsonLine {
  return { where: 'line 1', json: parsed(line, 'line 1') }
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line)
    return true
  } catch {
    return false
  }
}

function formatOf({ where, json }: JsonLine): ImportFormat {
  if (isRutter(json)) return 'rutter'
  if (isGraphbase(json)) return 'graphbase'
  if (isServerMemory(json)) return 'server-memory'
  if (isObject(json) && isObject(json['graph'])) throw otherExport('a JSON graph')
  const known = 'a Rutter export (JSON lines), the memory file of server-memory, or a graph of graphbase-memories'
  const hint = 'Where it is one of these all the same, name it: --format rutter, server-memory or graphbase.'
  throw broken(where, `it is none of the formats that can be imported: ${known}`, hint)
}

function refuseOtherExports(firstLine: string): void {
  if (/^\s*</.test(firstLine)) throw otherExport('GraphML or other XML')
  if (/^\s*(?:CREATE|MERGE|MATCH)\s/.test(firstLine)) throw otherExport('Cypher statements')
}

/** The graphs that `rutter export` writes are for other programs: they have no reviews, and not all of the rest. */
function otherExport(what: string): Error {
  return broken(
    'the file',
    `it is ${what}, which can be exported but not imported`,
    'Export it as JSON lines, which have all that is known: rutter export --format jsonl -o memory.jsonl, and import that.',
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
