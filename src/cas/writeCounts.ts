/** What one writer did, counted as it goes. */
import { KIND, type Kind } from '../format/kinds.js'
import type { Item } from './objects.js'

/** Raw bytes, unless `stored`. */
export interface WriteStats {
  readonly newChunks: number
  readonly newBytes: number
  readonly newObjects: number
  readonly newObjectBytes: number
  readonly storedBytes: number
  readonly knownChunks: number
  readonly knownBytes: number
}

export class WriteCounts {
  private counts = {
    newChunks: 0,
    newBytes: 0,
    newObjects: 0,
    newObjectBytes: 0,
    storedBytes: 0,
    knownChunks: 0,
    knownBytes: 0,
  }

  /** As they are now. */
  get stats(): WriteStats {
    return { ...this.counts }
  }

  /** Takes back what was counted since. */
  restore(before: WriteStats): void {
    this.counts = { ...before }
  }

  known(kind: Kind, bytes: number): void {
    if (kind !== KIND.chunk) return
    this.counts.knownChunks++
    this.counts.knownBytes += bytes
  }

  new({ kind, bytes }: Item): void {
    if (kind === KIND.chunk) {
      this.counts.newChunks++
      this.counts.newBytes += bytes.length
    } else {
      this.counts.newObjects++
      this.counts.newObjectBytes += bytes.length
    }
  }

  stored(bytes: number): void {
    this.counts.storedBytes += bytes
  }
}
