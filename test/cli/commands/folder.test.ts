/** The verbs of a working folder: status, commit, diff, switch, checkout, restore, worktree. */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Workbench } from '../support.js'

let bench: Workbench
beforeEach(async () => {
  bench = new Workbench()
  await bench.init()
  bench.write('a.txt', 'one\n')
  bench.write('d/b.txt', 'b\n')
})
afterEach(() => bench.remove())

const ID = expect.stringMatching(/^[0-9a-f]{64}$/)

async function committed(message: string): Promise<string> {
  const { commit } = await bench.json<{ commit: { id: string } }>('commit', '-m', message)
  return commit.id
}

describe('status', () => {
  test('before and after the first commit', async () => {
    expect(await bench.ok('status')).toBe('on main, no commits yet\n  new:        a.txt\n  new:        d/b.txt\n')
    const id = await committed('first')
    expect(await bench.ok('status')).toBe(`on main, at ${id.slice(0, 12)}\nnothing to commit\n`)
  })

  test('in each of its forms', async () => {
    const head = await committed('first')
    bench.write('a.txt', 'two\n')
    bench.write('new\nline', 'n')
    rmSync(bench.path('d/b.txt'))
    rmSync(bench.path('d'), { recursive: true })
    expect(await bench.ok('status', '--short')).toBe('M a.txt\nD d/b.txt\nA new\\nline\n')
    expect((await bench.run('status', '-z')).out).toBe('M a.txt\0D d/b.txt\0A new\nline\0')
    expect(await bench.json('status')).toMatchObject({
      branch: 'main',
      head,
      tip: null,
      interrupted: null,
      changes: [
        { path: 'a.txt', kind: 'modified' },
        { path: 'd/b.txt', kind: 'removed', after: null },
        { path: 'new\nline', kind: 'added', before: null },
      ],
      files: 2,
      ignored: 0,
      unreadable: [],
      warnings: [],
    })
  })

  test('from a folder below, and not from a store without a folder', async () => {
    await committed('first')
    mkdirSync(bench.path('d/e'))
    rmSync(bench.path('a.txt'))
    expect(await bench.ok('-C', 'd', 'status', '-s')).toBe('D a.txt\nA d/e\n')
    await bench.fails(2, 'USAGE', 'commit', '-m', 'x', '--store', '.varve/store.varve')
    const other = new Workbench()
    try {
      await other.fails(3, 'STORE_NOT_FOUND', 'status')
    } finally {
      other.remove()
    }
  })

  test('says what is ignored', async () => {
    bench.write('.gitignore', '*.o\n')
    bench.write('x.o', 'x')
    await bench.ok('config', 'set', 'ignore', '*.tmp')
    bench.write('y.tmp', 'y')
    expect(await bench.ok('status', '-s')).toBe('A .gitignore\nA a.txt\nA d/b.txt\n')
    expect(await bench.ok('status')).toContain('2 entries ignored\n')
  })
})

test('commit takes the folder, or what is named, with paths from where it is given', async () => {
  await committed('first')
  bench.write('a.txt', 'two\n')
  bench.write('d/b.txt', 'B\n')
  expect(await bench.json('-C', 'd', 'commit', '-m', 'b alone', 'b.txt')).toMatchObject({ commit: { id: ID } })
  expect(await bench.ok('status', '-s')).toBe('M a.txt\n')
  await bench.fails(3, 'PATH_NOT_FOUND', 'commit', '-m', 'x', 'nowhere')
  await bench.fails(2, 'INVALID_PATH', 'commit', '-m', 'x', '../outside')
  await committed('rest')
  expect(await bench.ok('commit', '-m', 'again')).toMatch(/^nothing changed; main stays at /)
})

test('diff against the folder', async () => {
  await committed('first')
  bench.write('a.txt', 'two\n')
  bench.write('d/c.txt', 'c\n')
  expect(await bench.ok('diff', '--name-status')).toBe('M\ta.txt\nA\td/c.txt\n')
  expect(await bench.ok('-C', 'd', 'diff', 'HEAD', '--name-status', '--', 'c.txt')).toBe('A\td/c.txt\n')
  const patch = await bench.ok('diff', '--', 'a.txt')
  expect(patch).toContain('-one\n+two\n')
  expect((await bench.run('diff', '--exit-code')).status).toBe(1)
  await committed('second')
  expect((await bench.run('diff', '--exit-code')).status).toBe(0)
  expect(await bench.ok('diff', 'HEAD~1', '--name-status')).toBe('M\ta.txt\nA\td/c.txt\n')
})

