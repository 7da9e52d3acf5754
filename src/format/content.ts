import { HASH_BYTES, type Hash } from '../base/hash.js'
import type { ByteReader, ByteWriter } from './bytes.js'
import { isCount, type Problem, problem, refuseDecoded, refuseToEncode } from './rules.js'

/**
 * What an id names is said by the entry that holds it, never guessed from bytes.
 *
 * `shape` byte: 0 = empty (no id), 1 = one chunk, 2 + h = root node of a Merkle sequence of height h
 * (h = 0: the root is a leaf node). Files use all three; directories and attributes use 0 and 2 + h.
 *
 *   empty    00
 *   stored   shape u8 ‖ size varint ‖ id 32
 */
export type Content = EmptyContent | StoredContent

export interface EmptyContent {
  readonly shape: 0
  readonly size: 0
  readonly id?: undefined
}

export interface StoredContent {
  /** 1, or 2 + height. */
  readonly shape: number
  /** Bytes of the file; for a directory, of all files below it. */
  readonly size: number
  readonly id: Hash
}

export const EMPTY_CONTENT: EmptyContent = { shape: 0, size: 0 }
export const SHAPE_CHUNK = 1
export const SHAPE_SEQUENCE = 2
/** Heights above this are refused: with a fan-out of at least 2 no real sequence comes near. */
export const MAX_HEIGHT = 60

/** What a content is the content of: it decides which shapes and sizes are possible. */
export type ContentUse = 'file' | 'symlink' | 'sequence'

export function encodeContent(writer: ByteWriter, content: Content): void {
  refuseToEncode('a content', contentProblem(content))
  writer.u8(content.shape)
  if (content.id !== undefined) writer.varint(content.size).hash(content.id)
}

export function decodeContent(reader: ByteReader): Content {
  const shape = reader.u8()
  if (shape === 0) return EMPTY_CONTENT
  const content: StoredContent = { shape, size: reader.varint(), id: reader.hash() }
  refuseDecoded(reader, contentProblem(content))
  return content
}

export function skipContent(reader: ByteReader): void {
  if (reader.u8() === 0) return
  reader.varint()
  reader.skip(HASH_BYTES)
}

/** Why `content` cannot stand where `use` is meant; `undefined` when it can. */
export function contentUseProblem(content: Content, use: ContentUse): Problem | undefined {
  if (use === 'sequence') {
    return content.shape === SHAPE_CHUNK ? problem('has a chunk where a sequence must be') : undefined
  }
  if (use === 'symlink') {
    return content.shape <= SHAPE_CHUNK ? undefined : problem('has a target that is not one chunk')
  }
  return content.shape !== 0 && content.size === 0 ? problem('is an empty file with an id') : undefined
}

function contentProblem(content: Content): Problem | undefined {
  const { shape, size } = content
  if (!Number.isInteger(shape) || shape < 0 || shape > SHAPE_SEQUENCE + MAX_HEIGHT) {
    return problem(`has the unknown content shape ${shape}`)
  }
  if (!isCount(size)) return problem(`has the impossible size ${size}`)
  if (shape === 0) {
    return size === 0 && content.id === undefined ? undefined : problem('is empty and has a size or an id')
  }
  if (content.id === undefined) return problem('has content without an id')
  return shape === SHAPE_CHUNK && size === 0 ? problem('has an empty chunk') : undefined
}
