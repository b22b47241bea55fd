import { Refusal } from '../../domain/refusal.ts'

const PARTS = /^postgres(?:ql)?:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._%-]*)(?::(\d*))?$/i

/**
 * The database that an address is of, for people: USER@HOST:PORT/DATABASE, without the password. Read by hand, since an address over
 * a socket has no host and is no URL to Node; and strictly, since the end of a password with a bare "/" or "?" in it looks like a
 * host or a database, and those are shown.
 */
export function placeOf(url: string): string {
  const [, authority, database = '', query = ''] = PARTS.exec(url) ?? []
  if (authority === undefined || /[@:]/.test(database) || query.includes('@')) throw notAnAddress()
  const at = authority.lastIndexOf('@')
  const host = HOST.exec(authority.slice(at + 1))
  // The driver decodes all of it, and would show what it cannot.
  if (host === null || decoded(authority) === null || decoded(database) === null) throw notAnAddress()
  const parameters = new URLSearchParams(query)
  const port = parameters.get('port') ?? host[2] ?? ''
  if (!/^\d*$/.test(port) || Number(port) > 65_535) throw notAnAddress()

  const user = parameters.get('user') ?? decoded(authority.slice(0, Math.max(at, 0)).split(':')[0] ?? '')
  const machine = parameters.get('host') ?? decoded(host[1] ?? '')
  return [
    user === '' ? '' : `${user}@`,
    machine === '' ? 'localhost' : machine,
    port === '' ? '' : `:${port}`,
    `/${decoded(database)}`,
  ].join('')
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/** Shows nothing of what was given: which part of it is the password is not known. */
export function notAnAddress(): Refusal {
  return new Refusal('invalid_argument', 'The address that was given is not one of a PostgreSQL database.', {
    hint:
      'Give postgres://USER:PASSWORD@HOST:PORT/DATABASE in RUTTER_STORE (--store) or RUTTER_REMOTE (--remote), with one host; ' +
      'in user and password write % as %25, @ as %40, : as %3A, / as %2F, ? as %3F and # as %23.',
  })
}
