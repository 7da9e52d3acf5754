import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import type { ByteName } from '../../src/base/names.js'
import {
  ATTRIBUTES_LEAF,
  type AttributesEntry,
  decodeAttributesNode,
  encodeAttributesInner,
  encodeAttributesLeaf,
} from '../../src/format/attributes.js'
import { EMPTY_CONTENT } from '../../src/format/content.js'
import { entriesApart, type LeafEntries } from '../../src/format/leaves.js'
import { decodeTreeNode, encodeTreeLeaf, TREE_LEAF, type TreeEntry } from '../../src/format/tree.js'

const id = (digit: string): Hash => digit.repeat(64) as Hash

/** Few names and few values, so that much is alike, in the very bytes too. */
const names = fc.constantFrom(...'abcdefgh'.split(''), 'aa', 'ab', 'a long name').map((name) => name as ByteName)
const contents = fc.constantFrom(
  EMPTY_CONTENT,
  { shape: 1, size: 1, id: id('1') },
  { shape: 1, size: 300, id: id('2') },
  { shape: 2, size: 70_000, id: id('2') },
)
const treeEntries = fc
  .record({ name: names, content: contents, sort: fc.nat(3), executable: fc.boolean() })
  .map(
    ({ name, content, sort, executable }): TreeEntry =>
      sort === 0
        ? { name, kind: 'gitlink', executable: false, content: EMPTY_CONTENT, files: 0, foreignId: 'ab'.repeat(20) }
        : sort === 1 && content.shape !== 1
          ? { name, kind: 'directory', executable: false, content, files: content.shape === 0 ? 0 : 200 }
          : { name, kind: 'file', executable, content, files: 0 },
  )
const attributesEntries = fc
  .record({
    name: fc.oneof(names, fc.constant('' as ByteName)),
    mtimeNs: fc.option(fc.constantFrom(1n, 2n ** 60n), { nil: undefined }),
    mode: fc.option(fc.constantFrom(0o644, 0o755), { nil: undefined }),
    owner: fc.option(fc.constant({ uid: 1000, gid: 70_000 }), { nil: undefined }),
    xattrs: fc.option(fc.constant([{ name: 'user.x' as ByteName, value: Buffer.from('value') }]), { nil: undefined }),
    linked: fc.boolean(),
    below: contents.filter(({ shape }) => shape !== 1),
  })
  .map(({ name, linked, below, mtimeNs, mode, owner, xattrs }): AttributesEntry => {
    const attributes = {
      ...(mtimeNs === undefined ? {} : { mtimeNs }),
      ...(mode === undefined ? {} : { mode }),
      ...(owner === undefined ? {} : { owner }),
      ...(xattrs === undefined ? {} : { xattrs }),
    }
    const isLinked = linked && below.shape === 0 && name !== ''
    return { name, attributes: isLinked ? { ...attributes, linkGroup: 'cd'.repeat(8) } : attributes, below }
  })

function leavesOf<Entry extends { readonly name: ByteName }>(entries: fc.Arbitrary<Entry>) {
  const leaf = fc.uniqueArray(entries, { minLength: 1, selector: ({ name }) => name }).map(sorted)
  // The second is the first with some edits, or anything.
  const edited = fc.tuple(leaf, fc.array(entries, { maxLength: 2 }), fc.nat(2)).map(([base, edits, drops]) => {
    const byName = new Map(base.map((entry) => [entry.name, entry]))
    for (const entry of edits) byName.set(entry.name, entry)
    const kept = [...byName.values()].slice(drops)
    return [base, sorted(kept.length > 0 ? kept : base)] as const
  })
  return fc.oneof(edited, fc.tuple(leaf, leaf))
}

