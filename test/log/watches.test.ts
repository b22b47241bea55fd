import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import type { StreamRef } from '../../src/domain/event.ts'
import { sessionStream } from '../../src/domain/session/projection.ts'
import { type Marks, type Seen, Watches } from '../../src/log/watches.ts'

/** A store that is looked at when the test says so, or not before it is nudged. */
function testStore(rest_ms = 60_000) {
  const numbers = new Map<string, number>()
  const store = {
    looks: [] as string[][],
    seen: [] as Seen[],
    closed: 0,
    nudge: () => {},
    onLook: async () => {},
    write: (id: string) => numbers.set(id, (numbers.get(id) ?? 0) + 1),
  }
  const marks: Marks = {
    async look(streams: readonly StreamRef[]) {
      store.looks.push(streams.map(({ id }) => id))
      const found = streams.map(({ id }) => String(numbers.get(id) ?? 0))
      await store.onLook()
      return found
    },
    rest(seen) {
      store.seen.push(seen)
      return rest_ms
    },
    close() {
      store.closed++
    },
  }
  const watches = new Watches((nudge) => {
    store.nudge = nudge
    return marks
  })
  onTestFinished(() => watches.close())
  const watch = (...ids: string[]) => {
    const stop = new AbortController()
    const all = watches.watch(ids.map(sessionStream), { signal: stop.signal, at_most_ms: 60_000 })
    return { stop, next: async () => (await all.next()).value }
  }
  return { store, watches, watch }
}

test('asks once for everybody who waits, and for each stream once', async () => {
  const { store, watch } = testStore()
  const all = [watch('a', 'b'), watch('b', 'c'), watch('c')]
  const first = await Promise.all(all.map(({ next }) => next()))
  expect(first).toEqual(['stirred', 'stirred', 'stirred'])
  expect(store.looks).toEqual([['a', 'b', 'c']])
  expect(store.seen).toEqual(['a newcomer'])
  const woken = [all[0], all[1]].map((one) => one?.next())
  store.write('b')
  store.nudge()
  expect(await Promise.all(woken)).toEqual(['stirred', 'stirred'])
  expect(store.looks[1]).toEqual(['a', 'b', 'c'])
  expect(store.seen[1]).toBe('a change')
})

test('does not look while nobody waits, however often it is nudged', async () => {
  const { store, watch } = testStore(0)
  const { next } = watch('a')
  await next()
  for (let i = 0; i < 5; i++) {
    store.nudge()
    await sleep(10)
  }
  expect(store.looks).toHaveLength(1)
  store.write('a')
  expect(await next()).toBe('stirred')
})

test('goes on looking where nothing was seen and nobody nudges', async () => {
  const { store, watch } = testStore(1)
  const { next } = watch('a')
  await next()
  const woken = next()
  while (store.looks.length < 4) await sleep(1)
  expect(store.seen.slice(1)).toEqual(store.seen.slice(1).map(() => 'nothing'))
  store.write('a')
  expect(await woken).toBe('stirred')
})

test('looks again after a nudge that came while it looked', async () => {
  const { store, watch } = testStore()
  const { next } = watch('a')
  await next()
  const woken = next()
  store.onLook = async () => {
    store.onLook = async () => {}
    // What was read is of the moment before.
    store.write('a')
    store.nudge()
  }
  store.nudge()
  expect(await woken).toBe('stirred')
  expect(store.looks).toHaveLength(3)
})

test('looks at once for somebody who comes while it looks for another, or rests', async () => {
  const { store, watch } = testStore()
  const first = watch('a')
  let second: Promise<unknown> | undefined
  store.onLook = async () => {
    store.onLook = async () => {}
    second = watch('b').next()
    await sleep(5)
  }
  await first.next()
  expect(await second).toBe('stirred')
  expect(await watch('c').next()).toBe('stirred')
})

test('sends whoever watches to read where a look fails, and goes on', async () => {
  const { store, watch } = testStore(0)
  const { next } = watch('a')
  await next()
  store.onLook = async () => {
    store.onLook = async () => {}
    throw new Error('away')
  }
  expect(await next()).toBe('stirred')
  store.write('a')
  expect(await next()).toBe('stirred')
  expect(store.seen.at(-1)).toBe('a change')
})

test('closes what it looks with behind the last one who watches, and begins anew for the next', async () => {
  const { store, watches, watch } = testStore()
  const [one, other] = [watch('a'), watch('a')]
  await Promise.all([one.next(), other.next()])
  one.stop.abort()
  expect(store.closed).toBe(0)
  other.stop.abort()
  expect(store.closed).toBe(1)
  expect(await watch('a').next()).toBe('stirred')
  watches.close()
  expect(store.closed).toBe(2)
  expect(store.looks).toHaveLength(2)
})
