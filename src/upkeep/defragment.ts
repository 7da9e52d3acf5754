/**
 * Puts the contents of a commit's files into the order of the files again: what was committed bit by bit, or shared with what came
 * earlier, lies all over the store, and is read in as many pieces.
 *
 * The files are walked by their paths, a window at a time. Where a window's chunks lie in many more pieces than they would take,
 * the extents that hold them are rewritten (rewrite.ts): first what the window needs, in its order, then the rest as it was.
 * Windows that are in order cost a look-up of their chunks, so an interrupted run is simply begun anew. Nothing is dropped.
 */
import { isVarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { throwIfCancelled, type WorkOptions } from '../base/progress.js'
import { MIB } from '../base/units.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import type { Compression } from '../codec/compressor.js'
import type { Content } from '../format/content.js'
import { KIND } from '../format/kinds.js'
import { reachable } from '../history/reach.js'
import type { ExtentRecord } from '../volume/catalog.js'
import { Lease, takeUpkeep } from '../volume/lease.js'
import type { ChunkLocation } from '../volume/physicalVolume.js'
import { rewriteExtents } from './rewrite.js'
import { takeBackMoving } from './switchExtents.js'
import { Throttle } from './throttle.js'

export interface DefragmentOptions extends WorkOptions {
  /** Whose files are put in order. Default: HEAD. */
  readonly revision?: string | undefined
  /** Says what would be done, and does nothing. */
  readonly dryRun?: boolean | undefined
  /** Bytes a second that are rewritten at most, so that others are not held up. Default: as fast as it goes. */
  readonly rateBytes?: number | undefined
}

export interface DefragmentReport {
  readonly dryRun: boolean
  /** What the files need, each chunk once. */
  readonly chunks: number
  /** The same before compression. */
  readonly bytes: number
  /** Runs of neighbours in one extent, in the order of the files: what reading them all has to go to. */
  readonly piecesBefore: number
  /** Of a dry run: an estimate. */
  readonly piecesAfter: number
  readonly rewritten: {
    readonly extents: number
    readonly bytes: number
    readonly storedBytes: number
    readonly newStoredBytes: number
  }
  /** What was left as it is, and why. */
  readonly notes: readonly string[]
}

export interface DefragmentContext {
  readonly store: ChunkStore
  readonly compression: Compression
}

/** Raw bytes of the files of one window. */
const WINDOW_BYTES = 16 * MIB
/** Raw bytes of the extents that are rewritten for one. */
const SOURCE_BYTES = 64 * MIB
const LOOKUP_CHUNKS = 256
/** So many times the pieces that a window would take are left alone. */
const TOLERANCE = 2
/** So many times as much as it holds is written for a window at most. */
const WRITTEN_MAX = 16

/** Neighbours in the order of the files, and where they lie. */
class Window {
  readonly ids: Hash[] = []
  /** The extents that hold them, by number. */
  readonly sources = new Map<number, ExtentRecord>()
  bytes = 0
  sourceBytes = 0
  pieces = 0
  #last: ChunkLocation | undefined

  add(at: ChunkLocation, extent: ExtentRecord): void {
    this.ids.push(at.hash)
    if (!this.sources.has(at.eid)) this.sourceBytes += extent.rawBytes
    this.sources.set(at.eid, extent)
    this.bytes += at.length
    if (this.#last?.eid !== at.eid || this.#last.slot + 1 !== at.slot) this.pieces++
    this.#last = at
  }

  get isFull(): boolean {
    return this.bytes >= WINDOW_BYTES || this.sourceBytes >= SOURCE_BYTES
  }

  /** How many pieces it would take; a chunk that reaches over the end of an extent begins another. */
  piecesIn(peSize: number): number {
    return Math.ceil(this.bytes / peSize) + 1
  }

  isScattered(peSize: number): boolean {
    return this.pieces > TOLERANCE * this.piecesIn(peSize) && this.bytes * WRITTEN_MAX >= this.sourceBytes
  }
}

/**
 * @param tree of the files
 * @throws {VarveError} `STORE_LOCKED` while gc is at work, `VG_FULL`, `STORAGE_FULL`, `STORAGE_READ_ONLY`, `LEASE_LOST`, `CANCELLED`
 * @throws {CorruptionError} when a tree or a manifest of the commit is damaged
 */
export async function defragment(
  context: DefragmentContext,
  tree: Content,
  options: DefragmentOptions,
): Promise<DefragmentReport> {
  const { store, compression } = context
  const { group, clock, profile } = store
  const rewritten = { extents: 0, bytes: 0, storedBytes: 0, newStoredBytes: 0 }
  const notes: string[] = []
  const told = { chunks: 0, bytes: 0, piecesBefore: 0 }
  let piecesAfter = 0
  for await (const window of windowsOf(store, tree, options)) {
    const isScattered = window.isScattered(profile.peSize)
    told.chunks += window.ids.length
    told.bytes += window.bytes
    told.piecesBefore += window.pieces
    piecesAfter += isScattered ? window.piecesIn(profile.peSize) : window.pieces
    if (isScattered && options.dryRun) addSources(rewritten, window)
  }
  if (options.dryRun || piecesAfter === told.piecesBefore) {
    return { ...told, dryRun: options.dryRun === true, piecesAfter, rewritten, notes }
  }
  await group.sweep()
  const upkeep = takeUpkeep(group.catalog, clock)
  let lease: Lease | undefined
  const throttle = new Throttle(options.rateBytes, clock)
  try {
    await takeBackMoving(store)
    lease = Lease.take(group.catalog, 'writer', clock)
    for await (const window of windowsOf(store, tree, options)) {
      if (!window.isScattered(profile.peSize)) continue
      const newStoredBytes = await rewriteWindow(store, window, { lease, compression }, notes)
      if (newStoredBytes === undefined) continue
      addSources(rewritten, window)
      rewritten.newStoredBytes += newStoredBytes
      upkeep.beat(clock)
      await throttle.took(window.sourceBytes, options.signal)
    }
    for (const volume of group.volumes) await volume.giveBack(await volume.spareBytes())
  } finally {
    group.catalog.write((tx) => {
      lease?.release(tx)
      upkeep.release(tx)
    })
  }
  piecesAfter = 0
  for await (const { pieces } of windowsOf(store, tree, options)) piecesAfter += pieces
  return { ...told, dryRun: false, piecesAfter, rewritten, notes }
}

function addSources(rewritten: { extents: number; bytes: number; storedBytes: number }, { sources }: Window): void {
  for (const { rawBytes, storedBytes } of sources.values()) {
    rewritten.extents++
    rewritten.bytes += rawBytes
    rewritten.storedBytes += storedBytes
  }
}

/** @returns the bytes that the new extents take; `undefined` when it was left as it is */
async function rewriteWindow(
  store: ChunkStore,
  window: Window,
  means: { readonly lease: Lease; readonly compression: Compression },
  notes: string[],
): Promise<number | undefined> {
  const ranks = new Map(window.ids.map((id, rank) => [id, rank]))
  try {
    const { isDone, newStoredBytes } = await rewriteExtents(store, [...window.sources.keys()], {
      ...means,
      keeps: () => true,
      allows: () => true,
      rankOf: (id) => ranks.get(id),
    })
    return isDone ? newStoredBytes : undefined
  } catch (error) {
    if (!isVarveError(error, 'CORRUPT_EXTENT')) throw error
    notes.push(`${window.sources.size} extents were left as they are: ${error.message}`)
    return undefined
  }
}

/** Each is as things lie when it is asked for: what was done to the one before counts. */
async function* windowsOf(store: ChunkStore, tree: Content, options: DefragmentOptions): AsyncGenerator<Window> {
  const { catalog } = store.group
  let window = new Window()
  let done = 0
  for await (const batch of chunksInOrder(store, tree, options)) {
    let rest = batch
    while (rest.length > 0) {
      const places = await store.find(rest)
      const next = rest.findIndex((id) => {
        const at = places.get(id)
        const extent = at && catalog.extent(at.eid)
        if (extent) window.add(at, extent)
        return window.isFull
      })
      rest = next < 0 ? [] : rest.slice(next + 1)
      if (!window.isFull) continue
      yield window
      window = new Window()
    }
    done += batch.length
    options.onProgress?.({ phase: 'defragment', itemsDone: done, bytesDone: 0, current: 'chunks' })
    throwIfCancelled(options.signal)
  }
  if (window.ids.length > 0) yield window
}

/** The chunks of all files, in the order of their paths, each once. */
async function* chunksInOrder(
  { originals }: ChunkStore,
  tree: Content,
  { signal }: DefragmentOptions,
): AsyncGenerator<Hash[]> {
  let batch: Hash[] = []
  for await (const { kind, id } of reachable(originals, [{ use: 'directory', content: tree }], { signal })) {
    if (kind !== KIND.chunk) continue
    batch.push(id)
    if (batch.length < LOOKUP_CHUNKS) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
