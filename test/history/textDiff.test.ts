import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { diff as plainDiff } from 'fast-myers-diff'
import { describe, expect, test } from 'vitest'
import { diffLines } from '../../src/history/lineDiff.js'
import { commonEnds, Lines } from '../../src/history/lines.js'
import { isBinary, type TextDiff, textDiff } from '../../src/history/textDiff.js'
import { tempFolder } from '../support/tempFolder.js'

/** Few different lines, so that there is much to match wrongly; the last may lack its line feed. */
const lineOf = fc.constantFrom('a', 'b', 'c', '', 'd d', '\u00e4', 'a\r')
const text = fc
  .tuple(fc.array(lineOf, { maxLength: 30 }), fc.boolean())
  .map(([lines, ends]) => (ends ? lines.map((line) => `${line}\n`).join('') : lines.join('\n')))

/** A text and an edit of it. */
const pair = fc.oneof(
  fc.tuple(text, text),
  fc
    .tuple(fc.array(lineOf, { minLength: 1, maxLength: 60 }), fc.array(fc.tuple(fc.nat(60), lineOf), { maxLength: 6 }))
    .map(([lines, edits]) => {
      const edited = [...lines]
      for (const [at, line] of edits) edited.splice(at % (edited.length + 1), at % 3, line)
      return [`${lines.join('\n')}\n`, `${edited.join('\n')}\n`] as [string, string]
    }),
)

/** Applies hunks to lines, checking each that is said to be there. */
function applied(before: string, diff: TextDiff): string {
  const lines = splitLines(before)
  const result: string[] = []
  let at = 0
  for (const hunk of diff.hunks) {
    const start = hunk.beforeCount === 0 ? hunk.beforeStart : hunk.beforeStart - 1
    expect(start).toBeGreaterThanOrEqual(at)
    while (at < start) result.push(lines[at++]!)
    expect(result.length).toBe(hunk.afterCount === 0 ? hunk.afterStart : hunk.afterStart - 1)
    const [beforeAt, afterAt] = [at, result.length]
    for (const { tag, bytes, endsInNewline } of hunk.lines) {
      const line = bytes.toString() + (endsInNewline ? '\n' : '')
      if (tag !== '+') expect(lines[at++]).toBe(line)
      if (tag !== '-') result.push(line)
    }
    expect([at - beforeAt, result.length - afterAt]).toEqual([hunk.beforeCount, hunk.afterCount])
  }
  return [...result, ...lines.slice(at)].join('')
}

function splitLines(of: string): string[] {
  return of.match(/[^\n]*\n|[^\n]+$/g) ?? []
}

function unified(diff: TextDiff): string {
  const range = (start: number, count: number) => (count === 1 ? `${start}` : `${start},${count}`)
  let out = ''
  for (const hunk of diff.hunks) {
    out += `@@ -${range(hunk.beforeStart, hunk.beforeCount)} +${range(hunk.afterStart, hunk.afterCount)} @@\n`
    for (const { tag, bytes, endsInNewline } of hunk.lines) {
      out += `${tag}${bytes.toString()}\n${endsInNewline ? '' : '\\ No newline at end of file\n'}`
    }
  }
  return out
}

const of = (before: string, after: string, contextLines?: number) =>
  textDiff(Buffer.from(before), Buffer.from(after), { contextLines })

function plainCounts(before: string, after: string): { addedLines: number; removedLines: number } {
  let [addedLines, removedLines] = [0, 0]
  for (const [aStart, aEnd, bStart, bEnd] of plainDiff(splitLines(before), splitLines(after))) {
    removedLines += aEnd - aStart
    addedLines += bEnd - bStart
  }
  return { addedLines, removedLines }
}

