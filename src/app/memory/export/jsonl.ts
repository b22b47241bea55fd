import { jsonLine } from './json.ts'
import type { Memory } from './model.ts'

/** What the first line calls itself, so that a reader knows it from every other file of JSON lines. */
export const JSONL_FORMAT = 'rutter-memory'
export const JSONL_VERSION = 1

/**
 * The lossless form: a first line that says what it is, then one artifact or review a line with all that is known of it. The same
 * memory is the same file, whenever it is written. Approvals are left out: they are good for a minute, and for this machine.
 */
export function* jsonlOf({ project_ids, artifacts, reviews }: Memory): Generator<string> {
  const items = artifacts.length + reviews.length
  yield `${jsonLine({ format: JSONL_FORMAT, version: JSONL_VERSION, project_ids, items })}\n`
  for (const artifact of artifacts) yield `${jsonLine({ type: 'artifact', ...artifact })}\n`
  for (const review of reviews) yield `${jsonLine({ type: 'review', ...review })}\n`
}
