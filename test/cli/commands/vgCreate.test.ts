/** vg create: a store that begins with several files. */
import { randomBytes } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Workbench } from '../support.js'

let bench: Workbench
beforeEach(() => {
  bench = new Workbench()
})
afterEach(() => bench.remove())

describe('vg create', () => {
  test('makes a store of several files, with the placement that is asked for', async () => {
    const made = await bench.json('vg', 'create', 's.varve', 'a.pv', 'sub/../b.pv', '-m', '1', '--size', '1G')
    expect(made).toMatchObject({
      store: bench.path('s.varve'),
      hash: 'sha256',
      type: 'mirrored',
      copies: 2,
      volumes: [
        { number: 0, capacityBytes: null },
        { number: 1, path: bench.path('a.pv'), capacityBytes: 2 ** 30 },
        { number: 2, path: bench.path('b.pv'), capacityBytes: 2 ** 30 },
      ],
    })
    bench.write('tree/f', randomBytes(300_000))
    await bench.ok('--store', 's.varve', 'commit', '--from', 'tree', '-m', 'x')
    expect(await bench.json('--store', 'b.pv', 'verify')).toMatchObject({ ok: true, checked: { volumes: 3 } })
    expect(await bench.json('--store', 's.varve', 'lv')).toMatchObject([{ copies: 2, lackingCopies: 0 }])
    // Numbers go on from there.
    expect(await bench.json('--store', 's.varve', 'vg', 'extend', 'c.pv')).toMatchObject({ number: 3 })
    const options = ['--hash', 'blake3', '--chunk-size', '16K', '--compression', 'lz4', '--type', 'striped']
    expect(await bench.json('vg', 'create', 't.varve', 'd.pv', ...options)).toMatchObject({
      hash: 'blake3',
      chunkBytes: 16384,
      type: 'striped',
      copies: 1,
    })
    expect(await bench.json('--store', 't.varve', 'config', 'get', 'compression')).toMatchObject({ value: 'lz4' })
    expect(await bench.ok('vg', 'create', 'alone.varve')).toBe(
      `created ${bench.path('alone.varve')}: 1 volume, linear, one copy of each extent\n`,
    )
  })

  test('takes up volumes that belong to no group, with their limits', async () => {
    const [free] = await bench.json<{ uuid: string }[]>('pv', 'create', 'a.pv', '--size', '5M')
    await bench.ok('vg', 'create', 's.varve', 'a.pv')
    expect(await bench.json('--store', 's.varve', 'pv', 'show', '1')).toMatchObject({
      uuid: free?.uuid,
      capacityBytes: 5 * 2 ** 20,
    })
    expect(await bench.json('--store', 's.varve', 'verify')).toMatchObject({ ok: true })
  })

  test('refuses what it cannot make a store of, and changes nothing', async () => {
    await bench.ok('pv', 'create', 'free.pv')
    await bench.ok('vg', 'create', 'old.varve', 'used.pv')
    bench.write('mine', 'mine')
    // Than what SQLite opens.
    const tooLong = [...Array(6).fill('long'.repeat(25)), 'a.pv'].join('/')
    bench.write(tooLong.replace('a.pv', 'keep'), '')
    for (const [status, code, ...argv] of [
      [4, 'STORE_EXISTS', 'old.varve', 'free.pv', 'new.pv'],
      [4, 'ALREADY_EXISTS', 'new.varve', 'free.pv', 'new.pv', 'mine'],
      [4, 'ALREADY_EXISTS', 'new.varve', 'free.pv', 'new.pv', 'old.varve'],
      [4, 'PV_IN_USE', 'new.varve', 'free.pv', 'new.pv', 'used.pv'],
      [2, 'INVALID_ARGUMENT', 'new.varve', 'free.pv', 'new.pv', 'new.varve'],
      [2, 'INVALID_ARGUMENT', 'new.varve', 'free.pv', 'new.pv', './new.pv'],
      [2, 'INVALID_ARGUMENT', 'new.varve', 'free.pv', 'new.pv', '-m', '3'],
      [2, 'INVALID_ARGUMENT', 'new.varve', 'free.pv', 'new.pv', '-m', '1', '--type', 'linear'],
      [2, 'INVALID_ARGUMENT', 'new.varve', 'free.pv', 'new.pv', '--size', '500'],
      [2, 'INVALID_ARGUMENT', 'new.varve', 'free.pv', 'new.pv', '--compression', 'best'],
      [6, 'STORAGE_DENIED', 'new.varve', 'free.pv', 'new.pv', 'no/such/folder/a.pv'],
      // Found out when the others are made already.
      [6, 'STORAGE_DENIED', 'new.varve', 'free.pv', 'new.pv', tooLong],
      [6, 'STORAGE_DENIED', 'no/such/folder/new.varve', 'free.pv', 'new.pv'],
    ] as const) {
      await bench.fails(status, code, 'vg', 'create', ...argv)
      expect(existsSync(bench.path('new.pv')), argv.join(' ')).toBe(false)
      // Given back, if it was taken up already: the group it belongs to is none.
      expect(await bench.json('pv', 'check', 'free.pv')).toMatchObject({
        ok: true,
        notes: [expect.stringContaining('no group yet')],
      })
    }
    for (const argv of [[], ['s.varve', '--size', '1G'], ['s.varve', '-m', 'x'], ['--store', 's.varve', 't.varve']])
      expect(await bench.run('vg', 'create', ...argv), argv.join(' ')).toMatchObject({ status: 2 })
    expect(readFileSync(bench.path('mine'), 'utf8')).toBe('mine')
    expect(await bench.json('--store', 'old.varve', 'verify')).toMatchObject({ ok: true })
    await bench.ok('vg', 'create', 'new.varve', 'free.pv', 'new.pv')
  })

  test('killed before the catalog was there: the same command makes it, and nothing else takes the files', async () => {
    await bench.ok('vg', 'create', 's.varve', 'a.pv', 'b.pv', '--size', '5M')
    rmSync(bench.path('s.varve'))
    await bench.fails(4, 'PV_IN_USE', 'vg', 'create', 'other.varve', 'a.pv')
    await bench.fails(5, 'CATALOG_MISSING', '--store', 'a.pv', 'log')
    const [, one] = (
      await bench.json<{ volumes: { capacityBytes: number }[] }>('vg', 'create', 's.varve', 'a.pv', 'b.pv')
    ).volumes
    expect(one?.capacityBytes).toBe(5 * 2 ** 20)
    expect(await bench.json('--store', 's.varve', 'verify')).toMatchObject({ ok: true, checked: { volumes: 3 } })
  })

  test('of a store that was lost, files that hold something are not taken for such', async () => {
    await bench.ok('vg', 'create', 's.varve', 'a.pv', '--type', 'striped')
    for (let file = 0; file < 4; file++) bench.write(`tree/${file}`, randomBytes(700_000))
    await bench.ok('--store', 's.varve', 'commit', '--from', 'tree', '-m', 'x')
    mkdirSync(bench.path('kept'))
    copyFileSync(bench.path('a.pv'), bench.path('kept/a.pv'))
    rmSync(bench.path('s.varve'))
    await bench.fails(4, 'PV_IN_USE', 'vg', 'create', 's.varve', 'a.pv')
    expect(readFileSync(bench.path('a.pv')).equals(readFileSync(bench.path('kept/a.pv')))).toBe(true)
  })
})
