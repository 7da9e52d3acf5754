/**
 * Ids on their way: a queue that is filled in batches and looked at some way ahead of where it is read. Every so many
 * ids one is a probe, whose extent is loaded before it is needed: many, where neighbours lie together; every single one,
 * where the reader came to an id whose extent no probe had led to.
 */
import type { Hash } from '../base/hash.js'

/** Ids known ahead of the one that is read. At 8 KiB a chunk, a few extents. */
const AHEAD_IDS = 512
/** Ids from one probe to the next, at the most: fewer than an extent holds of chunks of the usual sizes. */
const STEP_IDS_MAX = 16
/** Probes that are looked up together. */
const PROBES_TOGETHER = 32
/** Ids that were read are dropped so many at a time. */
const DROP_IDS = 1024

export class ComingIds {
  readonly #source: AsyncIterator<readonly Hash[]> | Iterator<readonly Hash[]>
  #ids: Hash[] = []
  /** Ids dropped from the beginning of `#ids`; all other numbers count from the first id there ever was. */
  #dropped = 0
  #at = 0
  #probe = 0
  #stepIds = 1
  /** Probes whose extent was begun to be loaded, from the one that is read on. */
  #loaded: number[] = []
  #ended = false

  constructor(batches: AsyncIterable<readonly Hash[]> | Iterable<readonly Hash[]>) {
    this.#source = Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]()
  }

  /** Takes in more ids when there is room for them. @returns whether there are any. */
  async fill(): Promise<boolean> {
    while (!this.#ended && this.#end - this.#at < AHEAD_IDS) {
      const next = await this.#source.next()
      if (next.done) this.#ended = true
      else for (const id of next.value) this.#ids.push(id)
    }
    if (this.#at - this.#dropped >= DROP_IDS) {
      this.#ids = this.#ids.slice(this.#at - this.#dropped)
      this.#dropped = this.#at
    }
    return this.#at < this.#end
  }

  /** Ends the source, which may hold something open. */
  async close(): Promise<void> {
    if (!this.#ended) await this.#source.return?.()
    this.#ended = true
  }

  /** The id that is read next. */
  get first(): Hash | undefined {
    return this.#id(this.#at)
  }

  shift(): void {
    this.#at++
  }

  /** The probe that was not looked at yet, from where the queue is read on. */
  get probe(): Hash | undefined {
    this.#probe = Math.max(this.#probe, this.#at)
    return this.#id(this.#probe)
  }

  /** The probe and those that are likely to follow it. */
  get probes(): Hash[] {
    const probes: Hash[] = []
    for (let index = this.#probe; probes.length < PROBES_TOGETHER; index += this.#stepIds) {
      const id = this.#id(index)
      if (id === undefined) break
      probes.push(id)
    }
    return probes
  }

  /** Goes on to the next probe. @param loads whether loading began for this one */
  passProbe(loads: boolean): void {
    if (loads) this.#loaded.push(this.#probe)
    // One that leads to nothing new: neighbours lie together, and fewer probes will do.
    else this.#stepIds = Math.min(this.#stepIds + 1, STEP_IDS_MAX)
    this.#probe += this.#stepIds
  }

  /** The reader had to wait for an id that no probe had led to. */
  miss(): void {
    this.#stepIds = 1
    this.#probe = this.#at
  }

  /** Extents that were begun to be loaded, and that the reader has not come to yet. */
  get loadsAhead(): number {
    while (this.#loaded[0] !== undefined && this.#loaded[0] < this.#at) this.#loaded.shift()
    return this.#loaded.length
  }

  get #end(): number {
    return this.#dropped + this.#ids.length
  }

  #id(index: number): Hash | undefined {
    return this.#ids[index - this.#dropped]
  }
}
