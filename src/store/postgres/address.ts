import { accessSync, constants } from 'node:fs'
import { Refusal } from '../../domain/refusal.ts'

/** As libpq names them, and the driver's own `no-verify`. */
const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify']
const SSL_FILES = ['sslrootcert', 'sslcert', 'sslkey']

/**
 * The address as the driver is to read it. By itself it takes `require` for `verify-full` and says on standard error that this will
 * change; here each mode means what it means to psql, so that an address that works there works here.
 */
export function forDriver(url: string): string {
  const start = url.indexOf('?')
  if (start === -1) return url
  const parameters = new URLSearchParams(url.slice(start + 1))
  checkServer(parameters)
  const mode = parameters.get('sslmode')
  if (mode !== null && !SSL_MODES.includes(mode)) {
    throw wrong(`sslmode is "${mode}" in the store's address.`, `Allowed are: ${SSL_MODES.join(', ')}.`)
  }
  for (const name of SSL_FILES) checkFile(name, parameters.get(name))
  if (mode === 'verify-ca' && !parameters.has('sslrootcert')) {
    throw wrong(
      "sslmode is verify-ca in the store's address, and no sslrootcert says which authority is meant.",
      'Add sslrootcert=FILE, or take verify-full, which trusts those that this system trusts.',
    )
  }
  if (mode === null || mode === 'no-verify' || parameters.has('uselibpqcompat')) return url
  // Both would do without TLS where the server has none. The driver cannot, so they ask for it.
  if (mode === 'allow' || mode === 'prefer') parameters.set('sslmode', 'require')
  parameters.set('uselibpqcompat', 'true')
  return `${url.slice(0, start)}?${parameters}`
}

/** The driver connects to one host and asks for no kind of server: it would take several for one odd name, and a demand for nothing. */
function checkServer(parameters: URLSearchParams): void {
  const hint = 'Give one host that leads to the primary: a name, a virtual address, or a pooler before the servers.'
  if (parameters.get('host')?.includes(',')) throw wrong("The store's address names several hosts.", hint)
  const kind = parameters.get('target_session_attrs') ?? 'any'
  if (kind !== 'any')
    throw wrong(`The store's address asks for a server that is "${kind}", which cannot be chosen here.`, hint)
}

function checkFile(name: string, path: string | null): void {
  if (path === null) return
  try {
    accessSync(path, constants.R_OK)
  } catch (error) {
    throw wrong(
      `${name} in the store's address names ${path}, which cannot be read: ${(error as NodeJS.ErrnoException).code}.`,
      'Correct the path, or the rights on the file.',
    )
  }
}

function wrong(message: string, hint: string): Refusal {
  return new Refusal('invalid_argument', message, { hint })
}
