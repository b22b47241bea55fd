import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect, type Json, type Rutter, repository, tidyUp } from '../support/mcp-client.ts'

describe('session_list', () => {
  let rutter: Rutter
  /** Newest first: two live, an interrupted one, then those that were stopped. */
  let all: { id: string; slot: string; status: string; start: string }[]

  beforeAll(async () => {
    const root = repository()
    all = []
    const seen = (started: Json, status: string) =>
      all.unshift({ id: started.session_id, slot: started.lock.slot, status, start: started.session.start_time })
    rutter = await connect(root)
    for (let i = 0; i < 5; i++) {
      seen(await rutter.start({ slot: i % 2 === 0 ? 'default' : 'odd' }), 'stopped')
      await rutter.ok('session_update', { status: 'stopped' })
    }
    const doomed = await connect(root)
    seen(await doomed.start(), 'interrupted')
    await doomed.kill()
    seen(await rutter.start(), 'running')
    const paused = await connect(root)
    seen(await paused.start({ slot: 'review' }), 'paused')
    await paused.ok('session_update', { status: 'paused' })
  })
  afterAll(tidyUp)

  const list = async (args = {}) => await rutter.ok('session_list', args)
  const ids = async (args = {}) => (await list(args)).sessions.map((row: Json) => row.session_id)
  const those = (pick: (session: (typeof all)[number]) => boolean) => all.filter(pick).map(({ id }) => id)

  it('shows past and present sessions, newest first, a short row each', async () => {
    const { sessions, next_cursor } = await list()
    expect(sessions.map((row: Json) => [row.session_id, row.slot, row.status])).toEqual(
      all.map(({ id, slot, status }) => [id, slot, status]),
    )
    expect(next_cursor).toBeNull()
    for (const row of sessions) {
      expect(row.active).toBe(['running', 'paused'].includes(row.status))
      expect(JSON.stringify(row).length).toBeLessThan(600)
    }
  })

  it.each(['running', 'paused', 'stopped', 'interrupted'])(
    'shows only those that are %s when asked to',
    async (status) => {
      expect(await ids({ status })).toEqual(those((session) => session.status === status))
    },
  )

  it('shows only those of one slot when asked to, none for a slot that nobody used', async () => {
    expect(await ids({ slot: 'odd' })).toEqual(those(({ slot }) => slot === 'odd'))
    expect(await ids({ slot: 'nobody' })).toEqual([])
    expect(await ids({ slot: '../../etc' })).toEqual([])
  })

  it('shows those that started in a span of time, both ends included', async () => {
    const from = all[5]?.start ?? ''
    const to = all[2]?.start ?? ''
    expect(await ids({ since: from, until: to })).toEqual(those(({ start }) => start >= from && start <= to))
    expect(await ids({ since: to, until: from })).toEqual([])
    expect(await ids({ since: '2999-01-01T00:00:00Z' })).toEqual([])
    expect(await ids({ until: '1999-01-01T00:00:00Z' })).toEqual([])
  })

  it('understands a time with another offset', async () => {
    const from = all[2]?.start ?? ''
    const shifted = `${new Date(Date.parse(from) + 7_200_000).toISOString().slice(0, -1)}+02:00`
    expect(await ids({ since: shifted })).toEqual(those(({ start }) => start >= from))
  })

  it.each([1, 2, 3, 7, 8, 100])('gives every session exactly once in pages of %i', async (limit) => {
    const seen: string[] = []
    let cursor: string | null = null
    do {
      const page: Json = await list({ limit, ...(cursor === null ? {} : { cursor }) })
      expect(page.sessions.length).toBeLessThanOrEqual(limit)
      seen.push(...page.sessions.map((row: Json) => row.session_id))
      cursor = page.next_cursor
    } while (cursor !== null)
    expect(seen).toEqual(all.map(({ id }) => id))
  })

  it('keeps the filter through the pages', async () => {
    const first = await list({ status: 'stopped', limit: 3 })
    const rest = await list({ status: 'stopped', limit: 3, cursor: first.next_cursor })
    const found = [...first.sessions, ...rest.sessions].map((row: Json) => row.session_id)
    expect(found).toEqual(those(({ status }) => status === 'stopped'))
    expect(rest.next_cursor).toBeNull()
  })

  it.each([
    [{ limit: 0 }, /limit must be at least 1; given was 0/],
    [{ limit: 101 }, /limit may be at most 100; given was 101/],
    [{ limit: 1.5 }, /limit must be a whole number/],
    [{ status: 'active' }, /"running" \| "paused" \| "stopped" \| "interrupted"; given was "active"/],
    [{ since: 'yesterday' }, /since must be an ISO 8601 time/],
    [{ until: '2026-11-21' }, /until must be an ISO 8601 time/],
    [{ cursor: '' }, /cursor must have at least 1/],
    [{ page: 2 }, /"page" is not known/],
  ])('refuses %j', async (args, why) => {
    const error = await rutter.refused('session_list', args)
    expect(error.code).toBe('invalid_argument')
    expect(error.message).toMatch(why)
  })

  it('takes a cursor that is no session of this project as a place in the order, and fails on none', async () => {
    for (const cursor of ['zzz', '0', '../../etc/passwd', "' OR 1=1 --", '\u0000']) {
      expect(Array.isArray(await ids({ cursor }))).toBe(true)
    }
  })
})
