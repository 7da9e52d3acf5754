import { existsSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Workbench } from '../support.js'

let bench: Workbench
beforeEach(() => {
  bench = new Workbench()
})
afterEach(() => bench.remove())

test('makes a store in .varve of this folder, or of the one that is named', async () => {
  const out = await bench.ok('init')
  expect(out).toMatch(
    /^created .*\.varve[/\\]store\.varve\nsha256 ids, chunks of .* on average, default branch main\n$/,
  )
  expect(existsSync(bench.path('.varve/store.varve'))).toBe(true)
  await bench.ok('init', 'a/b')
  expect(existsSync(bench.path('a/b/.varve/store.varve'))).toBe(true)
  expect(await bench.ok('-C', 'a/b', 'branch')).toContain('no branches yet')
})

test('makes the file that --store or VARVE_STORE names', async () => {
  expect(await bench.json('init', '--store', 'one.varve')).toMatchObject({ store: bench.path('one.varve') })
  const run = await bench.runWith({ env: { VARVE_STORE: 'two.varve' } }, 'init')
  expect(run).toMatchObject({ status: 0, err: '' })
  expect(existsSync(bench.path('two.varve'))).toBe(true)
  expect(existsSync(bench.path('.varve'))).toBe(false)
})

test('says in JSON what it made', async () => {
  const options = ['--hash', 'blake3', '--chunk-size', '16K', '--extent-size', '512K', '--default-branch', 'trunk']
  expect(await bench.json('init', ...options, '--compression', 'lz4')).toEqual({
    store: bench.path('.varve/store.varve'),
    hash: 'blake3',
    chunkBytes: 16384,
    extentBytes: 524288,
    defaultBranch: 'trunk',
  })
  expect(await bench.json('config', 'get', 'compression')).toMatchObject({ value: expect.stringContaining('lz4') })
  bench.write('tree/a', 'a')
  expect(await bench.json('commit', '--from', 'tree', '-m', 'x')).toMatchObject({ branch: 'trunk' })
})

test('is silent with -q', async () => {
  expect(await bench.ok('init', '-q')).toBe('')
})

test('leaves a store alone that is there', async () => {
  await bench.init()
  bench.write('tree/a', 'a')
  await bench.commit('tree', 'one')
  await bench.fails(4, 'STORE_EXISTS', 'init')
  expect(await bench.json<unknown[]>('log')).toHaveLength(1)
})

test.each([
  ['--chunk-size', '1'],
  ['--chunk-size', '100M'],
  ['--extent-size', '1'],
  ['--extent-size', '10G'],
  ['--compression', 'zip'],
  ['--compression', 'zstd:99'],
])('refuses %s %s and leaves no store', async (option, value) => {
  await bench.fails(2, 'INVALID_ARGUMENT', 'init', option, value)
  expect(existsSync(bench.path('.varve'))).toBe(false)
})

test('says what extents are too small for', async () => {
  const { hint } = await bench.fails(2, 'INVALID_ARGUMENT', 'init', '--extent-size', '64K')
  expect(hint).toMatch(/larger extents, or for smaller chunks/)
  await bench.ok('init', '--extent-size', '64K', '--chunk-size', '2K')
})

test('refuses a branch name that cannot be one', async () => {
  await bench.fails(2, 'INVALID_REF_NAME', 'init', '--default-branch', 'a..b')
  expect(existsSync(bench.path('.varve'))).toBe(false)
})

test('in a folder that is a file', async () => {
  bench.write('file', 'x')
  const run = await bench.run('init', 'file')
  expect(run.status).not.toBe(0)
  expect(run.err).toMatch(/^varve: /)
})
