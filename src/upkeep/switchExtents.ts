/**
 * New extents take the place of old ones: published batch by batch beside them, and in the end, in one transaction of the catalog,
 * the old ones go. Whoever is killed in between leaves both; which the new ones are is remembered in the table `upkeep`, and the next
 * upkeep takes them back.
 */

import { CorruptionError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { throwIfCancelled } from '../base/progress.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { revive } from '../cas/condemned.js'
import type { DecodedExtent } from '../cas/decodedExtent.js'
import type { Catalog, CatalogTransaction } from '../volume/catalog.js'
import { type UsedBy, usesOf } from '../volume/extentUses.js'
import type { Lease } from '../volume/lease.js'
import type { PlacedExtent } from '../volume/publishStaged.js'
import { UpkeepState } from '../volume/upkeepState.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'

/** An extent that is to go, as it was when it was read. */
export interface OldExtent {
  readonly eid: number
  readonly checksum: Buffer
  readonly storedBytes: number
  /** Logical volumes that used it: what takes its place lies as these ask for. */
  readonly usedBy: UsedBy
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
  /** Whether they took the place of the old ones: then they are all there is. */
  #isDone = false
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
   * @returns false when what it decodes through is gone, or somebody else took new ones back: then nothing of it all stays
   */
  async publish(): Promise<boolean> {
    const { catalog } = this.#group
    catalog.upgrade()
    const isPublished = catalog.write((tx) => {
      this.#lease.require(tx)
      if (!this.#areAllThere() || !this.#hasAllBases()) return false
      this.#publish()
      const note = new Set(movingOf(catalog))
      for (const { extent } of this.#staged) note.add(extent.eid)
      writeMoving(catalog, tx, note)
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
   * @param isEnough whether it is worth it where old ones stay, since something new decodes through them, or another logical volume uses
   *   them: by the stored bytes of those that go. Without it all go, or none
   */
  async finish(
    old: readonly OldExtent[],
    merged: readonly Hash[],
    allows: (tx: CatalogTransaction) => boolean,
    isEnough: (storedBytes: number) => boolean = () => false,
  ): Promise<SwitchResult> {
    const { catalog } = this.#group
    const outcome = catalog.write((tx) => {
      this.#lease.require(tx)
      const isThere = ({ eid, checksum }: OldExtent) => catalog.extent(eid)?.checksum.equals(checksum)
      if (!old.every(isThere)) return undefined
      // What another logical volume relies on meanwhile stays, and so does what that is decoded through.
      const isUsedAlike = ({ eid, usedBy }: OldExtent) => usesOf(catalog, eid).every((lv) => usedBy.includes(lv))
      const leaving = leavingOf(
        this.#group,
        old.filter(isUsedAlike).map(({ eid }) => eid),
      )
      const goes = new Set(leaving)
      const goneBytes = old.reduce((sum, { eid, storedBytes }) => sum + (goes.has(eid) ? storedBytes : 0), 0)
      if (leaving.length < old.length && !isEnough(goneBytes)) return undefined
      if (!this.#areAllThere() || !this.#hasAllBases() || !allows(tx)) return undefined
      this.#publish()
      if (merged.length > 0) {
        // What was known of one of their numbers is not true of the other: both are found anew.
        revive(tx, merged)
        tx.run('DELETE FROM bitmap')
      }
      forgetMoving(
        catalog,
        tx,
        this.#published.map(({ eid }) => eid),
      )
      tx.advance('gc_epoch', 1)
      return { leaving: new Set(leaving), retired: this.#group.retire(leaving) }
    })
    if (!outcome) {
      await this.takeBack()
      return NOTHING_SWITCHED
    }
    const { leaving, retired } = outcome
    const gone = old.filter(({ eid }) => leaving.has(eid))
    // Whatever becomes of what volumes still hold of the old ones.
    this.#isDone = true
    await this.#group.dropRetired(retired)
    return {
      isDone: true,
      oldExtents: gone.length,
      oldStoredBytes: gone.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
      newExtents: this.#published.length + this.#staged.length,
      newStoredBytes: this.newStoredBytes,
    }
  }

  /** Nothing of it stays, but what others decode through already. */
  async takeBack(): Promise<void> {
    const { catalog } = this.#group
    if (this.#isDone) return
    await this.#group.dropUnpublished(this.#staged.filter(({ extent }) => !catalog.isVisible(extent.eid)))
    if (this.#published.length === 0) return
    await takeAway(
      this.#group,
      this.#published.map(({ eid }) => eid),
    )
  }

  /** Upkeep that was silent for long is taken for dead: then others took back what it published, and the old ones are needed. */
  #areAllThere(): boolean {
    return this.#published.every(({ eid }) => this.#group.catalog.isVisible(eid))
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

/**
 * What somebody left who was killed while moving chunks. To be called while no other upkeep is at work. What old extents do not
 * hold any more, since they were damaged meanwhile, stays in the new ones.
 * @throws {CorruptionError} `CORRUPT_CATALOG` when it is not known what decodes through what: then nothing may be taken away
 */
export async function takeBackMoving(store: ChunkStore, signal?: AbortSignal): Promise<void> {
  const { group } = store
  const { catalog } = group
  catalog.requireBases()
  const noted = movingOf(catalog)
  if (noted.length === 0) return
  const needed = await neededOf(store, new Set(noted), signal)
  if (needed.length > 0) catalog.write((tx) => forgetMoving(catalog, tx, needed))
  await takeAway(
    group,
    noted.filter((eid) => !needed.includes(eid)),
  )
}

/** Of new extents those that hold what cannot be read from any other. Each old one is decoded once. */
async function neededOf(store: ChunkStore, fresh: ReadonlySet<number>, signal?: AbortSignal): Promise<number[]> {
  const sound = new Map<number, boolean>()
  const isSound = async (eid: number): Promise<boolean> => {
    const known = sound.get(eid) ?? (await decodedOf(store, eid)) !== undefined
    sound.set(eid, known)
    return known
  }
  const needed: number[] = []
  for (const eid of fresh) {
    throwIfCancelled(signal)
    const extent = await decodedOf(store, eid)
    // Nothing can be read from it.
    if (!extent) continue
    const missing = new Set(
      extent.slots.map(({ kind, length }, slot) => {
        const offset = extent.offsets[slot] ?? 0
        return store.hasher.id(kind, extent.raw.subarray(offset, offset + length))
      }),
    )
    for (const at of await store.group.lookup([...missing])) {
      if (!fresh.has(at.eid) && missing.has(at.hash) && (await isSound(at.eid))) missing.delete(at.hash)
    }
    if (missing.size > 0) needed.push(eid)
  }
  return needed
}

async function decodedOf(store: ChunkStore, eid: number): Promise<DecodedExtent | undefined> {
  try {
    return await store.decoded(eid)
  } catch (error) {
    if (error instanceof CorruptionError) return undefined
    throw error
  }
}

/** Those that are noted still: of others somebody else knows more. */
async function takeAway(group: VolumeGroup, eids: readonly number[]): Promise<void> {
  const { catalog } = group
  const retired = catalog.write((tx) => {
    const noted = new Set(movingOf(catalog))
    const leaving = leavingOf(
      group,
      eids.filter((eid) => noted.has(eid) && catalog.isVisible(eid)),
    )
    if (leaving.length > 0) tx.advance('gc_epoch', 1)
    forgetMoving(catalog, tx, eids)
    return group.retire(leaving)
  })
  await group.dropRetired(retired)
}

function movingOf(catalog: Catalog): readonly number[] {
  const note = new UpkeepState(catalog).read(MOVING) as { readonly extents: readonly number[] } | undefined
  return note?.extents ?? []
}

function writeMoving(catalog: Catalog, tx: CatalogTransaction, eids: Iterable<number>): void {
  new UpkeepState(catalog).write(tx, MOVING, { extents: [...eids] })
}

/** Of these alone: what others left there is still to be taken back. */
function forgetMoving(catalog: Catalog, tx: CatalogTransaction, eids: readonly number[]): void {
  if (eids.length === 0) return
  const noted = new Set(movingOf(catalog))
  for (const eid of eids) noted.delete(eid)
  if (noted.size > 0) writeMoving(catalog, tx, noted)
  else tx.run('DELETE FROM upkeep WHERE name = ?', MOVING)
}

/** In a transaction: of some extents those that nothing but others of them decodes through, in the order in which they may go. */
export function leavingOf({ catalog }: VolumeGroup, eids: Iterable<number>): number[] {
  const leaving = new Set<number>()
  for (const eid of [...eids].sort((a, b) => b - a)) {
    if (catalog.dependants(eid).every((dependant) => leaving.has(dependant))) leaving.add(eid)
  }
  return [...leaving]
}
