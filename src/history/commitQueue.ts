/** A priority queue of commits: newest committer time first, and first in, first out among equals. */
import type { Hash } from '../base/hash.js'
import type { Commit } from '../format/commit.js'

export interface QueuedCommit {
  readonly id: Hash
  readonly commit: Commit
}

interface Slot {
  readonly queued: QueuedCommit
  readonly timeMs: number
  readonly order: number
}

export class CommitQueue {
  private readonly heap: Slot[] = []
  private pushed = 0

  get size(): number {
    return this.heap.length
  }

  push(queued: QueuedCommit): void {
    const slot: Slot = { queued, timeMs: queued.commit.committer.timeMs, order: this.pushed++ }
    const { heap } = this
    let index = heap.length
    heap.push(slot)
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = heap[above]
      if (!parent || comesFirst(parent, slot)) break
      heap[index] = parent
      index = above
    }
    heap[index] = slot
  }

  pop(): QueuedCommit | undefined {
    const { heap } = this
    const first = heap[0]
    const last = heap.pop()
    if (first && last && first !== last) this.sink(last)
    return first?.queued
  }

  /** In no particular order. */
  *[Symbol.iterator](): Iterator<QueuedCommit> {
    for (const slot of this.heap) yield slot.queued
  }

  private sink(slot: Slot): void {
    const { heap } = this
    let index = 0
    for (;;) {
      const left = 2 * index + 1
      const right = heap[left + 1]
      let below = heap[left]
      let at = left
      if (below && right && comesFirst(right, below)) {
        below = right
        at = left + 1
      }
      if (!below || comesFirst(slot, below)) break
      heap[index] = below
      index = at
    }
    heap[index] = slot
  }
}

function comesFirst(a: Slot, b: Slot): boolean {
  return a.timeMs !== b.timeMs ? a.timeMs > b.timeMs : a.order < b.order
}
