/** Compares two texts by their code units: the same order on every machine, and that of ISO times and UUIDv7s. */
export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
