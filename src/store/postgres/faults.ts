import { Refusal } from '../../domain/refusal.ts'

/** What a failed attempt means for the work that was tried. */
export type Fault =
  /** Somebody else was first, or the server gave this transaction up: nothing happened, and another attempt may succeed. */
  | 'conflict'
  /** The server cannot be reached, is starting or stopping, or has no room: another attempt may succeed a little later. */
  | 'away'
  /** Waiting changes nothing: a person has to. */
  | 'refused'
  /** Not the database's doing. */
  | 'other'

const CONFLICTS = new Set([
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '23505', // unique_violation: two began the same stream or slot in one moment
  '55P03', // lock_not_available
  '42P06', // duplicate_schema, duplicate_table: two made the tables in one moment
  '42P07',
])

/** Codes of Node for a connection that cannot be made or was cut. A socket that is not there may be the server's that restarts. */
const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  'EAI_AGAIN',
  'ECONNABORTED',
])

/** connection_exception, operator_intervention but for a cancelled statement, too many connections, and transactions that were ended. */
const AWAY = /^(08|57P|53[34]|25P0[34]$|40003$)/

const CUT =
  /Connection terminated|connection error and is not queryable|Client was closed|timeout expired|Query read timeout/i

export function faultOf(error: unknown): Fault {
  const code = codeOf(error)
  if (error instanceof Refusal) return 'other'
  if (error instanceof CannotConnect) return faultOf(error.cause) === 'away' ? 'away' : 'refused'
  if (code !== null && CONFLICTS.has(code)) return 'conflict'
  if (code !== null && (NETWORK.has(code) || AWAY.test(code))) return 'away'
  if (error instanceof Error && CUT.test(error.message)) return 'away'
  return code !== null && /^[0-9A-Z]{5}$/.test(code) ? 'refused' : 'other'
}

/** True where the server takes no writes, as a standby does. */
export function isReadOnly(error: unknown): boolean {
  return codeOf(error) === '25006'
}

/** Whatever kept a connection from being made: a name that is not known, a certificate, a password. */
export class CannotConnect extends Error {
  constructor(cause: unknown) {
    super(saidBy(cause), { cause })
  }
}

function codeOf(error: unknown): string | null {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : null
}

function saidBy(error: unknown): string {
  // A name with several addresses: the error for all of them says nothing itself.
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(saidBy).join('; ')
  }
  return error instanceof Error ? error.message : String(error)
}

/**
 * What may be kept of an error. The driver's own has its client on it in some cases, and that has all it was told: nothing of it is to
 * be printed with a refusal.
 */
export function bare(error: unknown): Error {
  const kept = new Error(saidBy(error))
  const code = codeOf(error)
  return code === null ? kept : Object.assign(kept, { code })
}

/** The refusal that a caller is given for what the database said. `where` names the database without its password. */
export function asUnavailable(error: unknown, where: string): Refusal {
  if (error instanceof Refusal) return error
  const cause = error instanceof CannotConnect ? error.cause : error
  const { what, hint } = explained(cause)
  const passing = passes(cause) ? 'nothing' : null
  return new Refusal('store_unavailable', `The team's store at ${where} ${what}`, { hint, passing, cause: bare(cause) })
}

/** Whether waiting may be all that is needed. A machine without a network knows no name, so one that is not found may be found later. */
function passes(error: unknown): boolean {
  const fault = faultOf(error)
  return fault === 'away' || fault === 'conflict' || codeOf(error) === 'ENOTFOUND'
}

/**
 * For a commit whose answer was `lost`, where nobody could be asked afterwards. It must not say that nothing was written, as what was
 * said `last` does.
 */
export function outcomeUnknown(lost: unknown, last: unknown, where: string): Refusal {
  const why = saidBy(last instanceof Refusal ? (last.cause ?? 'no connection of this process was free') : last)
  return new Refusal(
    'store_unavailable',
    `The connection to the team's store at ${where} was lost while it committed (${saidBy(lost)}), and it could not be asked since (${why}): whether this was recorded is not known.`,
    {
      hint: 'Call again when it is back: the same request_id or idempotency_key is counted once, and state shows what was recorded.',
      passing: 'unknown',
      cause: bare(lost),
    },
  )
}

