/**
 * New extents take the place of old ones: published batch by batch beside them, and in the end, in one transaction of the catalog,
 * the old ones go. Whoever is killed in between leaves both; which the new ones are is remembered in the table `upkeep`, and the next
 * upkeep takes them back.
 */

import type { Hash } from '../base/hash.js'
import { throwIfCancelled } from '../base/progress.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { revive } from '../cas/condemned.js'
import type { CatalogTransaction } from '../volume/catalog.js'
import type { Lease } from '../volume/lease.js'
import type { PlacedExtent, VolumeGroup } from '../volume/volumeGroup.js'
import { UpkeepState } from './upkeepState.js'

/** An extent that is to go, as it was when it was read. */
export interface OldExtent {
  readonly eid: number
  readonly checksum: Buffer
  readonly storedBytes: number
}

export interface SwitchResult {
  readonly isDone: boolean
  readonly oldExtents: number
  readonly oldStoredBytes: number
  readonly newExtents: number
  readonly newStoredBytes: number
}

/** Name in the table `upkeep`: numbers of extents that hold nothing but what others hold as well. */
const MOVING = 'moving'

export const NOTHING_SWITCHED: SwitchResult = {
  isDone: false,
  oldExtents: 0,
  oldStoredBytes: 0,
  newExtents: 0,
  newStoredBytes: 0,
}

export class ExtentSwitch {
  readonly #group: VolumeGroup
  readonly #lease: Lease
  readonly #published: { readonly eid: number; readonly storedBytes: number }[] = []
  #staged: readonly PlacedExtent[] = []
  #publish: () => void = () => undefined

  constructor({ group }: ChunkStore, lease: Lease) {
    this.#group = group
    this.#lease = lease
  }

  get newStoredBytes(): number {
    const staged = this.#staged.reduce((sum, { extent }) => sum + extent.frame.length, 0)
    return this.#published.reduce((sum, { storedBytes }) => sum + storedBytes, staged)
  }

  /** Brings new extents to their volumes. They become visible with the next `publish` or `finish`. */
  async stage(placed: readonly PlacedExtent[]): Promise<void> {
    this.#staged = placed
    const stage = await this.#group.stage(placed)
    this.#publish = () => placed.length > 0 && stage.publish()
  }

  /**
   * Makes what was staged visible, beside the old ones.
   * @returns false when what it decodes through is gone: then nothing of it all stays
   */
  async publish(): Promise<boolean> {
    const { catalog } = this.#group
    catalog.upgrade()
    const isPublished = catalog.write((tx) => {
      this.#lease.require(tx)
      if (!this.#hasAllBases()) return false
      this.#publish()
      const eids = [...this.#published.map(({ eid }) => eid), ...this.#staged.map(({ extent }) => extent.eid)]
      new UpkeepState(catalog).write(tx, MOVING, { extents: eids })
      return true
    })
    if (!isPublished) {
      await this.takeBack()
      return false
    }
    for (const { extent } of this.#staged) this.#published.push({ eid: extent.eid, storedBytes: extent.frame.length })
    this.#staged = []
    this.#publish = () => undefined
    return true
  }

  /**
   * Makes the rest visible and takes the old ones away.
   * @param merged ids of which one of several numbers was kept
   * @param allows asked inside the transaction
   */
  async finish(
    old: readonly OldExtent[],
    merged: readonly Hash[],
    allows: (tx: CatalogTransaction) => boolean,
  ): Promise<SwitchResult> {
    const { catalog } = this.#group
    const retired = catalog.write((tx) => {
      this.#lease.require(tx)
      const isThere = ({ eid, checksum }: OldExtent) => catalog.extent(eid)?.checksum.equals(checksum)
      const leaving = leavingOf(
        this.#group,
        old.map(({ eid }) => eid),
      )
      if (!old.every(isThere) || leaving.length < old.length) return undefined
      if (!this.#hasAllBases() || !allows(tx)) return undefined
      this.#publish()
      if (merged.length > 0) {
        // What was known of one of their numbers is not true of the other: both are found anew.
        revive(tx, merged)
        tx.run('DELETE FROM bitmap')
      }
      if (this.#published.length > 0) forgetMoving(tx)
      tx.advance('gc_epoch', 1)
      return this.#group.retire(leaving)
    })
    if (!retired) {
      await this.takeBack()
      return NOTHING_SWITCHED
    }
    await this.#group.dropRetired(retired)
    return {
      isDone: true,
      oldExtents: old.length,
      oldStoredBytes: old.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
      newExtents: this.#published.length + this.#staged.length,
      newStoredBytes: this.newStoredBytes,
    }
  }

  /** Nothing of it stays, but what others decode through already. */
  async takeBack(): Promise<void> {
    const { catalog } = this.#group
    await this.#group.dropUnpublished(this.#staged.filter(({ extent }) => !catalog.isVisible(extent.eid)))
    if (this.#published.length === 0) return
    await takeAway(
      this.#group,
      this.#published.map(({ eid }) => eid),
    )
  }

  /** Whether what was just written can be read: others may have rewritten what it decodes through. */
  #hasAllBases(): boolean {
    const { catalog } = this.#group
    const staged = new Set(this.#staged.map(({ extent }) => extent.eid))
    return this.#staged.every(({ extent }) =>
      extent.bases.every(({ eid }) => staged.has(eid) || catalog.isVisible(eid)),
    )
  }
}

/** What somebody left who was killed while moving chunks. To be called while no other upkeep is at work. */
export async function takeBackMoving({ group }: ChunkStore, signal?: AbortSignal): Promise<void> {
  throwIfCancelled(signal)
  const note = new UpkeepState(group.catalog).read(MOVING) as { readonly extents: readonly number[] } | undefined
  if (note) await takeAway(group, note.extents)
}

async function takeAway(group: VolumeGroup, eids: readonly number[]): Promise<void> {
  const { catalog } = group
  const retired = catalog.write((tx) => {
    const leaving = leavingOf(
      group,
      eids.filter((eid) => catalog.isVisible(eid)),
    )
    if (leaving.length > 0) tx.advance('gc_epoch', 1)
    forgetMoving(tx)
    return group.retire(leaving)
  })
  await group.dropRetired(retired)
}

function forgetMoving(tx: CatalogTransaction): void {
  tx.run('DELETE FROM upkeep WHERE name = ?', MOVING)
}

/** In a transaction: of some extents those that nothing but others of them decodes through, in the order in which they may go. */
export function leavingOf({ catalog }: VolumeGroup, eids: Iterable<number>): number[] {
  const leaving = new Set<number>()
  for (const eid of [...eids].sort((a, b) => b - a)) {
    if (catalog.dependants(eid).every((dependant) => leaving.has(dependant))) leaving.add(eid)
  }
  return [...leaving]
}
