/** pv create, remove and check: files of volumes, each by itself. */
import { randomBytes } from 'node:crypto'
import { copyFileSync, existsSync, linkSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SqlDatabase } from '../../../src/volume/sqlite.js'
import { Workbench } from '../support.js'

let bench: Workbench
beforeEach(() => {
  bench = new Workbench()
})
afterEach(() => bench.remove())

const UUID = expect.stringMatching(/^[0-9a-f-]{36}$/)

describe('pv create', () => {
  test('makes files that a group takes up, with the limit they were made with', async () => {
    const made = await bench.json<{ uuid: string }[]>('pv', 'create', 'a.pv', 'b.pv', '--size', '10M')
    expect(made).toEqual(
      ['a.pv', 'b.pv'].map((name) => ({ path: bench.path(name), uuid: UUID, capacityBytes: 10 * 2 ** 20 })),
    )
    expect(await bench.ok('pv', 'create', 'c.pv')).toBe(
      `made a volume that belongs to no group yet: ${bench.path('c.pv')}\n`,
    )
    await bench.ok('init')
    expect(await bench.json('vg', 'extend', 'a.pv')).toMatchObject({
      number: 1,
      uuid: made[0]?.uuid,
      capacityBytes: 10 * 2 ** 20,
    })
    expect(await bench.json('vg', 'extend', 'b.pv', '--size', '20M')).toMatchObject({ capacityBytes: 20 * 2 ** 20 })
    expect(await bench.json('vg', 'extend', 'c.pv')).toMatchObject({ number: 3, capacityBytes: null })
    await bench.ok('lv', 'convert', 'default', '--type', 'striped')
    bench.write('tree/f', randomBytes(3_000_000))
    await bench.commit('tree', 'x')
    expect(await bench.json('verify')).toMatchObject({ ok: true, checked: { volumes: 4 } })
  })

  test('makes nothing where anything is, and says what it is', async () => {
    await bench.ok('pv', 'create', 'free.pv')
    await bench.ok('init')
    await bench.ok('vg', 'extend', 'used.pv')
    bench.write('mine', 'mine')
    for (const [file, code, hint] of [
      ['mine', 'ALREADY_EXISTS', 'nothing is'],
      ['.varve', 'ALREADY_EXISTS', 'nothing is'],
      ['.varve/store.varve', 'ALREADY_EXISTS', 'nothing is'],
      ['free.pv', 'ALREADY_EXISTS', 'vg extend'],
      ['used.pv', 'PV_IN_USE', 'another path'],
    ] as const) {
      const error = await bench.fails(4, code, 'pv', 'create', 'new.pv', file)
      expect(error.message).toContain(bench.path(file))
      expect(error.hint).toContain(hint)
      expect(existsSync(bench.path('new.pv')), file).toBe(false)
    }
    expect(readFileSync(bench.path('mine'), 'utf8')).toBe('mine')
  })

  test('takes no sizes that make no sense, no file twice, and no place that is not there', async () => {
    const error = await bench.fails(2, 'INVALID_ARGUMENT', 'pv', 'create', 'a.pv', '--size', '500')
    expect(error.hint).toContain('500M')
    for (const size of ['0', '-5', 'large', '1e9', '9999999T'])
      expect(await bench.run('pv', 'create', 'a.pv', '--size', size), size).toMatchObject({ status: 2 })
    await bench.fails(2, 'INVALID_ARGUMENT', 'pv', 'create', 'a.pv', './a.pv')
    expect(await bench.run('pv', 'create')).toMatchObject({ status: 2 })
    await bench.fails(6, 'STORAGE_DENIED', 'pv', 'create', 'a.pv', 'no/such/folder/b.pv')
    expect(existsSync(bench.path('a.pv'))).toBe(false)
    // Than what SQLite opens: found out when the first is made already.
    const tooLong = [...Array(6).fill('long'.repeat(25)), 'b.pv'].join('/')
    bench.write(tooLong.replace('b.pv', 'keep'), '')
    await bench.fails(6, 'STORAGE_DENIED', 'pv', 'create', 'a.pv', tooLong)
    expect(existsSync(bench.path('a.pv')), 'made, and taken away again').toBe(false)
  })
})

