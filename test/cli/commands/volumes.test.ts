/** vg and pv. These make their volumes themselves, whatever the suite asks for. */
import { randomBytes } from 'node:crypto'
import { copyFileSync, existsSync, renameSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Workbench } from '../support.js'

let bench: Workbench
beforeEach(async () => {
  bench = new Workbench()
  await bench.ok('init')
})
afterEach(() => bench.remove())

const NUMBER = expect.any(Number)
const FIRST = {
  number: 0,
  uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
  path: expect.any(String),
  allocatable: true,
  tags: [],
  capacityBytes: null,
  freeBytes: null,
  extents: NUMBER,
  storedBytes: NUMBER,
  fileBytes: NUMBER,
  problem: null,
}

test('a new store is one volume', async () => {
  expect(await bench.json('vg')).toEqual({
    uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
    name: expect.any(String),
    sequence: NUMBER,
    type: 'linear',
    chunkBytes: NUMBER,
    extentBytes: NUMBER,
    exported: false,
    space: { capacityBytes: null, storedBytes: NUMBER, promisedBytes: 0, reservedBytes: 0 },
    volumes: [FIRST],
  })
  expect(await bench.json('vg', 'show')).toEqual(await bench.json('vg'))
  expect(await bench.json('pv', 'list')).toEqual([FIRST])
  expect(await bench.ok('vg')).toMatch(/^volume group .*, linear, layout \d+\n.*\n1 physical volume:\npv +extents/)
})

describe('vg extend', () => {
  test('adds a file', async () => {
    expect(await bench.json('vg', 'extend', 'two.pv', '--size', '10M')).toMatchObject({
      ...FIRST,
      number: 1,
      path: expect.stringContaining('two.pv'),
      capacityBytes: 10 * 2 ** 20,
      freeBytes: 10 * 2 ** 20,
    })
    expect(existsSync(bench.path('two.pv'))).toBe(true)
    expect(await bench.ok('vg', 'extend', 'three.pv')).toMatch(/^added physical volume 2: .*three\.pv\n$/)
    expect(await bench.json<unknown[]>('pv')).toHaveLength(3)
    const lines = (await bench.ok('pv', 'list')).split('\n')
    expect(lines[0]).toMatch(/^pv {2}extents {2}stored {2}capacity {2}used {2}allocatable {2}file$/)
    expect(lines[2]).toMatch(/^ 1 +0 +0 B +10\.0 MiB +0% {2}yes +.*two\.pv$/)
  })

  test('takes no file that is there', async () => {
    bench.write('mine', 'mine')
    expect((await bench.run('vg', 'extend', 'mine')).status).toBe(4)
    expect((await bench.run('vg', 'extend', 'no/such/folder/pv')).status).not.toBe(0)
    expect(await bench.json<unknown[]>('pv')).toHaveLength(1)
  })
})

test('a size without its unit is not taken for bytes', async () => {
  for (const argv of [
    ['vg', 'extend', 'two.pv', '--size', '10'],
    ['pv', 'resize', '0', '10'],
  ]) {
    const error = await bench.fails(2, 'INVALID_ARGUMENT', ...argv)
    expect(error.hint).toContain('500M')
  }
  expect(await bench.json<unknown[]>('pv')).toHaveLength(1)
})

describe('vg rename', () => {
  test('names the group', async () => {
    expect(await bench.ok('vg', 'rename', 'photos')).toBe('the volume group is called photos\n')
    expect(await bench.json('vg')).toMatchObject({ name: 'photos' })
    await bench.fails(2, 'INVALID_ARGUMENT', 'vg', 'rename', ' ')
  })
})

describe('vg balance', () => {
  test('has a new volume take its share, once', async () => {
    for (let file = 0; file < 8; file++) bench.write(`tree/${file}`, randomBytes(500_000))
    await bench.commit('tree', 'x')
    await bench.ok('vg', 'extend', 'two.pv')
    expect(await bench.ok('vg', 'balance', '-n')).toMatch(/^would move \d+ extents?, .* to volume 1\n$/)
    expect(await bench.ok('vg', 'balance')).toMatch(/^moved \d+ extents?, .* to volume 1\n$/)
    const [one, two] = await bench.json<{ storedBytes: number }[]>('pv')
    expect(two!.storedBytes / one!.storedBytes).toBeGreaterThan(0.5)
    expect(await bench.ok('vg', 'balance')).toBe('the volumes are even\n')
    expect(await bench.json('verify')).toMatchObject({ ok: true })
  })
})