describe('textDiff', () => {
  test('makes the second text of the first, whatever the context', () => {
    fc.assert(
      fc.property(pair, fc.nat(4), ([before, after], context) => {
        expect(applied(before, of(before, after, context))).toBe(after)
      }),
      { numRuns: 2000 },
    )
  })

  test('changes no more lines than plain Myers', () => {
    fc.assert(
      fc.property(pair, ([before, after]) => {
        expect(of(before, after)).toMatchObject(plainCounts(before, after))
      }),
      { numRuns: 2000 },
    )
  })

  test('hunks do not touch, and keep apart what is more than two contexts away', () => {
    fc.assert(
      fc.property(pair, fc.nat(3), ([before, after], context) => {
        const { hunks } = of(before, after, context)
        for (const [index, hunk] of hunks.entries()) {
          const tags = [...hunk.lines].map(({ tag }) => tag).join('')
          expect(tags).toMatch(
            new RegExp(`^ {0,${context}}[-+].*[-+] {0,${context}}$|^ {0,${context}}[-+] {0,${context}}$`),
          )
          expect(tags).not.toMatch(new RegExp(`[-+] {${2 * context + 1},}[-+]`))
          expect(tags).not.toMatch(/\+-/)
          const next = hunks[index + 1]
          const end = hunk.beforeStart + hunk.beforeCount - (hunk.beforeCount === 0 ? 0 : 1)
          if (next) expect(next.beforeStart + (next.beforeCount === 0 ? 1 : 0)).toBeGreaterThan(end)
        }
      }),
      { numRuns: 1000 },
    )
  })

  test.each<[string, string, string, string]>([
    ['equal', 'a\nb\n', 'a\nb\n', ''],
    ['nothing', '', '', ''],
    ['from nothing', '', 'a\nb\n', '@@ -0,0 +1,2 @@\n+a\n+b\n'],
    ['to nothing', 'a\n', '', '@@ -1 +0,0 @@\n-a\n'],
    ['one line', 'a\n', 'b\n', '@@ -1 +1 @@\n-a\n+b\n'],
    ['a line feed that went', 'a\nb\n', 'a\nb', '@@ -1,2 +1,2 @@\n a\n-b\n+b\n\\ No newline at end of file\n'],
    ['a line feed that came', 'a', 'a\n', '@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n'],
    [
      'a last line without one that stays',
      'a\nb\nz',
      'a\nc\nz',
      '@@ -1,3 +1,3 @@\n a\n-b\n+c\n z\n\\ No newline at end of file\n',
    ],
    ['the start of a line is no prefix', 'ab\nx\n', 'ac\nx\n', '@@ -1,2 +1,2 @@\n-ab\n+ac\n x\n'],
    ['the end of a line is no suffix', 'x\nba\n', 'x\nca\n', '@@ -1,2 +1,2 @@\n x\n-ba\n+ca\n'],
    ['a repeated line', 'a\na\na\n', 'a\na\n', '@@ -1,3 +1,2 @@\n a\n a\n-a\n'],
    [
      'what is added begins where the indentation does',
      'f {\n  1\n}\nf {\n  2\n}\n',
      'f {\n  1\n}\nf {\n  3\n}\nf {\n  2\n}\n',
      '@@ -1,6 +1,9 @@\n f {\n   1\n }\n+f {\n+  3\n+}\n f {\n   2\n }\n',
    ],
    ['and not with a blank line', 'a\n\nb\n\nz\n', 'a\n\nb\n\nc\n\nz\n', '@@ -2,4 +2,6 @@\n \n b\n \n+c\n+\n z\n'],
    [
      'lines that slide down to the next change become one with it',
      'p\nm\nk\nr\ne\n',
      'q\nm\nk\nk\ns\ne\n',
      '@@ -1,5 +1,6 @@\n-p\n+q\n m\n k\n-r\n+k\n+s\n e\n',
    ],
  ])('%s', (_what, before, after, shown) => {
    expect(unified(of(before, after))).toBe(shown)
  })

  test('without context', () => {
    const lines = Array.from({ length: 9 }, (_, index) => `${index}\n`)
    const changed = lines.map((line, index) => (index === 4 ? 'four\n' : line)).filter((_, index) => index !== 7)
    expect(unified(of(lines.join(''), changed.join(''), 0))).toBe('@@ -5 +5 @@\n-4\n+four\n@@ -8 +7,0 @@\n-7\n')
    expect(unified(of(lines.join(''), changed.join(''), 1))).toBe('@@ -4,6 +4,5 @@\n 3\n-4\n+four\n 5\n 6\n-7\n 8\n')
  })

  test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses a context of %s lines', (contextLines) => {
    expect(() => of('a', 'b', contextLines)).toThrowError(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })

  test('refuses what is too long for it', () => {
    const long = Buffer.alloc(256 * 2 ** 20 + 1, 'x')
    expect(() => textDiff(long, Buffer.from('x'))).toThrowError(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }))
  })

  test('a NUL among the first 8,000 bytes is no text', () => {
    const late = Buffer.alloc(9000, 'x')
    late[8000] = 0
    expect(isBinary(late)).toBe(false)
    late[7999] = 0
    expect(isBinary(late)).toBe(true)
    expect(textDiff(late, Buffer.from('a\n'))).toEqual({ isBinary: true, hunks: [], addedLines: 0, removedLines: 0 })
    expect(textDiff(Buffer.from('a\n'), late).isBinary).toBe(true)
  })

  test('takes a view of a larger buffer', () => {
    const whole = Buffer.from('xxa\nb\nyy')
    expect(unified(textDiff(whole.subarray(2, 6), new Uint8Array(Buffer.from('a\n'))))).toBe('@@ -1,2 +1 @@\n a\n-b\n')
  })
})

