/**
 * Git as the oracle: random trees with ignore files all over them. What Git ignores a scan leaves out, and no more.
 *
 * One process of Git answers for many trees, in the folders of one.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ByteName } from '../../src/base/names.js'
import { IgnoreRules } from '../../src/worktree/ignoreRules.js'
import { nodeFileSystem } from '../../src/worktree/nodeFileSystem.js'
import { Scan } from '../../src/worktree/scan.js'
import { tempFolder } from '../support/tempFolder.js'
import {
  forest,
  type IgnoreTree,
  ignoreFile,
  ignoreTree,
  makeIgnoreTree,
  pathsOf,
  pattern,
  patternTree,
} from './ignoreTrees.js'

/** Elsewhere not every byte makes a name. */
const CAN_COMPARE = process.platform === 'linux' && spawnSync('git', ['--version']).status === 0

class Git {
  readonly #home = tempFolder()
  #trees = 0

  constructor() {
    this.run(this.#home, ['init', '--quiet', '--template='])
    mkdirSync(join(this.#home, 'git/info'))
  }

  /** With the tree on the disk. */
  inTree(tree: IgnoreTree, withLeaves: boolean, use: (folder: string) => void): void {
    const folder = join(this.#home, `tree${this.#trees++}`)
    mkdirSync(folder)
    makeIgnoreTree(Buffer.from(folder), tree, withLeaves)
    use(folder)
  }

  excludeEverywhere(text: string): string {
    const path = join(this.#home, 'git/info/exclude')
    writeFileSync(path, text)
    return path
  }

  ignored(folder: string, paths: readonly string[], ignoresCase: boolean): Set<string> {
    // Behind `./` no name looks like the magic of a pathspec.
    const input = paths.map((path) => `./${path}\0`).join('')
    const args = ['-c', `core.ignoreCase=${ignoresCase}`, 'check-ignore', '--stdin', '-z', '--no-index']
    return new Set(this.run(folder, args, input).map((path) => path.slice(2)))
  }

  /** Names that it prints, each ended by NUL. */
  run(workTree: string, args: readonly string[], input = ''): string[] {
    const ended = spawnSync('git', args, {
      cwd: workTree,
      env: {
        PATH: process.env.PATH,
        XDG_CONFIG_HOME: this.#home,
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_DIR: join(this.#home, 'git'),
        GIT_WORK_TREE: workTree,
      },
      input: Buffer.from(input, 'latin1'),
      maxBuffer: 64 * 1024 * 1024,
    })
    // With 1 check-ignore says that it found nothing.
    if (ended.status !== 0 && ended.status !== 1) throw new Error(`git ${args.join(' ')}: ${ended.stderr}`)
    return ended.stdout.toString('latin1').split('\0').slice(0, -1)
  }
}

/** What a walk from the top takes in. */
function takenBy(rules: IgnoreRules, tree: IgnoreTree, prefix = ''): string[] {
  const files = [...tree.ignoreFiles.values()].map((text) => Buffer.from(text, 'latin1'))
  const here = rules.with(prefix.slice(0, -1) as ByteName, files)
  return [...tree.entries].flatMap(([name, node]) => {
    const path = `${prefix}${name}`
    if (here.ignores(path as ByteName, typeof node !== 'string')) return []
    return [path, ...(typeof node === 'string' ? [] : takenBy(here, node, `${path}/`))]
  })
}

describe.skipIf(!CAN_COMPARE)('what is ignored is what Git ignores', () => {
  function compare(trees: fc.Arbitrary<IgnoreTree>, globals: fc.Arbitrary<string>, numRuns: number): void {
    const git = new Git()
    fc.assert(
      fc.property(trees, globals, fc.boolean(), (tree, global, ignoresCase) => {
        git.excludeEverywhere(global)
        git.inTree(tree, false, (folder) => {
          const paths = pathsOf(tree)
          const ignored = git.ignored(folder, paths, ignoresCase)
          const rules = IgnoreRules.fromPatterns([], { global: [global], ignoresCase })
          expect(takenBy(rules, tree)).toEqual(paths.filter((path) => !ignored.has(path)))
        })
      }),
      { numRuns },
    )
  }

  test('by .gitignore files at all depths, and global patterns', () => {
    compare(forest(ignoreTree(['.gitignore']), 40), fc.oneof(fc.constant(''), ignoreFile.map(asText)), 30)
  })

  test('by a single pattern', () => {
    compare(forest(patternTree, 50), fc.constant(''), 20)
  })

  test('in a scan, with patterns of the caller, .varveignore over .gitignore, and symlinks', () => {
    const git = new Git()
    const trees = forest(ignoreTree(['.gitignore', '.varveignore']), 20)
    const ofCaller = fc.array(pattern.filter(isWholeLine).map(asText), { maxLength: 3 })
    fc.assert(
      fc.property(trees, ofCaller, ignoreFile.map(asText), (tree, ignore, global) => {
        const exclude = git.excludeEverywhere(global)
        git.inTree(withBoth(tree), true, (folder) => {
          const args = ['ls-files', '--others', '-z', '--exclude-per-directory=.both', `--exclude-from=${exclude}`]
          const taken = git.run(folder, [...args, ...ignore.map((text) => `--exclude=${text}`)])
          const scan = new Scan(nodeFileSystem, { ignore, ignoreFiles: true, globalIgnore: [global] })
          const steps = [...scan.steps(Buffer.from(folder))].filter(({ is }) => is === 'file' || is === 'symlink')
          expect(steps.map(({ path }) => path).sort()).toEqual(taken.sort())
        })
      }),
      { numRuns: 12 },
    )
  })
})

/** Patterns that are no file's are text: what is not UTF-8 becomes something else, the same for Git and here. */
function asText(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

/** Git takes patterns of the command line as they are: no comments, no spaces to be cut off. */
function isWholeLine(text: string): boolean {
  return !/^#|\n|[ \r]$/.test(text)
}

/** Git knows one name of ignore files: under a third one lies what both say, in the order in which they decide. */
function withBoth(tree: IgnoreTree): IgnoreTree {
  const texts = ['.gitignore', '.varveignore'].map((name) =>
    (tree.ignoreFiles.get(name) ?? '').replace(/^\xef\xbb\xbf/, ''),
  )
  return {
    entries: new Map([...tree.entries].map(([name, node]) => [name, typeof node === 'string' ? node : withBoth(node)])),
    ignoreFiles: new Map([...tree.ignoreFiles, ['.both', texts.join('\n')]]),
  }
}
