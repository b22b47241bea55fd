import { afterEach, beforeEach } from 'vitest'
import { connect, type Rutter, repository, tidyUp } from './mcp-client.ts'

/** A file that imports these has them anew for each of its tests: a client in a fresh repository, with a session begun. */
export let rutter: Rutter
/** The session's id. */
export let id: string

beforeEach(async () => {
  rutter = await connect(repository())
  id = (await rutter.start()).session_id
})
afterEach(tidyUp)
