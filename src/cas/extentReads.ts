/**
 * Which extents readers have loaded from volumes: for tiers, which go by use.
 *
 * Gathered in memory, at most so many, and written now and then: only where there are tiers and the store is open for writing, without
 * waiting for anybody, and without a sync. However often an extent is loaded within a while, it was used once: so a long read that comes
 * back to it does not look like many. Upkeep reads past this (`ChunkStore.originals`).
 */
import type { Clock } from '../base/clock.js'
import { isVarveError } from '../base/errors.js'
import { MINUTE_MS } from '../base/units.js'
import { hasTiers, noteReads } from '../volume/heat.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'
import type { BaseBounds } from './bases.js'

/** Loads within so long are one use. */
const WHILE_MS = 10 * MINUTE_MS
/** Some milliseconds to write, and some GiB to read before. */
const EXTENTS_MAX = 4096

export class ExtentReads {
  readonly #read = new Set<number>()
  #sinceMs: number

  constructor(
    private readonly group: VolumeGroup,
    private readonly clock: Clock,
  ) {
    this.#sinceMs = clock.nowMs()
  }

  /** Whether anybody asks. */
  get isOn(): boolean {
    return !this.group.readOnly && hasTiers(this.group.layout)
  }

  /**
   * It is about to be read from a volume, and so is what it is decoded through.
   * @param isHere those that need not be
   */
  note(eid: number, bounds: BaseBounds, isHere: (eid: number) => boolean): void {
    for (const each of throughOf(eid, bounds)) if (!isHere(each)) this.#read.add(each)
    if (this.#read.size >= EXTENTS_MAX || this.clock.nowMs() - this.#sinceMs >= WHILE_MS) this.write()
  }

  /** What cannot be written is forgotten: nobody reads anything else for that, or waits. */
  write(): void {
    const nowMs = this.clock.nowMs()
    const eids = [...this.#read]
    this.#read.clear()
    this.#sinceMs = nowMs
    if (eids.length === 0 || !this.isOn) return
    const { catalog } = this.group
    try {
      catalog.write(() => noteReads(catalog, eids, nowMs), 'offhand')
    } catch (error) {
      // Another writer, a full disk: whoever writes what is to last is told of that.
      if (!isVarveError(error)) throw error
    }
  }
}

/** Itself among them. */
function throughOf(eid: number, bounds: BaseBounds): Iterable<number> {
  try {
    return bounds.of(eid)?.through.keys() ?? []
  } catch (error) {
    // Damage: the read says so.
    if (!isVarveError(error)) throw error
    return []
  }
}
