/**
 * A file that exists nowhere yet, as segments of repeated bytes in a row: kept chunks, new bytes, zeros of a gap.
 * Segments come from a source as far as they are needed; those that were passed are forgotten.
 */
import type { PlacedRun } from './contentChunks.js'

/** `unit` again and again, beginning `phase` bytes into it, for `bytes` bytes. */
export interface SegmentBytes {
  readonly unit: Buffer
  readonly phase: number
  readonly bytes: number
  /** Two places of the segment this far apart show the same bytes. At most the length of `unit`, and divides it. */
  readonly period: number
  /** The run of the old file that it is. */
  readonly run?: PlacedRun
}

export interface Segment extends SegmentBytes {
  /** The part of the file that it covers. */
  readonly start: number
  readonly end: number
}

const ZEROS_UNIT = Buffer.alloc(64 * 1024)

export function zeros(bytes: number): SegmentBytes {
  return { unit: ZEROS_UNIT, phase: 0, bytes, period: 1 }
}

export function once(bytes: Buffer): SegmentBytes {
  return { unit: bytes, phase: 0, bytes: bytes.length, period: bytes.length }
}

export class Segments {
  readonly #source: AsyncGenerator<SegmentBytes>
  #segments: Segment[] = []
  /** Where the next segment of the source begins. */
  #end: number

  constructor(start: number, source: AsyncGenerator<SegmentBytes>) {
    this.#end = start
    this.#source = source
  }

  /** As many as `bytes` bytes from `position` on, fewer only at the end. Positions before it are not asked for again. */
  async window(position: number, bytes: number): Promise<Buffer> {
    this.#segments = this.#segments.filter(({ end }) => end > position)
    while (this.#end < position + bytes) {
      const { done, value } = await this.#source.next()
      if (done) break
      this.#segments.push({ ...value, start: this.#end, end: this.#end + value.bytes })
      this.#end += value.bytes
    }
    const length = Math.min(bytes, this.#end - position)
    const parts: Buffer[] = []
    let filled = 0
    for (const { start, end, unit, phase } of this.#segments) {
      while (filled < length && position + filled < end) {
        const from = (phase + position + filled - start) % unit.length
        const part = unit.subarray(from, from + Math.min(length - filled, end - position - filled))
        parts.push(part)
        filled += part.length
      }
    }
    const [only, ...others] = parts
    return only && others.length === 0 ? only : Buffer.concat(parts, length)
  }

  /** How often the bytes from `start` to `end` come again right behind `end`, in the segment that holds them. */
  repeatsBehind(start: number, end: number): number {
    const length = end - start
    const segment = this.#segments.find((candidate) => candidate.start <= start && end <= candidate.end)
    return segment && length % segment.period === 0 ? Math.floor((segment.end - end) / length) : 0
  }

  /** Whether `position` is between two chunks of the old file. */
  isOldCut(position: number): boolean {
    return this.#segments.some(({ start, end, phase, run }) => {
      return run !== undefined && start <= position && position <= end && (phase + position - start) % run.length === 0
    })
  }
}
