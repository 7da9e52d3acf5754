/**
 * What takes the space of a store: how much each branch, tag or commit needs, and how much of that nothing else does.
 *
 * Sets of numbers (commitBitmaps.ts) say who needs what; the chunk tables are read once for lengths. A chunk that one alone
 * needs is unique to it: that is what would come back without it, once the reflog and the grace period let it go.
 */
import type { Hash } from '../base/hash.js'
import { throwIfCancelled } from '../base/progress.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { BITMAP_ID_MAX, Bitmap } from '../codec/bitmap.js'
import { walkCommits } from '../history/commits.js'
import type { ChunkLocation } from '../volume/physicalVolume.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'
import { CommitBitmaps } from './commitBitmaps.js'

/** Something that keeps chunks: with all history, or a commit alone. */
export interface SpaceOwner {
  readonly name: string
  readonly ids: readonly Hash[]
}

/** Chunks and objects, and their bytes. */
export interface SpaceBytes {
  readonly chunks: number
  /** Before compression. */
  readonly rawBytes: number
  /** Their share of the extents they are in. */
  readonly storedBytes: number
}

export interface SpaceUse {
  readonly name: string
  readonly all: SpaceBytes
  /** What nothing else needs. */
  readonly unique: SpaceBytes
}

export interface SpaceReport {
  readonly owners: readonly SpaceUse[]
  /** What any of them needs. */
  readonly total: SpaceBytes
  /** What more than one of them needs. */
  readonly shared: SpaceBytes
}

const PAGE_ROWS = 5000

/**
 * @param groups who is told of, each with the commits it keeps
 * @param others what else keeps commits: nothing of that is unique to anybody
 * @throws as `CommitBitmaps.of`
 */
export async function spaceReport(
  store: ChunkStore,
  pruned: { has(id: Hash): boolean },
  groups: readonly SpaceOwner[],
  others: readonly Hash[],
  signal?: AbortSignal,
): Promise<SpaceReport> {
  const wanted = new Map<Hash, Bitmap[]>()
  const sets = groups.map(({ name, ids }) => {
    const bitmap = Bitmap.of(new Uint32Array())
    for (const id of ids) wanted.set(id, [...(wanted.get(id) ?? []), bitmap])
    return { name, bitmap, all: new Sum(), unique: new Sum() }
  })
  const elsewhere = Bitmap.of(new Uint32Array())
  for (const id of others) wanted.set(id, [...(wanted.get(id) ?? []), elsewhere])
  const order = await oldestFirst(store, [...wanted.keys()], signal)
  for await (const { id, bitmap } of new CommitBitmaps(store, pruned).of(order, signal)) {
    for (const set of wanted.get(id) ?? []) set.or(bitmap)
  }
  const [total, shared] = [new Sum(), new Sum()]
  for await (const { length, storedBytes, chunkId } of chunksOnce(store.group, signal)) {
    // Needed by none of them, whose sets could not have been made.
    if (chunkId > BITMAP_ID_MAX) continue
    const users = sets.filter(({ bitmap }) => bitmap.has(chunkId))
    for (const { all } of users) all.add(length, storedBytes)
    if (users.length === 0) continue
    total.add(length, storedBytes)
    const [only] = users
    if (users.length === 1 && only && !elsewhere.has(chunkId)) only.unique.add(length, storedBytes)
    else shared.add(length, storedBytes)
  }
  return {
    owners: sets.map(({ name, all, unique }) => ({ name, all: all.bytes, unique: unique.bytes })),
    total: total.bytes,
    shared: shared.bytes,
  }
}

class Sum {
  #chunks = 0
  #rawBytes = 0
  #storedBytes = 0

  add(rawBytes: number, storedBytes: number): void {
    this.#chunks++
    this.#rawBytes += rawBytes
    this.#storedBytes += storedBytes
  }

  get bytes(): SpaceBytes {
    return { chunks: this.#chunks, rawBytes: this.#rawBytes, storedBytes: Math.round(this.#storedBytes) }
  }
}

/** Parents before children, as far as one is another's. */
async function oldestFirst(store: ChunkStore, ids: readonly Hash[], signal?: AbortSignal): Promise<Hash[]> {
  const wanted = new Set(ids)
  const order: Hash[] = []
  for await (const { id } of walkCommits(store, ids, { signal })) {
    if (!wanted.delete(id)) continue
    order.push(id)
    if (wanted.size === 0) break
  }
  return order.reverse()
}

/** Visible chunks, each where its lowest number is, with its share of what its extent takes on one volume. */
async function* chunksOnce(
  group: VolumeGroup,
  signal?: AbortSignal,
): AsyncGenerator<ChunkLocation & { readonly storedBytes: number }> {
  const extents = new Map<number, { readonly pv: number; readonly ratio: number }>()
  group.catalog.eachExtent(({ record, pvs }) => {
    extents.set(record.eid, {
      pv: pvs[0] ?? 0,
      ratio: record.rawBytes === 0 ? 0 : record.storedBytes / record.rawBytes,
    })
  })
  for (const volume of group.volumes) {
    for (let page = await volume.chunkRows(undefined, PAGE_ROWS); page.length > 0; ) {
      throwIfCancelled(signal)
      for (const row of page) {
        const extent = extents.get(row.eid)
        if (extent?.pv === volume.number) yield { ...row, storedBytes: row.length * extent.ratio }
      }
      page = page.length < PAGE_ROWS ? [] : await volume.chunkRows(page.at(-1), PAGE_ROWS)
    }
  }
}
