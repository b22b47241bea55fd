import * as z from 'zod'
import { MATCH_KINDS } from '../../domain/memory/search-doc.ts'
import { orElse, scope, whichProject } from '../memory/shapes.ts'
import { surface } from '../memory/surface.ts'
import { operation } from '../operation.ts'
import { MAX_TEXT, READS } from '../shapes.ts'

export const memorySurface = operation({
  name: 'memory_surface',
  title: 'Search what was learned',
  toolset: 'memory',
  summary:
    'Search decisions, patterns, summaries and past runs for any words: a topic, an error, a file or symbol name. Gives ranked matches with a snippet and the session they came from. Call it before you decide or when something fails.',
  input: z.strictObject({
    query: z.string().max(MAX_TEXT),
    ...whichProject,
    limit: orElse(z.int().min(1).max(50), 5),
  }),
  output: z.object({
    matches: z.array(
      z.object({
        id: z.string(),
        kind: z.enum(MATCH_KINDS),
        project_id: z.string().nullable(),
        scope,
        focus: z.string().nullable(),
        title: z.string(),
        snippet: z.string(),
        score: z.number(),
        session_id: z.string().nullable(),
        saved_at: z.string(),
      }),
    ),
    message: z.string().nullable(),
  }),
  annotations: READS,
  run: surface,
})
