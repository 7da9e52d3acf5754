import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeLayout,
  encodeLayout,
  type LogicalVolumeLayout,
  type PhysicalVolumeLayout,
  type VolumeGroupLayout,
} from '../../src/format/layout.js'
import { DEFAULT_PROFILE } from '../../src/format/profile.js'
import { provesCanonical } from './canonical.js'

const uuids = fc.uuid()
const words = fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme' })
const tags = fc.array(words, { maxLength: 2 })
const sizeOrNull = fc.option(fc.maxSafeNat())

const physicalVolumes: fc.Arbitrary<PhysicalVolumeLayout[]> = fc
  .uniqueArray(
    fc.record(
      {
        uuid: uuids,
        path: words,
        catalogPath: words,
        capacityBytes: sizeOrNull,
        allocatable: fc.boolean(),
        tags,
      },
      { requiredKeys: ['uuid', 'path', 'capacityBytes', 'allocatable', 'tags'] },
    ),
    { maxLength: 3, selector: (volume) => volume.uuid },
  )
  .map((list) => list.map((volume, number) => ({ ...volume, number, path: number === 0 ? '' : volume.path })))

function logicalVolumesOver(count: number): fc.Arbitrary<LogicalVolumeLayout[]> {
  const volume = fc
    .record({
      name: words,
      uuid: uuids,
      type: fc.constantFrom('linear' as const, 'striped' as const, 'mirrored' as const),
      physicalVolumes: fc.shuffledSubarray(Array.from({ length: count }, (_, number) => number)),
      copies: fc.integer({ min: 1, max: 3 }),
      virtualBytes: sizeOrNull,
      isReserved: fc.boolean(),
      tiers: fc.option(fc.constantFrom({ fast: 'ssd', slow: 'hdd' }, { fast: 'a', slow: 'b' }), { nil: undefined }),
      tags,
    })
    .map(({ isReserved, tiers, ...lv }) => ({
      ...lv,
      copies: lv.type === 'mirrored' ? lv.copies : 1,
      ...(isReserved && lv.virtualBytes !== null ? { reserved: true as const } : {}),
      ...(tiers ? { tiers } : {}),
    }))
  return fc
    .uniqueArray(volume, { maxLength: 3, selector: (lv) => lv.name })
    .map((list) => list.map((lv, number) => (number === 0 ? lv : { ...lv, number })))
}

const layouts: fc.Arbitrary<VolumeGroupLayout> = physicalVolumes.chain((volumes) =>
  fc.record(
    {
      vg: uuids,
      name: words,
      sequence: fc.maxSafeNat(),
      createdMs: fc.maxSafeNat(),
      profile: fc.constant(DEFAULT_PROFILE),
      physicalVolumes: fc.constant(volumes),
      logicalVolumes: logicalVolumesOver(volumes.length),
      exported: fc.constant(true as const),
    },
    {
      requiredKeys: ['vg', 'name', 'sequence', 'createdMs', 'profile', 'physicalVolumes', 'logicalVolumes'],
    },
  ),
)

provesCanonical('layout', { values: layouts, encode: encodeLayout, decode: decodeLayout, numRuns: 8 })

describe('what no layout holds', () => {
  const uuid = '00000000-0000-4000-8000-000000000000'
  const other = '00000000-0000-4000-8000-000000000001'
  const pv: PhysicalVolumeLayout = { number: 0, uuid, path: '', capacityBytes: null, allocatable: true, tags: [] }
  const lv: LogicalVolumeLayout = {
    name: 'main',
    uuid,
    type: 'linear',
    physicalVolumes: [],
    copies: 1,
    virtualBytes: null,
    tags: [],
  }
  const layout: VolumeGroupLayout = {
    vg: uuid,
    name: 'store',
    sequence: 1,
    createdMs: 0,
    profile: DEFAULT_PROFILE,
    physicalVolumes: [pv],
    logicalVolumes: [lv],
  }

  test('a mark that says nothing', () => {
    const unmarked = JSON.parse(encodeLayout({ ...layout, exported: undefined }).toString())
    expect(unmarked).not.toHaveProperty('exported')
    for (const exported of [false, 1, null]) {
      const entries = Object.entries({ ...unmarked, exported }).sort(([a], [b]) => (a < b ? -1 : 1))
      expect(() => decodeLayout(Buffer.from(JSON.stringify(Object.fromEntries(entries))))).toThrow(/"exported"/)
    }
  })

  test.each<[string, Partial<VolumeGroupLayout>]>([
    ['a UUID that is none', { vg: 'x' }],
    ['no name', { name: '' }],
    ['a negative sequence', { sequence: -1 }],
    ['two volumes of one number', { physicalVolumes: [pv, { ...pv, uuid: other }] }],
    ['two volumes of one UUID', { physicalVolumes: [pv, { ...pv, number: 1, path: 'b' }] }],
    ['a second volume without a path', { physicalVolumes: [pv, { ...pv, number: 1, uuid: other }] }],
    ['a first volume with a path', { physicalVolumes: [{ ...pv, path: 'a' }] }],
    ['a negative capacity', { physicalVolumes: [{ ...pv, capacityBytes: -1 }] }],
    ['a volume on unknown ones', { logicalVolumes: [{ ...lv, physicalVolumes: [1] }] }],
    ['a volume twice on one', { logicalVolumes: [{ ...lv, physicalVolumes: [0, 0] }] }],
    ['two volumes of one name', { logicalVolumes: [lv, lv] }],
    ['copies that are not mirrored', { logicalVolumes: [{ ...lv, copies: 2 }] }],
    ['no copies', { logicalVolumes: [{ ...lv, copies: 0 }] }],
    ['two logical volumes of one number', { logicalVolumes: [lv, { ...lv, name: 'other' }] }],
    ['number 0, said', { logicalVolumes: [{ ...lv, number: 0 }] }],
    ['what is kept free, and how much is not said', { logicalVolumes: [{ ...lv, reserved: true }] }],
    ['one tier twice', { logicalVolumes: [{ ...lv, tiers: { fast: 'a', slow: 'a' } }] }],
    ['a tier without a name', { logicalVolumes: [{ ...lv, tiers: { fast: 'a', slow: '' } }] }],
    ['an unknown type', { logicalVolumes: [{ ...lv, type: 'round' as 'linear' }] }],
  ])('%s', (_what, change) => {
    expect(encodeLayout(layout).length).toBeGreaterThan(0)
    expect(() => encodeLayout({ ...layout, ...change })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
    const damaged = { ...JSON.parse(encodeLayout(layout).toString()), ...change }
    expect(() => decodeLayout(Buffer.from(JSON.stringify(damaged)))).toThrow(
      expect.objectContaining({ code: 'CORRUPT_OBJECT' }),
    )
  })
})