describe('lv convert --type striped', () => {
  test('writes to all volumes in turn', async () => {
    await bench.ok('vg', 'extend', 'two.pv')
    await bench.ok('vg', 'extend', 'three.pv')
    expect(await bench.json('lv', 'convert', 'default', '--type', 'striped')).toMatchObject({
      type: 'striped',
      copies: 1,
    })
    for (let file = 0; file < 6; file++) bench.write(`tree/${file}`, randomBytes(1 << 20))
    await bench.commit('tree', 'x')
    const volumes = await bench.json<{ extents: number }[]>('pv')
    for (const volume of volumes) expect(volume.extents).toBeGreaterThan(0)
    expect(await bench.json('verify')).toMatchObject({ ok: true })
  })
})

describe('pv show', () => {
  test('shows one volume, also one that is missing', async () => {
    await bench.ok('vg', 'extend', 'two.pv', '--size', '10M')
    const [, two] = await bench.json<{ uuid: string }[]>('pv')
    expect(await bench.json('pv', 'show', '1')).toEqual(two)
    const shown = await bench.ok('pv', 'show', 'two.pv')
    for (const line of ['volume +1', `uuid +${two!.uuid}`, 'capacity +10.0 MiB', 'free +10.0 MiB', 'allocatable +yes'])
      expect(shown).toMatch(new RegExp(`^${line}$`, 'm'))
    renameSync(bench.path('two.pv'), bench.path('away'))
    expect(await bench.ok('pv', 'show', '1')).toMatch(/^problem +volume 1 of group .* is missing: .*two.pv$/m)
    await bench.fails(3, 'PV_NOT_FOUND', 'pv', 'show', '7')
  })
})

describe('pv list --map', () => {
  test('shows where extents are', async () => {
    bench.write('tree/a', randomBytes(100_000))
    await bench.commit('tree', 'x')
    const map = await bench.json<{ rawBytes: number }[]>('pv', 'list', '--map')
    expect(map.length).toBeGreaterThan(0)
    expect(map[0]).toEqual({
      pv: 0,
      firstExtent: NUMBER,
      lastExtent: NUMBER,
      extents: NUMBER,
      rawBytes: NUMBER,
      storedBytes: NUMBER,
      tier: null,
    })
    expect(await bench.json('pv', 'list', '--map', '0')).toEqual(map)
    expect(await bench.ok('pv', 'list', '--map')).toMatch(/^pv {2}extents {2}numbers .*\n 0 /)
    await bench.fails(3, 'PV_NOT_FOUND', 'pv', 'list', '--map', '7')
  })
})

describe('pv change', () => {
  test('by number, uuid or path', async () => {
    await bench.ok('vg', 'extend', 'two.pv')
    const [, two] = await bench.json<{ uuid: string }[]>('pv')
    expect(await bench.json('pv', 'change', '1', '--allocatable', 'n')).toMatchObject({ number: 1, allocatable: false })
    expect(await bench.json('pv', 'resize', two!.uuid, '1G')).toMatchObject({
      capacityBytes: 2 ** 30,
      allocatable: false,
    })
    expect(await bench.ok('pv', 'resize', 'two.pv', 'none')).toBe('volume 1: takes no new extents\n')
    expect(await bench.ok('pv', 'resize', '1', '2M')).toBe('volume 1: takes no new extents, holds at most 2.00 MiB\n')
  })

  test('of one that is not there', async () => {
    const error = await bench.fails(3, 'PV_NOT_FOUND', 'pv', 'change', '9', '--allocatable', 'n')
    expect(error.hint).toContain('0 (')
  })
})

test('a volume that is full is said to be', async () => {
  await bench.ok('pv', 'resize', '0', '64K')
  bench.write('tree/a', randomBytes(1_000_000))
  await bench.fails(6, 'VG_FULL', 'commit', '--from', 'tree', '-m', 'x')
  expect(await bench.json('branch')).toEqual([])
})

test('a missing volume is given up when that is asked for, with what lay there alone', async () => {
  await bench.ok('vg', 'extend', 'two.pv')
  await bench.ok('pv', 'change', '0', '--allocatable', 'n')
  await bench.ok('lv', 'convert', 'default', '--object-mirrors', '0', 'all')
  bench.write('tree/f', randomBytes(300_000))
  await bench.commit('tree', 'x')
  renameSync(bench.path('two.pv'), bench.path('away'))
  const refused = await bench.fails(5, 'PV_MISSING', 'vg', 'reduce', '1', '--missing')
  expect(refused.message).toContain('two.pv')
  expect(await bench.ok('vg', 'reduce', '1', '--missing', '--force', '-n')).toMatch(
    /^would give up \d+ extents?, .* stored\n$/,
  )
  expect(await bench.json<unknown[]>('pv')).toHaveLength(2)
  expect(await bench.ok('vg', 'reduce', '1', '--missing', '--force')).toMatch(
    /^gave up \d+ extents?, .* stored; "varve verify --quick" names what is hit\nvolume 1 is no part of the group any more/,
  )
  expect(await bench.json('verify', '--quick').catch(() => undefined)).toBe(undefined)
  await bench.fails(2, 'INVALID_ARGUMENT', 'vg', 'reduce', '0', '--force')
})

