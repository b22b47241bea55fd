import fc from 'fast-check'
import { expect, test } from 'vitest'
import { judgeLease, type Lease, type LeaseVerdict, leaseExpiresAt, type Sighting } from '../../src/domain/lease.ts'

const TTL = 60_000
const RENEWED = 1_000_000

function lease(over: Partial<Lease> = {}, bootId = 'boot-1'): Lease {
  return {
    slot: 'default',
    session_id: 's-1',
    token: 7,
    holder: { host: 'a', boot_id: bootId, pid_space: 'p', pid: 1, started: '1' },
    locked_at: '2026-11-21T22:00:00.000Z',
    renewed_at: '2026-11-21T22:00:00.000Z',
    renewed_uptime_ms: RENEWED,
    ttl_ms: TTL,
    ...over,
  }
}

const NOW = 50_000_000
const seen = (over: Partial<Sighting> = {}): Sighting => ({
  token: 7,
  renewed_uptime_ms: RENEWED,
  observer_boot_id: 'boot-2',
  seen_uptime_ms: NOW - TTL,
  ...over,
})
const HELD: LeaseVerdict = { held: true }
const GONE: LeaseVerdict = { held: false, reason: 'process_gone' }
const EXPIRED: LeaseVerdict = { held: false, reason: 'lease_expired' }
const WATCHED: LeaseVerdict = { held: true, sighting: seen({ seen_uptime_ms: NOW }) }

test.each<[string, 'alive' | 'dead' | 'unknown', Lease, string, number, Sighting | undefined, LeaseVerdict]>([
  ['a living holder keeps it, however old', 'alive', lease(), 'boot-1', NOW, undefined, HELD],
  [
    'a living holder keeps it, even seen unchanged for long',
    'alive',
    lease(),
    'boot-2',
    NOW,
    seen({ seen_uptime_ms: 0 }),
    HELD,
  ],
  ['a dead holder loses it, however fresh', 'dead', lease(), 'boot-1', RENEWED, undefined, GONE],
  ['on the same boot it holds to the last millisecond', 'unknown', lease(), 'boot-1', RENEWED + TTL, undefined, HELD],
  ['on the same boot it ends a millisecond later', 'unknown', lease(), 'boot-1', RENEWED + TTL + 1, undefined, EXPIRED],
  ['on the same boot a clock before the renewal does not end it', 'unknown', lease(), 'boot-1', 5, undefined, HELD],
  ['elsewhere it holds, and is watched from now on', 'unknown', lease(), 'boot-2', NOW, undefined, WATCHED],
  ['elsewhere it holds to the last millisecond of watching', 'unknown', lease(), 'boot-2', NOW, seen(), HELD],
  ['elsewhere it ends after a lifetime of watching', 'unknown', lease(), 'boot-2', NOW + 1, seen(), EXPIRED],
  [
    'a renewal since begins the watch anew',
    'unknown',
    lease(),
    'boot-2',
    NOW,
    seen({ renewed_uptime_ms: 1, seen_uptime_ms: 0 }),
    WATCHED,
  ],
  [
    'a later grant begins the watch anew',
    'unknown',
    lease(),
    'boot-2',
    NOW,
    seen({ token: 6, seen_uptime_ms: 0 }),
    WATCHED,
  ],
  [
    'a watch from before this boot is worth nothing',
    'unknown',
    lease(),
    'boot-2',
    NOW,
    seen({ observer_boot_id: 'boot-0', seen_uptime_ms: 0 }),
    WATCHED,
  ],
  [
    'a watch from the future is worth nothing',
    'unknown',
    lease(),
    'boot-2',
    NOW,
    seen({ seen_uptime_ms: NOW + 1 }),
    WATCHED,
  ],
])('%s', (_name, liveness, held, bootId, uptime, sighting, verdict) => {
  expect(judgeLease(held, liveness, { boot_id: bootId, uptime_ms: uptime, sighting })).toEqual(verdict)
})

test('two machines that tell no boot id are not taken for one', () => {
  const verdict = judgeLease(lease({}, ''), 'unknown', { boot_id: '', uptime_ms: NOW, sighting: undefined })
  expect(verdict).toMatchObject({ held: true, sighting: { observer_boot_id: '' } })
})

test('nobody who is alive is robbed, and nobody unseen before a lifetime has passed under watch', () => {
  const uptime = fc.nat(10_000_000)
  const arbitrary = fc.record({
    renewed: uptime,
    now: uptime,
    first: uptime,
    boot: fc.constantFrom('boot-1', 'boot-2', ''),
  })
  fc.assert(
    fc.property(arbitrary, ({ renewed, now, first, boot }) => {
      const held = lease({ renewed_uptime_ms: renewed })
      const sighting = seen({ renewed_uptime_ms: renewed, observer_boot_id: boot, seen_uptime_ms: first })
      const observer = { boot_id: boot, uptime_ms: now, sighting }
      expect(judgeLease(held, 'alive', observer)).toEqual(HELD)
      const since = boot === 'boot-1' ? renewed : first
      expect(judgeLease(held, 'unknown', observer).held).toBe(now - since <= TTL)
    }),
  )
})

test('tells people when the lease would run out', () => {
  expect(leaseExpiresAt(lease())).toBe('2026-11-21T22:01:00.000Z')
})
