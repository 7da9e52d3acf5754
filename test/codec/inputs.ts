/** Inputs that are the same on every machine, for golden values. */

/** Bytes of xorshift32 from `seed`, which must not be 0. */
export function pseudoRandom(bytes: number, seed: number): Buffer {
  const words = new Uint32Array(Math.ceil(bytes / 4))
  let state = seed
  for (let index = 0; index < words.length; index++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    words[index] = state
  }
  return Buffer.from(words.buffer, 0, bytes)
}

const WORDS = 'layer of clay and silt that settles in still water each year lets the lake keep count'.split(' ')

/** Lines of words: compresses about as prose does. */
export function pseudoText(bytes: number, seed: number): Buffer {
  const choices = pseudoRandom(bytes, seed)
  const text = Buffer.alloc(bytes)
  let used = 0
  for (const choice of choices) {
    if (used >= bytes) break
    const word = WORDS[choice % WORDS.length] ?? ''
    used += text.write(choice < 20 ? `${word}\n` : `${word} `, used)
  }
  return text
}