test('a missing volume: the store does not open, but shows what it lacks', async () => {
  await bench.ok('vg', 'extend', 'two.pv')
  await bench.putOnLast()
  renameSync(bench.path('two.pv'), bench.path('elsewhere'))
  const error = await bench.fails(5, 'PV_MISSING', 'log')
  expect(JSON.stringify(error)).toContain('two.pv')
  expect(await bench.json('pv')).toMatchObject([{ problem: null }, { problem: { code: 'PV_MISSING' } }])
  expect(await bench.ok('vg')).toContain('missing')
})

describe('lv convert', () => {
  test('keeps everything twice, says what was brought where, and the store does without a lost volume', async () => {
    bench.write('tree/f', randomBytes(300_000))
    await bench.commit('tree', 'x')
    await bench.ok('vg', 'extend', 'two.pv')
    expect(await bench.json('lv')).toEqual([
      {
        name: 'default',
        uuid: expect.any(String),
        type: 'linear',
        copies: 1,
        objectCopies: 1,
        stripes: null,
        physicalVolumes: [],
        tags: [],
        virtualBytes: null,
        reserved: false,
        branches: [],
        tiers: null,
        extents: NUMBER,
        usedBytes: NUMBER,
        storedBytes: NUMBER,
        lackingCopies: 0,
      },
    ])
    expect(await bench.ok('lv', 'convert', 'default', '-m', '1', '-n')).toMatch(
      /^would bring \d+ extents?, .* to volume/,
    )
    expect(await bench.ok('lv', 'convert', 'default', '-m', '1')).toMatch(
      /brought \d+ extents?, .* to volume \d+\n(.*\n)*logical volume default is mirrored, 2 copies of each extent\n$/,
    )
    expect(await bench.ok('lv')).toMatch(
      /^lv +type +copies +extents +used +size +stored +lacking +pvs +branches\ndefault +mirrored +2 .* - +all +all\n$/,
    )
    expect(await bench.json('lv', 'convert', 'default', '--repair')).toMatchObject({
      copies: 2,
      added: [],
      dropped: [],
      lackingCopies: 0,
      notes: [],
    })
    renameSync(bench.path('two.pv'), bench.path('away'))
    const { status, out, err } = await bench.run('cat', 'main:f')
    expect(status).toBe(0)
    expect(out.length).toBeGreaterThan(0)
    expect(err).toMatch(
      /^warning: volume \d+ of group .* is missing: .*two.pv; what it holds is read from other copies\n$/,
    )
    await bench.fails(5, 'PV_MISSING', 'gc')
    renameSync(bench.path('away'), bench.path('two.pv'))
    expect(await bench.ok('lv', 'convert', 'default', '-m', '0')).toContain(
      'default is linear, one copy of each extent',
    )
    expect(await bench.json('verify')).toMatchObject({ ok: true })
  })

  test('to stripes, more copies of objects, and volumes with a tag', async () => {
    await bench.ok('vg', 'extend', 'two.pv', '--addtag', 'ssd')
    await bench.ok('vg', 'extend', 'three.pv')
    expect(await bench.ok('pv', 'change', '2', '--addtag', 'ssd', '--addtag', 'near')).toBe(
      'volume 2: takes new extents, tags @near @ssd\n',
    )
    expect(await bench.ok('pv', 'change', '2', '--deltag', 'near')).toBe('volume 2: takes new extents, tags @ssd\n')
    expect((await bench.run('pv', 'change', '2')).status).toBe(2)
    await bench.fails(2, 'INVALID_ARGUMENT', 'pv', 'change', '2', '--addtag', 'a b')
    bench.write('tree/f', randomBytes(300_000))
    await bench.commit('tree', 'x')
    expect(await bench.ok('lv', 'convert', 'default', '-i', '2', '--object-mirrors', '1', '@ssd')).toMatch(
      /logical volume default is striped, one copy of each extent, 2 of objects\n$/,
    )
    expect(await bench.ok('lv')).toMatch(/^default +striped 2 +1, objects 2 .* @ssd +all$/m)
    expect(await bench.json('lv')).toMatchObject([{ stripes: 2, objectCopies: 2, tags: ['ssd'], lackingCopies: 0 }])
    await bench.fails(2, 'INVALID_ARGUMENT', 'lv', 'convert', 'default', '-i', '3')
    await bench.fails(2, 'INVALID_ARGUMENT', 'pv', 'change', '2', '--deltag', 'ssd')
    expect(await bench.json('lv', 'convert', 'default', 'all', '--object-mirrors', '0')).toMatchObject({
      objectCopies: 1,
    })
    expect(await bench.json('verify')).toMatchObject({ ok: true })
  })

  test('says what it cannot do', async () => {
    for (const argv of [
      ['lv', 'convert', 'default'],
      ['lv', 'convert', 'default', '--repair', '-m', '1'],
      ['lv', 'convert', 'default', '-m', 'x'],
      ['lv', 'convert', 'default', '--type', 'round'],
    ]) {
      const { status, err } = await bench.run(...argv)
      expect(status, err).toBe(2)
    }
    const error = await bench.fails(2, 'INVALID_ARGUMENT', 'lv', 'convert', 'default', '-m', '9')
    expect(error.hint).toContain('vg extend')
    await bench.fails(3, 'PV_NOT_FOUND', 'lv', 'convert', 'other', '-m', '1')
    await bench.fails(3, 'PV_NOT_FOUND', 'lv', 'convert', 'default', '7')
  })
})

