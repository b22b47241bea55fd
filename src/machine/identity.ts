import { hash, randomUUID } from 'node:crypto'
import { v5 } from 'uuid'
import type { Identity } from '../ports/identity.ts'

/** Every id that is made of what it names is made in this namespace; another one would give every artifact another id. */
const NAMESPACE = '7d0a4b63-5f0c-4c8e-9d1e-3f6a1c2b9e57'

export function systemIdentity(newId: () => string): Identity {
  return {
    digest: (text) => hash('sha256', text, 'hex'),
    // As JSON, so that no two lists of parts are written alike.
    idOf: (parts) => v5(JSON.stringify(parts), NAMESPACE),
    newId,
    // Of 122 random bits, and in a form that no scanner of secrets takes for a password of something else.
    secret: () => randomUUID(),
  }
}
