/** What people type by mistake about volumes: it is refused with a sentence that says what to do, and nothing changes. */
import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { change } from '../../support/mirrored.js'
import { Workbench } from '../support.js'

let bench: Workbench
beforeEach(async () => {
  bench = new Workbench()
  await bench.ok('vg', 'create', 's.varve', 'one.pv', 'two.pv', '--type', 'striped')
})
afterEach(() => bench.remove())

const STORE = ['--store', 's.varve']

async function refused(status: number, code: string, ...argv: string[]): Promise<string> {
  const before = await bench.json('pv', 'list', ...STORE)
  const { message, hint } = await bench.fails(status, code, ...argv, ...STORE)
  expect(await bench.json('pv', 'list', ...STORE)).toEqual(before)
  return `${message}\n${hint}`
}

async function commit(message: string): Promise<void> {
  bench.write('tree/file', randomBytes(3_000_000))
  await bench.ok('commit', '--from', 'tree', '-m', message, ...STORE)
}

test.each(['s.varve-wal', 'new-shm', 'one.pv-journal', 'new-wal'])(
  'no volume is made in the place of the journal %s, which SQLite deletes',
  async (name) => {
    expect(await refused(2, 'INVALID_PATH', 'vg', 'extend', name)).toContain('-journal, -wal or -shm')
    await bench.fails(2, 'INVALID_PATH', 'pv', 'create', name)
    await bench.fails(2, 'INVALID_PATH', 'vg', 'create', name)
  },
)

test('what is a volume of the group is in use, and a copy of the catalog is called so', async () => {
  expect(await refused(4, 'PV_IN_USE', 'vg', 'extend', 'one.pv')).toContain('Use a path where nothing is')
  expect(await refused(4, 'PV_IN_USE', 'vg', 'extend', 's.varve')).toContain('volume 0')
  copyFileSync(bench.path('s.varve'), bench.path('copy'))
  expect(await refused(5, 'PV_DUPLICATE', 'vg', 'extend', 'copy')).toContain('a copy of volume 0 (the catalog)')
})

test('where the folder is not there, that is what is said', async () => {
  expect(await refused(6, 'STORAGE_DENIED', 'vg', 'extend', 'no/such/folder')).toContain('make it first')
})

test('how many volumes there are, and how small one can be, is said', async () => {
  expect(await refused(2, 'INVALID_ARGUMENT', 'lv', 'convert', 'default', '-m', '98')).toContain(
    '99 copies of each extent need as many volumes that take new extents; there are 3',
  )
  expect(await refused(2, 'INVALID_ARGUMENT', 'lv', 'convert', 'default', '@ssd')).toMatch(
    /^no volume takes new extents and has the tag ssd\n.*--addtag TAG/,
  )
  expect(await refused(2, 'INVALID_ARGUMENT', 'vg', 'extend', 'new.pv', '--size', '10K')).toContain('64.0 KiB at least')
})

test.each([
  ['mirrored', '-m', '0', '-m 1'],
  ['linear', '-m', '1', '`-m` alone'],
  ['mirrored', '-i', '2', '--type striped'],
])('--type %s %s %s: what would do is said', async (type, option, value, said) => {
  expect(await refused(2, 'INVALID_ARGUMENT', 'lv', 'convert', 'default', '--type', type, option, value)).toContain(
    said,
  )
})

test.each([
  ['a folder', (path: string) => mkdirSync(path)],
  ['some text', () => bench.write('one.pv', 'some text, and not the volume'.repeat(100))],
  ['another database', (path: string) => change(path, 'CREATE TABLE t (x)', 0)],
])('where a volume was, there is %s: the volume is missing, and can be done without', async (_, put) => {
  await commit('lies everywhere')
  rmSync(bench.path('one.pv'))
  put(bench.path('one.pv'))
  const { message, hint } = await bench.fails(5, 'PV_MISSING', 'log', ...STORE)
  expect(message).toContain('volume 1 of group store is missing')
  expect(hint).toContain('varve vg reduce 1 --missing')
  await bench.ok('vg', 'reduce', '1', '--missing', '--force', ...STORE)
})

test('one volume in the place of another is told of, and what is to be done; neither is given up', async () => {
  await commit('lies everywhere')
  rmSync(bench.path('two.pv'))
  copyFileSync(bench.path('one.pv'), bench.path('two.pv'))
  expect(await refused(5, 'PV_FOREIGN', 'log')).toContain('put the file of volume 2 there')
  expect(await refused(5, 'PV_FOREIGN', 'vg', 'reduce', '2', '--missing', '--force')).toContain('volume 2')
  rmSync(bench.path('two.pv'))
  symlinkSync(bench.path('one.pv'), bench.path('two.pv'))
  expect(await refused(5, 'PV_DUPLICATE', 'log')).toContain('Put the file of the other one back')
})

test('with an old copy of the catalog no volume is given up: none is lost', async () => {
  copyFileSync(bench.path('s.varve'), bench.path('old'))
  await commit('what the old catalog does not know')
  rmSync(bench.path('s.varve-wal'), { force: true })
  rmSync(bench.path('s.varve-shm'), { force: true })
  copyFileSync(bench.path('old'), bench.path('s.varve'))
  for (const more of [['-n'], []]) {
    const said = await refused(5, 'CATALOG_STALE', 'vg', 'reduce', '1', '--missing', '--force', ...more)
    expect(said).toContain('Put the newest copy of the catalog back')
  }
})
