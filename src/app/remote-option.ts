import { Refusal } from '../domain/refusal.ts'

/**
 * The database that a clone's own book is kept together with: as it was given, else of the environment. Refused where the book is to be
 * in a database itself, since then there is nothing here that could be brought together with anything.
 */
export function remoteBeside(store: string | undefined, given: string | undefined): string | undefined {
  const remote = given || process.env['RUTTER_REMOTE'] || undefined
  if (remote === undefined || !store) return remote
  throw new Refusal(
    'invalid_argument',
    "Both a store and a remote were given: with a store the book is in the team's database, with a remote it is in this clone's files and goes there by itself.",
    {
      hint: 'Give one of the two: RUTTER_STORE (--store) to work in the database, RUTTER_REMOTE (--remote) to go on working while it is away.',
    },
  )
}
