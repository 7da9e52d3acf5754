/** The verbs that tidy a working folder: clean, rm, mv. */
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Workbench } from '../support.js'

let bench: Workbench
beforeEach(async () => {
  bench = new Workbench()
  await bench.init()
  for (const path of ['a.txt', 'b.txt', 'd/c.txt', 'd/e/f.txt']) bench.write(path, `${path}\n`)
  bench.write('.gitignore', '*.o\n')
  await bench.ok('commit', '-m', 'first')
})
afterEach(() => bench.remove())

function namesIn(folder = '.'): string[] {
  return readdirSync(bench.path(folder)).filter((name) => name !== '.varve')
}

describe('clean', () => {
  beforeEach(() => {
    for (const path of ['new', 'd/new', 'd/x.o', 'out/1', 'out/2']) bench.write(path, 'x')
  })

  test('lists, and removes with -f', async () => {
    const listed = 'Would remove d/new\nWould remove new\nWould remove out/\n'
    expect(await bench.ok('clean')).toBe(listed)
    expect(await bench.ok('clean', '-nf')).toBe(listed)
    expect(await bench.ok('clean', '-q')).toBe(listed)
    expect(existsSync(bench.path('new'))).toBe(true)
    expect(await bench.ok('clean', '-fd')).toBe('Removing d/new\nRemoving new\nRemoving out/\n')
    expect(namesIn()).toEqual(['.gitignore', 'a.txt', 'b.txt', 'd'])
    expect(namesIn('d')).toEqual(['c.txt', 'e', 'x.o'])
    expect(await bench.ok('clean', '-f')).toBe('nothing to remove\n')
    expect(await bench.ok('status', '-s')).toBe('')
  })

  test('with what is ignored, without what is excluded, and in JSON', async () => {
    expect(await bench.ok('clean', '-X')).toBe('Would remove d/x.o\n')
    expect(await bench.ok('clean', '-x', '-e', '/new', '-e', 'out')).toBe('Would remove d/new\nWould remove d/x.o\n')
    expect(await bench.ok('clean', '-fq', '-X')).toBe('')
    expect(await bench.json('clean', '--ignored', '--force', '--exclude', 'd')).toEqual({
      dryRun: false,
      paths: [
        { path: 'new', kind: 'file' },
        { path: 'out', kind: 'directory' },
      ],
      kept: [],
    })
    expect(await bench.json('clean')).toEqual({ dryRun: true, paths: [{ path: 'd/new', kind: 'file' }], kept: [] })
  })

  test('in the folder it is given in, or of the paths it is given', async () => {
    expect(await bench.ok('-C', 'd', 'clean')).toBe('Would remove d/new\n')
    expect(await bench.ok('-C', 'd', 'clean', '..')).toBe('Would remove d/new\nWould remove new\nWould remove out/\n')
    expect(await bench.ok('-C', 'd', 'clean', 'e', '../out/1')).toBe('Would remove out/1\n')
    // Nobody is to be left standing nowhere.
    expect(await bench.ok('-C', 'out', 'clean', '-f')).toBe('Removing out/1\nRemoving out/2\n')
    expect(namesIn('out')).toEqual([])
    expect(await bench.ok('clean', 'out')).toBe('Would remove out/\n')
  })

  test("names others' folders that it leaves alone", async () => {
    bench.write('sub/.git/HEAD', 'h')
    bench.write('sub/x\u001b', 'x')
    const run = await bench.run('clean', '-f', 'sub')
    expect(run).toMatchObject({ status: 0, out: 'nothing to remove\n' })
    expect(run.err).toBe('warning: sub stays: it has a .git of its own\n')
    expect(await bench.json('clean', 'sub')).toMatchObject({
      kept: [{ path: 'sub', reason: 'it has a .git of its own' }],
    })
  })

  test('shows names that could disturb a terminal harmlessly', async () => {
    bench.write('a\u001b[2J\n', 'x')
    expect(await bench.ok('clean', '-e', 'out', '-e', 'new')).toBe('Would remove a\\x1b[2J\\n\n')
  })

  test('bad input', async () => {
    await bench.fails(2, 'INVALID_PATH', 'clean', '..')
    await bench.fails(2, 'INVALID_PATH', 'clean', '-f', '/')
    await bench.fails(2, 'USAGE', 'clean', '-x', '-X')
    await bench.fails(2, 'USAGE', 'clean', '-e')
    await bench.fails(2, 'INVALID_ARGUMENT', 'clean', '-f', '-X', '-e', '!*.o')
    const other = new Workbench()
    try {
      await other.fails(3, 'STORE_NOT_FOUND', 'clean')
      await other.init()
      other.write('photo', 'p')
      const error = await other.fails(4, 'UNCOMMITTED_CHANGES', 'clean', '-f')
      expect(error.hint).toBe('Commit what is to stay first.')
      expect(existsSync(other.path('photo'))).toBe(true)
    } finally {
      other.remove()
    }
  })
})

