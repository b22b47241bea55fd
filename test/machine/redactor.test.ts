import { rules as presetRules } from '@secretlint/secretlint-rule-preset-recommend'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { secretRedactor } from '../../src/machine/redactor.ts'
import { findSecrets, loadSecretRules, mayHoldSecret, type SecretRule } from '../../src/machine/secret-rules.ts'
import { anySecret, SECRET_SAMPLES } from './secret-samples.ts'

const redactor = secretRedactor()
const githubToken = ['gh', 'p_', 'a1'.repeat(18)].join('')
const slackToken = ['xo', 'xb-', '12345678901-abcdefghijkl'].join('')

const edge = fc.constantFrom(' ', '\n', '\r\n', '"', "'", '(', ')', ',', ';', '\t')
/** A secret somewhere in a text of any kind, as people and programs set it off from what is around it. */
const embedded = fc
  .tuple(fc.string({ unit: 'grapheme' }), edge, anySecret, edge, fc.string({ unit: 'grapheme' }))
  .map(([before, left, found, right, after]) => ({ ...found, text: before + left + found.text + right + after }))

describe('what is found', () => {
  test('there is a sample for every message of every rule, so that a new rule is not forgotten here', () => {
    const messages = presetRules.flatMap((rule) =>
      Object.keys(rule.messages).map((id) => `${rule.meta.id.replace('@secretlint/secretlint-rule-', '')}/${id}`),
    )
    // Account numbers are no secrets; gcp reads files (its keys in JSON are found as private keys); the last is no scanner.
    const left = ['aws/AWSAccountID', 'gcp/PrivateKeyP12', 'gcp/PrivateKeyJSON', 'filter-comments/IGNORE_MESSAGE']
    expect([...Object.keys(SECRET_SAMPLES), ...left].sort()).toEqual(messages.sort())
  })

  test.each(Object.entries(SECRET_SAMPLES))('redacts %s', async (_, { kind, before = '', secret, after = '' }) => {
    await fc.assert(
      fc.asyncProperty(secret, async (value) => {
        const text = `see ${before}${value}${after}`
        expect(mayHoldSecret(text)).toBe(true)
        const redacted = await redactor.redact(text)
        expect(redacted).not.toContain(value)
        expect(redacted).toContain(`[redacted:${kind}]`)
        expect(redacted.startsWith('see ')).toBe(true)
      }),
      { numRuns: 25 },
    )
  })

  test('finds a secret in the midst of any text', async () => {
    await fc.assert(
      fc.asyncProperty(embedded, async ({ secret, text }) => {
        const redacted = await redactor.redact(text)
        expect(redacted).not.toContain(secret)
        expect(redacted).toContain('[redacted:')
      }),
      { numRuns: 500 },
    )
  })

  test('finds nothing any more in what it has redacted', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(embedded), async (samples) => {
        const once = await redactor.redact(samples.map(({ text }) => text).join(''))
        expect(await redactor.redact(once)).toBe(once)
      }),
      { numRuns: 200 },
    )
  })

  test('skips the scan only where no rule would find anything', async () => {
    const rules = await loadSecretRules()
    const fragment = fc.oneof(
      anySecret.map(({ text }) => text),
      anySecret.chain(({ text }) => fc.nat(text.length).map((end) => text.slice(0, end))),
      fc.constantFrom('a', '1', '-', '_', '.', ':', '/', '@', '=', ' ', '\n', 'SECRET_ACCESS_KEY=', 'secret', '"'),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(fragment, { maxLength: 12 }), async (fragments) => {
        const text = fragments.join('')
        if (!mayHoldSecret(text)) expect(await findSecrets(rules, text)).toEqual([])
      }),
      { numRuns: 2000 },
    )
  })

  test('redacts a private key as a whole, with line breaks of any kind', async () => {
    const key = (lineBreak: string) =>
      [
        `-----BEG${'IN'} RSA PRIVATE KEY-----`,
        ...Array(6).fill(`MI${'b9Z+'.repeat(15)}`),
        '-----END RSA PRIVATE KEY-----',
      ].join(lineBreak)
    for (const lineBreak of ['\n', '\r\n', '\\n']) {
      expect(await redactor.redact(`before\n${key(lineBreak)}\nafter`)).toBe('before\n[redacted:privatekey]\nafter')
    }
  })

  test('redacts all of a key that follows its name, where the rule reports the range as long as the key from the name on', async () => {
    const name = ['AWS_SECRET', '_ACCESS_KEY'].join('')
    const key = 'aB3/xY9+'.repeat(5).slice(0, 39)
    expect(await redactor.redact(`${name}=${key}z`)).toBe(`${name}=[redacted:aws]`)
  })

  test('names the kind of what it took out and keeps the rest', async () => {
    expect(await redactor.redact(`push with ${githubToken}, then tell ${slackToken}.`)).toBe(
      'push with [redacted:github], then tell [redacted:slack].',
    )
  })

  test('is not switched off by a comment in the text', async () => {
    for (const comment of ['secretlint-disable', 'secretlint-disable-line', 'secretlint-disable-next-line']) {
      expect(await redactor.redact(`// ${comment}\n${slackToken} ${comment}`)).toBe(
        `// ${comment}\n[redacted:slack] ${comment}`,
      )
    }
  })

  test('is not led astray by a byte order mark', async () => {
    expect(await redactor.redact(`\ufeff${slackToken} is it`)).toBe('\ufeff[redacted:slack] is it')
  })

  test('finds secrets that show only after the one they were stuck to is gone', async () => {
    expect(await redactor.redact(`start ${githubToken.repeat(20)} end`)).toBe('start [redacted:github] end')
  })

  test('does not take what looks like an earlier redaction for one', async () => {
    const token = ['xo', 'xb-', 'abc-def'].join('')
    expect(await redactor.redact(`[redacted:${token}]`)).toBe('[redacted:[redacted:slack]]')
  })
})

