import { createHash } from 'node:crypto'
import { renameSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { VolumeGroup } from '../../../src/volume/volumeGroup.js'
import { groupOptions } from '../../support/groups.js'
import { flipContent, flipEverywhere } from '../damage.js'
import { VOLUMES, Workbench } from '../support.js'

let bench: Workbench
beforeEach(async () => {
  bench = new Workbench()
  await bench.init('--compression', 'none')
  bench.write('tree/precious.txt', CONTENT)
  await bench.commit('tree', 'first')
})
afterEach(() => bench.remove())

/** Found again in the store's file, because it is not compressed. */
const CONTENT = Buffer.concat(
  Array.from({ length: 100 }, (_, index) => createHash('sha256').update(`${index}`).digest()),
)

function damage(): void {
  flipContent(bench, CONTENT.subarray(1000, 1020))
}

test('says what it checked', async () => {
  expect(await bench.ok('verify')).toMatch(
    /^checked \d volumes?, \d+ extents?, .* chunks?, .* objects?, 1 commit; .* read and compared\nno problems found\n$/,
  )
  expect(await bench.json('verify')).toEqual({
    ok: true,
    checked: {
      volumes: VOLUMES,
      extents: expect.any(Number),
      chunks: expect.any(Number),
      commits: 1,
      objects: expect.any(Number),
      bytes: expect.any(Number),
    },
    problems: [],
    healed: [],
    replaced: 0,
    notes: [],
  })
  expect(await bench.json('verify', '--quick')).toMatchObject({ ok: true })
  expect(await bench.ok('verify', '-q')).toBe('')
})

test('names damage and the files it touches', async () => {
  damage()
  const run = await bench.run('verify')
  expect(run.status).toBe(5)
  expect(run.out).toMatch(/CORRUPT_/)
  expect(run.out).toContain('precious.txt')
  expect(run.out).toMatch(/problems? found\n$/)
  const report = JSON.parse((await bench.run('verify', '--json')).out) as { ok: boolean; problems: object[] }
  expect(report.ok).toBe(false)
  expect(report.problems[0]).toMatchObject({
    code: expect.stringMatching(/^(CORRUPT_|MISSING_)/),
    message: expect.any(String),
  })
})

test('of more files than are named it says so, and what names all of them', async () => {
  const content = CONTENT.toReversed()
  for (let number = 0; number < 25; number++) bench.write(`tree/copies/${number}.txt`, content)
  await bench.commit('tree', 'copies')
  flipEverywhere(bench, Buffer.from(content.subarray(1000, 1020)))
  const { out } = await bench.run('verify')
  const told = /… and 10 or more others: "varve which (extent:\d+)" lists them/.exec(out)
  expect(told, out).not.toBeNull()
  const { files } = await bench.json<{ files: unknown[] }>('which', told?.[1] ?? '')
  expect(files.length).toBeGreaterThanOrEqual(25)
})

test('--checksums finds what is damaged in what is stored, and names the files', async () => {
  const { checked } = (await bench.json('verify', '--checksums')) as { checked: Record<string, number> }
  expect(checked).toMatchObject({ commits: 0, objects: 0 })
  expect(checked.bytes).toBeGreaterThan(CONTENT.length)
  damage()
  const run = await bench.run('verify', '--checksums')
  expect(run.status).toBe(5)
  expect(run.out).toMatch(/^CORRUPT_EXTENT/m)
  expect(run.out).toContain('precious.txt')
})

test('a damaged file is not given out', async () => {
  damage()
  const run = await bench.run('cat', 'main:precious.txt')
  expect(run.status).toBe(5)
  expect(CONTENT.subarray(0, run.bytes.length).equals(run.bytes)).toBe(true)
  expect((await bench.run('export', 'main', 'out')).status).toBe(5)
})

test('parts of the contents find the damage between them', async () => {
  damage()
  const statuses = []
  for (const part of ['1/3', '2/3', '3/3']) statuses.push((await bench.run('verify', '--subset', part)).status)
  expect(statuses.sort()).toEqual([0, 0, 5])
})

test.each([
  ['--subset', '0/3'],
  ['--subset', '4/3'],
  ['--subset', 'x'],
  ['--subset', '1/0'],
  ['--subset', '1'],
  ['--quick', '--heal'],
  ['--quick', '--checksums'],
  ['--quick', '--subset', '1/2'],
  ['everything'],
])('refuses %s %s', async (...options) => {
  const { status, err } = await bench.run('verify', ...options.filter((word) => word !== undefined))
  expect(status).toBe(2)
  expect(err).not.toBe('')
})

test('a store that misses a volume is not verified, and not healed', async () => {
  await bench.ok('vg', 'extend', bench.path('more.pv'))
  await bench.putOnLast()
  renameSync(bench.path('more.pv'), bench.path('away'))
  await bench.fails(5, 'PV_MISSING', 'verify')
  await bench.fails(5, 'PV_MISSING', 'verify', '--heal')
})

test('of two copies the damaged one is said to be mendable, and mended with a status of its own', async () => {
  await bench.ok('vg', 'extend', bench.path('mirror.pv'))
  const group = await VolumeGroup.open(bench.path('.varve/store.varve'), groupOptions)
  await group.changeLayout((layout) => ({
    ...layout,
    logicalVolumes: layout.logicalVolumes.map((volume) => ({ ...volume, type: 'mirrored' as const, copies: 2 })),
  }))
  await group.close()
  const fresh = Buffer.from(CONTENT).reverse()
  bench.write('tree/precious.txt', fresh)
  await bench.commit('tree', 'second')
  flipContent(bench, fresh.subarray(1000, 1020))

  const found = await bench.run('verify')
  expect(found.status).toBe(5)
  expect(found.out).toMatch(/^CORRUPT_EXTENT .*; another copy is sound$/m)
  const healed = await bench.run('verify', '--heal')
  expect(healed.status).toBe(1)
  expect(healed.out).toMatch(/^mended {2}extent \d+ in volume [0-9a-f-]{36}$/m)
  expect(healed.out).toMatch(/^1 damaged copy was mended from sound ones; all is sound now\n$/m)
  expect(await bench.json('verify', '--heal')).toMatchObject({ ok: true, healed: [] })

  flipContent(bench, fresh.subarray(1000, 1020))
  const scrubbed = await bench.run('scrub', '--json')
  expect(scrubbed.status).toBe(1)
  expect(JSON.parse(scrubbed.out)).toMatchObject({ ok: true, healed: [{ extent: expect.any(Number) }], problems: [] })
  expect(await bench.ok('stats')).toContain('last scrub just now: no problems, 1 copy mended\n')
})
