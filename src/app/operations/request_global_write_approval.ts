import * as z from 'zod'
import { GLOBAL_PROJECT } from '../../domain/memory/room.ts'
import { operation } from '../operation.ts'
import { longText, WRITES } from '../shapes.ts'

export const requestGlobalWriteApproval = operation({
  name: 'request_global_write_approval',
  title: 'Ask for one global write',
  toolset: 'memory',
  summary:
    'Get a token for one write of decisions or patterns in global scope, which every project reads. Say in content_preview what will be written. Pass the token as governance_token before it expires; it is spent only when something was really written.',
  input: z.strictObject({ content_preview: longText }),
  output: z.object({
    token: z.string(),
    expires_at: z.string(),
    ttl_seconds: z.int(),
    instructions: z.string(),
  }),
  annotations: WRITES,
  async run({ ledger, clock, identity, settings, connection }, { content_preview }) {
    const token = identity.secret()
    const now = clock.now()
    const ttlSeconds = settings.approval_seconds
    const expires_at = new Date(Date.parse(now) + ttlSeconds * 1000).toISOString()
    await ledger.writeWithGlobal(async (_book, global) => {
      const data = {
        approval_id: identity.digest(token),
        project_id: GLOBAL_PROJECT,
        scope: 'global',
        focus: null,
        origin: { project_id: ledger.project_id, session_id: connection.session_id },
        content_preview,
        granted_at: now,
        expires_at,
      } as const
      const by = { actor: connection.actor, at: now }
      await global.append(await global.memoryStream(), [{ type: 'approval.granted', data }], by)
    })
    return {
      token,
      expires_at,
      ttl_seconds: ttlSeconds,
      instructions:
        'Pass this token as governance_token in save_decision, save_pattern, store_session_with_learnings or memory_review, once.',
    }
  },
})
