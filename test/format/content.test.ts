import { expect, test } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import { ByteReader, ByteWriter } from '../../src/format/bytes.js'
import { type Content, decodeContent, EMPTY_CONTENT, encodeContent, MAX_HEIGHT } from '../../src/format/content.js'
import { contents } from './arbitraries.js'
import { provesCanonical } from './canonical.js'

const ID = 'cd'.repeat(32) as Hash

provesCanonical('content', {
  values: contents,
  encode(value) {
    const writer = new ByteWriter()
    encodeContent(writer, value)
    return writer.finish()
  },
  decode(bytes) {
    const reader = new ByteReader(bytes)
    const value = decodeContent(reader)
    reader.end()
    return value
  },
})

test('an empty content is one byte', () => {
  const writer = new ByteWriter()
  encodeContent(writer, EMPTY_CONTENT)
  expect(writer.finish()).toEqual(Buffer.from([0]))
})

test.each<[string, unknown]>([
  ['a shape beyond the greatest height', { shape: 3 + MAX_HEIGHT, size: 1, id: ID }],
  ['a negative shape', { shape: -1, size: 1, id: ID }],
  ['an empty chunk', { shape: 1, size: 0, id: ID }],
  ['no id', { shape: 1, size: 1 }],
  ['an id for nothing', { shape: 0, size: 0, id: ID }],
  ['a size of nothing', { shape: 0, size: 1 }],
  ['a size that is no integer', { shape: 1, size: 1.5, id: ID }],
])('%s cannot be encoded', (_what, content) => {
  expect(() => encodeContent(new ByteWriter(), content as Content)).toThrow(
    expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
  )
})