describe('rm', () => {
  test('removes files of the commit, and folders with -r', async () => {
    expect(await bench.ok('rm', '-n', 'a.txt')).toBe("rm 'a.txt'\n")
    expect(await bench.ok('rm', 'a.txt', 'b.txt')).toBe("rm 'a.txt'\nrm 'b.txt'\n")
    expect(await bench.json('rm', '-r', 'd')).toEqual({
      dryRun: false,
      paths: [{ path: 'd/c.txt' }, { path: 'd/e/f.txt' }],
    })
    expect(namesIn()).toEqual(['.gitignore'])
    expect(await bench.ok('status', '-s')).toBe('D a.txt\nD b.txt\nD d/c.txt\nD d/e/f.txt\n')
  })

  test('from a folder below, which stays', async () => {
    expect(await bench.json('-C', 'd/e', 'rm', '--dry-run', 'f.txt')).toEqual({
      dryRun: true,
      paths: [{ path: 'd/e/f.txt' }],
    })
    expect(await bench.ok('-C', 'd/e', 'rm', '-q', 'f.txt', '../c.txt')).toBe('')
    expect(namesIn('d')).toEqual(['e'])
    await bench.fails(2, 'INVALID_PATH', '-C', 'd', 'rm', '../../x')
  })

  test('what it refuses, it does not begin', async () => {
    bench.write('a.txt', 'mine')
    bench.write('new', 'n')
    const directory = await bench.fails(3, 'NOT_A_FILE', 'rm', 'b.txt', 'd')
    expect(directory.hint).toContain('-r')
    await bench.fails(3, 'PATH_NOT_FOUND', 'rm', 'b.txt', 'nowhere')
    const untracked = await bench.fails(3, 'PATH_NOT_FOUND', 'rm', 'b.txt', 'new')
    expect(untracked.hint).toContain('varve clean')
    const changed = await bench.fails(4, 'UNCOMMITTED_CHANGES', 'rm', 'b.txt', 'a.txt')
    expect(changed).toMatchObject({ details: { paths: ['a.txt'] }, hint: expect.stringContaining('--force') })
    expect((await bench.run('rm', 'a.txt')).err).toContain('one file has uncommitted changes: "a.txt"\n')
    await bench.fails(2, 'USAGE', 'rm')
    await bench.fails(2, 'USAGE', 'rm', '--cached', 'b.txt')
    expect(namesIn()).toEqual(['.gitignore', 'a.txt', 'b.txt', 'd', 'new'])
    expect(await bench.ok('rm', '-f', 'a.txt')).toBe("rm 'a.txt'\n")
  })
})

describe('mv', () => {
  test('gives another name, and moves into folders', async () => {
    expect(await bench.ok('mv', '-n', 'a.txt', 'new.txt')).toBe('Would rename a.txt to new.txt\n')
    expect(await bench.ok('mv', 'a.txt', 'new.txt')).toBe('Renaming a.txt to new.txt\n')
    expect(await bench.json('-C', 'd', 'mv', '../new.txt', '../b.txt', 'e/')).toEqual({
      dryRun: false,
      moves: [
        { from: { path: 'new.txt' }, to: { path: 'd/e/new.txt' } },
        { from: { path: 'b.txt' }, to: { path: 'd/e/b.txt' } },
      ],
    })
    expect(await bench.ok('-C', 'd/e', 'mv', '-q', 'b.txt', '../..')).toBe('')
    expect(namesIn()).toEqual(['.gitignore', 'b.txt', 'd'])
  })

  test('overwrites files with -f alone', async () => {
    const error = await bench.fails(4, 'ALREADY_EXISTS', 'mv', 'a.txt', 'b.txt')
    expect(error.hint).toContain('--force')
    await bench.ok('mv', '-f', 'a.txt', 'b.txt')
    expect(namesIn()).toEqual(['.gitignore', 'b.txt', 'd'])
    mkdirSync(bench.path('x/d'), { recursive: true })
    await bench.fails(4, 'ALREADY_EXISTS', 'mv', '-f', 'd', 'x')
  })

  test('bad input', async () => {
    symlinkSync('..', bench.path('way'))
    await bench.fails(2, 'USAGE', 'mv')
    await bench.fails(2, 'USAGE', 'mv', 'a.txt')
    await bench.fails(3, 'PATH_NOT_FOUND', 'mv', 'nowhere', 'x')
    await bench.fails(3, 'NOT_A_DIRECTORY', 'mv', 'a.txt', 'x/')
    await bench.fails(3, 'NOT_A_DIRECTORY', 'mv', 'a.txt', 'b.txt', 'x')
    await bench.fails(2, 'INVALID_PATH', 'mv', 'a.txt', '../x')
    await bench.fails(2, 'INVALID_ARGUMENT', 'mv', 'a.txt', '.varve/x')
    await bench.fails(2, 'INVALID_ARGUMENT', 'mv', '.varve', 'x')
    await bench.fails(2, 'INVALID_ARGUMENT', 'mv', 'd', 'd/e')
    await bench.fails(7, 'UNSAFE_PATH', 'mv', 'a.txt', 'way/x')
    rmSync(bench.path('way'))
    expect(namesIn()).toEqual(['.gitignore', 'a.txt', 'b.txt', 'd'])
  })
})
