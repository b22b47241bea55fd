import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/machine/clock.ts'

const clock = systemClock()

test('tells the wall time in UTC with milliseconds', () => {
  expect(clock.now()).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  expect(Math.abs(Date.parse(clock.now()) - Date.now())).toBeLessThan(1_000)
})

test('counts whole milliseconds, and as many as pass', async () => {
  const before = clock.uptimeMs()
  await sleep(50)
  const passed = clock.uptimeMs() - before
  expect(Number.isInteger(before)).toBe(true)
  expect(passed).toBeGreaterThanOrEqual(49)
  expect(passed).toBeLessThan(5_000)
})

test('has one boot clock for all processes of the machine', () => {
  const before = clock.uptimeMs()
  const script = 'console.log(String(process.hrtime.bigint() / 1_000_000n))'
  const between = Number(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }))
  expect(between).toBeGreaterThanOrEqual(before)
  expect(between).toBeLessThanOrEqual(clock.uptimeMs())
})
