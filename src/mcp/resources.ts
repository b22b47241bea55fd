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
    read: async (context, id) => sessionMarkdown(await reportOf(context, id === 'current' ? undefined : id)),
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
    read: async (context, id) => briefText(await perform(retrieveContext, context, { project_id: id })),
  },
]

export function listResources(): ListResourcesResult {
  return {
    resources: [
      {
        uri: `${ROOT}sessions/current`,
        name: 'current-session',
        title: 'The current session',
        description: 'The record of the session that this connection is about, as Markdown.',
        mimeType: MARKDOWN,
      },
    ],
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
  const known = [`${ROOT}sessions/current`, ...kinds.map(({ uriTemplate }) => uriTemplate)]
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
