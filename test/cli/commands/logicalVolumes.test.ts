/** lv create, set, extend and remove. */
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Workbench } from '../support.js'

let bench: Workbench
beforeEach(async () => {
  bench = new Workbench()
  await bench.ok('init')
  await bench.ok('vg', 'extend', 'two.pv')
})
afterEach(() => bench.remove())

const commit = async (branch: string, content: Buffer): Promise<void> => {
  bench.write('tree/f', content)
  await bench.ok('commit', '--from', 'tree', '-m', 'x', '-b', branch)
}

test('a branch is kept in two copies, the others in one', async () => {
  await commit('main', randomBytes(200_000))
  await commit('precious', randomBytes(200_000))
  expect(await bench.ok('lv', 'create', 'safe', '-m', '1')).toBe(
    'created logical volume safe; "varve lv set safe BRANCH" keeps branches in it\n',
  )
  expect(await bench.ok('lv', 'set', 'safe', 'precious', '-n')).toMatch(/^would bring \d+ extents?, .* to volume 1\n$/)
  expect(await bench.ok('lv', 'set', 'safe', 'precious')).toMatch(
    /^brought \d+ extents?, .* to volume 1\nprecious: kept in logical volume safe\n$/,
  )
  expect(await bench.ok('lv')).toMatch(/^default +linear +1 .* all others\nsafe +mirrored +2 .* precious$/m)
  const [main, safe] = await bench.json<{ storedBytes: number; usedBytes: number }[]>('lv')
  expect(main!.storedBytes).toBeLessThan(300_000)
  expect(safe!.storedBytes).toBe(2 * safe!.usedBytes)
  await bench.fails(4, 'LV_IN_USE', 'lv', 'remove', 'safe')
  expect(await bench.ok('lv', 'set', 'default', 'precious')).toMatch(
    /^dropped .*\nprecious: kept in logical volume default\n$/,
  )
  expect(await bench.ok('lv', 'remove', 'safe')).toBe('removed logical volume safe\n')
  expect(await bench.json('lv')).toMatchObject([{ name: 'default', lackingCopies: 0 }])
  expect(await bench.json('verify')).toMatchObject({ ok: true })
})

describe('a size', () => {
  test('ends a commit that would exceed it; it can be made larger, or done without', async () => {
    expect(await bench.json('lv', 'create', 'tenant', '-T', '-V', '300K')).toMatchObject({
      name: 'tenant',
      virtualBytes: 300 * 1024,
      reserved: false,
    })
    await bench.ok('lv', 'set', 'tenant', 'tenants/1')
    bench.write('tree/f', randomBytes(260_000))
    const { err } = await bench.run('commit', '--from', 'tree', '-m', 'x', '-b', 'tenants/1')
    expect(err).toMatch(/^warning: logical volume tenant is 8\d % full: 25\d\.\d KiB of 300\.0 KiB$/m)
    const { out } = await bench.run('doctor')
    expect(out).toContain('logical volume tenant is 85 % full')
    await bench.ok('config', 'set', 'full-warn', '95%')
    expect((await bench.run('doctor')).out).not.toContain('% full')
    bench.write('tree/f', randomBytes(200_000))
    const error = await bench.fails(6, 'LV_FULL', 'commit', '--from', 'tree', '-m', 'x', '-b', 'tenants/1')
    expect(error.hint).toContain('varve lv extend tenant -V SIZE')
    expect(await bench.ok('lv', 'extend', 'tenant', '-V', '+300K')).toBe(
      'logical volume tenant may hold at most 600 KiB\n',
    )
    await commit('tenants/1', randomBytes(200_000))
    await bench.fails(2, 'INVALID_ARGUMENT', 'lv', 'extend', 'tenant', '-V', '100K')
    expect(await bench.ok('lv', 'extend', 'tenant', '-V', 'none')).toBe(
      'logical volume tenant may hold as much as there is\n',
    )
    await commit('tenants/1', randomBytes(900_000))
  })

  test('promised is more than there is: shown; kept free is what there is, and no other takes it', async () => {
    await bench.fails(2, 'INVALID_ARGUMENT', 'lv', 'create', 'kept', '-L', '1M')
    await bench.ok('pv', 'resize', '0', '1M')
    await bench.ok('pv', 'resize', '1', '1M')
    await bench.ok('lv', 'create', 'a', '-V', '3M')
    expect(await bench.ok('vg')).toMatch(
      /^3\.00 MiB promised to logical volumes, with all copies, of 2\.00 MiB: overcommitted 1\.50 times; .* stored$/m,
    )
    expect(await bench.json('vg')).toMatchObject({
      space: { capacityBytes: 2 ** 21, promisedBytes: 3 * 2 ** 20, reservedBytes: 0 },
    })
    await bench.fails(6, 'VG_FULL', 'lv', 'create', 'kept', '-L', '3M')
    await bench.ok('lv', 'create', 'kept', '-L', '1500K')
    await bench.ok('lv', 'set', 'kept', 'mine')
    bench.write('tree/f', randomBytes(800_000))
    const error = await bench.fails(6, 'VG_FULL', 'commit', '--from', 'tree', '-m', 'x')
    expect(error.message).toContain('is kept free for logical volume kept')
    await commit('mine', randomBytes(800_000))
    expect(await bench.json('lv')).toMatchObject([{}, {}, { name: 'kept', reserved: true }])
  })
})

test('says what it cannot do, and changes nothing', async () => {
  const before = await bench.json('lv')
  for (const argv of [
    ['lv', 'create'],
    ['lv', 'create', 'a', '-V', '1G', '-L', '1G'],
    ['lv', 'create', 'a', '-T'],
    ['lv', 'create', 'a', '-T', '-L', '1G'],
    ['lv', 'create', 'a', '-V', '+1G'],
    ['lv', 'create', 'a', '-V', 'none'],
    ['lv', 'create', 'a', '-V', '0'],
    ['lv', 'create', 'a', '-m', '-1'],
    ['lv', 'create', 'a/b'],
    ['lv', 'create', 'a', '-m', '5'],
    ['lv', 'extend', 'default'],
    ['lv', 'extend', 'default', '-V', '+1G'],
    ['lv', 'set', 'default'],
    ['lv', 'remove', 'default'],
  ]) {
    const { status, err } = await bench.run(...argv)
    expect(status, `${argv.join(' ')}: ${err}`).toBe(2)
  }
  await bench.fails(4, 'ALREADY_EXISTS', 'lv', 'create', 'default')
  await bench.fails(3, 'PV_NOT_FOUND', 'lv', 'create', 'a', '7')
  await bench.fails(3, 'PV_NOT_FOUND', 'lv', 'set', 'nobody', 'main')
  await bench.fails(3, 'PV_NOT_FOUND', 'lv', 'remove', 'nobody')
  await bench.fails(3, 'PV_NOT_FOUND', 'lv', 'extend', 'nobody', '-V', '1G')
  await bench.fails(2, 'INVALID_REF_NAME', 'lv', 'set', 'default', 'a..b')
  expect(await bench.json('lv')).toEqual(before)
})
