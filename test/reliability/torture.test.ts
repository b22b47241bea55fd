import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { controls } from '../torture/controls.ts'
import { bundleWorker, Site, scratchFolder } from '../torture/harness.ts'
import { COUNTED, playRound, WEATHERS } from '../torture/round.ts'

const ROUND_MS = 5000
/** The same every time, so that what fails here fails again. */
const SEED = 20_261_121
const CLEAN = Object.fromEntries(COUNTED.map((kind) => [kind, 0]))

let folder: string
let bundle: string
beforeAll(async () => {
  folder = scratchFolder()
  bundle = await bundleWorker(folder)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('torture', () => {
  for (const [index, weather] of WEATHERS.entries()) {
    test(`finds nothing lost, doubled or out of order (${weather})`, async (context) => {
      const result = await playRound(bundle, { seed: SEED + index, weather, ms: ROUND_MS })
      if (typeof result === 'string') return context.skip(`no ${weather} here: ${result}`)
      expect(result.details).toEqual([])
      expect(result.violations).toEqual(CLEAN)
      expect(result.tallies['calls answered']).toBeGreaterThan(0)
    })
  }
})

describe('the checker notices when', () => {
  for (const control of controls) {
    test(control.name, async () => {
      const spoilt = scratchFolder()
      const asIs = new Site(bundle)
      const broken = new Site(await bundleWorker(spoilt, control.patches))
      try {
        const { details } = await control.scenario(asIs)
        expect(details).toEqual([])
        const { counts } = await control.scenario(broken)
        for (const kind of control.shows) expect(counts[kind], kind).toBeGreaterThan(0)
      } finally {
        await Promise.all([asIs.remove(), broken.remove()])
        rmSync(spoilt, { recursive: true, force: true })
      }
    })
  }
})
