/** Bytes written one after another, with LEB128 integers. */
export class Out {
  private readonly parts: Uint8Array[] = []

  int(value: number): this {
    const bytes: number[] = []
    let rest = value
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
    bytes.push(rest)
    return this.raw(Uint8Array.from(bytes))
  }

  raw(bytes: Uint8Array): this {
    this.parts.push(bytes)
    return this
  }

  text(text: string): this {
    const bytes = Buffer.from(text)
    return this.int(bytes.length).raw(bytes)
  }

  done(): Buffer {
    return Buffer.concat(this.parts)
  }
}

export class In {
  private at = 0
  constructor(private readonly bytes: Buffer) {}

  get more(): boolean {
    return this.at < this.bytes.length
  }

  int(): number {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = this.bytes[this.at++]
      if (byte === undefined) throw new Error('truncated integer')
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }

  raw(length: number): Buffer {
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  text(): string {
    return this.raw(this.int()).toString()
  }
}