describe('pv restore', () => {
  test('brings an old copy up to date', async () => {
    await bench.ok('vg', 'extend', 'two.pv')
    await bench.ok('lv', 'convert', 'default', '-m', '1')
    copyFileSync(bench.path('two.pv'), bench.path('old'))
    bench.write('tree/f', randomBytes(300_000))
    await bench.commit('tree', 'x')
    renameSync(bench.path('old'), bench.path('two.pv'))
    const { status, err } = await bench.run('log')
    expect(status).toBe(0)
    expect(err).toContain('two.pv is older than the catalog: it was put back from an old copy')
    expect((await bench.run('pv', 'restore', '1', '-n')).out).toMatch(/^would bring \d+ extents?, .* to volume 1\n$/)
    expect((await bench.run('pv', 'restore', '1')).out).toMatch(
      /^brought \d+ extents?, .* to volume 1\nvolume 1 is used again\n$/,
    )
    expect(await bench.run('log')).toMatchObject({ status: 0, err: '' })
    expect(await bench.json('verify')).toMatchObject({ ok: true })
    await bench.fails(2, 'INVALID_ARGUMENT', 'pv', 'restore', '1')
    await bench.fails(3, 'PV_NOT_FOUND', 'pv', 'restore', '7')
  })
})

describe('vg reduce', () => {
  test('takes an empty volume out, and no other', async () => {
    await bench.ok('vg', 'extend', 'two.pv')
    bench.write('tree/f', randomBytes(100_000))
    await bench.commit('tree', 'x')
    await bench.ok('pv', 'change', '0', '--allocatable', 'n')
    await bench.ok('pv', 'move', '0', '1')
    const error = await bench.fails(4, 'PV_IN_USE', 'vg', 'reduce', '1')
    expect(error.hint).toContain('varve pv move 1')
    await bench.fails(2, 'INVALID_ARGUMENT', 'vg', 'reduce', '0')
    await bench.fails(3, 'PV_NOT_FOUND', 'vg', 'reduce', 'nowhere.pv')
    await bench.ok('pv', 'move', '1', '0')
    expect(await bench.ok('vg', 'reduce', 'two.pv')).toBe(
      `volume 1 is no part of the group any more: ${bench.path('two.pv')}\n`,
    )
    expect(await bench.json<unknown[]>('pv')).toHaveLength(1)
    expect(await bench.json('verify')).toMatchObject({ ok: true })
  })
})

describe('pv move', () => {
  test('empties a volume, says where things went, and what it would do', async () => {
    bench.write('tree/f', randomBytes(400_000))
    await bench.commit('tree', 'first')
    await bench.ok('vg', 'extend', 'two.pv')
    const plan = await bench.ok('pv', 'move', '-n', '0')
    expect(plan).toMatch(/^would move \d+ extents, .* stored to volume 1\n$/)
    const done = await bench.ok('pv', 'move', '0', 'two.pv', '--rate', '1G')
    expect(done).toBe(`${plan.replace('would move', 'moved')}volume 0 is empty\n`)
    expect(await bench.json('pv', 'move', '0')).toEqual({ dryRun: false, moved: [], leftExtents: 0, notes: [] })
    expect((await bench.run('verify')).status).toBe(0)
  })

  test('refuses what makes no sense', async () => {
    bench.write('tree/f', randomBytes(1000))
    await bench.commit('tree', 'first')
    await bench.fails(6, 'VG_FULL', 'pv', 'move', '0')
    await bench.fails(2, 'INVALID_ARGUMENT', 'pv', 'move', '0', '0')
    await bench.fails(3, 'PV_NOT_FOUND', 'pv', 'move', '9')
    await bench.fails(3, 'PV_NOT_FOUND', 'pv', 'move', '0', 'nowhere.pv')
    expect(await bench.run('pv', 'move')).toMatchObject({ status: 2 })
    expect(await bench.run('pv', 'move', '0', '--rate', 'fast')).toMatchObject({ status: 2 })
  })
})
