import { Refusal } from '../domain/refusal.ts'
import type { BookLayout } from './layout.ts'

const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full. Make room and call again; nothing of this call was recorded.',
  EDQUOT: 'The disk quota is used up. Make room and call again; nothing of this call was recorded.',
  EACCES: 'Rutter may not write there. Check the owner and permissions of the folder, then call again.',
  EPERM: 'Rutter may not write there. Check the owner and permissions of the folder, then call again.',
  EROFS: 'The file system is read-only. Mount it writable, or point --root at another folder.',
  EIO: 'The disk reported an error. See the system log before you go on.',
  EMFILE: 'Too many open files. Close some programs or raise the limit, then call again.',
  SQLITE_FULL: 'The disk is full. Make room and call again; nothing of this call was recorded.',
  SQLITE_READONLY: 'The store is read-only. Check the owner and permissions of the folder, then call again.',
  SQLITE_CANTOPEN: 'Check that the folder exists and that Rutter may write there, then call again.',
}

/** SQLite's primary result codes that mean trouble with files. */
const SQLITE_TROUBLE: Readonly<Record<number, string>> = {
  3: 'SQLITE_PERM',
  8: 'SQLITE_READONLY',
  10: 'SQLITE_IOERR',
  11: 'SQLITE_CORRUPT',
  13: 'SQLITE_FULL',
  14: 'SQLITE_CANTOPEN',
  26: 'SQLITE_NOTADB',
}

/** Trouble with files or the database as a refusal that a person can act on; anything else as it is. */
export function asUnavailable(error: unknown, layout: BookLayout): unknown {
  if (error instanceof Refusal || !(error instanceof Error)) return error
  const { code, errcode } = error as { code?: string; errcode?: number }
  const name = errcode === undefined ? code : (SQLITE_TROUBLE[errcode & 0xff] ?? `SQLite error ${errcode}`)
  const isSystemError = errcode !== undefined || (code !== undefined && 'syscall' in error)
  if (!isSystemError || name === undefined) return error
  return new Refusal('store_unavailable', `The book in ${layout.bot} could not be used: ${name}: ${error.message}`, {
    hint: HINTS[name] ?? 'rutter doctor looks for the cause.',
    details: { cause: name },
    cause: error,
  })
}
