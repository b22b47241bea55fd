import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { connect, everyByte, type Json, recorded, repository, sessionFiles, tidyUp } from '../support/mcp-client.ts'
import { RawServer } from '../support/raw-server.ts'

afterEach(tidyUp)

/** How soon a server must be gone that nobody needs any more; far more than it takes, for machines under load. */
const SOON = 5000

const completed = (root: string, id: string) =>
  recorded(root, id).filter(({ type }) => type === 'task.completed').length

async function running(root = repository()): Promise<{ server: RawServer; root: string; id: string }> {
  const server = new RawServer(root)
  await server.handshake()
  const { structuredContent } = await server.call('session_initialize', { session_type: 'manual' })
  return { server, root, id: structuredContent.session_id }
}

/** Everything on stdout is a JSON-RPC message: one stray line there breaks a client. */
function expectOnlyProtocol(server: RawServer): void {
  for (const line of server.lines) expect(JSON.parse(line)).toMatchObject({ jsonrpc: '2.0' })
}

describe('a client that goes away', () => {
  it('by closing its end of the pipe lets the server exit by itself with 0, and the session stays an orphan', async () => {
    const { server, root, id } = await running()
    server.child.stdin.end()
    const ending = await server.ending()
    expect(ending).toMatchObject({ code: 0, signal: null })
    expect(ending.ms).toBeLessThan(SOON)
    expect(server.stderr).toBe('')
    expectOnlyProtocol(server)
    const next = await connect(root)
    expect(await next.ok('session_get_state')).toMatchObject({ session_id: id, status: 'running' })
  })

  it('without a word, before any handshake, leaves no server and no file', async () => {
    const root = repository()
    const server = new RawServer(root)
    server.child.stdin.end()
    expect(await server.ending()).toMatchObject({ code: 0, signal: null })
    expect(server.lines).toEqual([])
    expect(existsSync(join(root, '.bot'))).toBe(false)
  })

  it('in the middle of many calls leaves a whole record, with at least every call that was answered', async () => {
    const { server, root, id } = await running()
    const answers = Array.from({ length: 50 }, () => server.ask('tools/call', { name: 'session_increment_completed' }))
    await answers[4]?.answer
    server.child.stdin.end()
    server.child.stdout.destroy()
    expect((await server.ending()).ms).toBeLessThan(SOON)
    const answered = server.lines.filter(
      (line) => line.includes('tasks_completed":') && line.includes('"result"'),
    ).length
    expect(completed(root, id)).toBeGreaterThanOrEqual(5)
    expect(completed(root, id)).toBeGreaterThanOrEqual(answered - 1)
    const next = await connect(root)
    expect((await next.ok('session_get_state')).tasks_completed).toBe(completed(root, id))
  })

  it('with half a line of JSON leaves the half unread, and the server exits', async () => {
    const { server, root, id } = await running()
    const before = everyByte(root)
    server.write('{"jsonrpc":"2.0","id":99,"method":"tools/call","params":{"name":"session_increment_compl')
    server.child.stdin.end()
    expect(await server.ending()).toMatchObject({ code: 0, signal: null })
    expect(completed(root, id)).toBe(0)
    expect(Object.keys(everyByte(root)).filter((name) => name.startsWith('.bot/workspace'))).toEqual(
      Object.keys(before).filter((name) => name.startsWith('.bot/workspace')),
    )
    expectOnlyProtocol(server)
  })

  it('by SIGKILL leaves a record that the next server reads and goes on with', async () => {
    const { server, root, id } = await running()
    for (let i = 0; i < 200; i++) server.ask('tools/call', { name: 'session_increment_completed' })
    await server.call('session_get_state')
    server.child.kill('SIGKILL')
    await server.ending()
    const next = await connect(root)
    const { tasks_completed } = await next.ok('session_increment_completed')
    expect(tasks_completed).toBe(completed(root, id))
    expect(recorded(root, id).map(({ seq }) => seq)).toEqual(recorded(root, id).map((_, i) => i + 1))
  })
})

describe('a signal', () => {
  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s ends the server promptly with exit code 0', async (signal) => {
    const { server, root, id } = await running()
    server.child.kill(signal)
    const ending = await server.ending()
    expect(ending).toMatchObject({ code: 0, signal: null })
    expect(ending.ms).toBeLessThan(SOON)
    expect((await (await connect(root)).ok('session_get_state')).session_id).toBe(id)
  })

  it('SIGTERM in the middle of calls leaves nothing answered that is not recorded', async () => {
    const { server, root, id } = await running()
    const calls = Array.from({ length: 100 }, () => server.ask('tools/call', { name: 'session_increment_completed' }))
    await calls[2]?.answer
    server.child.kill('SIGTERM')
    expect(await server.ending()).toMatchObject({ code: 0 })
    const answered = server.lines.filter((line) => /"structuredContent":\{[^}]*"tasks_completed"/.test(line)).length
    expect(answered).toBeGreaterThanOrEqual(3)
    expect(completed(root, id)).toBeGreaterThanOrEqual(answered)
    expectOnlyProtocol(server)
  })

  it('SIGTERM before anything was said ends the server with exit code 0', async () => {
    const server = new RawServer(repository())
    await server.handshake()
    server.child.kill('SIGTERM')
    expect(await server.ending()).toMatchObject({ code: 0, signal: null })
  })
})

