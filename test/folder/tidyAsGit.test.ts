/**
 * Git as the oracle: of random trees `clean` takes the files that `git clean -d` takes, and `removePaths` refuses and
 * removes what `git rm` does. One store and one repository stand in one folder, and neither minds the other.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CleanOptions, WorkingFolder } from '../../src/index.js'
import { committed } from './tidyFolders.js'

const CAN_COMPARE = process.platform === 'linux' && spawnSync('git', ['--version']).status === 0

function git(dir: string, ...args: readonly string[]) {
  const env = {
    PATH: process.env.PATH,
    ...{ GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' },
    ...{ GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a' },
  }
  const { status, stdout, stderr } = spawnSync('git', ['-c', 'core.quotePath=false', ...args], { cwd: dir, env })
  return { isDone: status === 0, lines: stdout.toString().split('\n').slice(0, -1), err: stderr.toString() }
}

/** Everything but the two states: files and symlinks. */
function leavesOf(dir: string, below = ''): string[] {
  return readdirSync(join(dir, below), { withFileTypes: true }).flatMap((entry) => {
    const path = `${below}${entry.name}`
    if (below === '' && (entry.name === '.varve' || entry.name === '.git')) return []
    return entry.isDirectory() ? leavesOf(dir, `${path}/`) : [path]
  })
}

function remake(dir: string, files: Iterable<readonly [string, string]>): void {
  for (const name of readdirSync(dir)) {
    if (name !== '.varve' && name !== '.git') rmSync(join(dir, name), { recursive: true })
  }
  for (const [path, text] of files) {
    mkdirSync(join(dir, path, '..'), { recursive: true })
    writeFileSync(join(dir, path), text)
  }
}

async function commitBoth(folder: WorkingFolder, dir: string): Promise<void> {
  await folder.commit({ message: 'As it is', allowEmpty: true })
  git(dir, 'add', '--all', '--force')
  const { isDone, err } = git(dir, 'commit', '--quiet', '--allow-empty', '--message=x')
  expect(err).toBe('')
  expect(isDone).toBe(true)
}

/** In the folder of a store that ignores nothing of its own. */
async function bothIn(): Promise<{ folder: WorkingFolder; dir: string }> {
  const made = await committed({})
  git(made.dir, 'init', '--quiet', '--template=')
  mkdirSync(join(made.dir, '.git/info'))
  writeFileSync(join(made.dir, '.git/info/exclude'), '/.varve\n')
  return made
}

const NAMES = ['a', 'b', 'c.o', 'd.log', 'build', 'e']
const path = fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/'))
const pattern = fc.constantFrom('*.o', '*.log', 'build/', 'build', '/a', 'a/b', '!c.o', '!build', 'e/*', '**/b', '*')
const ignoreFile = fc.tuple(
  fc.oneof(
    fc.constant('.gitignore'),
    path.map((folder) => `${folder}/.gitignore`),
  ),
  fc.array(pattern, { minLength: 1, maxLength: 3 }).map((lines) => `${lines.join('\n')}\n`),
)

/** Without those that are files to some and directories to others. */
function compatible(paths: readonly string[]): string[] {
  const kept: string[] = []
  for (const each of paths) {
    const clashes = kept.some((other) => other === each || other.startsWith(`${each}/`) || each.startsWith(`${other}/`))
    if (!clashes) kept.push(each)
  }
  return kept
}

