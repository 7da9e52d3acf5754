/** Each safety rule has tests that fail without it: `npm run torture -- --rules` shows it; this keeps its table true. */
import { expect, test } from 'vitest'
import { SWITCHED_OFF } from './support/rules.js'
import { misfit } from './support/switchOff.js'

test('every row of the table of switched-off rules fits the sources and names a test', () => {
  expect(SWITCHED_OFF.flatMap((row) => misfit(row) ?? [])).toEqual([])
})

test('the table has every safety rule that the format has', () => {
  const rules = new Set(SWITCHED_OFF.map(({ rule }) => rule))
  expect([...rules].sort()).toEqual(['S-1', 'S-2', 'S-3', 'S-4', 'S-5', 'S-6', 'S-7', 'S-8'])
})
