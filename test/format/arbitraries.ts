/** Values as they may stand in a store, biased towards the edges. */
import fc from 'fast-check'
import type { Hash } from '../../src/base/hash.js'
import type { ByteName } from '../../src/base/names.js'
import type { Attributes, AttributesChild, AttributesEntry } from '../../src/format/attributes.js'
import { ZIGZAG_MAX, ZIGZAG_MIN } from '../../src/format/bytes.js'
import type { Commit, Signature } from '../../src/format/commit.js'
import { type Content, EMPTY_CONTENT, MAX_HEIGHT } from '../../src/format/content.js'
import { KIND } from '../../src/format/kinds.js'
import type { ManifestChild, ManifestEntry } from '../../src/format/manifest.js'
import type { ExtentBase, Slot } from '../../src/format/slots.js'
import type { TreeChild, TreeEntry } from '../../src/format/tree.js'

const hashes: fc.Arbitrary<Hash> = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('hex') as Hash)

/** So that sums of a few dozen stay below 2^53. */
const sizes = fc.oneof(
  fc.nat({ max: 300 }),
  fc.nat({ max: 2 ** 31 - 1 }),
  fc.maxSafeNat().map((n) => n % 2 ** 45),
)
const positiveSizes = sizes.map((size) => size + 1)

const names: fc.Arbitrary<ByteName> = fc
  .oneof(
    fc.uint8Array({ minLength: 1, maxLength: 12 }),
    fc.uint8Array({ minLength: 1, maxLength: 2 }),
    fc.constant(Uint8Array.of(0x2e, 0x2e, 0x2e)),
  )
  .map((bytes) => Buffer.from(bytes).toString('latin1').replaceAll(/[/\0]/g, '\u00ff') as ByteName)
  .filter((name) => name !== '.' && name !== '..')

function nodesOf<Item>(items: fc.Arbitrary<Item>): fc.Arbitrary<Item[]> {
  return fc.array(items, { minLength: 1, maxLength: 8 })
}

function sortedNodesOf<Item>(items: fc.Arbitrary<Item>, nameOf: (item: Item) => ByteName): fc.Arbitrary<Item[]> {
  return fc
    .uniqueArray(items, { minLength: 1, maxLength: 8, selector: nameOf })
    .map((list) => list.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)))
}

const sequenceShapes = fc.integer({ min: 2, max: 2 + MAX_HEIGHT })
const sequenceContents: fc.Arbitrary<Content> = fc.record({ shape: sequenceShapes, size: sizes, id: hashes })
const chunkContents: fc.Arbitrary<Content> = fc.record({ shape: fc.constant(1), size: positiveSizes, id: hashes })
const manifestContents: fc.Arbitrary<Content> = fc.record({ shape: sequenceShapes, size: positiveSizes, id: hashes })
const empty = fc.constant<Content>(EMPTY_CONTENT)
const fileContents = fc.oneof(empty, chunkContents, manifestContents)
const sequences = fc.oneof(empty, sequenceContents)

export const contents = fc.oneof(fileContents, sequenceContents)

export const levels = fc.integer({ min: 1, max: MAX_HEIGHT })

export const manifestEntries: fc.Arbitrary<ManifestEntry[]> = nodesOf(
  fc.record({
    id: hashes,
    length: fc.integer({ min: 1, max: 2 ** 20 }),
    repeat: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 2 ** 29 })),
  }),
)
export const manifestChildren: fc.Arbitrary<ManifestChild[]> = nodesOf(fc.record({ id: hashes, size: positiveSizes }))

