/** A string of a JSON value with the name of the field that holds it. */
export interface NamedText {
  /** `password: ` before the value of that field, because the name can tell what a text is; `''` elsewhere. */
  readonly label: string
  readonly text: string
}

/** One string for both parts; no two texts share it. */
export function idOf({ label, text }: NamedText): string {
  return `${label.length}:${label}${text}`
}

/** The strings in a JSON value that are `wanted`, each once by its id: keys of objects, their values, and all others. */
export function textsOf(value: unknown, wanted: (text: string) => boolean): ReadonlyMap<string, NamedText> {
  const texts = new Map<string, NamedText>()
  const walk = (part: unknown, label: string): void => {
    if (typeof part === 'string') {
      if (!wanted(part)) return
      const named = { label, text: part }
      texts.set(idOf(named), named)
    } else if (Array.isArray(part)) {
      for (const item of part) walk(item, '')
    } else if (typeof part === 'object' && part !== null) {
      assertPlain(part)
      for (const [key, field] of Object.entries(part)) {
        walk(key, '')
        walk(field, labelOf(key))
      }
    }
  }
  walk(value, '')
  return texts
}

/**
 * A copy of a JSON value in which the texts whose ids are in `changes` are replaced. No field is lost: keys that become
 * equal are numbered.
 */
export function withTexts<T>(value: T, changes: ReadonlyMap<string, string>): T {
  const walk = (part: unknown, label: string): unknown => {
    if (typeof part === 'string') return changes.get(idOf({ label, text: part })) ?? part
    if (Array.isArray(part)) return part.map((item) => walk(item, ''))
    if (typeof part !== 'object' || part === null) return part
    const taken = new Set<string>()
    const fields = Object.entries(part).map(([key, field]) => {
      const name = unused(changes.get(idOf({ label: '', text: key })) ?? key, taken)
      taken.add(name)
      return [name, walk(field, labelOf(key))] as const
    })
    // Unlike an assignment, this keeps a field that is called `__proto__`.
    return Object.fromEntries(fields)
  }
  return walk(value, '') as T
}

function labelOf(key: string): string {
  return `${key}: `
}

function unused(name: string, taken: ReadonlySet<string>): string {
  let candidate = name
  for (let n = 2; taken.has(candidate); n += 1) candidate = `${name} ${n}`
  return candidate
}

/** What hides its strings from `Object.entries` (a Map, a URL, a Date) must not pass as clean. */
function assertPlain(part: object): void {
  const prototype = Object.getPrototypeOf(part)
  if (prototype === null || Object.getPrototypeOf(prototype) === null) return
  throw new TypeError(`Only JSON values can be searched for secrets; this one holds a ${part.constructor.name}.`)
}
