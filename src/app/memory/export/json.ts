/** Letters to JSON that a terminal obeys, or that make text read in another order than it is written. */
const UNSAFE = /[\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

/** JSON on one line that is safe to look at, and reads back as what it was made of. */
export function jsonLine(value: unknown): string {
  return JSON.stringify(value).replace(UNSAFE, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
