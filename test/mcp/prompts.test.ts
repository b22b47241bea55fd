import { afterEach, describe, expect, it } from 'vitest'
import { aDecision, aPattern, aSummary } from '../support/learnings.ts'
import { connect, everyByte, type Rutter, repository, tidyUp } from '../support/mcp-client.ts'

afterEach(tidyUp)

async function textOf(rutter: Rutter, name: string, args: Record<string, string> = {}): Promise<string> {
  const { messages } = await rutter.client.getPrompt({ name, arguments: args })
  expect(messages).toHaveLength(1)
  expect(messages[0]?.role).toBe('user')
  const content = messages[0]?.content
  return content?.type === 'text' ? content.text : ''
}

async function read(rutter: Rutter, uri: string): Promise<string> {
  const { contents } = await rutter.client.readResource({ uri })
  expect(contents).toMatchObject([{ uri, mimeType: 'text/markdown' }])
  const [content] = contents
  return content !== undefined && 'text' in content ? content.text : ''
}

describe('prompts', () => {
  it('are listed with a title, what they are for and the arguments that they take', async () => {
    const { client } = await connect(repository())
    const { prompts } = await client.listPrompts()
    expect(prompts.map(({ name }) => name)).toEqual(['resume_work', 'end_of_session'])
    for (const prompt of prompts) {
      expect(prompt).toMatchObject({ title: expect.any(String), description: expect.any(String) })
      for (const argument of prompt.arguments ?? []) expect(argument).toMatchObject({ required: false })
    }
  })

  it('refuse a name or an argument that they do not know, with those that they do', async () => {
    const { client } = await connect(repository())
    await expect(client.getPrompt({ name: 'resume' })).rejects.toThrow(/"resume".*resume_work, end_of_session/)
    await expect(client.getPrompt({ name: 'resume_work', arguments: { topic: 'x' } })).rejects.toThrow(
      /takes project_id, focus; given was topic/,
    )
  })

  it('resume_work loads the brief of the project or of one focus, the same that its resource has', async () => {
    const rutter = await connect(repository())
    await rutter.start()
    await rutter.ok('store_session_with_learnings', {
      session: aSummary(),
      decisions: [aDecision('Use SQLite')],
      patterns: [aPattern('A release is due', { scope: 'focus' })],
      focus: 'release',
    })
    const before = everyByte(rutter.root)
    const text = await textOf(rutter, 'resume_work')
    for (const said of ['Drop the old files', 'Measure the rebuild', '**Use SQLite**', '**A release is due**']) {
      expect(text).toContain(said)
    }
    expect(await textOf(rutter, 'resume_work', { project_id: '', focus: ' ' })).toContain('**A release is due**')
    const other = await textOf(rutter, 'resume_work', { focus: 'web' })
    expect(other).toContain('Nothing was saved in focus "web". There are: "release".')
    expect(other).not.toContain('A release is due')
    const { project_id } = JSON.parse(String(before['.bot/rutter.json']))
    const withoutTime = (brief: string) => brief.replace(/# Brief, as of .*/, '')
    expect(withoutTime(text)).toContain(withoutTime(await read(rutter, `rutter://projects/${project_id}/brief`)).trim())
    expect(everyByte(rutter.root)).toEqual(before)
  })

  it('resume_work of a fresh repository says that there is nothing yet', async () => {
    expect(await textOf(await connect(repository()), 'resume_work')).toContain('Nothing was saved here yet.')
  })

  it('end_of_session asks for exactly the fields that store_session_with_learnings takes', async () => {
    const rutter = await connect(repository())
    const text = await textOf(rutter, 'end_of_session', { focus: 'auth' })
    const asked = new Map(
      [...text.matchAll(/^( *)- (\w+) \((required|optional)/gm)].map(([, indent, name, need]) => [
        `${'.'.repeat((indent?.length ?? 0) / 2)}${name}`,
        need,
      ]),
    )
    const { inputSchema } = (await rutter.tools()).get('store_session_with_learnings') as { inputSchema: object }
    const expected = fieldsOf(inputSchema, '')
    expect([...asked.keys()].sort()).toEqual([...new Set(expected.map(([name]) => name))].sort())
    for (const field of ['session', '.objective', '.save_scope', '.rationale', '.last_validated_at'])
      expect(asked.get(field), field).toBe('required')
    for (const field of ['decisions', '.confidence', 'governance_token'])
      expect(asked.get(field), field).toBe('optional')
    for (const said of [
      'with focus "auth"',
      '"global" | "project" | "focus"',
      'number, 0 to 1, default 1',
      'list of texts',
    ])
      expect(text).toContain(said)
  })
})

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
}

function fieldsOf(schema: Schema, depth: string): [name: string][] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]): [string][] => [
    [`${depth}${name}`],
    ...fieldsOf(field.properties === undefined ? (field.items ?? {}) : field, `${depth}.`),
  ])
}

describe('resources of what was learned', () => {
  it('give a decision with its lineage, by the id of any in the line', async () => {
    const rutter = await connect(repository())
    const { session_id } = await rutter.start()
    const first = await rutter.ok('save_decision', { decision: aDecision('Store it in files') })
    const second = await rutter.ok('save_decision', {
      decision: aDecision('Keep everything in PostgreSQL', { supersedes: first.artifact_id }),
    })
    for (const { artifact_id } of [first, second]) {
      const text = await read(rutter, `rutter://decisions/${artifact_id}`)
      expect(text).toContain(`(${first.artifact_id}): superseded by ${second.artifact_id}; session ${session_id}`)
      expect(text).toContain(`took the place of ${first.artifact_id}`)
    }
  })

  it('are listed as templates', async () => {
    const { resourceTemplates } = await (await connect(repository())).client.listResourceTemplates()
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toEqual([
      'rutter://sessions/{session_id}',
      'rutter://decisions/{id}',
      'rutter://projects/{project_id}/brief',
    ])
  })

  it.each([
    'rutter://decisions/',
    'rutter://decisions/nothing',
    'rutter://decisions/%zz',
    'rutter://projects/atlas',
    'rutter://projects//brief',
    'rutter://projects/*/brief',
    'rutter://projects/%00%zz/brief',
  ])('refuse %s, which names nothing', async (uri) => {
    const rutter = await connect(repository())
    await rutter.start()
    await expect(rutter.client.readResource({ uri })).rejects.toMatchObject({ code: -32602, data: { uri } })
  })

  it('give the brief of a project that is not known as empty, saying so', async () => {
    const text = await read(await connect(repository()), 'rutter://projects/elsewhere/brief')
    expect(text).toContain('Nothing is known of project "elsewhere"')
  })
})