const plain = { executable: fc.constant(false), files: fc.constant(0) }
const treeEntry: fc.Arbitrary<TreeEntry> = fc.oneof(
  fc.record({
    name: names,
    kind: fc.constant('file' as const),
    executable: fc.boolean(),
    content: fileContents,
    files: fc.constant(0),
  }),
  fc.record({
    name: names,
    kind: fc.constant('symlink' as const),
    ...plain,
    content: fc.oneof(empty, chunkContents),
  }),
  fc.record({
    name: names,
    kind: fc.constant('directory' as const),
    executable: fc.constant(false),
    content: sequenceContents,
    files: sizes,
  }),
  fc.record({ name: names, kind: fc.constant('directory' as const), ...plain, content: empty }),
  fc.record({
    name: names,
    kind: fc.constant('gitlink' as const),
    ...plain,
    content: empty,
    foreignId: fc.oneof(
      hashes,
      hashes.map((hash) => hash.slice(24)),
    ),
  }),
)
export const treeEntries = sortedNodesOf(treeEntry, (entry) => entry.name)
export const treeChildren: fc.Arbitrary<TreeChild[]> = sortedNodesOf(
  fc.record({ id: hashes, lastName: names, size: sizes, files: sizes, entries: positiveSizes }),
  (child) => child.lastName,
)

const xattrs = fc
  .uniqueArray(fc.record({ name: names, value: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)) }), {
    maxLength: 4,
    selector: (xattr) => xattr.name,
  })
  .map((list) => list.sort((a, b) => (a.name < b.name ? -1 : 1)))
const ownerId = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const attributes: fc.Arbitrary<Attributes> = fc.record(
  {
    mtimeNs: fc.oneof(
      fc.bigInt({ min: -(10n ** 19n), max: 10n ** 19n }),
      fc.bigInt({ min: -2_000_000_000n, max: 2_000_000_000n }),
    ),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    owner: fc.record({ uid: ownerId, gid: ownerId }),
    xattrs,
    linkGroup: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((bytes) => Buffer.from(bytes).toString('hex')),
  },
  { requiredKeys: [] },
)
export const attributesEntries: fc.Arbitrary<AttributesEntry[]> = sortedNodesOf(
  fc.record({ name: fc.oneof(names, fc.constant('' as ByteName)), attributes, below: sequences }).map(withoutWrongLink),
  (entry) => entry.name,
)
/** Directories have none. */
function withoutWrongLink(entry: AttributesEntry): AttributesEntry {
  if (entry.name !== '' && entry.below.shape === 0) return entry
  const { linkGroup: _none, ...attributesLeft } = entry.attributes
  return { ...entry, attributes: attributesLeft }
}
export const attributesChildren: fc.Arbitrary<AttributesChild[]> = sortedNodesOf(
  fc.record({ id: hashes, lastName: fc.oneof(names, fc.constant('' as ByteName)), entries: positiveSizes }),
  (child) => child.lastName,
)

const texts = fc.string({ unit: 'grapheme', maxLength: 20 })
const lines = texts.map((text) => text.replaceAll(/[\0\n]/g, ' '))
const signatures: fc.Arbitrary<Signature> = fc.record({
  who: lines,
  timeMs: fc.integer({ min: ZIGZAG_MIN, max: ZIGZAG_MAX }),
  zoneMinutes: fc.integer({ min: -1439, max: 1439 }),
})
const signed = fc.record(
  { signature: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)) },
  { requiredKeys: [] },
)
export const commits: fc.Arbitrary<Commit> = fc
  .record({
    tree: sequences,
    files: sizes,
    attributes: sequences,
    parents: fc.uniqueArray(hashes, { maxLength: 3 }),
    author: signatures,
    committer: signatures,
    message: texts,
    extraHeaders: fc.array(fc.record({ key: lines.map((line) => line || 'key'), value: texts }), { maxLength: 3 }),
    signed,
  })
  .map(({ signed: maybe, ...commit }) => ({
    ...commit,
    ...maybe,
    files: commit.tree.shape === 0 ? 0 : commit.files,
  }))

export const slots: fc.Arbitrary<Slot[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...Object.values(KIND)),
    length: positiveSizes,
    chunkId: fc.oneof(fc.nat(), fc.integer({ min: 0, max: ZIGZAG_MAX })),
  }),
  { maxLength: 8 },
)
export const bases: fc.Arbitrary<ExtentBase[]> = fc.uniqueArray(
  fc.record({ eid: fc.maxSafeNat(), slots: fc.array(fc.nat({ max: 2 ** 20 - 1 }), { minLength: 1, maxLength: 8 }) }),
  { maxLength: 4, selector: (base) => base.eid },
)
