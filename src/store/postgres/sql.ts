import { createHash } from 'node:crypto'
import type { ClientBase, Query, QueryResult } from 'pg'
import type { Listening } from './silence.ts'

export type Row = Readonly<Record<string, unknown>>

export type Scalar = string | number | boolean | null

/** What a statement may be given. A JavaScript array becomes an array of the database. */
export type Value = Scalar | readonly Scalar[]

/**
 * One connection while somebody has it. Statements go out at once and are answered in their order, so those that need not know each
 * other's answers are started together and awaited together: a wait for each would be most of the time that a call takes.
 */
export class Sql {
  readonly #client: ClientBase
  readonly #prepares: boolean
  /** The statement that begins a transaction. */
  readonly #begin: string
  /** Is told of each question and each answer. */
  readonly #listening: Listening | null
  /** What made the server give the transaction up. */
  #failed: unknown
  /** Why no transaction could be begun. */
  #notBegun: unknown
  #isOver = false
  #begun: Promise<unknown> | null = null

  /** `prepares` is false where a pooler hands each transaction to another server process, which knows no statement of ours. */
  constructor(client: ClientBase, prepares: boolean, begin = 'BEGIN', listening: Listening | null = null) {
    this.#client = client
    this.#begin = begin
    this.#prepares = prepares
    this.#listening = listening
  }

  async all(text: string, values: readonly Value[] = []): Promise<Row[]> {
    return (await this.#query(text, values)).rows as Row[]
  }

  async get(text: string, values: readonly Value[] = []): Promise<Row | undefined> {
    return (await this.all(text, values))[0]
  }

  /** Gives the number of rows that it changed. */
  async run(text: string, values: readonly Value[] = []): Promise<number> {
    return (await this.#query(text, values)).rowCount ?? 0
  }

  /**
   * Begins a transaction, where none was begun yet. Nobody waits for that: it goes out together with the first statement in it. What
   * was read before is of another moment, so whoever writes on the strength of it asks in the statement that writes whether it still holds.
   */
  begin(): void {
    if (this.#begun !== null) return
    this.#check(this.#begin)
    // By a callback, since it is called before any answer behind it is looked at: without a transaction each statement would stand by
    // itself, so whoever has an answer in hand can send nothing any more where this failed.
    this.#begun = new Promise<void>((resolve, reject) => {
      this.#send({ text: this.#begin }, (error) => {
        if (error === null) return resolve()
        this.#failed ??= error
        this.#notBegun = error
        reject(error)
      })
    })
    this.#begun.catch(() => {})
  }

  get isInTransaction(): boolean {
    return this.#begun !== null
  }

  /** Ends the transaction; fails where the server took it back instead, since a statement before had failed. */
  async commit(): Promise<void> {
    const committed = this.#query('COMMIT', [])
    this.end()
    await this.#begun
    const { command } = await committed
    if (command !== 'COMMIT') throw this.#failed ?? new Error(`The transaction ended in ${command}.`)
  }

  /** Takes back what was not committed. Comes back behind every statement that was on its way. */
  async rollback(): Promise<void> {
    this.end()
    // Where there is no transaction, the server would warn of that in its log.
    await this.#sent({ text: this.isInTransaction ? 'ROLLBACK' : '' })
  }

  /** From here on nothing is sent: it would be done by itself, and stand whatever becomes of the rest, or in another's transaction. */
  end(): void {
    this.#isOver = true
  }

  #check(text: string): void {
    if (this.#notBegun !== undefined) throw this.#notBegun
    if (this.#isOver) throw new Error(`A statement came after the end of its transaction: ${text.slice(0, 80)}`)
  }

  #query(text: string, values: readonly Value[]): Promise<QueryResult> {
    this.#check(text)
    const given = values.map(parameter)
    const name = this.#prepares && given.length > 0 ? nameOf(text) : undefined
    return this.#sent({ text, values: given, name })
  }

  #sent(statement: Statement): Promise<QueryResult> {
    return new Promise((resolve, reject) => {
      this.#send(statement, (error, result) => (error === null ? resolve(result) : reject(this.#reasonOf(error))))
    })
  }

  /** Statements behind one that failed are refused for that alone, and it is chance whose answer is looked at first. */
  #reasonOf(error: Error): unknown {
    const isEcho = this.#failed !== undefined && codeOf(error) === IN_FAILED_TRANSACTION
    this.#failed ??= error
    return isEcho ? this.#failed : error
  }

  /** By an object of the driver's own: of a plain one it would make a copy, field by field, which takes as long as all the rest. */
  #send({ text, values, name }: Statement, onAnswer: OnAnswer): void {
    const { Query } = this.#client.constructor as unknown as { Query: new (text: string, values?: unknown[]) => Query }
    const query = new Query(text, values)
    const callback: OnAnswer = (error, result) => {
      this.#listening?.answered()
      onAnswer(error, result)
    }
    this.#listening?.asked()
    this.#client.query(Object.assign(query, { name, callback }))
  }
}

