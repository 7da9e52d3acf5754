/** Randomness, injected so that simulations repeat. */
export interface Randomness {
  bytes(count: number): Buffer
}

/** The module is loaded when it is first needed: most commands that only look need nothing random. */
export const systemRandomness: Randomness = {
  bytes: (count) => process.getBuiltinModule('node:crypto').randomBytes(count),
}

/** A random (version 4) UUID, RFC 9562. */
export function newUuid(random: Randomness): string {
  const b = random.bytes(16)
  b[6] = ((b[6] ?? 0) & 0x0f) | 0x40
  b[8] = ((b[8] ?? 0) & 0x3f) | 0x80
  const hex = b.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
