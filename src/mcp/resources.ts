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
import { asRefusal } from '../app/operation.ts'
import { reportOf } from '../app/report.ts'

const SESSIONS = 'rutter://sessions/'
const MARKDOWN = 'text/markdown'

export function listResources(): ListResourcesResult {
  return {
    resources: [
      {
        uri: `${SESSIONS}current`,
        name: 'current-session',
        title: 'The current session',
        description: 'The record of the session that this connection is about, as Markdown.',
        mimeType: MARKDOWN,
      },
    ],
  }
}

export function listResourceTemplates(): ListResourceTemplatesResult {
  return {
    resourceTemplates: [
      {
        uriTemplate: `${SESSIONS}{session_id}`,
        name: 'session',
        title: 'A session',
        description: 'The record of one session, as Markdown: figures, tasks, errors, timeline.',
        mimeType: MARKDOWN,
      },
    ],
  }
}

/** Reads a resource; an address that names nothing is told as such, with what would. */
export async function readResource(context: Context, uri: string): Promise<ReadResourceResult> {
  const id = uri.startsWith(SESSIONS) ? decoded(uri.slice(SESSIONS.length)) : ''
  if (id === '')
    throw new ResourceNotFoundError(
      uri,
      `There is no resource ${uri}; there are ${SESSIONS}current and ${SESSIONS}{session_id}.`,
    )
  try {
    const report = await reportOf(context, id === 'current' ? undefined : id)
    return { contents: [{ uri, mimeType: MARKDOWN, text: sessionMarkdown(report) }] }
  } catch (error) {
    const { code, message, hint } = asRefusal(error)
    if (code === 'session_not_found' || code === 'no_active_session') throw new ResourceNotFoundError(uri, message)
    if (code === 'ambiguous_session')
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `${message} ${hint ?? ''}`)
    throw error
  }
}

/** What an address stands for once its escapes are undone; empty where they are none, which names nothing. */
function decoded(escaped: string): string {
  try {
    return decodeURIComponent(escaped)
  } catch {
    return ''
  }
}
