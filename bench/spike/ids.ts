import { hash } from 'node:crypto'

export const Kind = { chunk: 0, manifest: 1, tree: 2, commit: 3 } as const
export type Kind = (typeof Kind)[keyof typeof Kind]

// One-shot hashing beats createHash + update by far at these sizes, and a copy costs next to nothing.
let scratch = Buffer.alloc(1 << 20)

/** id = SHA-256(kind byte ‖ bytes). */
export function idOf(kind: Kind, bytes: Uint8Array): Buffer {
  if (bytes.length + 1 > scratch.length) scratch = Buffer.alloc(2 * bytes.length)
  scratch[0] = kind
  scratch.set(bytes, 1)
  return hash('sha256', scratch.subarray(0, bytes.length + 1), 'buffer')
}

export function checksum(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer').subarray(0, 16)
}

/** A map key for a binary id. */
export function key(id: Buffer): string {
  return id.toString('latin1')
}
