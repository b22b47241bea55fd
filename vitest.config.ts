import { join } from 'node:path'
import { configDefaults, defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Hundreds of processes run the same modules: what one has compiled, the others read. Everything that the tests start
 * inherits it.
 */
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules', '.cache', 'compiled')

/** They go on until a time is over, and are so short that they would come last: all others would be over long before. */
const LONG = /[/\\]reliability[/\\](kill|torture)\.test\.ts$/

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isLong = ({ moduleId }: TestSpecification) => LONG.test(moduleId)
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}

/** Rules alone, without anything that a file could leave to the next. */
const PURE = ['test/domain/**/*.test.ts']

export default defineConfig({
  test: {
    environment: 'node',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    globalSetup: ['test/support/run-folder.ts'],
    // Tests start processes, kill them and time leases: each file gets a process of its own. One more at a time than
    // a small machine has processors, as many of them wait; that leaves room enough that nothing times out for want of it.
    pool: 'forks',
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    projects: [
      { extends: true, test: { name: 'pure', include: PURE, isolate: false } },
      {
        extends: true,
        test: { name: 'whole', include: ['test/**/*.test.ts'], exclude: [...configDefaults.exclude, ...PURE] },
      },
    ],
    // The second reporter's file is what `.ci/run` counts.
    reporters: ['default', ['json', { outputFile: 'node_modules/.vitest/results.json' }]],
  },
})
