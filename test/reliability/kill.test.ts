import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { expect, test } from 'vitest'
import { LAUNCHER } from '../support/launcher.ts'
import { check, VIOLATIONS } from '../torture/checker.ts'
import { bundleWorker, Site, scratchFolder } from '../torture/harness.ts'
import { randomFrom } from '../torture/random.ts'

const CLEAN = Object.fromEntries(VIOLATIONS.map((kind) => [kind, 0]))
/** At most this many kills, or as many as a slow machine manages in the time. */
const KILLS = 200
const KILLING_MS = 15_000
/** A real server takes a second to start on a busy machine. */
const SERVERS = 20
const SERVING_MS = 20_000

test('processes that are killed within 20 ms of their first answer leave every answer in the record', async () => {
  const folder = scratchFolder()
  const site = new Site(await bundleWorker(folder))
  try {
    let begun = 0
    const endsAt = performance.now() + KILLING_MS
    const lane = async () => {
      while (begun < KILLS && performance.now() < endsAt) {
        const random = randomFrom(++begun)
        const worker = site.start({ mode: 'random', seed: begun, slots: ['one', 'two', 'three'] })
        await worker.next()
        await sleep(random.int(0, 20))
        await worker.kill()
      }
    }
    await Promise.all([lane(), lane(), lane()])
    const { counts, findings } = await site.verdict()
    expect(counts).toEqual(CLEAN)
    expect(findings).toEqual([])
    expect(begun).toBeGreaterThan(10)
    expect(site.answers().length).toBeGreaterThanOrEqual(begun)
  } finally {
    await site.remove()
    rmSync(folder, { recursive: true, force: true })
  }
})

test('servers that are killed in the middle of a conversation lose nothing that they answered', async () => {
  const root = mkdtempSync(join(tmpdir(), 'rutter-servers-'))
  const answered: string[] = []
  try {
    const both = ['left', 'right'].map((slot) => conversations(root, slot, SERVERS / 2))
    answered.push(...(await Promise.all(both)).flat())
    expect(answered.length).toBeGreaterThan(4)
    const verdict = check(join(root, '.bot'), [{ by: 'client', call: 'several', marks: answered }])
    expect(verdict.counts).toEqual(CLEAN)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})

/** Starts one server after the other, talks to it and kills it; gives the marks of what was answered. */
async function conversations(root: string, slot: string, servers: number): Promise<string[]> {
  const random = randomFrom(slot.length)
  const answered: string[] = []
  const endsAt = performance.now() + SERVING_MS
  for (let i = 0; i < servers && performance.now() < endsAt; i++) {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [LAUNCHER, 'mcp', '--root', root, '--slot', slot],
      stderr: 'inherit',
    })
    const client = new Client({ name: 'kill-test', version: '1' })
    await client.connect(transport)
    const call = async (name: string, args: Record<string, unknown>, mark: string) => {
      const result = await client.callTool({ name, arguments: args })
      if (result.isError) throw new Error(JSON.stringify(result.structuredContent))
      answered.push(mark)
    }
    const mark = `${slot}.${i}`
    await call('session_initialize', { session_type: 'autonomous', metadata: { mark } }, `init:${mark}`)
    const { pid } = transport
    if (pid === null) throw new Error('The server has no process id.')
    const dies = sleep(random.int(0, 30)).then(() => process.kill(pid, 'SIGKILL'))
    // Until the server is gone in the middle of a call.
    await talk(async (n) => {
      await call('session_update', { current_task_id: `${mark}.${n}` }, `start:${mark}.${n}`)
      await call('session_increment_completed', {}, `complete:${mark}.${n}`)
    })
    await dies
    await client.close()
  }
  return answered
}

async function talk(exchange: (n: number) => Promise<void>): Promise<void> {
  for (let n = 0; ; n++) {
    try {
      await exchange(n)
    } catch {
      return
    }
  }
}
