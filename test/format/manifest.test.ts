import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import { NODE_ENTRIES_MAX } from '../../src/base/limits.js'
import { ByteWriter } from '../../src/format/bytes.js'
import { MAX_HEIGHT } from '../../src/format/content.js'
import {
  decodeManifestNode,
  encodeManifestInner,
  encodeManifestLeaf,
  type ManifestEntry,
  type ManifestNode,
} from '../../src/format/manifest.js'
import { levels, manifestChildren, manifestEntries } from './arbitraries.js'
import { provesCanonical } from './canonical.js'

const A = 'aa'.repeat(32) as Hash
const B = 'bb'.repeat(32) as Hash
const corrupt = expect.objectContaining({ code: 'CORRUPT_OBJECT' })
const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })

provesCanonical<ManifestNode>('manifest node', {
  values: fc.oneof(
    manifestEntries.map((entries) => ({ level: 0 as const, entries })),
    fc.record({ level: levels, children: manifestChildren }),
  ),
  encode: (node) =>
    'entries' in node ? encodeManifestLeaf(node.entries) : encodeManifestInner(node.level, node.children),
  decode: decodeManifestNode,
})

describe('what no leaf holds', () => {
  const leaves: [string, ManifestEntry[]][] = [
    ['nothing', []],
    ['a chunk of length 0', [{ id: A, length: 0, repeat: 1 }]],
    ['a run of none', [{ id: A, length: 1, repeat: 0 }]],
    [
      'one run in two entries',
      [
        { id: A, length: 1, repeat: 1 },
        { id: A, length: 1, repeat: 2 },
      ],
    ],
    [
      'more than 2^53 - 1 bytes',
      [
        { id: A, length: 2 ** 52, repeat: 1 },
        { id: B, length: 2 ** 52, repeat: 1 },
      ],
    ],
    ['a product above 2^53 - 1', [{ id: A, length: 2 ** 27, repeat: 2 ** 27 }]],
  ]
  test.each(leaves)('%s', (_what, entries) => {
    expect(() => encodeManifestLeaf(entries)).toThrow(invalid)
    const writer = new ByteWriter().u8(0)
    for (const { id, length, repeat } of entries) writer.hash(id).varint(length).varint(repeat)
    expect(() => decodeManifestNode(writer.finish())).toThrow(corrupt)
  })

  test('more entries than a node may have', () => {
    const entries = Array.from({ length: NODE_ENTRIES_MAX + 1 }, (_, at) => ({
      id: at % 2 === 0 ? A : B,
      length: 1,
      repeat: 1,
    }))
    expect(encodeManifestLeaf(entries.slice(1)).length).toBeGreaterThan(0)
    expect(() => encodeManifestLeaf(entries)).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }))
  })
})

test('what no inner node holds', () => {
  expect(() => encodeManifestInner(1, [])).toThrow(invalid)
  expect(() => encodeManifestInner(1, [{ id: A, size: 0 }])).toThrow(invalid)
  expect(() => encodeManifestInner(0, [{ id: A, size: 1 }])).toThrow(invalid)
  expect(() => encodeManifestInner(MAX_HEIGHT + 1, [{ id: A, size: 1 }])).toThrow(invalid)
  expect(() => decodeManifestNode(new ByteWriter().u8(1).hash(A).varint(0).finish())).toThrow(corrupt)
  expect(() =>
    decodeManifestNode(
      new ByteWriter()
        .u8(MAX_HEIGHT + 1)
        .hash(A)
        .varint(1)
        .finish(),
    ),
  ).toThrow(corrupt)
  expect(() => decodeManifestNode(Buffer.alloc(0))).toThrow(corrupt)
})
