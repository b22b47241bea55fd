import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { initialize, saveBatchFatally, sayTheSame, startTask, startTaskFatally } from './calls.ts'
import type { Verdict, Violation } from './checker.ts'
import type { Patch, Site } from './harness.ts'
import { randomFrom } from './random.ts'

/** A way to break the program, a scenario that must show it, and what the checker must say then. */
export interface Control {
  readonly name: string
  readonly patches: readonly Patch[]
  readonly scenario: (site: Site) => Promise<Verdict>
  readonly shows: readonly Violation[]
}

const TTL_MS = 150

/**
 * A worker starts a session and falls asleep when its second write is done, past its lease. Another one, which cannot see its
 * process, takes the session over. The sleeper wakes and calls on: it must be turned away.
 */
async function sleeper(site: Site): Promise<Verdict> {
  const fate = { point: 'committed', nth: 2, what: 'SIGSTOP' } as const
  const asleep = await site.ready({ ttl_ms: TTL_MS, pid_space: 'space-a', fate })
  const session_id = await initialize(asleep)
  await startTaskFatally(asleep, session_id, 'a1')
  await sleep(TTL_MS + 100)

  const heir = await site.ready({ ttl_ms: TTL_MS, pid_space: 'space-b' })
  await startTask(heir, session_id, 'b1')
  asleep.signal('SIGCONT')
  // Its first answer came before it slept or comes now, and then the one to this call.
  await startTask(asleep, session_id, 'a2')
  await asleep.call('verify')
  await startTask(heir, session_id, 'b2')
  return await site.verdict({ ttl_ms: TTL_MS })
}

/** A worker dies at a point of its third write; another one goes on with the session. */
function death(point: 'mid-append' | 'synced'): (site: Site) => Promise<Verdict> {
  return async (site) => {
    const mortal = await site.ready({ fate: { point, nth: 3, what: 'SIGKILL' } })
    const session_id = await initialize(mortal)
    await startTask(mortal, session_id, 'a1')
    await startTask(mortal, session_id, 'a2')
    await mortal.gone
    const heir = await site.ready()
    await startTask(heir, session_id, 'b1')
    await startTask(heir, session_id, 'b2')
    return await site.verdict()
  }
}

/** Five calls are answered, and the power fails; it takes the store with it, whose copy of the lines would mend the record. */
async function darkness(site: Site): Promise<Verdict> {
  const { shadow } = site
  const worker = await site.ready({ shadow })
  const session_id = await initialize(worker)
  for (let i = 1; i <= 5; i++) {
    await startTask(worker, session_id, `a${i}`)
  }
  await worker.kill()
  site.cutPower(randomFrom(1), () => 0)
  rmSync(site.control, { recursive: true })
  return await site.verdict({ shadow, boot_id: 'boot-2' })
}

/** A worker saves a batch in both books and dies when only one of them has it. Whoever comes next finishes it. */
async function halfWay(site: Site): Promise<Verdict> {
  const mortal = await site.ready({ fate: { point: 'pair-synced', nth: 1, what: 'SIGKILL' } })
  await saveBatchFatally(mortal)
  await mortal.gone
  return await site.verdict()
}

/** A worker that saves falls asleep when its first write is done; another one says the same; the sleeper wakes. */
async function twoMinds(site: Site): Promise<Verdict> {
  const asleep = await site.ready({ fate: { point: 'committed', nth: 1, what: 'SIGSTOP' } })
  await sayTheSame(asleep, 'asleep', true)
  const awake = await site.ready()
  await sayTheSame(awake, 'awake')
  asleep.signal('SIGCONT')
  await asleep.call('verify')
  return await site.verdict()
}

export const controls: readonly Control[] = [
  {
    name: 'the token is not compared',
    patches: [
      {
        file: 'src/app/lock.ts',
        from: 'if (token !== undefined && token < state.token) throw leaseLost(state, status ?? null)',
        to: '',
      },
    ],
    scenario: sleeper,
    shows: ['fenced_out'],
  },
  {
    name: 'the check is made before the write transaction begins',
    patches: [
      {
        file: 'src/app/call.ts',
        from: 'await writeWithGrants(context, async (book, grants) => {',
        to: `await writeWithGrants(context, async (book, grants) =>
    holdSlot(book, context, await sessionToChange(book, context.connection, call.session_id), grants),
  ).then((checked) => writeWithGrants(context, async (book, grants) => {`,
      },
      {
        file: 'src/app/call.ts',
        from: 'const state = await holdSlot(',
        to: 'const state = checked ?? await holdSlot(',
      },
      {
        file: 'src/app/call.ts',
        from: 'return await answer(after, book, events)\n  })\n',
        to: 'return await answer(after, book, events)\n  }))\n',
      },
    ],
    scenario: sleeper,
    shows: ['fenced_out'],
  },
  {
    name: 'a torn tail is not mended',
    patches: [{ file: 'src/log/mender.ts', from: `if (tail === 'clean') return\n`, to: 'return\n' }],
    scenario: death('mid-append'),
    // The store's copy of the lines parts from the file, and both are kept.
    shows: ['forked'],
  },
  {
    name: 'what a crash left behind the last commit is not taken in',
    patches: [
      {
        file: 'src/store/sqlite/meeting.ts',
        from: 'if (known === undefined || !this.#takeIn(stream, file, known)) {\n',
        to: 'if (known !== undefined) return { file, row: known }\n      {\n',
      },
    ],
    scenario: death('synced'),
    shows: ['forked'],
  },
  {
    name: 'the answer is given before the record is on disk',
    patches: [{ file: 'src/store/sqlite/transaction.ts', from: 'file?.sync()', to: 'file?.size' }],
    scenario: darkness,
    shows: ['lost'],
  },
  {
    name: 'what is to be added to two books is not put on disk first',
    patches: [
      {
        file: 'src/store/sqlite/pair-write.ts',
        from: 'if (isPair) disk.replace(layout.pending, JSON.stringify(pending))\n',
        to: '',
      },
    ],
    scenario: halfWay,
    shows: ['half_batches'],
  },
  {
    name: 'what is saved is compared before the write transaction begins',
    patches: [
      {
        file: 'src/app/memory/save.ts',
        from: 'return await writeWithGrants(context, (book, grants) => save(context, learnings, words, book, null, grants))',
        to: `const judged = await writeWithGrants(context, (book, grants) => save(context, learnings, words, book, null, grants))
    return await writeWithGrants(context, async (book) => {
      await judged.batch.append(book)
      return judged.results
    })`,
      },
      {
        file: 'src/app/memory/save.ts',
        from: 'await batch.append()\n  return { summary, decisions, patterns }\n',
        to: 'return { batch, results: { summary, decisions, patterns } }\n',
      },
      { file: 'src/app/memory/save.ts', from: 'async append(): Promise<void> {', to: 'async append(later) {' },
      { file: 'src/app/memory/save.ts', from: 'await this.#own.book.append(', to: 'await later.append(' },
    ],
    scenario: twoMinds,
    shows: ['said_twice'],
  },
]
