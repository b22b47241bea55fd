import { afterEach, describe, expect, it } from 'vitest'
import { connect, recorded, recordText, repository, tidyUp } from '../support/mcp-client.ts'
import { RawServer } from '../support/raw-server.ts'

afterEach(tidyUp)

const MODERN = '2026-07-28'

/** What a client of revision 2026-07-28 sends with every request, having shaken no hands. */
const envelope = (name: string) => ({
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientInfo': { name, version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': {},
})

describe.each([
  ['the initialize handshake', undefined],
  [`revision ${MODERN}, pinned`, { mode: { pin: MODERN } }],
  ['whatever both can', { mode: 'auto' as const }],
])('a client that speaks by %s', (_how, negotiation) => {
  const speak = (root: string, name = 'navigator') =>
    connect(root, { name, ...(negotiation === undefined ? {} : { negotiation }) })

  it('gets its calls answered and its refusals as results, over a whole run', async () => {
    const rutter = await speak(repository())
    expect((await rutter.refused('session_get_state')).code).toBe('no_active_session')
    const { session_id } = await rutter.start()
    await rutter.ok('session_update', { current_task_id: 't-1' })
    await rutter.ok('session_increment_completed')
    await rutter.ok('task_mark_done', { task_id: 't-1' })
    await rutter.ok('steering_heartbeat', { session_id, status: 'working' })
    expect((await rutter.refused('session_initialize', { session_type: 'manual' })).code).toBe('session_locked')
    expect((await rutter.ok('session_update', { status: 'stopped' })).tasks_completed).toBe(1)
  })

  it('is named in the record as who acted', async () => {
    const rutter = await speak(repository())
    const { session_id } = await rutter.start()
    for (const { actor } of recorded(rutter.root, session_id)) {
      expect(actor).toEqual({ kind: 'agent', name: 'navigator' })
    }
  })

  it('reads resources, and gets unknown ones refused', async () => {
    const rutter = await speak(repository())
    const { session_id } = await rutter.start()
    const uri = `rutter://sessions/${session_id}`
    expect((await rutter.client.readResource({ uri })).contents[0]).toMatchObject({ uri, mimeType: 'text/markdown' })
    await expect(rutter.client.readResource({ uri: `${uri}x` })).rejects.toMatchObject({ code: -32602 })
  })

  it('is told who serves and how to use it', async () => {
    const { client } = await speak(repository())
    expect(client.getServerVersion()).toMatchObject({
      name: 'rutter',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    })
    expect(client.getInstructions()).toContain('session_initialize')
    expect(client.getServerCapabilities()).toMatchObject({ tools: {}, resources: {} })
  })
})

describe('a server', () => {
  it.each(['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'])(
    'shakes hands with revision %s',
    async (version) => {
      const server = new RawServer(repository())
      const { protocolVersion, serverInfo } = await server.handshake(version)
      expect(protocolVersion).toBe(version)
      expect(serverInfo.name).toBe('rutter')
      expect((await server.call('session_initialize', { session_type: 'manual' })).isError).toBeUndefined()
    },
  )

  it('offers a revision that it knows to a client that asks for one that nobody knows', async () => {
    const server = new RawServer(repository())
    expect((await server.handshake('2099-01-01')).protocolVersion).toMatch(/^20(24|25)-\d\d-\d\d$/)
  })

  it('answers server/discover with the revisions that it speaks', async () => {
    const server = new RawServer(repository())
    const { result } = await server.ask('server/discover', { _meta: envelope('raw') }).answer
    expect(result.supportedVersions).toContain(MODERN)
    expect(result.capabilities).toMatchObject({ tools: {}, resources: {} })
    expect(result.instructions).toContain('session_initialize')
  })

  it('serves a call that comes first, with nothing before it, in the newer revision', async () => {
    const root = repository()
    const server = new RawServer(root)
    const params = { name: 'session_initialize', arguments: { session_type: 'manual' }, _meta: envelope('first') }
    const { result } = await server.ask('tools/call', params).answer
    const { session_id } = result.structuredContent
    expect(recordText(root, session_id)).toContain('"name":"first"')
  })

  it('keeps one session for one connection in the newer revision, which shakes no hands', async () => {
    const root = repository()
    const server = new RawServer(root, ['--slot', 'build'])
    const call = async (name: string, args = {}) =>
      (await server.ask('tools/call', { name, arguments: args, _meta: envelope('x') }).answer).result.structuredContent
    const { session_id } = await call('session_initialize', { session_type: 'manual', slot: 'other' })
    expect(await call('session_increment_completed')).toMatchObject({ session_id, tasks_completed: 1 })
  })
})