describe('vg extend', () => {
  test('takes up no copy of a volume, no volume of another group, and none that is on its way out', async () => {
    await bench.ok('pv', 'create', 'a.pv', 'gone.pv')
    copyFileSync(bench.path('a.pv'), bench.path('copy.pv'))
    await bench.ok('init')
    await bench.ok('vg', 'extend', 'a.pv')
    expect((await bench.fails(5, 'PV_DUPLICATE', 'vg', 'extend', 'copy.pv')).hint).toContain('copy')
    await bench.ok('--store', 'other.varve', 'init')
    expect((await bench.fails(5, 'PV_FOREIGN', '--store', 'other.varve', 'vg', 'extend', 'a.pv')).hint).toContain(
      'another path',
    )
    await bench.ok('vg', 'extend', 'left.pv')
    await bench.ok('vg', 'reduce', 'left.pv')
    const error = await bench.fails(4, 'ALREADY_EXISTS', 'vg', 'extend', 'left.pv')
    expect(error.hint).toContain('varve pv remove')
    expect(await bench.json<unknown[]>('pv')).toHaveLength(2)
    // And what the hint says works.
    await bench.ok('pv', 'remove', 'left.pv')
    await bench.ok('vg', 'extend', 'left.pv')
    expect(await bench.json('verify')).toMatchObject({ ok: true })
  })
})

