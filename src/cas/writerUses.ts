/**
 * Which logical volumes a writer writes for, and what that is there already serves them as well.
 *
 * A chunk that is known is not stored again if it lies, with all that it is decoded through, where they want it, or is theirs already: so
 * dedup never weakens what was asked for. Else it is stored once more, where they want it. Groups with one logical volume, which are
 * most, need none of this: there all that is visible serves.
 */
import { VarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { addUses, isUsedBy, USED_BY_DEFAULT, type UsedBy } from '../volume/extentUses.js'
import type { ChunkLocation, ExtentClass } from '../volume/physicalVolume.js'
import { arePlaced, copiesFor, policiesOf } from '../volume/placement.js'
import { requireSpace } from '../volume/space.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'
import type { BaseBounds } from './bases.js'

export class WriterUses {
  #usedBy: UsedBy | undefined

  constructor(
    private readonly group: VolumeGroup,
    private readonly bounds: BaseBounds,
    /** Numbers of the logical volumes, as they are now. */
    private readonly ask: () => UsedBy = () => USED_BY_DEFAULT,
  ) {}

  /** Asked for once: what is written goes by it, to the end. */
  get usedBy(): UsedBy {
    this.#usedBy ??= this.ask()
    return this.#usedBy
  }

  /** Of each of these ids one visible place that serves. */
  async find(ids: readonly Hash[]): Promise<Map<Hash, ChunkLocation>> {
    const found = new Map<Hash, ChunkLocation>()
    for (const location of await this.group.lookup(ids, false)) {
      if (!found.has(location.hash) && this.serves(location.eid)) found.set(location.hash, location)
    }
    return found
  }

  /** Whether a known chunk in this extent is as good as one that is stored now. */
  serves(eid: number): boolean {
    const { catalog } = this.group
    if (this.#isOne) return true
    const others = this.usedBy.filter((lv) => !isUsedBy(catalog, eid, lv))
    return others.length === 0 || this.#arePlaced(eid, others)
  }

  /** Whether something new, that lies where it is asked for, may be decoded through this extent: it must not be lost before that. */
  isSafeBase(eid: number, extentClass: ExtentClass): boolean {
    const { catalog, layout } = this.group
    if (!this.#isOne) return this.serves(eid)
    const most = Math.max(...policiesOf(layout, this.usedBy).map((policy) => copiesFor(policy, extentClass)))
    // Whatever is visible lies on one.
    return most <= 1 || catalog.copies(eid).length >= most
  }

  /** In the publishing transaction. From then on they use these extents, if these still serve. @returns those that do not */
  use(eids: Iterable<number>): number[] {
    const { catalog } = this.group
    if (this.#isOne) return []
    const lost: number[] = []
    for (const eid of eids) {
      if (this.serves(eid)) addUses(catalog, eid, this.usedBy)
      else lost.push(eid)
    }
    return lost
  }

  /** In the publishing transaction, once all is named. @throws {VarveError} `LV_FULL`, `VG_FULL` */
  requireSpace(): void {
    const { catalog, layout } = this.group
    if (layout.logicalVolumes.some(({ virtualBytes }) => virtualBytes !== null))
      requireSpace(catalog, layout, this.usedBy)
  }

  /**
   * In the transaction that moves refs.
   * @throws {VarveError} `REF_CONFLICT` where a branch was given to another logical volume since this writer began
   */
  requireSame(): void {
    const now = this.ask()
    const { usedBy } = this
    if (now.length === usedBy.length && now.every((lv, index) => lv === usedBy[index])) return
    throw new VarveError('REF_CONFLICT', 'what is committed to was given to another logical volume meanwhile', {
      expected: usedBy,
      actual: now,
      hint: 'Run the command again.',
    })
  }

  get #isOne(): boolean {
    return this.group.layout.logicalVolumes.length === 1
  }

  #arePlaced(eid: number, lvs: UsedBy): boolean {
    const { catalog, layout } = this.group
    const policies = policiesOf(layout, lvs)
    const through = this.bounds.of(eid)?.through
    if (!through) return false
    for (const each of through.keys()) {
      const record = catalog.extent(each)
      if (!record || !arePlaced(layout, policies, record.class, catalog.copies(each))) return false
    }
    return true
  }
}
