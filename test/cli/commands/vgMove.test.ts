/** vg export and vg import. */
import { createHash, randomBytes } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Workbench } from '../support.js'

let bench: Workbench
beforeEach(async () => {
  bench = new Workbench()
  mkdirSync(bench.path('one'))
  mkdirSync(bench.path('two'))
  await bench.ok('vg', 'create', 'one/s.varve', 'one/a.pv', 'two/b.pv', '--type', 'striped')
  for (let file = 0; file < 4; file++) bench.write(`tree/${file}`, randomBytes(700_000))
  await bench.ok('--store', 'one/s.varve', 'commit', '--from', 'tree', '-m', 'x')
})
afterEach(() => bench.remove())

const UUID = expect.stringMatching(/^[0-9a-f-]{36}$/)
const EXPORT = ['--store', 'one/s.varve', 'vg', 'export'] as const

/** All files, by name, with what is in them. */
function filesIn(...folders: string[]): Map<string, string> {
  return new Map(
    folders.flatMap((folder) =>
      readdirSync(bench.path(folder))
        // What SQLite keeps beside a file comes with reading alone.
        .filter((name) => !/-(wal|shm|journal)$/.test(name))
        .sort()
        .map(
          (name) =>
            [
              `${folder}/${name}`,
              createHash('md5')
                .update(readFileSync(bench.path(folder, name)))
                .digest('hex'),
            ] as const,
        ),
    ),
  )
}

test('exported, moved and renamed, imported: the same store', async () => {
  expect(await bench.json(...EXPORT)).toEqual({
    uuid: UUID,
    name: 'store',
    volumes: ['one/s.varve', 'one/a.pv', 'two/b.pv'].map((path, number) => ({
      number,
      uuid: UUID,
      path: bench.path(path),
    })),
  })
  for (const argv of [['log'], ['verify'], ['gc'], ['vg', 'export'], ['pv', 'change', '1', '--allocatable', 'n']]) {
    const error = await bench.fails(4, 'VG_EXPORTED', '--store', 'one/s.varve', ...argv)
    expect(error.hint).toContain('varve vg import')
  }
  await bench.fails(4, 'VG_EXPORTED', '--store', 'two/b.pv', 'log')
  expect(readdirSync(bench.path('one')).filter((name) => /-(wal|shm)$/.test(name))).toEqual([])
  expect(await bench.json('--store', 'one/s.varve', 'vg')).toMatchObject({ exported: true })
  expect(await bench.ok('--store', 'one/s.varve', 'vg')).toContain('exported')
  const { out } = await bench.run('--store', 'one/s.varve', 'doctor', '--json')
  expect(JSON.parse(out).findings).toContainEqual({
    topic: 'exported',
    message: expect.stringContaining('is exported'),
    advice: expect.stringContaining('varve vg import'),
    path: bench.path('one/s.varve'),
  })
  expect(await bench.json('--store', 'one/s.varve', 'pv')).toHaveLength(3)
  renameSync(bench.path('one/s.varve'), bench.path('two/catalog'))
  renameSync(bench.path('two/b.pv'), bench.path('one/s.varve'))
  mkdirSync(bench.path('three'))
  renameSync(bench.path('one/a.pv'), bench.path('three/photo.jpg'))
  bench.write('one/notes.txt', 'mine')
  bench.write('one/short', '')
  const found = {
    uuid: UUID,
    name: 'store',
    store: bench.path('two/catalog'),
    volumes: ['two/catalog', 'three/photo.jpg', 'one/s.varve'].map((path, number) => ({
      number,
      uuid: UUID,
      path: bench.path(path),
    })),
    notes: [],
  }
  const before = filesIn('one', 'two', 'three')
  expect(await bench.json('vg', 'import', '-n', 'one', 'two', 'three')).toEqual({ dryRun: true, ...found })
  expect(filesIn('one', 'two', 'three')).toEqual(before)
  expect(await bench.json('vg', 'import', 'one', 'two', 'three/photo.jpg')).toEqual({ dryRun: false, ...found })
  for (const file of ['two/catalog', 'three/photo.jpg', 'one/s.varve'])
    expect(await bench.json('--store', file, 'verify')).toMatchObject({ ok: true, notes: [], checked: { volumes: 3 } })
  expect(await bench.json('--store', 'two/catalog', 'vg')).toMatchObject({ exported: false })
  await bench.fails(3, 'PV_NOT_FOUND', 'vg', 'import', 'one', 'two', 'three')
})

test('a store in a working folder is exported and imported there', async () => {
  await bench.ok('init')
  await bench.ok('vg', 'export')
  expect((await bench.fails(4, 'VG_EXPORTED', 'status')).hint).toContain('varve vg import')
  expect(await bench.ok('vg', 'import')).toContain('imported')
  await bench.ok('status')
})

