import fc from 'fast-check'
import { expect, test } from 'vitest'
import { REFUSAL_CODES, Refusal } from '../../src/domain/refusal.ts'
import { parseSettings } from '../../src/domain/settings.ts'

const PATH = '.bot/rutter.json'

function refusal(text: string): Refusal {
  try {
    parseSettings(text, PATH)
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
  throw new Error(`${text} was to be refused.`)
}

test('fills in everything but the id of the project', () => {
  expect(parseSettings('{"project_id":"a"}', PATH)).toEqual({
    project_id: 'a',
    max_consecutive_failures: 3,
    lease_seconds: 60,
    strict_projects: false,
    approval_seconds: 60,
    redact: [],
  })
})

test.each([
  ['{}', ['project_id', 'it was not given']],
  ['{"project_id":""}', ['project_id', '""', 'letters, digits']],
  ['{"project_id":"../up"}', ['project_id', '"../up"', 'letters, digits']],
  ['{"project_id":"a b"}', ['project_id', '"a b"']],
  [`{"project_id":"${'a'.repeat(101)}"}`, ['project_id', 'at most 100']],
  ['{"project_id":7}', ['project_id', 'a string', '7']],
  ['{"project_id":"a","max_consecutive_failures":-1}', ['max_consecutive_failures', 'at least 0', '-1']],
  ['{"project_id":"a","max_consecutive_failures":2.5}', ['max_consecutive_failures', 'a whole number', '2.5']],
  ['{"project_id":"a","lease_seconds":4}', ['lease_seconds', 'at least 5', '4']],
  ['{"project_id":"a","lease_seconds":3601}', ['lease_seconds', 'at most 3600', '3601']],
  ['{"project_id":"a","strict_projects":"yes"}', ['strict_projects', 'a boolean', '"yes"']],
  ['{"project_id":"a","redact":"x"}', ['redact', 'an array', '"x"']],
  ['{"project_id":"a","redact":[1]}', ['redact.0', 'a string', '1']],
  ['{"project_id":"a","projekt":1}', ['"projekt"', 'not known']],
  ['{"project_id":"a","x":1,"y":2}', ['"x", "y"', 'are not known']],
  ['[]', ['an object', '[]']],
  ['null', ['an object', 'null']],
])('refuses %s with the file, the field, what was given and what is allowed', (text, parts) => {
  const { code, message, hint } = refusal(text)
  expect(code).toBe('invalid_argument')
  expect(message).toContain(PATH)
  for (const part of parts) expect(message).toContain(part)
  expect(hint).toContain('project_id, max_consecutive_failures')
})

test.each(['', '{', '{"project_id":"a",}', '// x\n{}', '\ufeff{"project_id":"a"}'])(
  'says of %j that it is not JSON',
  (text) => {
    const { code, message, hint } = refusal(text)
    expect(code).toBe('invalid_argument')
    expect(message).toContain(`${PATH} is not JSON`)
    expect(hint).toContain('rutter init')
  },
)

test('refuses with its own words whatever JSON stands in the file', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(refusal(text).message).toContain(PATH)
    }),
  )
})

test('a refusal shows its code, message, hint and details, and no stack', () => {
  const cause = new Error('inner')
  const body = new Refusal('lease_lost', 'gone', { hint: 'stop', details: { slot: 'a' }, cause }).body
  expect(body).toEqual({ code: 'lease_lost', message: 'gone', hint: 'stop', slot: 'a' })
  expect(JSON.stringify(body)).not.toContain('inner')
  expect(new Refusal('internal', 'x').body).toEqual({ code: 'internal', message: 'x' })
  expect(new Set(REFUSAL_CODES).size).toBe(16)
})
