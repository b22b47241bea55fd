import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { VERSION } from '../src/version.ts'

it('says the version that the package has, and the changelog knows it or what comes next', () => {
  const root = join(import.meta.dirname, '..')
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  expect(VERSION).toBe(version)
  expect(readFileSync(join(root, 'CHANGELOG.md'), 'utf8')).toMatch(/^## \[(Unreleased|\d+\.\d+\.\d+)\]/m)
})