describe('common ends', () => {
  test('are as long as they can be, in whole lines', () => {
    fc.assert(
      fc.property(pair, ([before, after]) => {
        const [a, b] = [splitLines(before), splitLines(after)]
        const { prefix, suffix } = commonEnds(new Lines(Buffer.from(before)), new Lines(Buffer.from(after)))
        const most = Math.min(a.length, b.length)
        let expected = 0
        while (expected < most && a[expected] === b[expected]) expected++
        expect(prefix).toBe(expected)
        let ending = 0
        while (ending < most - expected && a.at(-1 - ending) === b.at(-1 - ending)) ending++
        expect(suffix).toBe(ending)
      }),
      { numRuns: 1000 },
    )
  })

  test('longer than the blocks they are compared in', () => {
    const lines = Array.from({ length: 5000 }, (_, index) => `line ${index}\n`)
    const edited = lines.with(2500, 'another\n')
    const [a, b] = [lines, edited].map((all) => new Lines(Buffer.from(all.join(''))))
    expect(commonEnds(a!, b!)).toEqual({ prefix: 2500, suffix: 2499 })
    expect(commonEnds(a!, a!)).toEqual({ prefix: 5000, suffix: 0 })
  })
})

describe('with little effort', () => {
  /** @returns How many lines it changed, the script having been checked. */
  function changed(before: readonly string[], after: readonly string[], effort: number): number {
    const [a, b] = [before, after].map((lines) => new Lines(Buffer.from(lines.map((line) => `${line}\n`).join(''))))
    const result: string[] = []
    let [at, lines] = [0, 0]
    for (const { beforeStart, beforeEnd, afterStart, afterEnd } of diffLines(a!, b!, effort)) {
      expect(beforeStart).toBeGreaterThanOrEqual(at)
      result.push(...before.slice(at, beforeStart))
      expect(result.length).toBe(afterStart)
      result.push(...after.slice(afterStart, afterEnd))
      at = beforeEnd
      lines += beforeEnd - beforeStart + afterEnd - afterStart
    }
    expect([...result, ...before.slice(at)]).toEqual(after)
    return lines
  }

  test('the answer is right all the same', () => {
    const lines = fc.array(fc.nat(40).map(String), { maxLength: 120 })
    fc.assert(
      fc.property(lines, lines, fc.constantFrom(-5000, -2000, 0, 1000), (before, after, effort) => {
        changed(before, after, effort)
      }),
      { numRuns: 1000 },
    )
  })

  /** So much effort beyond the first step that nothing is left of the share that length gives. */
  const exactly = (effort: number, ...texts: readonly (readonly string[])[]) =>
    effort - EFFORT_PER_LINE * texts.reduce((sum, { length }) => sum + length, 0)
  const EFFORT_PER_LINE = 16

  test('lines that stand once on each side hold the rest together', () => {
    const sections = (seeds: readonly number[]) =>
      seeds.flatMap((seed, index) => [`section ${index}`, ...digits(400, seed)])
    const [before, after] = [sections([2, 3, 4, 5, 6]), sections([7, 3, 8, 5, 9])]
    expect(changed(before, after, exactly(100_000, before, after))).toBeLessThanOrEqual(2 * 3 * 400)
  })

  test('where no line stands once, runs of lines do', () => {
    const lines = digits(2000, 1)
    const after = lines.map((line, index) => (index % 13 === 5 ? `${(Number(line) + 3) % 10}` : line))
    const few = changed(lines, after, 1e9)
    expect(changed(lines, after, exactly(70_000, lines, after))).toBeLessThan(2 * few)
  })

  test('lines that only one side has do not count', () => {
    const common = digits(1000, 1)
    const [before, after] = ['a', 'b'].map((side) => common.flatMap((line, index) => [line, `${side}${index}`]))
    expect(changed(before!, after!, exactly(70_000, before!, after!))).toBe(2000)
  })

  test('anchors that crossed are not used', () => {
    const lines = Array.from({ length: 300 }, (_, index) => `${index}`)
    const shuffled = lines.map((_, index) => `${(index * 7) % 300}`)
    fc.assert(
      fc.property(fc.shuffledSubarray(lines, { minLength: 200 }), (after) => {
        changed(lines, after, exactly(12_000, lines, after))
      }),
      { numRuns: 50 },
    )
    expect(changed(lines, shuffled, exactly(12_000, lines, shuffled))).toBeLessThan(600)
  })
})

/** Lines that look random. */
function digits(count: number, seed: number): string[] {
  let state = seed
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return String((state >>> 16) % 10)
  })
}

