/** lv convert --tiers, lv tier, and where tiers show. */
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Workbench } from '../support.js'

let bench: Workbench
beforeEach(async () => {
  bench = new Workbench()
  await bench.ok('init')
  await bench.ok('pv', 'change', '0', '--addtag', 'hdd')
  await bench.ok('vg', 'extend', 'fast.pv', '--size', '1M', '--addtag', 'ssd')
})
afterEach(() => bench.remove())

const NUMBER = expect.any(Number)

async function commitFile(name: string, bytes: number): Promise<void> {
  bench.write(`tree/${name}`, randomBytes(bytes))
  await bench.commit('tree', name)
}

test('what is new comes to the fast tier; what is too much goes down, and the next run has nothing to do', async () => {
  expect(await bench.json('lv', 'convert', 'default', '--tiers', 'ssd:hdd')).toMatchObject({ lackingCopies: 0 })
  await commitFile('a', 400_000)
  await commitFile('b', 500_000)
  const volumes = await bench.json<{ tiers: unknown }[]>('lv')
  expect(volumes).toMatchObject([
    {
      tiers: {
        fast: { tag: 'ssd', extents: NUMBER, storedBytes: NUMBER, usedBytes: NUMBER, capacityBytes: 2 ** 20 },
        slow: { tag: 'hdd', extents: 0, storedBytes: 0, usedBytes: 0, capacityBytes: null },
        isDue: true,
      },
    },
  ])
  const shown = await bench.ok('lv')
  expect(shown).toMatch(/^default +linear .* @ssd:@hdd +all$/m)
  expect(shown).toMatch(/^default: fast tier @ssd: \d+ extents?, .* stored, 8\d\.\d% of 1.00 MiB used$/m)
  expect(shown).toMatch(/^default: slow tier @hdd: 0 extents, 0 B stored, no limit$/m)
  expect(shown).toContain('default: the fast tier is nearly full: "varve lv tier default"\n')
  expect((await bench.run('doctor')).out).toContain('varve lv tier default')
  expect(await bench.json('pv', 'list', '--map', '1')).toMatchObject([{ tier: 'fast' }, { tier: 'fast' }])
  expect(await bench.ok('pv', 'list', '--map')).toMatch(/^ 1 .* fast$/m)
  expect(await bench.ok('lv', 'tier', '-n')).toMatch(/^would demote \d+ extents?, .* stored to @hdd\n$/)
  expect(await bench.json('lv', 'tier', '-n')).toMatchObject([{ lv: 'default', dryRun: true, tiers: { isDue: true } }])
  expect(await bench.ok('lv', 'tier', 'default', '--rate', '100M')).toMatch(
    /^demoted \d+ extents?, .* stored to @hdd\ndefault: fast tier .*\ndefault: slow tier .*\n$/,
  )
  expect(await bench.ok('lv', 'tier')).toMatch(/^default: all is where it belongs\n/)
  expect(await bench.json('lv', 'tier')).toEqual([
    {
      lv: 'default',
      dryRun: false,
      promoted: { extents: 0, storedBytes: 0 },
      demoted: { extents: 0, storedBytes: 0 },
      added: [],
      dropped: [],
      tiers: { fast: expect.anything(), slow: expect.anything(), isDue: false },
      notes: [],
    },
  ])
  expect(await bench.json('verify')).toMatchObject({ ok: true })
  expect(await bench.ok('lv', 'convert', 'default', '--tiers', 'none')).toContain('default is linear')
  expect(await bench.json('lv')).toMatchObject([{ tiers: null, lackingCopies: 0 }])
})

test('what is exported again and again is promoted', async () => {
  await bench.ok('pv', 'change', '1', '--allocatable', 'n')
  await commitFile('a', 100_000)
  await bench.ok('pv', 'change', '1', '--allocatable', 'y')
  await bench.ok('lv', 'convert', 'default', '--tiers', 'ssd:hdd')
  for (const out of ['one', 'two']) await bench.ok('export', 'main', out)
  expect(await bench.ok('lv', 'tier')).toMatch(/^promoted \d+ extents?, .* stored to @ssd\n/)
  expect(await bench.json('verify')).toMatchObject({ ok: true })
})

test('says what it cannot do', async () => {
  expect(await bench.ok('lv', 'tier')).toContain('no logical volume has tiers')
  expect(await bench.json('lv', 'tier')).toEqual([])
  const none = await bench.fails(2, 'INVALID_ARGUMENT', 'lv', 'tier', 'default')
  expect(none.hint).toContain('--tiers')
  await bench.fails(3, 'PV_NOT_FOUND', 'lv', 'tier', 'other')
  for (const tiers of ['ssd', 'ssd:', ':hdd', 'a:b:c', '']) {
    const { status, err } = await bench.run('lv', 'convert', 'default', '--tiers', tiers)
    expect(status, err).toBe(2)
    expect(err).toContain('FAST:SLOW')
  }
  expect((await bench.run('lv', 'convert', 'default', '--repair', '--tiers', 'ssd:hdd')).status).toBe(2)
  expect((await bench.run('lv', 'tier', '--rate', 'x')).status).toBe(2)
  for (const argv of [
    ['--tiers', 'ssd:ssd'],
    ['--tiers', 'ssd:tape'],
    ['--tiers', 's s:hdd'],
    ['--tiers', 'ssd:hdd', '-m', '1'],
    ['--tiers', 'ssd:hdd', '@ssd'],
  ]) {
    const error = await bench.fails(2, 'INVALID_ARGUMENT', 'lv', 'convert', 'default', ...argv)
    expect(error.hint).toBeTruthy()
  }
  await bench.ok('lv', 'convert', 'default', '--tiers', 'ssd:hdd')
  expect((await bench.fails(2, 'INVALID_ARGUMENT', 'pv', 'change', '1', '--addtag', 'hdd')).hint).toContain('--deltag')
  const both = await bench.fails(2, 'INVALID_ARGUMENT', 'vg', 'extend', 'x.pv', '--addtag', 'ssd', '--addtag', 'hdd')
  expect(both.message).toContain('both tiers')
})