interface Statement {
  readonly text: string
  readonly values?: unknown[]
  /** Under which it is prepared. */
  readonly name?: string | undefined
}

/** With an error there is no result. */
type OnAnswer = (error: Error | null, result: QueryResult) => void

const IN_FAILED_TRANSACTION = '25P02'
/** invalid_sql_statement_name, duplicate_prepared_statement: what a server process knows is not what was prepared from here. */
const FORGOTTEN: ReadonlySet<unknown> = new Set(['26000', '42P05'])

/** True where a prepared statement could not be used, as behind a pooler that hands each transaction to another server process. */
export function isForgotten(error: unknown): boolean {
  // The other case is a plan that was made before somebody changed a table.
  return FORGOTTEN.has(codeOf(error)) || (error instanceof Error && /^cached plan must not change/.test(error.message))
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code
}

function parameter(value: Value): unknown {
  return Array.isArray(value) ? arrayParameter(value) : kept(value as Scalar)
}

/**
 * Most arrays need no sign of theirs quoted, and are written as the database reads them all at once; the driver writes any other, sign
 * by sign, which takes as long as to compute what is in it.
 */
function arrayParameter(values: readonly Scalar[]): unknown {
  if (values.every((value) => typeof value === 'number' || typeof value === 'boolean')) return `{${values.join(',')}}`
  if (values.every((value) => typeof value === 'string')) {
    const all = values.join('\n')
    if (!/["\\]/.test(all) && storable(all) === all) return `{"${values.join('","')}"}`
  }
  return values.map(kept)
}

function kept(value: Scalar): Scalar {
  return typeof value === 'string' ? storable(value) : value
}

const names = new Map<string, string>()

/** The same statement has the same name in every process, and no two share one: the server keeps 63 characters. */
function nameOf(text: string): string {
  let name = names.get(text)
  if (name === undefined) {
    name = createHash('sha256').update(text).digest('hex').slice(0, 32)
    names.set(text, name)
  }
  return name
}

const NUL = '\0'
/** A sign for private use, of which no text of a person makes anything. */
const STAND_IN = '\u{F8FF}'

/**
 * A text as the database can keep it: it has no NUL, and half a character is none to it. Different texts stay different, but for
 * halves of characters, which are all kept as U+FFFD.
 */
function storable(text: string): string {
  if (!text.includes(NUL) && !text.includes(STAND_IN) && text.isWellFormed()) return text
  return text.toWellFormed().replaceAll(STAND_IN, `${STAND_IN}1`).replaceAll(NUL, `${STAND_IN}0`)
}

/** The text that `storable` was given. */
export function restored(text: unknown): string {
  const kept = String(text)
  return kept.includes(STAND_IN) ? kept.replaceAll(`${STAND_IN}0`, NUL).replaceAll(`${STAND_IN}1`, STAND_IN) : kept
}

export function restoredOrNull(text: unknown): string | null {
  return text === null ? null : restored(text)
}

/** Texts of this program's own, as a statement lists them. */
export function literals(texts: readonly string[]): string {
  return texts.map((text) => `'${text}'`).join(', ')
}

/** What a write went by is not so any more: somebody else was first, and all of it is to be tried again. */
export class Overtaken extends Error {
  readonly code = '40001'
}