function sorted<Entry extends { readonly name: ByteName }>(entries: readonly Entry[]): Entry[] {
  return [...entries].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function itHolds<Entry extends { readonly name: ByteName }>(
  entries: fc.Arbitrary<Entry>,
  leaf: LeafEntries<Entry>,
  encode: (entries: readonly Entry[]) => Buffer,
  decode: (bytes: Buffer) => unknown,
): void {
  fc.assert(
    fc.property(leavesOf(entries), ([before, after]) => {
      const [left, right] = [encode(before), encode(after)]
      const apart = entriesApart(leaf, left, right)
      const decoded = [decode(left), decode(right)] as { entries: Entry[] }[]
      const [allBefore, allAfter] = decoded.map(({ entries: all }) => all) as [Entry[], Entry[]]
      const alike = allBefore.length - (apart?.before.length ?? 0)
      expect(alike).toBe(allAfter.length - (apart?.after.length ?? 0))
      // What is left out stands at both ends of both.
      let begin = 0
      while (begin < alike && same(allBefore[begin], allAfter[begin])) begin++
      for (let end = alike - begin; end > 0; end--) expect(allBefore.at(-end)).toEqual(allAfter.at(-end))
      expect([[...allBefore.slice(0, begin)], [...allBefore.slice(begin, allBefore.length - (alike - begin))]]).toEqual(
        [[...allAfter.slice(0, begin)], apart?.before],
      )
      expect(apart?.after).toEqual(allAfter.slice(begin, allAfter.length - (alike - begin)))
    }),
    { numRuns: 2000 },
  )
}

function same(a: unknown, b: unknown): boolean {
  const text = (value: unknown) =>
    JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${each}n` : each))
  return text(a) === text(b)
}

describe('two leaves', () => {
  test('of directories: all that differs, and nothing else but what stands between', () => {
    itHolds(treeEntries, TREE_LEAF, encodeTreeLeaf, decodeTreeNode)
  })

  test('of attributes', () => {
    itHolds(attributesEntries, ATTRIBUTES_LEAF, encodeAttributesLeaf, decodeAttributesNode)
  })

  test('one entry of a thousand: that one alone', () => {
    const entries = Array.from({ length: 1000 }, (_, index): TreeEntry => {
      const name = `file ${String(index).padStart(4, '0')}` as ByteName
      return { name, kind: 'file', executable: false, content: { shape: 1, size: 5, id: id('a') }, files: 0 }
    })
    const changed = entries.map((entry, index): TreeEntry => (index === 500 ? { ...entry, executable: true } : entry))
    const apart = entriesApart(TREE_LEAF, encodeTreeLeaf(entries), encodeTreeLeaf(changed))
    expect(apart).toEqual({ before: [entries[500]], after: [changed[500]] })
  })

  test('an inner node is no leaf', () => {
    const leaf = encodeAttributesLeaf([{ name: 'a' as ByteName, attributes: { mode: 1 }, below: EMPTY_CONTENT }])
    const inner = encodeAttributesInner(1, [{ id: id('1'), lastName: 'a' as ByteName, entries: 1 }])
    expect(entriesApart(ATTRIBUTES_LEAF, leaf, inner)).toBeUndefined()
    expect(entriesApart(ATTRIBUTES_LEAF, inner, leaf)).toBeUndefined()
  })

  test('a damaged one is refused where it is read', () => {
    const leaf = encodeTreeLeaf([
      { name: 'a' as ByteName, kind: 'file', executable: false, content: EMPTY_CONTENT, files: 0 },
      { name: 'b' as ByteName, kind: 'file', executable: false, content: EMPTY_CONTENT, files: 0 },
    ])
    const code = { code: 'CORRUPT_OBJECT' }
    expect(() => entriesApart(TREE_LEAF, leaf, leaf.subarray(0, -1))).toThrowError(expect.objectContaining(code))
    const wrong = Buffer.from(leaf)
    // The flags of the first entry.
    wrong[3] = 0xff
    expect(() => entriesApart(TREE_LEAF, leaf, wrong)).toThrowError(expect.objectContaining(code))
  })
})