describe('pv remove', () => {
  test('deletes what belongs to no group, and what its group does without', async () => {
    await bench.ok('pv', 'create', 'a.pv', 'b.pv')
    expect(await bench.ok('pv', 'remove', '-n', 'a.pv', 'b.pv')).toBe(
      ['a.pv', 'b.pv'].map((name) => `would delete ${bench.path(name)}: no group needs it\n`).join(''),
    )
    expect(existsSync(bench.path('a.pv'))).toBe(true)
    expect(await bench.json('pv', 'remove', 'a.pv')).toEqual({
      dryRun: false,
      removed: [{ path: bench.path('a.pv'), uuid: UUID, group: null }],
    })
    expect(existsSync(bench.path('a.pv'))).toBe(false)
    await bench.ok('init')
    await bench.ok('vg', 'extend', 'b.pv')
    await bench.ok('vg', 'reduce', '1')
    expect(await bench.ok('pv', 'remove', 'b.pv')).toBe(`deleted ${bench.path('b.pv')}: group store does without it\n`)
    expect(existsSync(bench.path('b.pv'))).toBe(false)
    expect(await bench.json('verify')).toMatchObject({ ok: true })
  })

  test('one in use stays, and so do all others that are named with it', async () => {
    await bench.ok('init')
    await bench.ok('vg', 'extend', 'used.pv')
    await bench.ok('pv', 'create', 'free.pv')
    symlinkSync(bench.path('used.pv'), bench.path('link.pv'))
    linkSync(bench.path('used.pv'), bench.path('hard.pv'))
    for (const name of ['used.pv', 'link.pv']) {
      for (const force of [[], ['--force']]) {
        const error = await bench.fails(4, 'PV_IN_USE', 'pv', 'remove', 'free.pv', name, ...force)
        expect(error.message).toMatch(/volume 1 of group store/)
        expect(error.hint).toContain('varve vg reduce 1')
      }
    }
    const store = await bench.fails(4, 'PV_IN_USE', 'pv', 'remove', '--force', '.varve/store.varve')
    expect(store.message).toContain('catalog of group store')
    copyFileSync(bench.path('used.pv'), bench.path('copy.pv'))
    for (const name of ['copy.pv', 'hard.pv'])
      await bench.fails(5, 'PV_DUPLICATE', 'pv', 'remove', '--force', 'free.pv', name)
    for (const name of ['used.pv', 'free.pv', 'link.pv', 'copy.pv', '.varve/store.varve'])
      expect(existsSync(bench.path(name)), name).toBe(true)
    expect(await bench.json('verify')).toMatchObject({ ok: true })
  })

  test('one whose group cannot be asked stays, unless it is said to be gone; a store that was moved is asked', async () => {
    await bench.ok('--store', 'old/x.varve', 'pv', 'create', 'a.pv')
    bench.write('old/keep', '')
    bench.write('new/keep', '')
    await bench.ok('--store', 'old/x.varve', 'init')
    await bench.ok('--store', 'old/x.varve', 'vg', 'extend', 'a.pv')
    renameSync(bench.path('old/x.varve'), bench.path('new/x.varve'))
    const error = await bench.fails(4, 'PV_IN_USE', 'pv', 'remove', 'a.pv')
    expect(error.message).toContain('whose catalog is not at')
    expect(error.hint).toContain('--force')
    await bench.fails(4, 'PV_IN_USE', '--store', 'new/x.varve', 'pv', 'remove', '--force', 'a.pv')
    // A catalog that cannot be read may name it.
    bench.write('old/x.varve', 'damaged')
    await bench.fails(3, 'NOT_A_STORE', 'pv', 'remove', '--force', 'a.pv')
    expect(existsSync(bench.path('a.pv'))).toBe(true)
    rmSync(bench.path('old/x.varve'))
    expect(await bench.ok('pv', 'remove', '--force', 'a.pv')).toContain('deleted')
    expect(existsSync(bench.path('a.pv'))).toBe(false)
  })

  test('one that was told that it was taken out needs nobody to say so; with a lost volume, the group does', async () => {
    await bench.ok('init')
    await bench.ok('vg', 'extend', 'a.pv')
    await bench.ok('vg', 'extend', 'b.pv')
    await bench.ok('vg', 'reduce', '1')
    renameSync(bench.path('b.pv'), bench.path('away'))
    expect(await bench.run('vg', 'reduce', '2', '--missing')).toMatchObject({ status: 0 })
    renameSync(bench.path('away'), bench.path('b.pv'))
    expect(await bench.ok('pv', 'remove', 'b.pv')).toContain('group store does without it')
    rmSync(bench.path('.varve'), { recursive: true })
    expect(await bench.ok('pv', 'remove', 'a.pv')).toContain('group store does without it')
  })

  test('takes nothing that is no volume', async () => {
    bench.write('mine', 'mine')
    await bench.fails(3, 'NOT_A_STORE', 'pv', 'remove', '--force', 'mine')
    await bench.fails(3, 'NOT_A_STORE', 'pv', 'remove', '--force', '.')
    await bench.fails(3, 'STORE_NOT_FOUND', 'pv', 'remove', 'nothing')
    await bench.fails(2, 'INVALID_ARGUMENT', 'pv', 'remove', 'mine', 'mine')
    expect(await bench.run('pv', 'remove')).toMatchObject({ status: 2 })
    expect(readFileSync(bench.path('mine'), 'utf8')).toBe('mine')
  })
})

