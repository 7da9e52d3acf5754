import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import { NAME_BYTES_MAX } from '../../src/base/limits.js'
import type { ByteName } from '../../src/base/names.js'
import { ByteWriter } from '../../src/format/bytes.js'
import { EMPTY_CONTENT } from '../../src/format/content.js'
import {
  decodeTreeNode,
  encodeTreeInner,
  encodeTreeLeaf,
  type TreeEntry,
  type TreeNode,
} from '../../src/format/tree.js'
import { levels, treeChildren, treeEntries } from './arbitraries.js'
import { provesCanonical } from './canonical.js'

const ID = 'ab'.repeat(32) as Hash
const corrupt = expect.objectContaining({ code: 'CORRUPT_OBJECT' })
const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' })
const invalidPath = expect.objectContaining({ code: 'INVALID_PATH' })

provesCanonical<TreeNode>('directory node', {
  values: fc.oneof(
    treeEntries.map((entries) => ({ level: 0 as const, entries })),
    fc.record({ level: levels, children: treeChildren }),
  ),
  encode: (node) => ('entries' in node ? encodeTreeLeaf(node.entries) : encodeTreeInner(node.level, node.children)),
  decode: decodeTreeNode,
})

function emptyFile(name: string): TreeEntry {
  return { name: name as ByteName, kind: 'file', executable: false, content: EMPTY_CONTENT, files: 0 }
}

/** A leaf of empty files, whatever their names. */
function leafOf(...names: string[]): Buffer {
  const writer = new ByteWriter().u8(0)
  for (const name of names)
    writer
      .name(name as ByteName)
      .u8(0)
      .u8(0)
  return writer.finish()
}

describe('names that cannot be (F-NAME)', () => {
  test.each(['', '.', '..', '/', 'a/b', '../a', 'a\0', '\0', 'x'.repeat(NAME_BYTES_MAX + 1)])('%j', (name) => {
    expect(() => encodeTreeLeaf([emptyFile(name)])).toThrow(invalidPath)
    expect(() => decodeTreeNode(leafOf(name))).toThrow(corrupt)
    const child = { id: ID, lastName: name as ByteName, size: 0, files: 1, entries: 1 }
    expect(() => encodeTreeInner(1, [child])).toThrow(invalidPath)
    const inner = new ByteWriter().u8(1).name(child.lastName).hash(ID).varint(0).varint(1).varint(1).finish()
    expect(() => decodeTreeNode(inner)).toThrow(corrupt)
  })

  test('a character that is no byte', () => {
    expect(() => encodeTreeLeaf([emptyFile('\u20ac')])).toThrow(invalidPath)
  })

  test.each(['...', '.a', '..a', 'a.', ' ', '\n', '\\', '\u00ff', 'x'.repeat(NAME_BYTES_MAX)])('but %j can', (name) => {
    const bytes = encodeTreeLeaf([emptyFile(name)])
    expect(decodeTreeNode(bytes)).toEqual({ level: 0, entries: [emptyFile(name)] })
    expect(bytes).toEqual(leafOf(name))
  })
})

test.each([
  ['out of order', ['b', 'a']],
  ['twice', ['a', 'a']],
  ['out of order far apart', ['a', 'c', 'b']],
])('names %s', (_what, names) => {
  expect(() => encodeTreeLeaf(names.map(emptyFile))).toThrow(invalidPath)
  expect(() => decodeTreeNode(leafOf(...names))).toThrow(corrupt)
})

test('names are sorted by bytes', () => {
  const names = ['A', 'Z', 'a', 'a\u0001', 'aa', 'b', '\u00c3\u00a9']
  expect(decodeTreeNode(encodeTreeLeaf(names.map(emptyFile)))).toEqual({ level: 0, entries: names.map(emptyFile) })
})

describe('entries that cannot be', () => {
  const chunk = { shape: 1, size: 5, id: ID }
  const sequence = { shape: 2, size: 5, id: ID }
  const file = emptyFile('a')
  test.each<[string, TreeEntry]>([
    ['an executable directory', { ...file, kind: 'directory', executable: true }],
    ['an executable symlink', { ...file, kind: 'symlink', content: chunk, executable: true }],
    ['a directory that is a chunk', { ...file, kind: 'directory', content: chunk }],
    ['an empty directory with files', { ...file, kind: 'directory', files: 1 }],
    ['a file with files below it', { ...file, files: 1 }],
    ['a symlink with a manifest', { ...file, kind: 'symlink', content: sequence }],
    ['a file with an empty manifest', { ...file, content: { ...sequence, size: 0 } }],
    ['a gitlink without id', { ...file, kind: 'gitlink' }],
    ['a gitlink with a short id', { ...file, kind: 'gitlink', foreignId: 'abcd' }],
    ['a gitlink with content', { ...file, kind: 'gitlink', content: chunk, foreignId: ID }],
    ['a file with a foreign id', { ...file, foreignId: ID }],
  ])('%s', (_what, entry) => {
    expect(() => encodeTreeLeaf([entry])).toThrow(invalid)
  })

  test.each<[string, (writer: ByteWriter) => void]>([
    ['unknown flags', (writer) => writer.u8(8).u8(0)],
    ['an executable directory', (writer) => writer.u8(5).u8(0).varint(0)],
    ['an executable symlink', (writer) => writer.u8(6).u8(1).varint(5).hash(ID)],
    ['an executable gitlink', (writer) => writer.u8(7).blob(Buffer.alloc(20))],
    ['a directory that is a chunk', (writer) => writer.u8(1).u8(1).varint(5).hash(ID).varint(1)],
    ['an empty directory with files', (writer) => writer.u8(1).u8(0).varint(1)],
    ['a symlink with a manifest', (writer) => writer.u8(2).u8(2).varint(5).hash(ID)],
    ['a file with an empty manifest', (writer) => writer.u8(0).u8(2).varint(0).hash(ID)],
    ['a gitlink with an id of 21 bytes', (writer) => writer.u8(3).blob(Buffer.alloc(21))],
  ])('%s, in bytes', (_what, write) => {
    const writer = new ByteWriter().u8(0).name('a' as ByteName)
    write(writer)
    expect(() => decodeTreeNode(writer.finish())).toThrow(corrupt)
  })

  test('totals above 2^53 - 1', () => {
    const huge = { shape: 1, size: 2 ** 52, id: ID }
    const entries = ['a', 'b'].map((name) => ({ ...emptyFile(name), content: huge }))
    expect(() => encodeTreeLeaf(entries)).toThrow(invalid)
    const child = { id: ID, size: 2 ** 52, files: 1, entries: 1 }
    const children = ['a', 'b'].map((name) => ({ ...child, lastName: name as ByteName }))
    expect(() => encodeTreeInner(1, children)).toThrow(invalid)
  })

  test('a node without entries, a child without entries', () => {
    expect(() => encodeTreeLeaf([])).toThrow(invalid)
    expect(() => decodeTreeNode(Buffer.from([0]))).toThrow(corrupt)
    const lastName = 'a' as ByteName
    expect(() => encodeTreeInner(1, [{ id: ID, lastName, size: 0, files: 0, entries: 0 }])).toThrow(invalid)
  })
})
