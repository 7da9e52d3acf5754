import { describe, expect, test } from 'vitest'
import { type RunReport, tallyOf } from './tally.js'

function report(tests: Record<string, string>, rest: { errors?: string[]; unhandled?: string[] } = {}): RunReport {
  const listed = Object.entries(tests).map(([name, state]) => ({ name, state }))
  return {
    files: [{ name: 'one-pv a.test.ts', tests: listed, errors: rest.errors ?? [] }],
    unhandled: rest.unhandled ?? [],
  }
}

describe('tallyOf', () => {
  test('counts passed tests and names the failed and the skipped', () => {
    expect(tallyOf(report({ one: 'passed', two: 'failed', three: 'skipped', four: 'passed' }), 1)).toEqual({
      passed: 2,
      failures: ['one-pv a.test.ts: two'],
      skipped: ['one-pv a.test.ts: three'],
    })
  })

  test('a file that does not load is a failure', () => {
    expect(tallyOf(report({}, { errors: ['Cannot find x'] }), 1).failures).toEqual(['one-pv a.test.ts: Cannot find x'])
  })

  test('an error that no test awaited is a failure', () => {
    expect(tallyOf(report({ one: 'passed' }, { unhandled: ['lost'] }), 1).failures).toEqual(['outside of tests: lost'])
  })

  test('a bad end without a failed test is a failure', () => {
    expect(tallyOf(report({ one: 'passed' }), 0).failures).toHaveLength(0)
    expect(tallyOf(report({ one: 'passed' }), 1).failures).toHaveLength(1)
  })

  test('no report and no tests are failures', () => {
    expect(tallyOf(undefined, 0).failures).toHaveLength(1)
    expect(tallyOf({ files: [], unhandled: [] }, 0).failures).toHaveLength(1)
  })
})
