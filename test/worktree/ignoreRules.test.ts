import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { nameFromBytes, nameFromText } from '../../src/base/names.js'
import { IgnoreRules } from '../../src/worktree/ignoreRules.js'
import { nodeFileSystem } from '../../src/worktree/nodeFileSystem.js'
import { Scan, type ScanOptions } from '../../src/worktree/scan.js'
import { tempFolder } from '../support/tempFolder.js'
import { type DiskNode, directory, file, makeTree } from '../support/trees.js'

function ignores(rules: IgnoreRules, path: string): boolean {
  const isDirectory = path.endsWith('/')
  return rules.ignores(nameFromText(isDirectory ? path.slice(0, -1) : path), isDirectory)
}

const under = (rules: IgnoreRules, directory: string, ...files: string[]) =>
  rules.with(
    nameFromText(directory),
    files.map((text) => Buffer.from(text)),
  )

describe('patterns of the caller', () => {
  test('none ignore nothing', () => {
    expect(ignores(IgnoreRules.fromPatterns([]), 'a')).toBe(false)
  })

  test('hold at every depth, for folders with a slash', () => {
    const rules = IgnoreRules.fromPatterns(['*.o', 'build/', '/top', '!keep.o'])
    expect(ignores(rules, 'deep/down/a.o')).toBe(true)
    expect(ignores(rules, 'deep/keep.o')).toBe(false)
    expect(ignores(rules, 'deep/build/')).toBe(true)
    expect(ignores(rules, 'deep/build')).toBe(false)
    expect(ignores(rules, 'top')).toBe(true)
    expect(ignores(rules, 'deep/top')).toBe(false)
  })

  test.skipIf(process.platform !== 'linux')('tell case apart', () => {
    expect(ignores(IgnoreRules.fromPatterns(['*.o']), 'A.O')).toBe(false)
  })

  test('decide over ignore files', () => {
    const rules = under(IgnoreRules.fromPatterns(['!wanted.log', 'extra']), '', '*.log', '!extra')
    expect(ignores(rules, 'wanted.log')).toBe(false)
    expect(ignores(rules, 'other.log')).toBe(true)
    expect(ignores(rules, 'extra')).toBe(true)
  })
})

describe('global patterns', () => {
  test('decide where nothing else does', () => {
    const rules = IgnoreRules.fromPatterns(['!called'], { global: ['*.tmp', 'called'] })
    const deep = under(rules, 'sub', '!wanted.tmp')
    expect(ignores(deep, 'sub/a.tmp')).toBe(true)
    expect(ignores(deep, 'sub/wanted.tmp')).toBe(false)
    expect(ignores(deep, 'called')).toBe(false)
  })

  test('may be several lines each', () => {
    const rules = IgnoreRules.fromPatterns([], { global: ['# of the store\n*.a\r\n!b.a', '*.c\n'] })
    expect(['a.a', 'b.a', 'c.c', 'd'].map((path) => ignores(rules, path))).toEqual([true, false, true, false])
  })
})

describe('ignore files', () => {
  test('hold below their folder, relative to it', () => {
    const rules = under(IgnoreRules.fromPatterns([]), 'sub', '/only-here\n# a comment\n\n*.tmp\n')
    expect(ignores(rules, 'sub/only-here')).toBe(true)
    expect(ignores(rules, 'sub/deeper/only-here')).toBe(false)
    expect(ignores(rules, 'sub/deeper/x.tmp')).toBe(true)
  })

  test('the deeper one decides over the higher one, the later one over the earlier one', () => {
    const top = under(IgnoreRules.fromPatterns([]), '', '*.log')
    const deep = under(top, 'sub', '*.txt', '!a.log\n!b.txt')
    expect(ignores(deep, 'sub/a.log')).toBe(false)
    expect(ignores(deep, 'sub/c.log')).toBe(true)
    expect(ignores(deep, 'sub/b.txt')).toBe(false)
    expect(ignores(top, 'a.log')).toBe(true)
  })
})

describe('bytes that are no text', () => {
  test('are compared as they are', () => {
    const rules = IgnoreRules.fromPatterns([]).with(nameFromBytes(Buffer.from([0xfe])), [
      Buffer.from([0xff, 0x0a, 0x2a, 0xfd]),
    ])
    const inFolder = (...bytes: number[]) => rules.ignores(nameFromBytes(Buffer.from([0xfe, 0x2f, ...bytes])), false)
    expect(inFolder(0xff)).toBe(true)
    expect(inFolder(0xfc)).toBe(false)
    expect(inFolder(0x61, 0xfd)).toBe(true)
  })

  test('text of the caller is UTF-8', () => {
    expect(ignores(IgnoreRules.fromPatterns(['gr*n', 'ü?']), 'grün')).toBe(true)
    expect(ignores(IgnoreRules.fromPatterns(['\ud800']), 'a')).toBe(false)
  })
})

describe('a scan', () => {
  function taken(tree: DiskNode, options: ScanOptions): string[] {
    const root = join(tempFolder(), 'tree')
    makeTree(root, tree)
    const steps = [...new Scan(nodeFileSystem, options).steps(Buffer.from(root))]
    return steps.filter(({ is }) => is === 'file').map(({ path }) => path)
  }

  test('asks the deeper folder first, .varveignore before .gitignore, the caller before all', () => {
    const tree = directory({
      '.gitignore': file('*.log\n*.tmp\n'),
      '.varveignore': file('!*.tmp\n'),
      'a.log': file(''),
      'a.tmp': file(''),
      deep: directory({ '.gitignore': file('!a.log\na.tmp\nb'), 'a.log': file(''), 'a.tmp': file(''), b: file('') }),
    })
    expect(taken(tree, { ignore: ['!b', '.*'], ignoreFiles: true })).toEqual(['a.tmp', 'deep/a.log', 'deep/b'])
  })

  test('takes nothing in again from an ignored folder', () => {
    const tree = directory({
      '.gitignore': file('out/\n!out/keep\nlib/*\n!lib/keep\n'),
      lib: directory({ keep: file(''), other: file('') }),
      out: directory({ '.gitignore': file('!keep'), keep: file('') }),
    })
    expect(taken(tree, { ignoreFiles: true })).toEqual(['.gitignore', 'lib/keep'])
  })

  test('honours global patterns where it honours ignore files', () => {
    const tree = directory({ '.gitignore': file('!b.tmp'), 'a.tmp': file(''), 'b.tmp': file(''), c: file('') })
    const globalIgnore = ['*.tmp']
    expect(taken(tree, { globalIgnore, ignoreFiles: true })).toEqual(['.gitignore', 'b.tmp', 'c'])
    expect(taken(tree, { globalIgnore })).toEqual(['.gitignore', 'a.tmp', 'b.tmp', 'c'])
  })
})
