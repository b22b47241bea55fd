import { rmSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { controls } from './controls.ts'
import { bundleWorker, Site, scratchFolder } from './harness.ts'
import { COUNTED, playRound, type RoundResult, TALLIES, WEATHERS, type Weather } from './round.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string' },
    weather: { type: 'string' },
    'round-seconds': { type: 'string', default: '6' },
  },
})
const minutes = Number(values.minutes)
const roundMs = Number(values['round-seconds']) * 1000
const firstSeed = values.seed === undefined ? Math.floor(Math.random() * 1_000_000) : Number(values.seed)
if (!(minutes > 0) || !(roundMs > 0) || !Number.isInteger(firstSeed)) {
  console.error('usage: npm run torture -- [--minutes N] [--seed S] [--weather W] [--round-seconds N]')
  process.exit(2)
}

const folder = scratchFolder()
let failed = false
try {
  const bundle = await bundleWorker(folder)
  failed = !(await showControls(bundle)) || failed
  failed = !(await playRounds(bundle)) || failed
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = failed ? 1 : 0

/** Each way of being wrong must be noticed, and the same scenario must find nothing in the program as it is. */
async function showControls(bundle: string): Promise<boolean> {
  let good = true
  for (const control of controls) {
    const spoilt = scratchFolder()
    const asIs = new Site(bundle)
    const broken = new Site(await bundleWorker(spoilt, control.patches))
    const [healthy, caught] = [await control.scenario(asIs), await control.scenario(broken)]
    const found = control.shows.filter((kind) => caught.counts[kind] > 0)
    const isClean = Object.values(healthy.counts).every((count) => count === 0)
    good = good && found.length > 0 && isClean
    const verdict = found.length > 0 ? `caught as ${found.join(', ')}` : 'NOT CAUGHT'
    console.log(`control: ${control.name}: ${verdict}${isClean ? '' : '; AND THE PROGRAM AS IT IS FAILS IT'}`)
    for (const detail of healthy.details) console.log(`  ${detail}`)
    await Promise.all([asIs.remove(), broken.remove()])
    rmSync(spoilt, { recursive: true, force: true })
  }
  return good
}

async function playRounds(bundle: string): Promise<boolean> {
  const endsAt = performance.now() + minutes * 60_000
  const weathers = values.weather === undefined ? WEATHERS : WEATHERS.filter((weather) => weather === values.weather)
  const sums = new Map<string, number>()
  const add = (name: string, count: number) => sums.set(name, (sums.get(name) ?? 0) + count)
  const skipped = new Map<Weather, string>()
  for (let seed = firstSeed; performance.now() < endsAt; seed++) {
    const weather = weathers[(seed - firstSeed) % weathers.length]
    if (weather === undefined) throw new Error(`There is no weather "${values.weather}": ${WEATHERS.join(', ')}.`)
    if (skipped.size === weathers.length) break
    if (skipped.has(weather)) continue
    status(
      `round ${(sums.get('rounds') ?? 0) + 1}, seed ${seed}, ${weather}: ${sums.get('calls answered') ?? 0} calls answered so far`,
    )
    const result = await playRound(bundle, { seed, weather, ms: roundMs })
    if (typeof result === 'string') {
      skipped.set(weather, result)
      console.log(`\n${weather} is left out: ${result}`)
      continue
    }
    add('rounds', 1)
    for (const tally of TALLIES) add(tally, result.tallies[tally])
    for (const kind of COUNTED) add(kind, result.violations[kind])
    tellFailure(result, seed, weather)
  }
  status('')
  const width = Math.max(...TALLIES.map(({ length }) => length), ...COUNTED.map(({ length }) => length))
  const row = (name: string) => console.log(`${name.padEnd(width)}  ${String(sums.get(name) ?? 0).padStart(9)}`)
  console.log(`\nseeds from ${firstSeed}`)
  for (const name of ['rounds', ...TALLIES]) row(name)
  console.log('-- and these must be 0:')
  for (const name of COUNTED) row(name)
  return COUNTED.every((kind) => (sums.get(kind) ?? 0) === 0)
}

function tellFailure({ details, kept }: RoundResult, seed: number, weather: Weather): void {
  if (kept === null) return
  console.log(`\nFAILED: --weather ${weather} --seed ${seed}; the book and the answers are in ${kept}`)
  for (const detail of details) console.log(`  ${detail}`)
}

/** One line that is written over; where nobody looks on, nothing. */
function status(text: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${text}`)
}
