/** Keeps secrets out of records, which are committed to git. */
export interface Redactor {
  /** The same value with every secret in any of its strings replaced by `[redacted:<kind>]`. Never changes its argument. */
  redact<T>(value: T): Promise<T>
}