describe('export is refused', () => {
  test('while somebody has the store open, and nothing is marked', async () => {
    const { Repository } = await import('../../../src/index.js')
    const other = await Repository.open(bench.path('one/s.varve'), { readOnly: true })
    await other.branches()
    const own = await Repository.open(bench.path('one/s.varve'), { lockTimeoutMs: 50 })
    await expect(own.exportVolumeGroup()).rejects.toMatchObject({ code: 'STORE_LOCKED', hint: expect.any(String) })
    await own.close()
    await other.close()
    expect(await bench.json('--store', 'one/s.varve', 'vg')).toMatchObject({ exported: false })
    await bench.ok('--store', 'one/s.varve', 'log')
  })

  test('while a volume is missing', async () => {
    await bench.ok('--store', 'one/s.varve', 'lv', 'convert', 'default', '-m', '2')
    renameSync(bench.path('two/b.pv'), bench.path('away'))
    const run = await bench.run(...EXPORT)
    expect(run).toMatchObject({ status: 5 })
    expect(run.err).toContain('is missing')
    renameSync(bench.path('away'), bench.path('two/b.pv'))
    expect(await bench.json('--store', 'one/s.varve', 'vg')).toMatchObject({ exported: false })
  })
})

describe('import is refused, and changes nothing', () => {
  async function refused(status: number, code: string, hint: string, ...places: string[]): Promise<void> {
    const before = filesIn('one', 'two')
    const error = await bench.fails(status, code, 'vg', 'import', ...places)
    expect(error.hint).toContain(hint)
    expect(filesIn('one', 'two')).toEqual(before)
  }

  test('of what is not exported, or not there', async () => {
    await refused(3, 'PV_NOT_FOUND', 'not exported', 'one', 'two')
    await refused(2, 'INVALID_ARGUMENT', 'used as it is', '--group', 'store', 'one', 'two')
    await refused(3, 'PV_NOT_FOUND', 'Name the folders', 'tree')
    expect((await bench.fails(3, 'STORE_NOT_FOUND', 'vg', 'import', 'nowhere')).message).toContain('nowhere')
    await bench.fails(3, 'NOT_A_STORE', 'vg', 'import', 'tree/0')
    expect(await bench.run('vg', 'import', '--group')).toMatchObject({ status: 2 })
  })

  test('where a file is missing', async () => {
    await bench.ok(...EXPORT)
    await refused(5, 'PV_MISSING', 'two/b.pv', 'one')
    await refused(5, 'CATALOG_MISSING', 'folder', 'two')
  })

  test('where a file is there twice, but not for a link to it', async () => {
    await bench.ok(...EXPORT)
    symlinkSync(bench.path('two/b.pv'), bench.path('one/link'))
    await bench.ok('vg', 'import', '-n', 'one', 'two')
    copyFileSync(bench.path('two/b.pv'), bench.path('one/copy'))
    await refused(5, 'PV_DUPLICATE', 'copies', 'one', 'two')
    rmSync(bench.path('one/copy'))
    copyFileSync(bench.path('one/s.varve'), bench.path('two/copy'))
    await refused(5, 'PV_DUPLICATE', 'copies', 'one', 'two')
    // Named outright, it is the original's place that is in the way: it would use the same volumes.
    await refused(5, 'PV_DUPLICATE', 'original', 'two/copy', 'one/a.pv', 'two/b.pv')
    await bench.ok('vg', 'import', 'one/s.varve', 'one/a.pv', 'two/b.pv')
  })

  test('where a file was put back from an older copy; with --missing a mirrored store does without it', async () => {
    const store = ['--store', 'one/s.varve']
    await bench.ok(...store, 'lv', 'convert', 'default', '-m', '2')
    copyFileSync(bench.path('two/b.pv'), bench.path('old'))
    copyFileSync(bench.path('one/s.varve'), bench.path('old-catalog'))
    bench.write('tree/new', randomBytes(100_000))
    await bench.ok(...store, 'commit', '--from', 'tree', '-m', 'y')
    await bench.ok(...EXPORT)
    copyFileSync(bench.path('two/b.pv'), bench.path('newest'))
    copyFileSync(bench.path('old'), bench.path('two/b.pv'))
    await refused(5, 'PV_STALE', 'pv restore', 'one', 'two')
    const run = await bench.run('vg', 'import', '--missing', 'one', 'two')
    expect(run).toMatchObject({ status: 0 })
    expect(run.err).toMatch(/warning: .*older than the catalog.*done without/)
    expect(await bench.run(...store, 'pv', 'restore', '2')).toMatchObject({ status: 0 })
    expect(await bench.json(...store, 'verify')).toMatchObject({ ok: true })
  })

  test('where several groups are, unless one is named', async () => {
    await bench.ok(...EXPORT)
    await bench.ok('--store', 'two/t.varve', 'init')
    await bench.ok('--store', 'two/t.varve', 'vg', 'rename', 'other')
    await bench.ok('--store', 'two/t.varve', 'vg', 'export')
    await refused(2, 'INVALID_ARGUMENT', '--group', 'one', 'two')
    expect(await bench.json('vg', 'import', '--group', 'other', 'one', 'two')).toMatchObject({ name: 'other' })
    expect(await bench.json('vg', 'import', 'one', 'two')).toMatchObject({ name: 'store' })
  })

  test('of a volume that is damaged in a folder that is looked at', async () => {
    await bench.ok(...EXPORT)
    const bytes = readFileSync(bench.path('two/b.pv'))
    bench.write('one/cut', bytes.subarray(0, 5000))
    const before = filesIn('one', 'two')
    expect((await bench.run('vg', 'import', 'one', 'two')).status).toBe(5)
    expect(filesIn('one', 'two')).toEqual(before)
  })
})
