import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Verdict, Violation } from './checker.ts'
import { cutPower } from './forgetful-disk.ts'
import type { Patch, Site, Worker } from './harness.ts'
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
  await asleep.fatal('session_update', { session_id, current_task_id: 'a1' }, ['start:a1'])
  await sleep(TTL_MS + 100)

  const heir = await site.ready({ ttl_ms: TTL_MS, pid_space: 'space-b' })
  await heir.call('session_update', { session_id, current_task_id: 'b1' }, ['start:b1'])
  asleep.signal('SIGCONT')
  // Its first answer came before it slept or comes now, and then the one to this call.
  await asleep.call('session_update', { session_id, current_task_id: 'a2' }, ['start:a2'])
  await asleep.call('verify')
  await heir.call('session_update', { session_id, current_task_id: 'b2' }, ['start:b2'])
  return await site.verdict({ ttl_ms: TTL_MS })
}

/** A worker dies at a point of its third write; another one goes on with the session. */
function death(point: 'mid-append' | 'synced'): (site: Site) => Promise<Verdict> {
  return async (site) => {
    const mortal = await site.ready({ fate: { point, nth: 3, what: 'SIGKILL' } })
    const session_id = await initialize(mortal)
    await mortal.call('session_update', { session_id, current_task_id: 'a1' }, ['start:a1'])
    await mortal.call('session_update', { session_id, current_task_id: 'a2' }, ['start:a2'])
    await mortal.gone
    const heir = await site.ready()
    await heir.call('session_update', { session_id, current_task_id: 'b1' }, ['start:b1'])
    await heir.call('session_update', { session_id, current_task_id: 'b2' }, ['start:b2'])
    return await site.verdict()
  }
}

/** Five calls are answered, and the power fails; it takes the store with it, whose copy of the lines would mend the record. */
async function darkness(site: Site): Promise<Verdict> {
  const { shadow } = site
  const worker = await site.ready({ shadow })
  const session_id = await initialize(worker)
  for (let i = 1; i <= 5; i++) {
    await worker.call('session_update', { session_id, current_task_id: `a${i}` }, [`start:a${i}`])
  }
  await worker.kill()
  cutPower(site.records, shadow, randomFrom(1), () => 0)
  rmSync(site.control, { recursive: true })
  return await site.verdict({ shadow, boot_id: 'boot-2' })
}

async function initialize(worker: Worker): Promise<string> {
  const message = await worker.call('session_initialize', { session_type: 'autonomous', metadata: { mark: 's' } }, [
    'init:s',
  ])
  const result = message?.['result'] as { session_id: string } | undefined
  if (result === undefined) throw new Error(`No session was started: ${JSON.stringify(message)}`)
  return result.session_id
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
]
