import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Attributes, AttributesEntry } from '../../src/format/attributes.js'
import { type Content, EMPTY_CONTENT } from '../../src/format/content.js'
import {
  AttributesBuilder,
  editAttributes,
  listAttributes,
  lookupAttributes,
  sameRecorded,
  writeAttributes,
} from '../../src/history/attributeTree.js'
import { createMemoryObjects } from '../support/memoryObjects.js'
import { collect, name, shortName, sorted, TINY_FANOUT } from './trees.js'

function entry(of: string, attributes: Attributes, below: Content = EMPTY_CONTENT): AttributesEntry {
  return { name: name(of), attributes, below }
}

const seedsByName = fc.dictionary(fc.oneof(shortName, fc.constant('')), fc.nat(4095), {
  maxKeys: 200,
  noNullPrototype: true,
})

function entriesOf(seeds: Readonly<Record<string, number>>): AttributesEntry[] {
  return sorted(Object.entries(seeds).map(([of, mode]) => entry(of, { mode })))
}

test('an edit gives what writing everything gives, the directory’s own entry included', async () => {
  const objects = await createMemoryObjects(TINY_FANOUT)
  const edits = fc.dictionary(fc.oneof(shortName, fc.constant('')), fc.option(fc.nat(4095)), { noNullPrototype: true })
  await fc.assert(
    fc.asyncProperty(seedsByName, edits, async (seeds, changes) => {
      const before = await writeAttributes(objects, entriesOf(seeds))
      const now = { ...seeds }
      const map = new Map<AttributesEntry['name'], AttributesEntry | null>()
      for (const [of, mode] of Object.entries(changes)) {
        map.set(name(of), mode === null ? null : entry(of, { mode }))
        if (mode === null) delete now[of]
        else now[of] = mode
      }
      const edited = await editAttributes(objects, before, map)
      expect(edited).toEqual(await writeAttributes(objects, entriesOf(now)))
      expect(await collect(listAttributes(objects, edited))).toEqual(entriesOf(now))
      for (const of of ['', ...Object.keys(changes)]) {
        const expected = entriesOf(now).find((candidate) => candidate.name === of)
        expect(await lookupAttributes(objects, edited, name(of))).toEqual(expected)
      }
    }),
  )
})

test('a builder gives the same, and no size', async () => {
  const objects = await createMemoryObjects(TINY_FANOUT)
  const entries = entriesOf({ '': 1, a: 2, b: 3 })
  const builder = new AttributesBuilder(objects)
  for (const each of entries) await builder.append(each)
  const content = await builder.finish()
  expect(content).toEqual(await writeAttributes(objects, entries))
  expect(content).toMatchObject({ shape: 2, size: 0 })
  expect(await collect(listAttributes(objects, content, name('aa')))).toEqual([entries[2]])
})

describe('sameRecorded', () => {
  async function same(a: readonly AttributesEntry[], b: readonly AttributesEntry[]): Promise<boolean> {
    const objects = await createMemoryObjects(TINY_FANOUT)
    return sameRecorded(objects, await writeAttributes(objects, a), await writeAttributes(objects, b))
  }

  test('passes over times, and over entries that record nothing else', async () => {
    expect(await same([entry('a', { mtimeNs: 1n, mode: 1 })], [entry('a', { mtimeNs: 2n, mode: 1 })])).toBe(true)
    expect(await same([entry('a', { mtimeNs: 1n })], [])).toBe(true)
    expect(await same([], [entry('a', { mtimeNs: 1n })])).toBe(true)
  })

  const xattrs = (value: string): Attributes => ({ xattrs: [{ name: name('user.x'), value: Buffer.from(value) }] })
  test.each<[string, Attributes, Attributes]>([
    ['mode', { mode: 0o644 }, { mode: 0o600 }],
    ['mode that came', {}, { mode: 0o600 }],
    ['uid', { owner: { uid: 1, gid: 1 } }, { owner: { uid: 2, gid: 1 } }],
    ['gid', { owner: { uid: 1, gid: 1 } }, { owner: { uid: 1, gid: 2 } }],
    ['value of an xattr', xattrs('1'), xattrs('2')],
    ['xattr that went', xattrs('1'), { xattrs: [] }],
    ['link group', { linkGroup: '00'.repeat(8) }, { linkGroup: '01'.repeat(8) }],
    ['link group that went', { linkGroup: '00'.repeat(8) }, {}],
    ['xattrs no longer recorded', { xattrs: [] }, {}],
  ])('sees another %s', async (_what, a, b) => {
    expect(await same([entry('f', a)], [entry('f', a)])).toBe(true)
    expect(await same([entry('f', a)], [entry('f', b)])).toBe(false)
    expect(await same([entry('f', b)], [entry('f', a)])).toBe(false)
  })

  test('looks into directories', async () => {
    const objects = await createMemoryObjects(TINY_FANOUT)
    const below = (attributes: Attributes): Promise<Content> => writeAttributes(objects, [entry('f', attributes)])
    const root = async (attributes: Attributes): Promise<Content> =>
      writeAttributes(objects, [entry('d', { mode: 0o755 }, await below(attributes))])
    const first = await root({ mode: 1, mtimeNs: 1n })
    expect(await sameRecorded(objects, first, await root({ mode: 1, mtimeNs: 2n }))).toBe(true)
    expect(await sameRecorded(objects, first, await root({ mode: 2, mtimeNs: 1n }))).toBe(false)
  })
})
