import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { saveDecision } from '../../src/app/operations/save_decision.ts'
import { storeSessionWithLearnings } from '../../src/app/operations/store_session_with_learnings.ts'
import type { MemoryEvent } from '../../src/domain/memory/events.ts'
import { openBook } from '../../src/wire.ts'
import { rutter, scratchBook } from '../support/cli.ts'
import { ownGlobalBook, startLearner } from '../support/learner.ts'
import { aDecision, aPattern, aSummary } from '../support/learnings.ts'

const TITLES = ['Keep pages in memory', 'Colour the harbour lights green', 'Count barrels twice']

/** Repeats a pipe of two command lines, as a shell would. */
async function pipe(cwd: string, from: readonly string[], to: readonly string[]) {
  const { stdout } = await rutter(from, { cwd })
  return await rutter(to, { cwd, input: stdout })
}

const call = (project: string) => (cwd: string) =>
  writeFileSync(join(cwd, '.bot', 'rutter.json'), `${JSON.stringify({ project_id: project })}\n`)
const titlesIn = async (cwd: string) => {
  const { json } = await rutter(['decisions', '--json'], { cwd })
  const { groups } = json() as { groups: { entries: { text: { title: string } }[] }[] }
  return groups.flatMap(({ entries }) => entries.map(({ text }) => text.title))
}

/** A book of project `atlas` in which something was learned. */
async function bookWithMemory() {
  ownGlobalBook()
  const cwd = scratchBook()
  const agent = await startLearner(cwd)
  const learned = { session: aSummary(), decisions: [aDecision(TITLES[0] ?? '')], patterns: [aPattern('it rains')] }
  await agent.call(storeSessionWithLearnings, learned)
  return cwd
}

const doctor = async (cwd: string, ...args: string[]) => {
  const { status, stdout } = await rutter(['doctor', ...args], { cwd })
  return { status, stdout }
}

it('notes what another project id left behind, with status 0, and each way out of it leads there', async () => {
  const cwd = await bookWithMemory()
  call('meridian')(cwd)
  expect(await titlesIn(cwd)).toEqual([])
  const { status, stdout } = await doctor(cwd)
  expect(status).toBe(0)
  expect(stdout).toContain('note  project "atlas"')
  expect(stdout).toContain('1 decision, 1 pattern and 1 summary of project "atlas"')
  const [, from, to] = /take it over with rutter (export .*?) \| rutter (import .*?), or/.exec(stdout) ?? []

  call('atlas')(cwd)
  expect(await titlesIn(cwd)).toEqual([TITLES[0]])
  expect((await doctor(cwd)).stdout).not.toContain('note')

  call('meridian')(cwd)
  const taken = await pipe(cwd, String(from).split(' '), String(to).split(' '))
  expect(taken.stdout).toContain('3 new')
  expect(await titlesIn(cwd)).toEqual([TITLES[0]])
  const after = await doctor(cwd)
  expect(after.stdout).not.toContain('note')
  expect(after.stdout).toContain('Nothing is wrong.')
})

it('tells of decisions that took the place of each other in a ring, and brings the newest back with --fix', async () => {
  ownGlobalBook()
  const cwd = scratchBook()
  const agent = await startLearner(cwd)
  const ids: string[] = []
  for (const title of TITLES) {
    ids.push((await agent.call(saveDecision, { decision: aDecision(title) })).artifact_id ?? '')
  }
  const operator = { kind: 'operator', name: 'olga' } as const
  const { ledger, clock } = openBook(cwd).connect(operator, 'default')
  const origin = { project_id: 'atlas', session_id: null }
  const place = { project_id: 'atlas', scope: 'project', focus: null, origin } as const
  const events = ids.map((id, i) => {
    const data = { artifact_id: id, ...place, superseded_by: ids[(i + 1) % ids.length] ?? '' }
    return { type: 'decision.retired', data } satisfies Pick<MemoryEvent, 'type' | 'data'>
  })
  await ledger.write(async (book) =>
    book.append(await book.memoryStream(), events, { actor: operator, at: clock.now() }),
  )
  await ledger.close()

  expect(await titlesIn(cwd)).toEqual([])
  const found = await doctor(cwd)
  expect(found.status).toBe(1)
  for (const [i, title] of TITLES.entries()) expect(found.stdout).toContain(`"${title}" (${ids[i]})`)
  const fixed = await doctor(cwd, '--fix')
  expect(fixed.status).toBe(0)
  expect(fixed.stdout).toContain(`Done: in force again is "${TITLES[2]}"`)
  expect(await titlesIn(cwd)).toEqual([TITLES[2]])
  expect((await doctor(cwd)).stdout).toContain('Nothing is wrong.')
})
