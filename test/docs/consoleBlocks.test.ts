import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { matchesShown, parseSteps, runSteps } from './consoleBlocks.js'

describe('parseSteps', () => {
  test('tells commands, what goes on in them, and what they print', () => {
    expect(parseSteps('$ cat <<END\n> one\n>\n> END\none\n\n$ true\n$ echo b\n> b\nb\n')).toEqual([
      { command: 'cat <<END\none\n\nEND', output: 'one\n\n', status: 0 },
      { command: 'true', output: '', status: 0 },
      { command: 'echo b\nb', output: 'b\n', status: 0 },
    ])
  })

  test('a line of output may begin with > once output has begun', () => {
    expect(parseSteps('$ diff a b\n1c1\n> b\n')).toEqual([{ command: 'diff a b', output: '1c1\n> b\n', status: 0 }])
  })

  test('takes the status from the command', () => {
    expect(parseSteps('$ varve verify # exits 3\n')[0]?.status).toBe(3)
  })

  test('output without a command is an error', () => {
    expect(() => parseSteps('lost\n$ true\n')).toThrow('lost')
  })
})

describe('matchesShown', () => {
  test.each([
    ['a\nb\n', 'a\nb\n'],
    ['a\n', 'a'],
    ['a  \n', 'a\n'],
    ['commit … by Ada', 'commit 1f2e3d by Ada\n'],
    ['… files, … bytes', '3 files, 17 bytes\n'],
    ['a\n…\nd\n', 'a\nb\nc\nd\n'],
    ['a\n…\nd\n', 'a\nd\n'],
    ['…\n', ''],
    ['…\n', 'a\nb\n'],
    ['', ''],
    ['(1+1)? [x] $', '(1+1)? [x] $\n'],
  ])('%j shows %j', (expected, actual) => {
    expect(matchesShown(expected, actual)).toBe(true)
  })

  test.each([
    ['a\n', 'b\n'],
    ['a\n', 'a\nb\n'],
    ['a\nb\n', 'a\n'],
    ['', 'a\n'],
    ['commit … by Ada', 'commit 1f2e\nby Ada\n'],
    ['a\n…\nd\n', 'a\nb\nc\n'],
    ['a.c', 'abc'],
  ])('%j does not show %j', (expected, actual) => {
    expect(matchesShown(expected, actual)).toBe(false)
  })
})

describe('runSteps', () => {
  function run(block: string): { output: string; status: number | undefined }[] {
    const folder = mkdtempSync(join(tmpdir(), 'varve-console-'))
    try {
      return runSteps(parseSteps(block), folder, process.env).map((step) => ({
        output: step.actualOutput,
        status: step.actualStatus,
      }))
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  test('one shell runs all of it: folder and variables last', () => {
    expect(run('$ mkdir inner && cd inner && name=varve\n$ basename "$PWD"\n$ printf %s $name # no newline\n')).toEqual(
      [
        { output: '', status: 0 },
        { output: 'inner\n', status: 0 },
        { output: 'varve', status: 0 },
      ],
    )
  })

  test('errors are output, and a failing command does not end the session', () => {
    expect(run('$ ls nothing-here\n$ (exit 3) # exits 3\n$ echo on\n')).toEqual([
      { output: expect.stringContaining('nothing-here'), status: expect.any(Number) },
      { output: '', status: 3 },
      { output: 'on\n', status: 0 },
    ])
  })

  test('what was never reached has no status', () => {
    expect(run('$ echo a\n$ exit 1\n$ echo b\n').map((step) => step.status)).toEqual([0, undefined, undefined])
  })
})
