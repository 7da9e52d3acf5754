import { describe, expect, test } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import { MESSAGE_BYTES_MAX, PARENTS_MAX } from '../../src/base/limits.js'
import { type Commit, decodeCommit, encodeCommit } from '../../src/format/commit.js'
import { EMPTY_CONTENT } from '../../src/format/content.js'
import { commits } from './arbitraries.js'
import { provesCanonical } from './canonical.js'

const ID = 'ab'.repeat(32) as Hash
const someone = { who: 'A <a@example.org>', timeMs: 0, zoneMinutes: 0 }
const commit: Commit = {
  tree: EMPTY_CONTENT,
  files: 0,
  attributes: EMPTY_CONTENT,
  parents: [],
  author: someone,
  committer: someone,
  message: '',
  extraHeaders: [],
}

provesCanonical('commit', { values: commits, encode: encodeCommit, decode: decodeCommit })

describe('what no commit holds', () => {
  const chunk = { shape: 1, size: 1, id: ID }
  test.each<[string, Partial<Commit>]>([
    ['a tree that is a chunk', { tree: chunk }],
    ['attributes that are a chunk', { attributes: chunk }],
    ['files in an empty tree', { files: 1 }],
    ['a parent twice', { parents: [ID, ID] }],
    ['a line feed in the author', { author: { ...someone, who: 'a\nb' } }],
    ['a NUL in the committer', { committer: { ...someone, who: 'a\0b' } }],
    ['a zone of a day', { author: { ...someone, zoneMinutes: 1440 } }],
    ['a time that is no integer', { author: { ...someone, timeMs: 0.5 } }],
    ['a time that is none', { author: { ...someone, timeMs: Number.NaN } }],
    ['a header without a key', { extraHeaders: [{ key: '', value: '' }] }],
    ['a message that is not well-formed', { message: '\udc00' }],
  ])('%s', (_what, change) => {
    expect(() => encodeCommit({ ...commit, ...change })).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
  })

  test.each<[string, Partial<Commit>]>([
    ['a very long message', { message: 'x'.repeat(MESSAGE_BYTES_MAX + 1) }],
    ['a very long name', { author: { ...someone, who: 'x'.repeat(5000) } }],
    ['a very long signature', { signature: Buffer.alloc(300_000) }],
    ['a very long header', { extraHeaders: [{ key: 'k', value: 'x'.repeat(1_100_000) }] }],
    ['very many headers', { extraHeaders: Array.from({ length: 1025 }, () => ({ key: 'k', value: '' })) }],
    [
      'very many parents',
      { parents: Array.from({ length: PARENTS_MAX + 1 }, (_, at) => at.toString(16).padStart(64, '0') as Hash) },
    ],
  ])('%s', (_what, change) => {
    expect(() => encodeCommit({ ...commit, ...change })).toThrow(expect.objectContaining({ code: 'LIMIT_EXCEEDED' }))
  })
})

test('a commit of a later version is refused as such', () => {
  const bytes = encodeCommit(commit)
  bytes[0] = 2
  expect(() => decodeCommit(bytes)).toThrow(expect.objectContaining({ code: 'FORMAT_NEWER', hint: expect.any(String) }))
  bytes[0] = 0
  expect(() => decodeCommit(bytes)).toThrow(expect.objectContaining({ code: 'CORRUPT_OBJECT' }))
})

test('an empty signature is not no signature', () => {
  const signature = Buffer.alloc(0)
  expect(encodeCommit({ ...commit, signature })).not.toEqual(encodeCommit(commit))
  expect(decodeCommit(encodeCommit({ ...commit, signature }))).toHaveProperty('signature', signature)
})