describe('pv check', () => {
  async function storeOnTwo(): Promise<void> {
    await bench.ok('init')
    await bench.ok('vg', 'extend', 'two.pv')
    await bench.ok('lv', 'convert', 'default', '--type', 'striped')
    for (let file = 0; file < 4; file++) bench.write(`tree/${file}`, randomBytes(700_000))
    await bench.commit('tree', 'x')
  }

  test('checks files and volumes of the store, and changes nothing', async () => {
    await storeOnTwo()
    const before = readFileSync(bench.path('two.pv'))
    const [home, two] = await bench.json<{ extents: number; storedBytes: number; uuid: string }[]>('pv')
    const report = await bench.json('pv', 'check', 'two.pv')
    expect(report).toMatchObject({
      ok: true,
      checked: { volumes: 1, extents: two!.extents, bytes: two!.storedBytes, commits: 0 },
      problems: [],
      healed: [],
      replaced: 0,
      notes: [],
    })
    expect(await bench.json('pv', 'check', '1')).toEqual(report)
    expect(await bench.json('pv', 'check', two!.uuid)).toEqual(report)
    expect(await bench.json('pv', 'check', '0', 'two.pv')).toMatchObject({
      ok: true,
      checked: { volumes: 2, extents: home!.extents + two!.extents },
      notes: [expect.stringContaining('is a catalog')],
    })
    expect(readFileSync(bench.path('two.pv')).equals(before)).toBe(true)
    expect(await bench.ok('pv', 'check', 'two.pv')).toMatch(/^checked 1 volume, .*\nno problems found\n$/)
  })

  test.each([
    ['a frame', 'UPDATE payload SET frame = zeroblob(length(frame)) WHERE eid = FIRST', 'CORRUPT_EXTENT'],
    ['a row', 'UPDATE payload SET raw_bytes = raw_bytes + 1 WHERE eid = FIRST', 'CORRUPT_EXTENT'],
    ['slots', "UPDATE payload SET slots = x'ff' WHERE eid = FIRST", 'CORRUPT_EXTENT'],
    ['a lost chunk row', 'DELETE FROM chunk WHERE eid = FIRST AND slot = 0', 'CORRUPT_CHUNK'],
    ['a stray chunk row', 'UPDATE chunk SET eid = 9999 WHERE eid = FIRST', 'CORRUPT_CHUNK'],
    ['the header', 'UPDATE pv_header SET transactions = 99', 'CORRUPT'],
    ['the layout', 'UPDATE pv_layout SET sequence = 99', 'CORRUPT'],
  ])('finds damage where the catalog is lost: %s', async (_what, sql, code) => {
    await storeOnTwo()
    rmSync(bench.path('.varve'), { recursive: true })
    const database = SqlDatabase.open(bench.path('two.pv'), { lockTimeoutMs: 1000 })
    database.run(sql.replace('FIRST', '(SELECT min(eid) FROM payload)'))
    database.close()
    const run = await bench.run('pv', 'check', 'two.pv', '--json')
    expect(run.status).toBe(5)
    const { ok, problems } = JSON.parse(run.out) as { ok: boolean; problems: { code: string; message: string }[] }
    expect(ok).toBe(false)
    expect(problems.map((problem) => problem.code)).toContain(code)
    for (const { message } of problems) expect(message).toContain(bench.path('two.pv'))
    expect((await bench.run('pv', 'check', 'two.pv')).out).toMatch(/problems? found\n$/)
  })

  test('says which volumes belong to no group', async () => {
    await bench.ok('pv', 'create', 'free.pv')
    await bench.ok('init')
    await bench.ok('vg', 'extend', 'left.pv')
    await bench.ok('vg', 'reduce', '1')
    expect(await bench.json('pv', 'check', 'free.pv', 'left.pv')).toMatchObject({
      ok: true,
      notes: [expect.stringContaining('no group yet'), expect.stringContaining('taken out of group store')],
    })
  })

  test('what is no volume is a problem, what is not there an error', async () => {
    bench.write('mine', 'mine')
    const run = await bench.run('pv', 'check', 'mine', '--json')
    expect(run).toMatchObject({ status: 5 })
    expect(JSON.parse(run.out)).toMatchObject({ ok: false, problems: [{ code: 'NOT_A_STORE' }] })
    await bench.fails(3, 'STORE_NOT_FOUND', 'pv', 'check', 'nothing')
    await bench.fails(3, 'STORE_NOT_FOUND', 'pv', 'check', '1')
    await bench.ok('init')
    await bench.fails(3, 'PV_NOT_FOUND', 'pv', 'check', '1')
    await bench.ok('vg', 'extend', 'two.pv')
    rmSync(bench.path('two.pv'))
    expect((await bench.fails(5, 'PV_MISSING', 'pv', 'check', '1')).hint).toContain('pv check FILE')
    expect(await bench.run('pv', 'check')).toMatchObject({ status: 2 })
  })
})
