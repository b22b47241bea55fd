/** A stretch of a text that a rule takes for a secret. */
export interface Finding {
  readonly start: number
  readonly end: number
  /** The rule's name, as it stands in `[redacted:<kind>]`. */
  readonly kind: string
}

interface RuleMessage {
  readonly messageId: string
  readonly data: Readonly<Record<string, unknown>> | undefined
}

/** What a rule is handed, and hands back: the part of secretlint's rule interface that its rules use on a text. */
export interface SecretRule {
  readonly meta: { readonly id: string }
  create(
    context: {
      readonly sharedOptions: object
      createTranslator(): (messageId: string, data?: Record<string, unknown>) => RuleMessage
      report(found: { range: readonly [number, number]; message: RuleMessage }): void
      ignore(): void
    },
    options: object,
  ): { file?(source: object): unknown }
}

export const KIND_OF_CUSTOM = 'custom'

/**
 * The rules of secretlint's recommended preset. Imported when first needed: it is large, and an agent waits for the start.
 *
 * They are run here and not by `@secretlint/core`, which is made for one run over files: it keeps 20 KB of profile for each
 * scan, shifts ranges after a byte order mark, and takes 250 instead of 30 microseconds for a short text.
 */
export async function loadSecretRules(): Promise<readonly SecretRule[]> {
  const preset = await import('@secretlint/secretlint-rule-preset-recommend')
  const rules = preset.rules as unknown as readonly SecretRule[]
  // With this rule a text that says `secretlint-disable` would be left alone.
  return rules.filter((rule) => kindOf(rule) !== 'filter-comments')
}

export function kindOf(rule: SecretRule): string {
  return rule.meta.id.replace('@secretlint/secretlint-rule-', '')
}

/** The shortest run of token characters in whatever a rule finds without one of the `SIGNS`: an AWS key id has just these. */
const SHORTEST_TOKEN = 20

/** What is in every find that has no such run. The shortest are a Slack token of 8 characters and a GitHub one of 11. */
const SIGNS = ['://', 'xox', 'xapp-', 'ghs_', '-----BEGIN', '_authToken=']

const IS_TOKEN = Uint8Array.from({ length: 128 }, (_, code) => (/[\w/+=-]/.test(String.fromCharCode(code)) ? 1 : 0))

/**
 * Whether a text has to be scanned at all: where this says no, no rule of the preset finds anything. For a short text it
 * takes a hundredth of the time of a scan, and it keeps the rules from being loaded for nothing.
 */
export function mayHoldSecret(text: string): boolean {
  return SIGNS.some((sign) => text.includes(sign)) || hasLongToken(text)
}

/** Looks at every twentieth character only, because a run of twenty cannot lie between two of them. */
function hasLongToken(text: string): boolean {
  for (let at = SHORTEST_TOKEN - 1; at < text.length; at += SHORTEST_TOKEN) {
    let start = at
    while (IS_TOKEN[text.charCodeAt(start)]) start -= 1
    let end = at
    while (IS_TOKEN[text.charCodeAt(end)]) end += 1
    if (end - start > SHORTEST_TOKEN) return true
  }
  return false
}

/** Everything that the rules find in a text, sorted and without overlaps. Rejects when a rule fails. */
export async function findSecrets(rules: readonly SecretRule[], text: string): Promise<readonly Finding[]> {
  const found: Finding[] = []
  const waiting: unknown[] = []
  for (const rule of rules) {
    const kind = kindOf(rule)
    const handler = rule.create(
      {
        sharedOptions: {},
        createTranslator: () => (messageId, data) => ({ messageId, data }),
        // An AWS account number is not a secret.
        report: ({ range, message }) => {
          if (message.messageId !== 'AWSAccountID') found.push({ ...locate(text, range, message), kind })
        },
        ignore: () => {},
      },
      // Ids of access keys are found only when asked for. They are half of a credential.
      kind === 'aws' ? { enableIDScanRule: true } : {},
    )
    for (const filePath of FILE_PATHS[kind] ?? [undefined]) {
      const done = handler.file?.({ content: text, filePath, ext: '', contentType: 'text', hasBOM: false })
      if (done !== undefined) waiting.push(done)
    }
  }
  if (waiting.length > 0) await Promise.all(waiting)
  return merge(found)
}

/** Some patterns are looked for in files of a certain name only; a text that an agent writes may quote any file. */
const FILE_PATHS: Readonly<Record<string, readonly (string | undefined)[]>> = { npm: [undefined, '.npmrc'] }

/**
 * The range of a secret. Some rules report a range that begins at the name before the secret and is as long as the
 * secret, so that its end would stay; what they report as the secret itself is right, and is looked for from there.
 */
function locate(text: string, [from, to]: readonly [number, number], message: RuleMessage) {
  const secrets = Object.values(message.data ?? {}).filter((value) => typeof value === 'string' && value !== '')
  const asReported = { start: Math.max(0, from), end: Math.min(text.length, to) }
  if (secrets.length === 0 || secrets.includes(text.slice(from, to))) return asReported
  for (const secret of secrets as string[]) {
    const start = text.indexOf(secret, from)
    if (start !== -1) return { start, end: start + secret.length }
  }
  return asReported
}

/** Sorted, with findings that overlap or touch made into one, which is named after the first. */
export function merge(findings: readonly Finding[]): readonly Finding[] {
  const merged: Finding[] = []
  for (const next of findings.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = merged.at(-1)
    if (last !== undefined && next.start <= last.end) {
      if (next.end > last.end) merged[merged.length - 1] = { ...last, end: next.end }
    } else if (next.end > next.start) {
      merged.push(next)
    }
  }
  return merged
}
