/** Gathers bytes into pieces worth writing. Bytes come as strings, one character a byte. */
import type { Output } from './output.js'

const PIECE_CHARACTERS = 64 * 1024

export class BytePieces {
  readonly #out: Output
  #pending: string[] = []
  #pendingCharacters = 0

  constructor(out: Output) {
    this.#out = out
  }

  /** Resolves when there is room for more. */
  async push(bytes: string): Promise<void> {
    this.#pending.push(bytes)
    this.#pendingCharacters += bytes.length
    if (this.#pendingCharacters >= PIECE_CHARACTERS) await this.flush()
  }

  async flush(): Promise<void> {
    if (this.#pendingCharacters === 0) return
    const piece = Buffer.from(this.#pending.join(''), 'latin1')
    this.#pending = []
    this.#pendingCharacters = 0
    await this.#out.bytes(piece)
  }
}
