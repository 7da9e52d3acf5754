import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import { XATTR_VALUE_BYTES_MAX } from '../../src/base/limits.js'
import type { ByteName } from '../../src/base/names.js'
import {
  type Attributes,
  type AttributesNode,
  decodeAttributesNode,
  encodeAttributesInner,
  encodeAttributesLeaf,
} from '../../src/format/attributes.js'
import { ByteWriter } from '../../src/format/bytes.js'
import { EMPTY_CONTENT } from '../../src/format/content.js'
import { attributesChildren, attributesEntries, levels } from './arbitraries.js'
import { provesCanonical } from './canonical.js'

const ID = 'ab'.repeat(32) as Hash
const corrupt = expect.objectContaining({ code: 'CORRUPT_OBJECT' })
const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
const name = 'a' as ByteName

provesCanonical<AttributesNode>('attributes node', {
  values: fc.oneof(
    attributesEntries.map((entries) => ({ level: 0 as const, entries })),
    fc.record({ level: levels, children: attributesChildren }),
  ),
  encode: (node) =>
    'entries' in node ? encodeAttributesLeaf(node.entries) : encodeAttributesInner(node.level, node.children),
  decode: decodeAttributesNode,
})

function leafOf(attributes: Attributes): Buffer {
  return encodeAttributesLeaf([{ name, attributes, below: EMPTY_CONTENT }])
}

describe('mtime', () => {
  test.each([
    [0n, '0000'],
    [1n, '0001'],
    // Before the epoch: seconds are rounded down.
    [-1n, '01ff93ebdc03'],
    [-1_000_000_000n, '0100'],
    [1_700_000_000_123_456_789n, '80c49fd50c959aef3a'],
  ])('%d ns', (mtimeNs, hex) => {
    const bytes = leafOf({ mtimeNs })
    expect(bytes.toString('hex')).toBe(`00016101${hex}`)
    expect(decodeAttributesNode(bytes)).toEqual({
      level: 0,
      entries: [{ name, attributes: { mtimeNs }, below: EMPTY_CONTENT }],
    })
  })

  test('beyond what fits', () => {
    expect(() => leafOf({ mtimeNs: 10n ** 27n })).toThrow(invalid)
    expect(() => leafOf({ mtimeNs: -(10n ** 27n) })).toThrow(invalid)
  })

  test('a second of nanoseconds', () => {
    const bytes = new ByteWriter().u8(0).name(name).u8(1).zigzag(0).varint(1_000_000_000).finish()
    expect(() => decodeAttributesNode(bytes)).toThrow(corrupt)
  })
})

describe('link group', () => {
  const linkGroup = '0123456789abcdef'

  test('of eight bytes, after everything else', () => {
    const bytes = leafOf({ mtimeNs: 1n, mode: 0o644, linkGroup })
    expect(bytes.toString('hex')).toBe(`000161230001a403${linkGroup}`)
    expect(decodeAttributesNode(bytes)).toEqual({
      level: 0,
      entries: [{ name, attributes: { mtimeNs: 1n, mode: 0o644, linkGroup }, below: EMPTY_CONTENT }],
    })
  })

  test('alone', () => {
    const bytes = leafOf({ linkGroup })
    expect(bytes.toString('hex')).toBe(`00016120${linkGroup}`)
    expect(() => decodeAttributesNode(bytes.subarray(0, -1))).toThrow(corrupt)
  })

  test('never of a directory', () => {
    const below = { shape: 2, size: 0, id: ID }
    const entries = [
      { name, attributes: { linkGroup }, below },
      { name: '' as ByteName, attributes: { linkGroup }, below: EMPTY_CONTENT },
    ]
    for (const entry of entries) expect(() => encodeAttributesLeaf([entry])).toThrow(invalid)
    const own = new ByteWriter()
      .u8(0)
      .name('' as ByteName)
      .u8(32)
      .bytes(Buffer.alloc(8))
      .finish()
    expect(() => decodeAttributesNode(own)).toThrow(corrupt)
  })
})

test.each<[string, Attributes]>([
  ['a short link group', { linkGroup: '0123456789abcde' }],
  ['a link group in upper case', { linkGroup: '0123456789ABCDEF' }],
  ['a mode with a file type', { mode: 0o100644 }],
  ['a negative mode', { mode: -1 }],
  ['an owner beyond 32 bits', { owner: { uid: 2 ** 32, gid: 0 } }],
  ['an xattr without a name', { xattrs: [{ name: '' as ByteName, value: Buffer.alloc(0) }] }],
  ['xattrs out of order', { xattrs: ['b', 'a'].map((key) => ({ name: key as ByteName, value: Buffer.alloc(0) })) }],
  ['an xattr twice', { xattrs: ['a', 'a'].map((key) => ({ name: key as ByteName, value: Buffer.alloc(0) })) }],
])('%s cannot be encoded', (_what, attributes) => {
  expect(() => leafOf(attributes)).toThrow(invalid)
})

test.each<[string, (writer: ByteWriter) => void]>([
  ['unknown attributes', (writer) => writer.u8(64)],
  ['a mode with a file type', (writer) => writer.u8(2).varint(0o100644)],
  [
    'an owner beyond 32 bits',
    (writer) =>
      writer
        .u8(4)
        .varint(0)
        .varint(2 ** 32),
  ],
  ['more xattrs than bytes', (writer) => writer.u8(8).varint(2 ** 50)],
  ['an empty sequence below', (writer) => writer.u8(16).u8(0)],
  ['a chunk below', (writer) => writer.u8(16).u8(1).varint(1).hash(ID)],
])('%s, in bytes', (_what, write) => {
  const writer = new ByteWriter().u8(0).name(name)
  write(writer)
  expect(() => decodeAttributesNode(writer.finish())).toThrow(corrupt)
})

test('long extended attributes', () => {
  const value = (bytes: number) => ({ xattrs: [{ name, value: Buffer.alloc(bytes) }] })
  expect(leafOf(value(XATTR_VALUE_BYTES_MAX)).length).toBeGreaterThan(XATTR_VALUE_BYTES_MAX)
  expect(() => leafOf(value(XATTR_VALUE_BYTES_MAX + 1))).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }))
  const three = ['a', 'b', 'c'].map((key) => ({ name: key as ByteName, value: Buffer.alloc(XATTR_VALUE_BYTES_MAX) }))
  expect(() => leafOf({ xattrs: three })).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }))
})

test('no xattrs are not unrecorded xattrs', () => {
  expect(leafOf({ xattrs: [] })).not.toEqual(leafOf({}))
})

test('the directory itself has the empty name, and comes first', () => {
  const entries = ['', 'a'].map((key) => ({ name: key as ByteName, attributes: { mode: 0o755 }, below: EMPTY_CONTENT }))
  expect(decodeAttributesNode(encodeAttributesLeaf(entries))).toEqual({ level: 0, entries })
  expect(() => encodeAttributesLeaf([...entries].reverse())).toThrow(expect.objectContaining({ code: 'INVALID_PATH' }))
})

test('values outlive the bytes they were decoded from', () => {
  const bytes = leafOf({ xattrs: [{ name, value: Buffer.from('kept') }] })
  const node = decodeAttributesNode(bytes)
  bytes.fill(0)
  expect('entries' in node && node.entries[0]?.attributes.xattrs?.[0]?.value.toString()).toBe('kept')
})
