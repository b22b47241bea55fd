import {
  type ListResourcesResult,
  type ListResourceTemplatesResult,
  ProtocolError,
  ProtocolErrorCode,
  type ReadResourceResult,
  ResourceNotFoundError,
} from '@modelcontextprotocol/server'
import type { Context } from '../app/context.ts'
import { sessionMarkdown } from '../app/markdown.ts'
import { briefText } from '../app/memory/brief-text.ts'
import { lineageOf } from '../app/memory/lineage.ts'
import { lineageMarkdown } from '../app/memory/lineage-text.ts'
import { asRefusal, perform } from '../app/operation.ts'
import { retrieveContext } from '../app/operations/retrieve_context.ts'
import { reportOf } from '../app/report.ts'

const ROOT = 'rutter://'
/** Stands for the id of what the connection is about. */
const CURRENT = 'current'
const MARKDOWN = 'text/markdown'

interface ResourceKind {
  /** With one name in braces. */
  readonly uriTemplate: string
  readonly name: string
  readonly title: string
  readonly description: string
  /** The resource as Markdown; `undefined` where the id names nothing. */
  read(context: Context, id: string): Promise<string | undefined>
}

const kinds: readonly ResourceKind[] = [
  {
    uriTemplate: `${ROOT}sessions/{session_id}`,
    name: 'session',
    title: 'A session',
    description: 'The record of one session, as Markdown: figures, tasks, errors, timeline.',
    read: async (context, id) =>
      id === CURRENT ? currentSession(context) : sessionMarkdown(await reportOf(context, id)),
  },
  {
    uriTemplate: `${ROOT}decisions/{id}`,
    name: 'decision',
    title: 'A decision and its lineage',
    description:
      'One decision as Markdown: what it says, what it superseded, what superseded it, which sessions said so.',
    async read(context, id) {
      const lineage = await lineageOf(context, id)
      return lineage === undefined ? undefined : lineageMarkdown(lineage)
    },
  },
  {
    uriTemplate: `${ROOT}projects/{project_id}/brief`,
    name: 'brief',
    title: 'The brief of a project',
    description:
      'What to read before starting, as Markdown: open items, decisions in force, patterns, errors that repeat.',
    read: async (context, id) =>
      briefText(await perform(retrieveContext, context, id === CURRENT ? {} : { project_id: id })),
  },
]

/** Not every client shows its model the templates, so what is of use to each is listed by a name that never changes. */
export function listResources(): ListResourcesResult {
  return {
    resources: [
      {
        uri: `${ROOT}sessions/${CURRENT}`,
        name: 'current-session',
        title: 'The current session',
        description: 'The record of the session that this connection is about, as Markdown.',
        mimeType: MARKDOWN,
      },
      {
        uri: `${ROOT}projects/${CURRENT}/brief`,
        name: 'current-brief',
        title: 'The brief of this project',
        description: 'What to read before starting work here, as Markdown.',
        mimeType: MARKDOWN,
      },
    ],
  }
}

/** A list may not name what cannot be read: before the first run that is said, and no error. */
async function currentSession(context: Context): Promise<string> {
  try {
    return sessionMarkdown(await reportOf(context, undefined))
  } catch (error) {
    const { code, message } = asRefusal(error)
    if (code !== 'no_active_session') throw error
    return `# No session yet\n\n${message} session_initialize starts one.\n`
  }
}

export function listResourceTemplates(): ListResourceTemplatesResult {
  return { resourceTemplates: kinds.map(({ read: _, ...template }) => ({ ...template, mimeType: MARKDOWN })) }
}

/** Reads a resource; an address that names nothing is told as such, with what would. */
export async function readResource(context: Context, uri: string): Promise<ReadResourceResult> {
  for (const kind of kinds) {
    const id = idIn(kind.uriTemplate, uri)
    if (id === undefined) continue
    const text = await reading(kind, context, id, uri)
    if (text !== undefined) return { contents: [{ uri, mimeType: MARKDOWN, text }] }
    throw new ResourceNotFoundError(uri, `There is no ${kind.name} "${id.slice(0, 80)}".`)
  }
  const known = [
    ...listResources().resources.map((resource) => resource.uri),
    ...kinds.map(({ uriTemplate }) => uriTemplate),
  ]
  throw new ResourceNotFoundError(uri, `There is no resource ${uri}; there are ${known.join(', ')}.`)
}

async function reading(kind: ResourceKind, context: Context, id: string, uri: string): Promise<string | undefined> {
  try {
    return await kind.read(context, id)
  } catch (error) {
    const { code, message, hint } = asRefusal(error)
    if (code === 'session_not_found' || code === 'no_active_session' || code === 'invalid_argument')
      throw new ResourceNotFoundError(uri, message)
    if (code === 'ambiguous_session')
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `${message} ${hint ?? ''}`)
    throw error
  }
}

/** What an address has where the template has its name, its escapes undone; `undefined` where the address is of another kind. */
function idIn(uriTemplate: string, uri: string): string | undefined {
  const [before = '', after = ''] = uriTemplate.split(/\{\w+\}/)
  if (!uri.startsWith(before) || !uri.endsWith(after)) return undefined
  const escaped = uri.slice(before.length, uri.length - after.length)
  try {
    return escaped === '' ? undefined : decodeURIComponent(escaped)
  } catch {
    return undefined
  }
}
