/**
 * Ids of chunks and objects.
 *
 * An id is 32 bytes: `H(kind byte ‖ bytes)` under the store's hash. In memory it is a lower-case hex
 * string, so that `===` compares and a `Map` can key on it; in formats and SQL it is 32 raw bytes.
 */
import { VarveError } from './errors.js'

declare const hashBrand: unique symbol

/** A 32-byte id as 64 lower-case hex digits. */
export type Hash = string & { readonly [hashBrand]: true }

export const HASH_BYTES = 32

const HEX_PATTERN = /^[0-9a-f]{64}$/

/**
 * Whether `text` is a whole id: 64 lower-case hex digits.
 *
 * @example
 * ```ts
 * console.log(isHash(await repo.resolve('main')), isHash('main'))
 * ```
 */
export function isHash(text: string): text is Hash {
  return HEX_PATTERN.test(text)
}

/**
 * An id from its 64 lower-case hex digits.
 *
 * @throws {VarveError} `INVALID_ARGUMENT`
 * @example
 * ```ts
 * const id = parseHash('00'.repeat(32))
 * console.log(shortHash(id))
 * ```
 */
export function parseHash(text: string): Hash {
  if (!isHash(text)) {
    throw new VarveError('INVALID_ARGUMENT', `not an id: ${JSON.stringify(text)}`, {
      expected: '64 lower-case hex digits',
      actual: text,
    })
  }
  return text
}

/** @throws {VarveError} `INVALID_ARGUMENT` when `bytes` is not 32 bytes long. */
export function hashFromBytes(bytes: Uint8Array): Hash {
  if (bytes.length !== HASH_BYTES) {
    throw new VarveError('INVALID_ARGUMENT', `an id has ${HASH_BYTES} bytes, not ${bytes.length}`, {
      expected: HASH_BYTES,
      actual: bytes.length,
    })
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex') as Hash
}

export function hashToBytes(hash: Hash): Buffer {
  return Buffer.from(hash, 'hex')
}

/**
 * The form shown to people where an id need not be whole: its first 12 digits.
 *
 * @example
 * ```ts
 * console.log(shortHash(await repo.resolve('main')))
 * ```
 */
export function shortHash(hash: Hash): string {
  return hash.slice(0, 12)
}