describe('the shape of the value', () => {
  test('finds secrets in any depth of any JSON value, and touches nothing else', async () => {
    const tree = fc.jsonValue({ maxDepth: 4 })
    await fc.assert(
      fc.asyncProperty(tree, tree, embedded, async (left, right, { secret, text }) => {
        const value = { left, list: [right, { deep: [text, 'fine'] }] }
        const before = structuredClone(value)
        const redacted = await redactor.redact(value)
        expect(JSON.stringify(redacted)).not.toContain(JSON.stringify(secret).slice(1, -1))
        expect({ ...redacted, list: [redacted.list[0], { deep: [text, 'fine'] }] }).toEqual(before)
        expect(value).toEqual(before)
      }),
      { numRuns: 200 },
    )
  })

  test('gives the same result for many strings together as for each alone', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            embedded.map(({ text }) => text),
            fc.string(),
          ),
        ),
        async (texts) => {
          const alone = await Promise.all(texts.map((text) => secretRedactor().redact(text)))
          expect(await redactor.redact(texts)).toEqual(alone)
        },
      ),
      { numRuns: 100 },
    )
  })

  test('finds the one field among many that holds a secret', async () => {
    for (let at = 0; at < 20; at += 1) {
      const clean = Object.fromEntries(
        Array.from({ length: 20 }, (_, n) => [`field number ${n}`, `/home/someone/projects/${n}`]),
      )
      const value = { ...clean, [`field number ${at}`]: githubToken }
      expect(await secretRedactor().redact(value)).toEqual({ ...clean, [`field number ${at}`]: '[redacted:github]' })
    }
  })

  test('gives the very same object back when there is nothing to redact', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), fc.lorem({ maxCount: 50 }), async (tree, words) => {
        const value = { tree, words, path: '/home/someone/projects/rutter/src/machine/redactor.ts' }
        expect(await redactor.redact(value)).toBe(value)
      }),
    )
  })

  test('redacts secrets in keys and loses no field when keys become equal', async () => {
    const value = { [githubToken]: 1, [`${githubToken.slice(0, -1)}2`]: 2, [JSON.stringify('__proto__')]: 3 }
    expect(await redactor.redact(value)).toEqual({ '[redacted:github]': 1, '[redacted:github] 2': 2, '"__proto__"': 3 })
  })

  test('knows a key by the name of its field', async () => {
    const name = ['AWS_SECRET', '_ACCESS_KEY'].join('')
    const value = { env: { [name]: 'aB3xY9ke'.repeat(5), region: 'eu-north-1' } }
    expect(await redactor.redact(value)).toEqual({ env: { [name]: '[redacted:aws]', region: 'eu-north-1' } })
    const once = await redactor.redact(value)
    expect(await redactor.redact(once)).toBe(once)
    // The same words without the field are another text.
    expect(await redactor.redact([`${name}: x`, { [name]: 'x' }])).toEqual([`${name}: x`, { [name]: 'x' }])
  })

  test('keeps a field that is called __proto__', async () => {
    const value = JSON.parse(`{ "__proto__": { "token": "${githubToken}" } }`)
    expect(JSON.stringify(await redactor.redact(value))).toBe('{"__proto__":{"token":"[redacted:github]"}}')
  })

  test('refuses what hides its strings', async () => {
    await expect(redactor.redact({ at: new Map([['a', githubToken]]) })).rejects.toThrow(
      'nothing of this may be recorded',
    )
  })

  test('keeps apart what is redacted at the same time', async () => {
    const [one, two] = await Promise.all([redactor.redact([githubToken]), redactor.redact([slackToken, 'ok'])])
    expect([one, two]).toEqual([['[redacted:github]'], ['[redacted:slack]', 'ok']])
  })
})