describe('a client that writes nonsense', () => {
  const nonsense = [
    'hello\n',
    '\n\n\n',
    '{"jsonrpc":"2.0"\n',
    '[]\n',
    'null\n',
    '42\n',
    '"text"\n',
    '{}\n',
    '{"jsonrpc":"1.0","id":1,"method":"tools/list"}\n',
    '{"jsonrpc":"2.0","id":{},"method":"tools/list"}\n',
    '{"jsonrpc":"2.0","id":null,"method":"tools/list"}\n',
    '{"jsonrpc":"2.0","id":7777,"result":{}}\n',
    '{"jsonrpc":"2.0","method":"notifications/nobody_knows"}\n',
    '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":12345}}\n',
    '\u0000\u0001\u0002\n',
    '\ufeff{"jsonrpc":"2.0","method":"x"}\n',
    `${'['.repeat(100_000)}\n`,
    `{"jsonrpc":"2.0","id":"long","method":"${'m'.repeat(1_000_000)}"}\n`,
  ]

  it('between calls is survived: every line, and the next call is answered', async () => {
    const { server, root, id } = await running()
    for (const [i, line] of nonsense.entries()) {
      server.write(line)
      const { structuredContent } = await server.call('session_increment_completed')
      expect(structuredContent, line.slice(0, 60)).toMatchObject({ session_id: id, tasks_completed: i + 1 })
    }
    expect(completed(root, id)).toBe(nonsense.length)
    expect(server.child.exitCode).toBeNull()
    expectOnlyProtocol(server)
  })

  it('before the handshake is survived too', async () => {
    const server = new RawServer(repository())
    for (const line of nonsense.slice(0, 7)) server.write(line)
    expect((await server.handshake()).serverInfo.name).toBe('rutter')
    expectOnlyProtocol(server)
  })

  it('gets a JSON-RPC error for an unknown method, and for parameters that are none', async () => {
    const { server } = await running()
    expect((await server.ask('tools/explode').answer).error.code).toBe(-32601)
    expect((await server.ask('tools/call', { nome: 'x' }).answer).error.code).toBe(-32602)
    expect((await server.ask('tools/call', { name: 42 }).answer).error.code).toBe(-32602)
    const odd = await server.ask('tools/call', { name: 'session_list', arguments: 'all' }).answer
    expect(odd.error?.code ?? odd.result?.isError).toBeTruthy()
    expectOnlyProtocol(server)
  })

  it('gets its calls answered where arguments are left out altogether', async () => {
    const { server, id } = await running()
    const { result } = await server.ask('tools/call', { name: 'session_get_state' }).answer
    expect(result.structuredContent.session_id).toBe(id)
  })

  it('in bytes that are no UTF-8 is survived', async () => {
    const { server, id } = await running()
    server.child.stdin.write(Buffer.from([0xff, 0xfe, 0x80, 0x0a]))
    expect((await server.call('session_increment_completed')).structuredContent.session_id).toBe(id)
  })

  it('gets a message that comes byte by byte answered', async () => {
    const { server } = await running()
    const text = `${JSON.stringify({ jsonrpc: '2.0', id: 'slow', method: 'ping' })}\n`
    for (const byte of Buffer.from(text)) {
      server.child.stdin.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect((await server.ask('ping').answer).result).toEqual({})
    expect(server.lines.some((line) => JSON.parse(line).id === 'slow')).toBe(true)
  })
})

describe('a client in a hurry', () => {
  it('has 200 calls on one connection answered and recorded, each once', async () => {
    const { server, root, id } = await running()
    const calls = Array.from({ length: 200 }, () => server.call('session_increment_completed'))
    const seen = (await Promise.all(calls)).map(({ structuredContent }) => structuredContent.tasks_completed)
    expect(seen.sort((a: number, b: number) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1))
    expect(completed(root, id)).toBe(200)
    expectOnlyProtocol(server)
  })

  it('has everything answered that it sent with the handshake, without waiting for it', async () => {
    const root = repository()
    const server = new RawServer(root)
    const shake = server.handshake()
    const started = server.ask('tools/call', { name: 'session_initialize', arguments: { session_type: 'manual' } })
    const counted = server.ask('tools/call', { name: 'session_increment_completed' })
    expect((await shake).protocolVersion).toBe('2025-11-25')
    const { session_id } = (await started.answer).result.structuredContent
    expect((await counted.answer).result.structuredContent).toMatchObject({ session_id, tasks_completed: 1 })
  })

  it('gets one session for twenty initialises at once, and nineteen refusals', async () => {
    const root = repository()
    const server = new RawServer(root)
    await server.handshake()
    const calls = Array.from({ length: 20 }, () => server.call('session_initialize', { session_type: 'manual' }))
    const codes = (await Promise.all(calls)).map((result: Json) => result.structuredContent.error?.code ?? 'started')
    expect(codes.filter((code) => code === 'started')).toHaveLength(1)
    expect(codes.filter((code) => code === 'session_locked')).toHaveLength(19)
    expect(sessionFiles(root)).toHaveLength(1)
  })

  it('that cancels a call does not break the next one, and the record says what really happened', async () => {
    const { server, root, id } = await running()
    const { id: requestId } = server.ask('tools/call', { name: 'session_increment_completed' })
    server.write(`${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } })}\n`)
    const { structuredContent } = await server.call('session_get_state')
    expect(structuredContent.tasks_completed).toBe(completed(root, id))
  })
})
