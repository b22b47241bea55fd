import { accessSync, constants } from 'node:fs'
import { Refusal } from '../../domain/refusal.ts'

/** As libpq names them, and the driver's own `no-verify`. */
const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify']
const SSL_FILES = ['sslrootcert', 'sslcert', 'sslkey']

/** What the driver looks at. */
const HEEDED = [
  ...['host', 'port', 'user', 'password', 'sslmode', ...SSL_FILES, 'ssl', 'sslnegotiation', 'uselibpqcompat'],
  ...['application_name', 'fallback_application_name', 'client_encoding', 'replication', 'options'],
  ...['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'query_timeout'],
]

/** What psql knows as well, and nothing is lost by here: a comfort, or a means that a server which wants it misses aloud. */
const WITHOUT_LOSS = [
  ...['load_balance_hosts', 'passfile', 'connect_timeout', 'tcp_user_timeout', 'keepalives'],
  ...['keepalives_idle', 'keepalives_interval', 'keepalives_count', 'sslcompression', 'sslpassword', 'sslkeylogfile'],
  ...['sslsni', 'ssl_max_protocol_version', 'max_protocol_version', 'krbsrvname', 'gsslib', 'gssdelegation'],
  ...['scram_client_key', 'scram_server_key', 'oauth_issuer', 'oauth_client_id', 'oauth_client_secret', 'oauth_scope'],
  'oauth_ca_file',
]

/** Those that keep a secret: with a bare "&" in it, its end looks like another parameter. */
const SECRETS = ['password', 'sslpassword', 'scram_client_key', 'scram_server_key', 'oauth_client_secret']

const NO_REVOCATION =
  'Leave it out; sslrootcert=FILE with an authority that vouches for this server alone trusts fewer.'
const ONE_HOST = 'Give one host that leads to the primary: a name, a virtual address, or a pooler before the servers.'
const ON_SERVER = 'the server can demand it of everybody'

/**
 * Where the driver does as asked for these values alone, and for any other, without a word, as if nothing had been said. What is
 * empty among them counts as not given to psql, too.
 */
const KEPT = new Map<string, { readonly values: readonly string[]; readonly hint?: string }>([
  ['channel_binding', { values: ['prefer', 'disable', 'require'] }],
  ['target_session_attrs', { values: ['any'], hint: ONE_HOST }],
  ['gssencmode', { values: ['prefer', 'disable'], hint: 'sslmode=verify-full encrypts by TLS.' }],
  ['sslcertmode', { values: ['allow', 'disable'], hint: `A certificate goes with sslcert and sslkey; ${ON_SERVER}.` }],
  // Those that Node demands by itself.
  [
    'ssl_min_protocol_version',
    {
      values: ['', 'TLSv1', 'TLSv1.1', 'TLSv1.2'],
      hint: 'Set a higher one on the server, which takes the highest of both.',
    },
  ],
  ['min_protocol_version', { values: ['', '3.0'] }],
  ['requiressl', { values: ['', '0'], hint: 'Write sslmode=require.' }],
  ['ssl', { values: ['true', '1', '0', 'no-verify'], hint: 'Or write sslmode, as for psql.' }],
  ['sslnegotiation', { values: ['postgres', 'direct'] }],
  [
    'require_auth',
    { values: [''], hint: `Leave it out; sslmode=verify-full makes sure of who asks, and ${ON_SERVER}.` },
  ],
  [
    'requirepeer',
    { values: [''], hint: 'Leave it out, and name a socket in a directory that only its owner may write to.' },
  ],
  ['sslcrl', { values: [''], hint: NO_REVOCATION }],
  ['sslcrldir', { values: [''], hint: NO_REVOCATION }],
  ['hostaddr', { values: [''], hint: 'Write it as the host.' }],
  ['service', { values: [''], hint: 'Write what the service stands for: host, user and database.' }],
  ['servicefile', { values: [''], hint: 'Write what the service stands for: host, user and database.' }],
  ['dbname', { values: [''], hint: 'Write it behind the host: postgres://USER@HOST/DATABASE.' }],
])

const KNOWN: ReadonlySet<string> = new Set([...HEEDED, ...WITHOUT_LOSS, ...KEPT.keys()])

/**
 * The address as the driver is to read it. By itself it takes `require` for `verify-full` and says on standard error that this will
 * change; here each mode means what it means to psql, so that an address that works there works here.
 */
export function forDriver(url: string): string {
  const parameters = parametersOf(url)
  if (parameters === null) return url
  checkHost(parameters.get('host'))
  checkNames([...parameters.keys()])
  for (const [name, value] of parameters) checkDemand(name, value)
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
  return `${url.slice(0, url.indexOf('?'))}?${parameters}`
}

/** Whether the server must prove that this very connection ends at it. */
export function demandsBinding(url: string): boolean {
  return parametersOf(url)?.getAll('channel_binding').includes('require') === true
}

/** `null` where the address has none. */
function parametersOf(url: string): URLSearchParams | null {
  const start = url.indexOf('?')
  return start === -1 ? null : new URLSearchParams(url.slice(start + 1))
}

/** The driver connects to one host: it would take several for one odd name. */
function checkHost(host: string | null): void {
  if (host?.includes(',')) throw wrong("The store's address names several hosts.", ONE_HOST)
}

/** One that is misspelt would be a demand that nobody hears of. */
function checkNames(names: readonly string[]): void {
  const nth = names.findIndex((name) => !KNOWN.has(name))
  const unknown = names[nth]
  if (unknown === undefined) return
  const mayBeSecret = names.slice(0, nth).some((name) => SECRETS.includes(name)) || !/^\w{1,40}$/.test(unknown)
  const which = mayBeSecret ? `a parameter, number ${nth + 1} behind its "?",` : `the parameter "${unknown}",`
  const secret = mayBeSecret ? 'It is not shown, since it may be the end of a password: in one, write & as %26. ' : ''
  throw wrong(
    `The store's address has ${which} which neither psql nor Rutter's driver knows.`,
    `${secret}Allowed are: ${HEEDED.join(', ')}; and what else psql knows, where nothing is lost without it.`,
  )
}

function checkDemand(name: string, value: string): void {
  const kept = KEPT.get(name)
  if (kept === undefined || kept.values.includes(value)) return
  const values = kept.values.filter((one) => one !== '')
  const allowed = values.length === 0 ? '' : `Allowed are: ${values.join(', ')}. `
  throw wrong(
    `${name} is "${value}" in the store's address, which would not be kept here.`,
    `${allowed}${kept.hint ?? ''}`.trim(),
  )
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
