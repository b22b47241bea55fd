import { afterEach, describe, expect, it } from 'vitest'
import { connect, everyByte, type Rutter, repository, tidyUp } from '../support/mcp-client.ts'

afterEach(tidyUp)

async function textOf(rutter: Rutter, id: string): Promise<string> {
  const uri = `rutter://sessions/${id}`
  const { contents } = await rutter.client.readResource({ uri })
  expect(contents).toHaveLength(1)
  expect(contents[0]).toMatchObject({ uri, mimeType: 'text/markdown' })
  const [content] = contents
  return content !== undefined && 'text' in content ? content.text : ''
}

const DECISION = {
  title: 'Keep sessions in SQLite',
  rationale: 'One file, and nothing to install.',
  owner: 'ada',
  date: '2026-11-21',
  scope: 'project',
}

/** The protocol's "resource not found"; -32002 says the same in earlier revisions, and no SDK sends it any more. */
const notFound = (uri: string) => ({ code: -32602, data: { uri } })

describe('resources', () => {
  it('list the current session, and a template for every other', async () => {
    const { client } = await connect(repository())
    const { resources } = await client.listResources()
    expect(resources.map(({ uri }) => uri)).toContain('rutter://sessions/current')
    const { resourceTemplates } = await client.listResourceTemplates()
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toContain('rutter://sessions/{session_id}')
    for (const resource of [...resources, ...resourceTemplates]) {
      expect(resource).toMatchObject({ mimeType: 'text/markdown', title: expect.any(String), name: expect.any(String) })
      expect(resource.description?.length).toBeGreaterThan(10)
    }
  })

  it('that are listed can be read in a repository in which nothing ever happened', async () => {
    const { client } = await connect(repository())
    const { resources } = await client.listResources()
    expect(resources.map(({ uri }) => uri)).toEqual(['rutter://sessions/current', 'rutter://projects/current/brief'])
    for (const { uri } of resources) {
      const { contents } = await client.readResource({ uri })
      expect(contents[0]).toMatchObject({ uri, mimeType: 'text/markdown', text: expect.stringMatching(/^# /) })
    }
  })

  it('give the brief of the own project as the current one', async () => {
    const { client } = await connect(repository())
    await client.callTool({ name: 'save_decision', arguments: { decision: DECISION } })
    const { contents } = await client.readResource({ uri: 'rutter://projects/current/brief' })
    expect(contents[0]).toMatchObject({ text: expect.stringContaining(DECISION.title) })
  })

  it('give the record of a session as Markdown, the same by its id and as the current one', async () => {
    const rutter = await connect(repository())
    const { session_id } = await rutter.start({ workflow: 'nightly' })
    await rutter.ok('session_update', { current_task_id: 'login-page' })
    await rutter.ok('session_record_failure', { outcome: 'failed', error: { message: 'boom | # not a heading\n# no' } })
    await rutter.ok('session_update', { status: 'stopped' })
    const text = await textOf(rutter, session_id)
    expect(text).toBe(await textOf(rutter, 'current'))
    expect(text.startsWith(`# Session ${session_id}\n`)).toBe(true)
    for (const expected of ['nightly', 'login-page', 'boom', '## Timeline', '## Last errors'])
      expect(text).toContain(expected)
    expect(text.split('\n').filter((line) => line.startsWith('# '))).toHaveLength(1)
  })

  it('give the last session of the slot as the current one when none is live', async () => {
    const first = await connect(repository())
    const { session_id } = await first.start()
    await first.ok('session_update', { status: 'stopped' })
    expect(await textOf(await connect(first.root), 'current')).toContain(session_id)
  })

  it('leave out the earliest lines of a long run, and say so', async () => {
    const rutter = await connect(repository())
    await rutter.start()
    for (let i = 0; i < 220; i++) await rutter.ok('session_update', { current_task_id: `t-${i}` })
    const text = await textOf(rutter, 'current')
    expect(text).toMatch(/\d+ earlier lines left out/)
    expect(text).toContain('t-219')
    expect(text).not.toContain('task t-5 started')
  })

  it('refuse an address that names nothing, with what would, and change nothing', async () => {
    const rutter = await connect(repository())
    await rutter.start()
    const before = everyByte(rutter.root)
    const unknown = [
      'rutter://sessions/',
      'rutter://sessions',
      'rutter://nothing',
      'rutter://sessions/2026-11-21T22-23-05Z-k3f9q2',
      'rutter://sessions/../../etc/passwd',
      'rutter://sessions/..%2f..%2fetc%2fpasswd',
      'rutter://sessions/%00',
      'rutter://sessions/CURRENT',
      `rutter://sessions/${'x'.repeat(10_000)}`,
      'file:///etc/passwd',
      'https://example.org/',
      '',
    ]
    for (const uri of unknown) {
      await expect(rutter.client.readResource({ uri }), uri).rejects.toMatchObject(notFound(uri))
    }
    expect(everyByte(rutter.root)).toEqual(before)
  })

  it.each(['%', '%zz', '%E0%A4%A'])(
    'refuse the address rutter://sessions/%s, whose escapes are broken, as unknown',
    async (id) => {
      const rutter = await connect(repository())
      await rutter.start()
      const uri = `rutter://sessions/${id}`
      await expect(rutter.client.readResource({ uri })).rejects.toMatchObject(notFound(uri))
    },
  )

  it('say of the current session that there never was one, and what to do', async () => {
    const text = await textOf(await connect(repository()), 'current')
    expect(text).toContain('No session is live')
    expect(text).toContain('session_initialize')
  })
})
