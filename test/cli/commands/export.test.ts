import {
  chmodSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
} from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Workbench } from '../support.js'

let bench: Workbench
beforeEach(async () => {
  bench = new Workbench()
  await bench.init()
  bench.write('tree/a.txt', 'one')
  bench.write('tree/sub/run.sh', '#!/bin/sh\n')
  bench.write('tree/sub/deep/c', 'c')
  chmodSync(bench.path('tree/sub/run.sh'), 0o755)
  symlinkSync('a.txt', bench.path('tree/link'))
  utimesSync(bench.path('tree/a.txt'), 1_000_000_000.25, 1_000_000_000.25)
  await bench.commit('tree', 'first')
})
afterEach(() => bench.remove())

test('writes what was recorded', async () => {
  const out = await bench.ok('export', 'main', 'out')
  expect(out).toMatch(/^exported main \([0-9a-f]{12}\) to .*out: 4 files, \d+ B\n$/)
  expect(readFileSync(bench.path('out/a.txt'), 'utf8')).toBe('one')
  expect(readlinkSync(bench.path('out/link'))).toBe('a.txt')
  expect(lstatSync(bench.path('out/sub/run.sh')).mode & 0o777).toBe(0o755)
  for (const path of ['a.txt', 'sub', 'sub/deep/c', 'link']) {
    const [was, is] = [`tree/${path}`, `out/${path}`].map((each) => lstatSync(bench.path(each), { bigint: true }))
    // Node sets times in whole microseconds.
    expect(is!.mtimeNs / 1000n, path).toBe(was!.mtimeNs / 1000n)
  }
})

test('says in JSON what it wrote', async () => {
  expect(await bench.json('export', 'HEAD', 'out')).toEqual({
    commit: expect.stringMatching(/^[0-9a-f]{64}$/),
    dir: bench.path('out'),
    files: 4,
    directories: 2,
    sizeBytes: expect.any(Number),
    warnings: [],
  })
})

test('writes only the paths that are named', async () => {
  await bench.ok('export', 'main', 'out', 'a.txt', './sub/deep/')
  expect(readdirSync(bench.path('out'), { recursive: true }).toSorted()).toEqual([
    'a.txt',
    'sub',
    'sub/deep',
    'sub/deep/c',
  ])
  await bench.ok('export', 'main', 'again', '--', 'a.txt')
  expect(readdirSync(bench.path('again'))).toEqual(['a.txt'])
  await bench.fails(3, 'PATH_NOT_FOUND', 'export', 'main', 'third', 'nothing')
})

describe('where something is already', () => {
  test('an empty folder will do', async () => {
    mkdirSync(bench.path('out'))
    await bench.ok('export', 'main', 'out')
  })

  test('another is left alone', async () => {
    bench.write('out/mine', 'mine')
    const error = await bench.fails(4, 'DESTINATION_NOT_EMPTY', 'export', 'main', 'out')
    expect(error.hint).toContain('--into')
    expect(readdirSync(bench.path('out'))).toEqual(['mine'])
  })

  test('--into adds to it, --overwrite replaces what is in the way', async () => {
    bench.write('out/mine', 'mine')
    bench.write('out/a.txt', 'in the way')
    const run = await bench.run('export', 'main', 'out', '--into')
    expect(run.status).toBe(4)
    expect(readFileSync(bench.path('out/a.txt'), 'utf8')).toBe('in the way')
    await bench.ok('export', 'main', 'out', '--into', '--overwrite')
    expect(readFileSync(bench.path('out/a.txt'), 'utf8')).toBe('one')
    expect(readFileSync(bench.path('out/mine'), 'utf8')).toBe('mine')
  })

  test('a file is not a folder', async () => {
    bench.write('out', 'a file')
    const run = await bench.run('export', 'main', 'out')
    expect(run.status).not.toBe(0)
    expect(readFileSync(bench.path('out'), 'utf8')).toBe('a file')
  })
})

test('hard links come back, and ls shows what belongs together', async () => {
  linkSync(bench.path('tree/a.txt'), bench.path('tree/sub/second'))
  await bench.commit('tree', 'linked')
  await bench.ok('export', 'main', 'out')
  expect(lstatSync(bench.path('out/sub/second')).ino).toBe(lstatSync(bench.path('out/a.txt')).ino)
  const entries = await bench.json<{ path: string; linkGroup?: string }[]>('ls', '-R')
  const groups = new Map(entries.map(({ path, linkGroup }) => [path, linkGroup]))
  expect(groups.get('a.txt')).toMatch(/^[0-9a-f]{16}$/)
  expect(groups.get('sub/second')).toBe(groups.get('a.txt'))
  expect(groups.get('sub/run.sh')).toBeUndefined()
})

describe('--owner', () => {
  const ids = process.getuid?.() === 0 ? [1234, 4321] : [process.getuid?.() ?? 0, process.getgid?.() ?? 0]
  beforeEach(() => lchownSync(bench.path('tree/a.txt'), ids[0] ?? 0, ids[1] ?? 0))

  test('sets them by number, where they are recorded', async () => {
    await bench.ok('config', 'set', 'attributes', 'mtime,mode,owner')
    await bench.commit('tree', 'with owners')
    await bench.ok('export', 'main', 'out', '--owner')
    const { uid, gid } = lstatSync(bench.path('out/a.txt'))
    expect([uid, gid]).toEqual(ids)
    await bench.ok('export', 'main', 'without')
    expect(lstatSync(bench.path('without/a.txt')).uid).toBe(process.getuid?.())
  })

  test('says so where none is recorded', async () => {
    const run = await bench.run('export', 'main', 'out', '--owner')
    expect(run).toMatchObject({ status: 0, err: expect.stringContaining('no owner was set, because none is recorded') })
  })
})

test('an unknown revision, with suggestions', async () => {
  const error = await bench.fails(3, 'UNKNOWN_REVISION', 'export', 'mian', 'out')
  expect(JSON.stringify(error)).toContain('main')
  const run = await bench.run('export', 'mian', 'out')
  expect(run.err).toMatch(/^varve: .*mian/)
  expect(run.err).toContain('main')
})
