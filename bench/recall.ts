/**
 * `node bench/recall.ts FILE [--json]`: how well search finds what is asked for. FILE is a JSON file in the format of the LoCoMo data set
 * (conversations, and questions with the turns that answer them); no language model takes part. It measures quality and not speed,
 * so it is no part of `npm run bench`.
 */
import { rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { newFolder } from './place.ts'
import { linesOf, reportOn } from './recall/report.ts'
import { BrokenFile, readSamples, type Sample } from './recall/samples.ts'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } })
const [file, ...more] = positionals
if (file === undefined || more.length > 0) {
  console.error('Give one file: node bench/recall.ts FILE [--json]. One to try: test/fixtures/recall/coding-runs.json.')
  process.exit(2)
}

let samples: Sample[]
try {
  samples = readSamples(file)
} catch (error) {
  if (!(error instanceof BrokenFile)) throw error
  console.error(error.message)
  process.exit(2)
}

const folder = newFolder('recall')
try {
  const report = await reportOn(samples, folder)
  console.log(values.json ? JSON.stringify({ file, ...report }, null, 2) : linesOf(report).join('\n'))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
