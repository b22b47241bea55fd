/** `npm run bench [-- name...] [--json]`: measures ratios on this machine. Prints whether each aim is met; never a test. */
import { rmSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import type { Bench } from './harness.ts'
import { isMet, print } from './harness.ts'
import { newFolder } from './place.ts'
import { watchStolen } from './stolen.ts'

const BENCHES: Readonly<Record<string, () => Promise<{ bench: Bench }>>> = {
  profile: () => import('./profile.ts'),
  'recorded-call': () => import('./recorded-call.ts'),
  'long-session': () => import('./long-session.ts'),
  'cold-start': () => import('./cold-start.ts'),
  rebuild: () => import('./rebuild.ts'),
  'rebuild-memory': () => import('./rebuild-memory.ts'),
  'four-writers': () => import('./four-writers.ts'),
  tools: () => import('./tools.ts'),
  similarity: () => import('./similarity.ts'),
  'save-decision': () => import('./save-decision.ts'),
  surface: () => import('./surface.ts'),
  postgres: () => import('./postgres.ts'),
  sync: () => import('./sync.ts'),
  fleet: () => import('./fleet.ts'),
  dedup: () => import('./dedup.ts'),
  capacity: () => import('./capacity.ts'),
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } })
const names = positionals.length === 0 ? Object.keys(BENCHES) : positionals
const unknown = names.filter((name) => !Object.hasOwn(BENCHES, name))
if (unknown.length > 0) {
  console.error(`There is no bench "${unknown.join('", "')}". There are: ${Object.keys(BENCHES).join(', ')}.`)
  process.exit(2)
}

const [cpu] = cpus()
const machine = `${cpus().length} x ${cpu?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GB, ${process.platform}, Node ${process.versions.node}, SQLite ${process.versions['sqlite']}`
const results: unknown[] = []
if (!values.json) console.log(machine)

for (const name of names) {
  const load = BENCHES[name]
  if (load === undefined) continue
  const { bench } = await load()
  const folder = newFolder(name)
  if (!values.json) console.log(`\n${name}: ${bench.title}`)
  const stolen = watchStolen()
  try {
    const measured = await bench.run(folder, (what) => {
      if (process.stderr.isTTY) process.stderr.write(`  ... ${what}\n`)
    })
    const share = stolen()
    const ofOthers =
      share === null ? [] : [`${Math.round(share * 100)} % of the processors' time went to other machines on this host`]
    const result = { ...measured, notes: [...(measured.notes ?? []), ...ofOthers] }
    if (!values.json) print(result)
    const comparisons = result.comparisons.map((one) => ({ ...one, met: one.aim === null ? null : isMet(one) }))
    results.push({ name, ...result, comparisons })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
if (values.json) console.log(JSON.stringify({ at: new Date().toISOString(), machine, results }, null, 2))