describe('switch', () => {
  test('to a new branch and back; log and HEAD follow', async () => {
    const first = await committed('first')
    expect(await bench.json('switch', '-c', 'idea')).toEqual({
      branch: 'idea',
      head: first,
      written: 0,
      removed: 0,
      warnings: [],
    })
    bench.write('a.txt', 'two\n')
    const second = await committed('second')
    expect(await bench.json<{ id: string }[]>('log')).toMatchObject([{ id: second }, { id: first }])
    expect(await bench.ok('switch', 'main')).toBe(`on main, at ${first.slice(0, 12)}: 1 file written\n`)
    expect(readFileSync(bench.path('a.txt'), 'utf8')).toBe('one\n')
    expect(await bench.json<unknown[]>('log')).toHaveLength(1)
    expect(await bench.json('switch', '--detach', second.slice(0, 8))).toMatchObject({ branch: null, head: second })
    expect(await bench.ok('status')).toMatch(/^detached, at /)
  })

  test('what is in the way is listed; --force gives it up', async () => {
    await committed('first')
    await bench.ok('switch', '-c', 'idea')
    bench.write('a.txt', 'two\n')
    await committed('second')
    bench.write('a.txt', 'mine\n')
    const error = await bench.fails(4, 'UNCOMMITTED_CHANGES', 'switch', 'main')
    expect(error).toMatchObject({ details: { paths: ['a.txt'] }, hint: expect.stringContaining('--force') })
    await bench.ok('switch', 'main', '--force')
    expect(readFileSync(bench.path('a.txt'), 'utf8')).toBe('one\n')
  })

  test('where it cannot go', async () => {
    await committed('first')
    await bench.fails(3, 'UNKNOWN_REVISION', 'switch', 'nowhere')
    const error = await bench.fails(2, 'INVALID_ARGUMENT', 'switch', 'HEAD')
    expect(error.hint).toContain('--detach')
    await bench.fails(2, 'INVALID_ARGUMENT', 'switch', '--continue')
    await bench.fails(2, 'INVALID_ARGUMENT', 'switch', '--abort')
    await bench.fails(4, 'REF_EXISTS', 'switch', '-c', 'main')
    await bench.fails(2, 'INVALID_REF_NAME', 'switch', '-c', 'a..b')
  })
})

test('checkout does what switch and restore do', async () => {
  const first = await committed('first')
  await bench.ok('checkout', '-b', 'idea')
  bench.write('a.txt', 'two\n')
  const second = await committed('second')
  expect(await bench.json('checkout', 'main')).toMatchObject({ branch: 'main', head: first })
  expect(await bench.json('checkout', second)).toMatchObject({ branch: null, head: second })
  expect(await bench.json('checkout', 'main', '--', 'a.txt')).toEqual({ written: 1, removed: 0, warnings: [] })
  expect(readFileSync(bench.path('a.txt'), 'utf8')).toBe('one\n')
})

test('restore', async () => {
  await committed('first')
  bench.write('a.txt', 'oops\n')
  rmSync(bench.path('d/b.txt'))
  expect(await bench.ok('restore', 'a.txt', 'd')).toBe('2 files restored\n')
  expect(await bench.ok('status', '-s')).toBe('')
  await bench.fails(3, 'PATH_NOT_FOUND', 'restore', 'nowhere')
  await bench.fails(3, 'UNKNOWN_REVISION', 'restore', '--from', 'nowhere', 'a.txt')
  await bench.fails(2, 'INVALID_PATH', 'restore', '..')
})

describe('worktree', () => {
  test('adds, lists and forgets folders', async () => {
    const head = await committed('first')
    bench.write('.gitignore', 'second/\n')
    const path = bench.path('second')
    expect(await bench.json('worktree', 'add', 'second', '-c', 'second')).toEqual({ path, branch: 'second', head })
    expect(readFileSync(bench.path('second/d/b.txt'), 'utf8')).toBe('b\n')
    expect(await bench.ok('-C', 'second', 'status')).toMatch(/^on second, at .*\nnothing to commit\n$/)
    expect(await bench.json('worktree')).toEqual([
      { path: bench.folder, branch: 'main', head, isThere: true },
      { path, branch: 'second', head, isThere: true },
    ])
    await bench.fails(4, 'REF_CONFLICT', 'switch', 'second')
    await bench.fails(4, 'DESTINATION_NOT_EMPTY', 'worktree', 'add', 'd', '-c', 'third')
    await bench.fails(4, 'REF_CONFLICT', 'worktree', 'add', 'third', 'second')
    expect(existsSync(bench.path('third/.varve'))).toBe(false)
    bench.write('second/a.txt', 'uncommitted')
    await bench.fails(4, 'UNCOMMITTED_CHANGES', 'worktree', 'remove', 'second')
    await bench.ok('worktree', 'remove', 'second', '--force')
    expect(readFileSync(bench.path('second/a.txt'), 'utf8')).toBe('uncommitted')
    expect(await bench.ok('worktree', 'list')).toContain('main')
    await bench.fails(3, 'WORKTREE_NOT_FOUND', 'worktree', 'remove', 'second')
  })

  test('repair leaves a folder that is known as it is', async () => {
    const head = await committed('first')
    expect(await bench.json('worktree', 'repair')).toEqual({ path: bench.folder, branch: 'main', head })
  })
})
