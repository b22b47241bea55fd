import { rmSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { VIOLATIONS } from '../torture/checker.ts'
import { bundleWorker, Site, scratchFolder } from '../torture/harness.ts'

/** What the checker counts where nothing is wrong. */
export const CLEAN = Object.fromEntries(VIOLATIONS.map((kind) => [kind, 0]))

/** How long a lease lasts in tests that outlast one. */
export const TTL_MS = 150

/** A file that imports these has the worker bundled once, and a site anew for each of its tests. */
export let bundle: string
export let site: Site

let folder: string
beforeAll(async () => {
  folder = scratchFolder()
  bundle = await bundleWorker(folder)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
beforeEach(() => {
  site = new Site(bundle)
})
afterEach(() => site.remove())