describe.skipIf(!CAN_COMPARE)('as Git has it', () => {
  test('clean takes the same files, in each of its ways', async () => {
    const { folder, dir } = await bothIn()
    const ways: readonly (readonly [string, CleanOptions])[] = [
      ['', {}],
      ['x', { ignored: 'also' }],
      ['X', { ignored: 'only' }],
    ]
    await fc.assert(
      fc.asyncProperty(
        fc.array(path, { maxLength: 8, size: 'max' }),
        fc.array(path, { maxLength: 12, size: 'max' }),
        fc.array(ignoreFile, { maxLength: 3 }),
        fc.array(path, { maxLength: 2 }),
        async (tracked, untracked, ignores, wanted) => {
          const texts = new Map(ignores)
          const all = compatible([...texts.keys(), ...tracked, ...untracked])
          const before = all.filter((each) => !texts.has(each) && tracked.includes(each))
          remake(
            dir,
            before.map((each) => [each, 't']),
          )
          await commitBoth(folder, dir)
          for (const [letters, options] of ways) {
            const make = () =>
              remake(
                dir,
                all.map((each) => [each, texts.get(each) ?? 't']),
              )
            // Of what is ignored, Git takes whole directories whatever paths are named in them.
            const named = letters === 'X' ? [] : wanted
            const paths = named.length === 0 ? {} : { paths: named }
            make()
            const planned = await folder.clean({ ...options, ...paths })
            await folder.clean({ ...options, ...paths, apply: true })
            const left = leavesOf(dir)
            make()
            git(dir, 'clean', `-dfq${letters}`, '--', ...named)
            expect({ letters, left, planned: planned.kept }).toEqual({ letters, left: leavesOf(dir), planned: [] })
          }
        },
      ),
      { numRuns: 25 },
    )
  })

  const edits: Readonly<Record<string, (file: string) => void>> = {
    nothing: () => undefined,
    rewritten: (file) => writeFileSync(file, 'same'),
    changed: (file) => writeFileSync(file, 'other'),
    executable: (file) => chmodSync(file, 0o755),
    removed: (file) => rmSync(file),
    symlink: (file) => {
      rmSync(file)
      symlinkSync('nowhere', file)
    },
  }

  test('rm refuses and removes the same', async () => {
    const { folder, dir } = await bothIn()
    const files = ['a', 'b', 'd/1', 'd/2', 'd/e/3', 'f/g/4']
    const named = fc.constantFrom(...files, 'd', 'd/e', 'f', 'new', 'd/new', 'nowhere')
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...Object.keys(edits)), { minLength: files.length, maxLength: files.length }),
        fc.array(named, { minLength: 1, maxLength: 3 }),
        fc.record({ recursive: fc.boolean(), force: fc.boolean() }),
        async (names, paths, options) => {
          const make = () => {
            remake(
              dir,
              files.map((each) => [each, 'same']),
            )
            for (const [index, each] of files.entries()) edits[names[index] ?? '']?.(join(dir, each))
            for (const each of ['new', 'd/new']) writeFileSync(join(dir, each), 'n')
          }
          remake(
            dir,
            files.map((each) => [each, 'same']),
          )
          await commitBoth(folder, dir)
          make()
          const isDone = await folder.removePaths(paths, options).then(
            () => true,
            () => false,
          )
          const left = leavesOf(dir)
          make()
          const flags = [...(options.recursive ? ['-r'] : []), ...(options.force ? ['-f'] : [])]
          const theirs = git(dir, 'rm', '--quiet', ...flags, '--', ...paths)
          expect({ isDone, left }).toEqual({ isDone: theirs.isDone, left: leavesOf(dir) })
          git(dir, 'reset', '--quiet', '--hard')
        },
      ),
      { numRuns: 40 },
    )
  })

  test.each([
    [['a'], 'new'],
    [['a', 'd/1'], 'f'],
    [['d'], 'f'],
    [['d/e', 'a'], 'f/g'],
    [['a'], 'b'],
    [['d'], 'd/e'],
    [['a'], 'no/where'],
    [['a', 'b'], 'nowhere'],
    [['nowhere'], 'new'],
    [['d/1', 'f/1'], 'empty'],
    [['a'], 'a'],
    [['d'], 'a'],
  ] as const)('mv %j %s', async (sources, destination) => {
    const { folder, dir } = await bothIn()
    const make = () => {
      remake(
        dir,
        ['a', 'b', 'd/1', 'd/e/2', 'f/1', 'f/g/3'].map((each) => [each, each] as const),
      )
      mkdirSync(join(dir, 'empty'))
    }
    make()
    await commitBoth(folder, dir)
    const isDone = await folder.movePaths(sources, destination).then(
      () => true,
      () => false,
    )
    const left = leavesOf(dir)
    make()
    const theirs = git(dir, 'mv', ...sources, destination)
    expect({ isDone, left }).toEqual({ isDone: theirs.isDone, left: leavesOf(dir) })
  })
})