describe('sizes that an unbounded search would not end with', () => {
  const numbered = (count: number, prefix: string) =>
    Buffer.from(Array.from({ length: count }, (_, index) => `${prefix}${index}\n`).join(''))

  test('two texts without a line in common', () => {
    const diff = textDiff(numbered(100_000, 'a'), numbered(100_000, 'b'))
    expect(diff).toMatchObject({ addedLines: 100_000, removedLines: 100_000 })
    expect(diff.hunks.length).toBe(1)
  })

  test('the same lines in reverse', () => {
    const lines = numbered(100_000, '').toString().trimEnd().split('\n')
    const diff = textDiff(numbered(100_000, ''), Buffer.from(`${lines.toReversed().join('\n')}\n`))
    expect(diff.addedLines).toBe(diff.removedLines)
    expect(diff.addedLines).toBeLessThan(100_000)
  })

  test('a million equal lines with others between them', () => {
    const same = Buffer.from('the same line\n'.repeat(500_000))
    const one = textDiff(Buffer.concat([same, same]), Buffer.concat([same, Buffer.from('new\n'), same]))
    expect(unified(one)).toMatch(/^@@ -499998,6 \+499998,7 @@\n( the same line\n){3}\+new\n( the same line\n){3}$/)
    const two = textDiff(
      Buffer.concat([same, same]),
      Buffer.concat([Buffer.from('new\n'), same, Buffer.from('new\n'), same]),
    )
    expect(two).toMatchObject({ addedLines: 2, removedLines: 0 })
    const fewer = textDiff(Buffer.concat([same, same]), same)
    expect(fewer).toMatchObject({ addedLines: 0, removedLines: 500_000 })
  })

  test('few lines beside very many', () => {
    const repeated = (count: number) => Buffer.from(Array.from({ length: count }, (_, n) => `${n % 50}\n`).join(''))
    const many = Buffer.concat([Buffer.from('7\n'), repeated(1_000_000), Buffer.from('1\n')])
    expect(textDiff(repeated(333), many).addedLines).toBeGreaterThanOrEqual(999_669)
  })
})

describe("beside Git's", () => {
  test('patch and git apply make the second text of the first', () => {
    const folder = tempFolder()
    const file = join(folder, 'file')
    fc.assert(
      fc.property(pair, fc.integer({ min: 1, max: 4 }), ([before, after], context) => {
        fc.pre(before !== after && before !== '' && after !== '')
        const patch = `--- a/file\n+++ b/file\n${unified(of(before, after, context))}`
        for (const [command, options] of [
          ['patch', ['-p1', '-s', '--binary', '-F0']],
          ['git', ['apply', '--whitespace=nowarn']],
        ] as const) {
          writeFileSync(file, before)
          const run = spawnSync(command, options, { cwd: folder, input: patch, encoding: 'utf8' })
          expect({ command, status: run.status, err: run.stderr, out: run.stdout }).toMatchObject({ status: 0 })
          expect(readFileSync(file, 'utf8')).toBe(after)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('no more lines change than with git diff --minimal', () => {
    const folder = tempFolder()
    fc.assert(
      fc.property(pair, ([before, after]) => {
        writeFileSync(join(folder, 'a'), before)
        writeFileSync(join(folder, 'b'), after)
        const run = spawnSync('git', ['diff', '--no-index', '--minimal', '--numstat', 'a', 'b'], {
          cwd: folder,
          encoding: 'utf8',
        })
        const [added = '0', removed = '0'] = run.stdout.split('\t')
        const diff = of(before, after)
        expect(diff.addedLines).toBeLessThanOrEqual(Number(added))
        expect(diff.addedLines - diff.removedLines).toBe(Number(added) - Number(removed))
      }),
      { numRuns: 100 },
    )
  })

  test('the same hunks where there is one way to show them', () => {
    const folder = tempFolder()
    const lines = Array.from({ length: 60 }, (_, index) => `line ${index}\n`)
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(59), { maxLength: 8 }), fc.boolean(), fc.nat(4), (at, ends, context) => {
        const edited = lines.map((line, index) => (at.includes(index) ? ['', `new ${index}\n`][index % 2]! : line))
        if (!ends) edited[59] = (edited[59] ?? '').trimEnd()
        writeFileSync(join(folder, 'a'), lines.join(''))
        writeFileSync(join(folder, 'b'), edited.join(''))
        const run = spawnSync('git', ['diff', '--no-index', `-U${context}`, 'a', 'b'], {
          cwd: folder,
          encoding: 'utf8',
        })
        const hunks = run.stdout.replace(/^[^@]*/, '').replace(/^(@@ .* @@).*$/gm, '$1')
        expect(unified(of(lines.join(''), edited.join(''), context))).toBe(hunks)
      }),
      { numRuns: 100 },
    )
  })
})
