import { CommanderError } from 'commander'
import { describe, expect, test } from 'vitest'
import { EXIT, EXIT_MEANINGS, failureLines, failureOf, UsageError } from '../../cli/errors.js'
import { Interruption } from '../../cli/interrupt.js'
import { OutputError } from '../../cli/io.js'
import { CorruptionError, VarveError } from '../../src/index.js'

function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: it did not work`), { code })
}

describe('statuses', () => {
  test.each([
    ['INVALID_ARGUMENT', 2],
    ['INVALID_PATH', 2],
    ['INVALID_REF_NAME', 2],
    ['UNKNOWN_REVISION', 3],
    ['AMBIGUOUS_REVISION', 3],
    ['STORE_NOT_FOUND', 3],
    ['STORE_LOCKED', 4],
    ['REF_CONFLICT', 4],
    ['DESTINATION_NOT_EMPTY', 4],
    ['PV_STALE', 5],
    ['STORAGE_FULL', 6],
    ['STORAGE_IO', 6],
    ['UNREADABLE_FILES', 7],
    ['FILE_CHANGED', 7],
    ['FORMAT_NEWER', 1],
  ] as const)('%s is %d', (code, status) => {
    expect(failureOf(new VarveError(code, 'm'))).toMatchObject({ status, code, message: 'm' })
  })

  test('damage is 5', () => {
    expect(failureOf(new CorruptionError('CORRUPT_CHUNK', 'm')).status).toBe(5)
  })

  test('an interruption keeps the status of its signal', () => {
    const cause = new Interruption('SIGTERM', 143)
    expect(failureOf(new VarveError('CANCELLED', 'cancelled', { cause }))).toMatchObject({
      status: 143,
      code: 'CANCELLED',
    })
    expect(failureOf(cause)).toMatchObject({ status: 143, code: 'CANCELLED' })
    expect(failureOf(new VarveError('CANCELLED', 'cancelled')).status).toBe(130)
  })

  test('a closed output is not a full one', () => {
    expect(failureOf(new OutputError(systemError('EPIPE'))).status).toBe(141)
    expect(failureOf(new OutputError(systemError('ENOSPC'))).status).toBe(6)
  })

  test('what the system refused has a status too; the rest is a fault of ours', () => {
    expect(failureOf(systemError('ENOENT'))).toMatchObject({ status: 3, code: 'ENOENT' })
    expect(failureOf(systemError('EACCES')).status).toBe(6)
    expect(failureOf(new TypeError('x is not a function'))).toMatchObject({ status: 1, code: 'UNEXPECTED' })
    expect(failureOf('thrown')).toMatchObject({ status: 1, code: 'UNEXPECTED' })
  })

  test('each is explained once', () => {
    const statuses = EXIT_MEANINGS.map(({ status }) => status)
    expect(new Set(statuses)).toEqual(new Set(Object.values(EXIT)))
    expect(statuses).toHaveLength(new Set(statuses).size)
  })
})

describe('words', () => {
  test('message, candidates that no sentence names, hint', () => {
    const error = new VarveError('UNKNOWN_REVISION', 'unknown revision "mian"', {
      candidates: ['main', 'maintenance'],
      hint: 'look',
    })
    expect(failureLines(failureOf(error))).toEqual([
      'varve: unknown revision "mian"',
      'did you mean:',
      '  main',
      '  maintenance',
      'hint: look',
    ])
  })

  test('candidates that the hint names are not said twice', () => {
    const error = new VarveError('UNKNOWN_REVISION', 'unknown', { candidates: ['main'], hint: 'did you mean main?' })
    expect(failureLines(failureOf(error))).toEqual(['varve: unknown', 'hint: did you mean main?'])
  })

  test('a long list of paths is cut, control characters in it are visible', () => {
    const paths = Array.from({ length: 25 }, (_, index) => `f${index}\u001b[1m`)
    const lines = failureLines(failureOf(new VarveError('UNREADABLE_FILES', '25 files', { paths })))
    expect(lines[1]).toBe('  f0\\x1b[1m')
    expect(lines.at(-1)).toBe('  \u2026 and 5 more')
  })

  test('the parser\u2019s errors lose their prefix and keep their suggestion', () => {
    const error = new CommanderError(
      1,
      'commander.unknownOption',
      "error: unknown option '--jsn'\n(Did you mean --json?)",
    )
    expect(failureLines(failureOf(error))).toEqual(["varve: unknown option '--jsn'", 'hint: Did you mean --json?'])
    expect(failureOf(error).status).toBe(2)
  })

  test('usage errors carry their hint', () => {
    expect(failureLines(failureOf(new UsageError('no', 'do this')))).toEqual(['varve: no', 'hint: do this'])
  })
})
