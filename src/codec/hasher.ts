/**
 * Ids: `H(kind byte ‖ bytes)`, under the hash that the store was created with.
 *
 * SHA-256 is the runtime's own, BLAKE3 is WebAssembly. A hasher is synchronous and keeps no state between calls.
 */
import { createBLAKE3 } from 'hash-wasm'
import { VarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { KIB } from '../base/units.js'
import type { Kind } from '../format/kinds.js'
import { HASH_NAMES, type HashName } from '../format/profile.js'

export interface Hasher {
  readonly name: HashName
  id(kind: Kind, bytes: Uint8Array): Hash
}

/** @throws {VarveError} `UNSUPPORTED` for a hash that this varve does not know */
export async function createHasher(name: HashName): Promise<Hasher> {
  switch (name) {
    case 'sha256':
      return sha256Hasher()
    case 'blake3':
      return blake3Hasher()
    default:
      throw new VarveError('UNSUPPORTED', `unknown hash ${JSON.stringify(name)}`, {
        expected: HASH_NAMES.join(' or '),
        actual: name,
      })
  }
}

let loaded: typeof import('node:crypto') | undefined

/** Loaded with the first id: a command that finds all as it was computes none. */
function crypto(): typeof import('node:crypto') {
  loaded ??= process.getBuiltinModule('node:crypto')
  return loaded
}

/** Up to here copying kind and bytes together, for the one-shot function, is cheaper than a hash object. */
const ONE_SHOT_BYTES_MAX = 16 * KIB

function sha256Hasher(): Hasher {
  const scratch = Buffer.allocUnsafeSlow(1 + ONE_SHOT_BYTES_MAX)
  const kindByte = new Uint8Array(1)
  return {
    name: 'sha256',
    id(kind, bytes) {
      if (bytes.length <= ONE_SHOT_BYTES_MAX) {
        scratch[0] = kind
        scratch.set(bytes, 1)
        return crypto().hash('sha256', scratch.subarray(0, 1 + bytes.length), 'hex') as Hash
      }
      kindByte[0] = kind
      return crypto().createHash('sha256').update(kindByte).update(bytes).digest('hex') as Hash
    },
  }
}

async function blake3Hasher(): Promise<Hasher> {
  const blake3 = await createBLAKE3()
  const kindByte = new Uint8Array(1)
  return {
    name: 'blake3',
    id(kind, bytes) {
      kindByte[0] = kind
      return blake3.init().update(kindByte).update(bytes).digest('hex') as Hash
    },
  }
}