describe('patterns of the user', () => {
  test('are redacted wherever they match, in short texts too', async () => {
    const own = secretRedactor({ patterns: ['ACME-\\d{4}', '(?i:hush)'] })
    expect(await own.redact(['ACME-1234 and HUSH', 'ACME-12'])).toEqual([
      '[redacted:custom] and [redacted:custom]',
      'ACME-12',
    ])
  })

  test('are about the text alone, so that a pattern for the whole of it matches a field', async () => {
    const own = secretRedactor({ patterns: ['^hush$'] })
    expect(await own.redact({ a: 'hush', b: 'a: hush', hush: 'c' })).toEqual({
      a: '[redacted:custom]',
      b: 'a: hush',
      '[redacted:custom]': 'c',
    })
  })

  test('do not match inside what an earlier redaction has written', async () => {
    const own = secretRedactor({ patterns: ['redacted|custom'] })
    expect(await own.redact('[redacted:github] by a custom rule')).toBe('[redacted:github] by a [redacted:custom] rule')
    expect(await own.redact('//registry.test/:_authToken=[redacted:npm]')).toBe(
      '//registry.test/:_authToken=[redacted:npm]',
    )
  })

  test('leave alone what a redaction has written, whatever they match', async () => {
    for (const pattern of ['\\w+', '.', '.+', '[a-z]*', 'redacted', 'custom', '[\\s\\S]+']) {
      const own = secretRedactor({ patterns: [pattern] })
      const once = await own.redact(`my redacted ${githubToken} custom words`)
      expect(once).not.toContain('a1a1')
      expect(await own.redact(once)).toBe(once)
    }
  })

  test('that are no regular expressions are named at once', () => {
    expect(() => secretRedactor({ patterns: ['fine', '[a-'] })).toThrow('"[a-"')
    expect(() => secretRedactor({ patterns: [''] })).toThrow('it is empty')
  })

  test('take out what the rules also found in part, without leaving the other part', async () => {
    const own = secretRedactor({ patterns: ['push with \\S{10}'] })
    expect(await own.redact(`push with ${githubToken}!`)).toBe('[redacted:custom]!')
  })
})

describe('when the scanner fails', () => {
  const long = 'a'.repeat(30)
  const rule = (file: () => unknown): SecretRule => ({ meta: { id: 'r' }, create: () => ({ file }) })

  test('lets no text through when a rule throws, now or later', async () => {
    const now = rule(() => {
      throw new Error('broken')
    })
    const later = rule(() => Promise.reject(new Error('broken')))
    for (const broken of [now, later]) {
      await expect(secretRedactor({ load: async () => [broken] }).redact(long)).rejects.toThrow(
        'search for secrets failed',
      )
    }
  })

  test('lets no text through when the rules cannot be loaded, and tries again the next time', async () => {
    let loads = 0
    const flaky = secretRedactor({
      load: () => {
        loads += 1
        return loads === 1 ? Promise.reject(new Error('no file')) : loadSecretRules()
      },
    })
    await expect(flaky.redact(githubToken)).rejects.toThrow('search for secrets failed')
    expect(await flaky.redact(githubToken)).toBe('[redacted:github]')
  })

  test('does not load the rules for texts that cannot hold a secret', async () => {
    const idle = secretRedactor({ load: () => Promise.reject(new Error('loaded')) })
    expect(await idle.redact({ task_id: 'T-12', note: 'fixed the parser; all tests pass' })).toMatchObject({
      task_id: 'T-12',
    })
  })
})

describe('cost', () => {
  const fill = (unit: string) => unit.repeat(Math.ceil(65_536 / unit.length)).slice(0, 65_536)
  const hostile = {
    words: 'the quick brown fox ',
    'one long token': 'a',
    'tokens just too short to be looked at': `${'a'.repeat(19)} `,
    'stuck tokens': githubToken,
    'many secrets': `${githubToken} `,
    'beginnings of installation tokens': 'ghs_1_',
    'beginnings of slack tokens': 'xoxb-',
    'beginnings of URLs': 'https://a:b@',
    'beginnings of connection strings': 'mongodb://a:b',
    'beginnings of sendgrid keys': `SG.a.${'b'.repeat(300)} `,
    'beginnings of private keys': `-----BEG${'IN'} PRIVATE KEY-----\nMI`,
    'key names': ['AWS_SECRET', '_ACCESS_KEY'].join('') + ' '.repeat(200),
    'earlier redactions': '[redacted:github]',
  }

  // A pass over 64 KB takes 1 to 100 ms; anything quadratic in the length takes far longer than this bound.
  test.each(Object.entries(hostile))('stays small for 64 KB of %s', async (_, unit) => {
    const started = performance.now()
    await secretRedactor({ patterns: ['ACME-\\d+'] }).redact(fill(unit))
    expect(performance.now() - started).toBeLessThan(2_000)
  })

  test('scans a text once while it stays among those that were asked for lately', async () => {
    let scans = 0
    const count = () => {
      scans += 1
    }
    const counting: SecretRule = { meta: { id: 'r' }, create: () => ({ file: count }) }
    const own = secretRedactor({ load: async () => [counting] })
    const path = '/home/someone/projects/rutter/src/machine/'
    await own.redact(path)
    await own.redact([path, [path]])
    expect(scans).toBe(1)
    await own.redact(Array.from({ length: 600 }, (_, n) => `${path}${n}`))
    await own.redact(path)
    expect(scans).toBe(3)
  })
})