function explained(error: unknown): { what: string; hint: string } {
  const code = codeOf(error) ?? ''
  const said = saidBy(error)
  // The server calls it an invalid authorization, as it does a wrong password.
  if (/channel binding|SCRAM-SHA-256-PLUS/i.test(said)) {
    return {
      what: `is not safe enough for its address: ${said}.`,
      hint: 'channel_binding=require wants TLS (sslmode=require or better) up to the server itself, and a password that the server keeps as scram-sha-256. A check that failed means that somebody between has a certificate of his own: a proxy or pooler that ends TLS, or an attacker.',
    }
  }
  switch (code) {
    case '28P01':
    case '28000':
      return {
        what: `does not let this user in: ${said}.`,
        hint: /encryption|SSL off/i.test(said)
          ? 'Check the address; sslmode=verify-full or sslmode=require in it asks for TLS, which the server may demand.'
          : "Check user and password in its address (RUTTER_STORE or RUTTER_REMOTE), and the server's pg_hba.conf.",
      }
    case '3D000':
      return {
        what: `has no such database: ${said}.`,
        hint: 'Create it (createdb NAME), or correct the name in its address (RUTTER_STORE or RUTTER_REMOTE).',
      }
    case '25006':
      return {
        what: 'is read-only, as a standby is: what is there can be read, and nothing was written.',
        hint: 'Give the address of the primary (RUTTER_STORE or RUTTER_REMOTE).',
      }
    case '42501':
      return {
        what: `forbids this to its user: ${said}.`,
        hint: 'What an agent does wants the rights that rutter migrate --print-grants ROLE lists; rutter migrate itself wants the owner of the tables, who may make a schema in this database (docs/scale.md).',
      }
    case '53100':
      return {
        what: `has no room left on its disk: ${said}. Nothing was written.`,
        hint: 'Make room on the server, and call again.',
      }
    case '55P03':
      return {
        what: `is busy: another call has held what this one needs for too long (${said}). Nothing was written.`,
        hint: 'Call again. A rebuild, a migration or a client that hangs in a transaction may be the reason: see pg_stat_activity.',
      }
    case '40001':
    case '40P01':
    case '23505':
      return {
        what: `is busy: others were first in every attempt (${said}). Nothing was written.`,
        hint: "Call again; if that stays so, the server's log says who.",
      }
    case '57014':
      return {
        what: `gave the statement up: ${said}. Nothing was written.`,
        hint: 'Its statement_timeout is too short for this, or the server is overloaded: call again, or raise it.',
      }
    case '25P03':
    case '25P04':
      return {
        what: `ended the transaction: ${said}. Nothing was written.`,
        hint: 'This process stood still or the server is overloaded: call again, or raise that limit on the server.',
      }
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return {
        what: `is not to be found: ${said}.`,
        hint: 'Check the host in its address (RUTTER_STORE or RUTTER_REMOTE), and the network.',
      }
    case '53300':
      return {
        what: `has no connection left: ${said}. Nothing was written.`,
        hint: 'Call again; if that stays so, put a pooler before it or raise max_connections (docs/scale.md).',
      }
  }
  if (/client password must be a string/i.test(said)) {
    return {
      what: 'wants a password, and its address has none.',
      hint: 'Give it in the address (RUTTER_STORE or RUTTER_REMOTE), in PGPASSWORD, or in ~/.pgpass.',
    }
  }
  if (/Unknown authentication/.test(said)) {
    return {
      what: `asks this user in by a way that is not known here: ${said}.`,
      hint: "Known are scram-sha-256, md5, password, cert, peer and trust; the server's pg_hba.conf says which is whose.",
    }
  }
  if (/SSL|TLS|cert|self-signed|self signed/i.test(`${said} ${code}`)) {
    return {
      what: `and this side do not agree on TLS: ${said}.`,
      hint: 'See sslmode (disable, require, verify-ca, verify-full) and sslrootcert in its address.',
    }
  }
  if (faultOf(error) === 'away') {
    return {
      what: `cannot be reached: ${said}. Nothing was written.`,
      hint: 'Check host and port, that the server runs, and the network; call again then, nothing needs a restart here.',
    }
  }
  return { what: `failed: ${said}.`, hint: "rutter doctor says what can be done; the server's log says more." }
}
