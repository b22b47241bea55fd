/** What every bench shares: taking turns, percentiles, and how a result looks. */
import { setTimeout as sleep } from 'node:timers/promises'

/** Many timings of one thing, put together. */
export interface Measure {
  readonly what: string
  readonly unit: 'ms' | 'µs' | 's' | 'calls/s' | 'bytes'
  /** Over rounds where there were rounds: the median of their medians. */
  readonly median: number
  /** Over all timings; `null` where there are too few for it to mean anything. */
  readonly p99: number | null
  readonly samples: number
}

/** One thing against another that was measured in turns with it. */
export interface Comparison {
  readonly ours: Measure
  readonly floor: Measure
  /** The median over the rounds of ours / floor: a round in which the whole machine was slow counts as one round. */
  readonly ratio: number
  readonly aim: Aim | null
}

export interface Aim {
  readonly kind: 'at most' | 'at least'
  readonly ratio: number
}

export interface BenchResult {
  readonly comparisons: readonly Comparison[]
  /** Figures that are compared with nothing. */
  readonly measures?: readonly Measure[]
  /** What must hold whatever the speed. */
  readonly checks?: readonly { readonly what: string; readonly ok: boolean }[]
  readonly notes?: readonly string[]
}

/** One bench: `run` gets an empty folder on a disk, and a place to say what it is doing. */
export interface Bench {
  readonly name: string
  readonly title: string
  run(folder: string, say: (what: string) => void): Promise<BenchResult>
}

/** The value below which the given part (0 to 1) of the values lies, by the nearest rank. */
export function percentile(values: readonly number[], part: number): number {
  if (values.length === 0) throw new Error('There is no percentile of no values.')
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] as number
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5)
}

/** Timings of one contender, a list for each round. */
export type Rounds = number[][]

/**
 * Lets contenders take turns, so that what else the machine does meets all of them alike: each `measure` gives the timings of
 * one turn. The order turns by one with each round, since the first after a pause is worse off.
 */
export async function takeTurns<Name extends string>(
  rounds: number,
  contenders: Readonly<Record<Name, () => Promise<number[]>>>,
): Promise<Record<Name, Rounds>> {
  const names = Object.keys(contenders) as Name[]
  const taken = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Rounds>
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(round + i) % names.length] as Name
      taken[name].push(await contenders[name]())
    }
  }
  return taken
}

/** Times one call, in milliseconds. */
export async function timed(call: () => unknown): Promise<number> {
  const start = performance.now()
  await call()
  return performance.now() - start
}

/** Times several calls, one after the other, in milliseconds; before each, it waits as long as it is told. */
export async function times(calls: number, call: () => unknown, pauseMs = 0): Promise<number[]> {
  const timings: number[] = []
  for (let i = 0; i < calls; i++) {
    if (pauseMs > 0) await sleep(pauseMs)
    timings.push(await timed(call))
  }
  return timings
}

/** What rounds of timings come to. */
export function measure(what: string, unit: Measure['unit'], rounds: Rounds): Measure {
  const all = rounds.flat()
  return {
    what,
    unit,
    median: median(rounds.map(median)),
    p99: all.length >= 100 ? percentile(all, 0.99) : null,
    samples: all.length,
  }
}

/** Two contenders that took turns with each other, as a ratio. */
export function compare(
  unit: Measure['unit'],
  ours: readonly [what: string, rounds: Rounds],
  floor: readonly [what: string, rounds: Rounds],
  aim: Aim | null = null,
): Comparison {
  const ratios = ours[1].map((timings, round) => median(timings) / median(floor[1][round] ?? []))
  return { ours: measure(ours[0], unit, ours[1]), floor: measure(floor[0], unit, floor[1]), ratio: median(ratios), aim }
}

export function isMet({ ratio, aim }: Comparison): boolean {
  if (aim === null) return true
  return aim.kind === 'at most' ? ratio <= aim.ratio : ratio >= aim.ratio
}

/** A result for people. */
export function print({ comparisons, measures = [], checks = [], notes = [] }: BenchResult): void {
  for (const comparison of comparisons) {
    const { ours, floor, ratio, aim } = comparison
    const verdict = aim === null ? '' : `   aim: ${aim.kind} ${aim.ratio} x, ${isMet(comparison) ? 'met' : 'MISSED'}`
    console.log(`  ${ratio.toFixed(2)} x${verdict}`)
    for (const side of [ours, floor]) console.log(`      ${line(side)}`)
  }
  for (const one of measures) console.log(`  ${line(one)}`)
  for (const { what, ok } of checks) console.log(`  ${ok ? 'ok    ' : 'FAILED'}  ${what}`)
  for (const note of notes) console.log(`  ${note}`)
}

function line({ what, unit, median, p99, samples }: Measure): string {
  const tail = p99 === null ? '' : `, p99 ${number(p99)} ${unit}`
  return `${`${number(median)} ${unit}`.padStart(14)}${tail.padEnd(20)}  ${what} (n = ${samples})`
}

function number(value: number): string {
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3)
}
