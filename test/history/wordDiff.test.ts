import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type WordRun, wordDiff } from '../../src/history/wordDiff.js'
import { tempFolder } from '../support/tempFolder.js'

const MARKS: Readonly<Record<WordRun['tag'], readonly [string, string]>> = {
  ' ': ['', ''],
  '-': ['[-', '-]'],
  '+': ['{+', '+}'],
}

function marked(before: string, after: string): string {
  return wordDiff(Buffer.from(before), Buffer.from(after))
    .map(({ tag, bytes }) => MARKS[tag].join(bytes.toString()))
    .join('')
}

test.each([
  ['', '', ''],
  ['a b', 'a b', 'a b'],
  ['the cat sat', 'the dog sat', 'the [-cat-]{+dog+} sat'],
  ['a b c', 'a c', 'a[-b-] c'],
  ['a c', 'a b c', 'a {+b+} c'],
  ['a  b', 'a\tb\n', 'a\tb\n'],
  ['', ' a b\n', ' {+a b+}\n'],
  [' a b\n', '', '[- a b\n-]'],
  ['b a', 'a', '[-b-]a'],
  ['one two\nthree\n', 'one 2\nthree four\n', 'one [-two-]{+2+}\nthree {+four+}\n'],
])('%j and %j', (before, after, shown) => {
  expect(marked(before, after)).toBe(shown)
})

const passage = fc
  .array(fc.tuple(fc.constantFrom('a', 'b', 'c', '\u00e9', 'dd'), fc.constantFrom(' ', '\n', '  ', '\t')), {
    maxLength: 20,
  })
  .map((words) => words.flat().join(''))

test('what is not removed is the second passage; what is not added has the words of the first', () => {
  fc.assert(
    fc.property(passage, passage, (before, after) => {
      const runs = wordDiff(Buffer.from(before), Buffer.from(after))
      const without = (tag: string) => runs.filter((run) => run.tag !== tag).map(({ bytes }) => bytes.toString())
      expect(without('-').join('')).toBe(after)
      const words = (text: string) => text.split(/\s+/).filter(Boolean)
      expect(words(without('+').join(' '))).toEqual(words(before))
    }),
    { numRuns: 1000 },
  )
})

test("marks what Git's word diff marks, where words are different ones", () => {
  const folder = tempFolder()
  const words = Array.from({ length: 12 }, (_, index) => `word${index}`)
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(11), { minLength: 1, maxLength: 5 }), fc.nat(2), (at, how) => {
      const edited = words.map((word, index) => (at.includes(index) ? ['', `${word}x`, `new ${word}`][how]! : word))
      const [before, after] = [words, edited].map((of) => `${of.filter(Boolean).join(' ')}\n`)
      writeFileSync(join(folder, 'a'), before!)
      writeFileSync(join(folder, 'b'), after!)
      const run = spawnSync('git', ['diff', '--no-index', '--word-diff=plain', 'a', 'b'], {
        cwd: folder,
        encoding: 'utf8',
      })
      expect(marked(before!, after!)).toBe(run.stdout.replace(/^[^@]*@@.*@@\n/, ''))
    }),
    { numRuns: 60 },
  )
})
