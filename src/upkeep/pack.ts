/**
 * Pack: chunks are put together anew by lineage, path and age, and each is compressed against what it is like.
 *
 * The newest commit lies whole and in the order of its files; older ones are stored as what they differ in (packOrder.ts). All extents
 * of files and objects are rewritten through the engine that moves chunks (chunkCopies.ts, switchExtents.ts): the new ones become visible
 * beside the old ones, and in one transaction the old ones go, if the new ones are smaller; else the new ones do. Nothing is
 * dropped, whether it is reachable or not. Others may read and commit meanwhile. Interrupted or killed, all is as it was.
 */
import { VarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { type Progress, throwIfCancelled, type WorkOptions } from '../base/progress.js'
import { MIB } from '../base/units.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import type { Compression } from '../codec/compressor.js'
import { fingerprintsOf } from '../codec/fingerprints.js'
import { KIND, type Kind } from '../format/kinds.js'
import type { Refs } from '../refs/refs.js'
import type { Worktrees } from '../refs/worktrees.js'
import type { Catalog } from '../volume/catalog.js'
import { Lease, takeUpkeep } from '../volume/lease.js'
import { EXTENT_CLASS, type ExtentClass } from '../volume/physicalVolume.js'
import { UpkeepState } from '../volume/upkeepState.js'
import { batchesOf } from './batches.js'
import { ChunkCopies, type CopiedChunk } from './chunkCopies.js'
import type { ChunkIndex } from './chunkIndex.js'
import { gcRoots, linkOfRoot } from './gcRoots.js'
import { writeLastPack } from './lastPack.js'
import { type Fingerprints, findAnchors } from './packAnchors.js'
import { chunkLineage } from './packLineage.js'
import { objectKey, type PackOrder, packOrder } from './packOrder.js'
import { movedAway, PackReader } from './packReader.js'
import { PackSources } from './packSources.js'
import { reflogTerm } from './reflogTerm.js'
import { ExtentSwitch, type SwitchResult, takeBackMoving } from './switchExtents.js'
import { Throttle } from './throttle.js'

export interface PackOptions extends WorkOptions {
  /** Compresses harder: for what is rarely written to again. Reading it is as quick. */
  readonly archive?: boolean | undefined
  /** Says what there is to be packed, and does nothing. */
  readonly dryRun?: boolean | undefined
  /** Bytes a second that are read and written at most, so that others are not held up. Default: as fast as it goes. */
  readonly rateBytes?: number | undefined
}

export interface PackReport {
  readonly dryRun: boolean
  /** Extents that were read: all but those that are damaged. */
  readonly extents: number
  readonly chunks: number
  readonly objects: number
  /** Raw bytes of both. */
  readonly bytes: number
  readonly storedBytes: number
  /** Whether the new extents took the place of the old ones: they were smaller. */
  readonly isPacked: boolean
  readonly newExtents: number
  /** Without `isPacked` what they would have taken. */
  readonly newStoredBytes: number
  /** What was left as it is, and why. */
  readonly notes: readonly string[]
}

export interface PackContext {
  readonly store: ChunkStore
  readonly refs: Refs
  readonly worktrees: Worktrees
  /** Commits that have no files any more. */
  readonly pruned: { has(id: Hash): boolean }
  readonly compression: Compression
}

/** Levels of zstd; what the store asks for, if that is more. */
const PACK_LEVEL = 9
/** Beyond it, zstd finds less with a dictionary, not more. */
const ARCHIVE_LEVEL = 12
/** Raw bytes that are in memory at a time. */
const BATCH_BYTES = 8 * MIB
/** Raw bytes that an extent is decoded through: its anchors lie close together, mostly. */
const DECODED_BYTES = 8 * MIB
/** One of 2^bits positions has a fingerprint; of much there are fewer, so that they fit into memory. */
const FINGERPRINT_BITS = 7
const FINGERPRINTS_MAX = 4_000_000
/** Between two looks at whether it goes on. */
const LOOK_CHUNKS = 1000
const LOOK_BYTES = 4 * MIB

/**
 * @throws {VarveError} `STORE_LOCKED` while other upkeep is at work, `VG_FULL`, `STORAGE_FULL`, `STORAGE_READ_ONLY`, `PV_MISSING`,
 * `LEASE_LOST`, `CANCELLED`
 * @throws {CorruptionError} when history, or a chunk, is damaged: then nothing was changed
 */
export async function packStore(context: PackContext, options: PackOptions): Promise<PackReport> {
  const { store } = context
  const { group, clock } = store
  const [absent] = group.absent.values()
  // What lies there could not be packed with the rest, and is needed for reading it.
  if (absent) throw absent
  if (options.dryRun) return reportOf(await PackSources.of(store), { dryRun: true })
  group.catalog.upgrade()
  requireFormat(group.catalog)
  await group.sweep()
  const upkeep = takeUpkeep(group.catalog, clock)
  let lease: Lease | undefined
  try {
    const state = new UpkeepState(group.catalog)
    group.catalog.write((tx) => writeLastPack(tx, state, clock.nowMs()))
    await group.refresh()
    await takeBackMoving(store)
    // Before there is more: what somebody who was killed did not drop from volumes any more.
    await group.dropOrphans()
    lease = Lease.take(group.catalog, 'writer', clock)
    const packing = new Packing(context, options, lease, upkeep, await PackSources.of(store))
    const report = await packing.run()
    // Others built on it meanwhile: then it was for nothing, and is as due as it was.
    const isKnown = report.isPacked || report.notes.length === 0
    if (isKnown) group.catalog.write((tx) => writeLastPack(tx, state, clock.nowMs(), tx.counter('next_eid')))
    return report
  } finally {
    group.catalog.write((tx) => {
      lease?.release(tx)
      upkeep.release(tx)
    })
  }
}

function reportOf(sources: PackSources, result: Partial<PackReport>): PackReport {
  return {
    dryRun: false,
    extents: sources.extents.size,
    chunks: sources.chunks.count,
    objects: sources.objects.count,
    bytes: sources.bytes,
    storedBytes: sources.storedBytes,
    isPacked: false,
    newExtents: 0,
    newStoredBytes: 0,
    notes: sources.notes,
    ...result,
  }
}

class Packing {
  readonly #store: ChunkStore
  readonly #copies: ChunkCopies
  readonly #switch: ExtentSwitch
  readonly #throttle: Throttle
  readonly #sources: PackSources
  readonly #reader: PackReader
  #done = 0

  constructor(
    private readonly context: PackContext,
    private readonly options: PackOptions,
    lease: Lease,
    private readonly upkeep: Lease,
    sources: PackSources,
  ) {
    this.#store = context.store
    this.#sources = sources
    this.#reader = new PackReader(context.store, sources)
    this.#throttle = new Throttle(options.rateBytes, context.store.clock)
    this.#switch = new ExtentSwitch(context.store, lease)
    this.#copies = new ChunkCopies(context.store, {
      lease,
      compression: harder(context.compression, options.archive ? ARCHIVE_LEVEL : PACK_LEVEL),
      // Beyond this level an extent alone would gain a hundredth, by tables of 50 MB each.
      compressionAlone: harder(context.compression, PACK_LEVEL),
      going: new Set(sources.extents.keys()),
      basedBytes: context.store.profile.peSize,
      decodedBytes: DECODED_BYTES,
    })
  }

  async run(): Promise<PackReport> {
    try {
      const result = await this.#pack()
      await this.#giveBack()
      const { isDone, newExtents, newStoredBytes } = result
      return reportOf(this.#sources, { isPacked: isDone, newExtents, newStoredBytes })
    } catch (error) {
      // What failed is the better message; what is left is taken back by the next upkeep.
      const takingBack = this.#switch.takeBack().then(() => this.#giveBack())
      await takingBack.catch(() => undefined)
      throw error
    } finally {
      this.#reader.close()
    }
  }

  async #giveBack(): Promise<void> {
    for (const volume of this.#store.group.volumes) await volume.giveBack(await volume.spareBytes())
  }

  async #pack(): Promise<SwitchResult> {
    const sources = this.#sources
    const lineage = await chunkLineage(this.#store.originals, sources.chunks, await this.#starts(), {
      pruned: this.context.pruned,
      signal: this.options.signal,
      onCommit: (count) => this.#progress({ itemsDone: count, current: 'looking at commits' }, 0),
    })
    const order = packOrder(sources.chunks, lineage, findAnchors(lineage, await this.#fingerprints()))
    await this.#copy(sources.chunks, order.heads, EXTENT_CLASS.data, () => [])
    await this.#copy(sources.chunks, order.others, EXTENT_CLASS.data, (chunk) => order.basesOf(chunk))
    await this.#copy(sources.objects, await this.#objectOrder(order), EXTENT_CLASS.object, () => [])
    const { newStoredBytes } = this.#switch
    if (newStoredBytes >= sources.storedBytes) {
      await this.#switch.takeBack()
      return { isDone: false, oldExtents: 0, oldStoredBytes: 0, newExtents: 0, newStoredBytes }
    }
    const result = await this.#switch.finish(
      [...sources.extents.values()],
      sources.merged,
      () => true,
      (bytes) => bytes > newStoredBytes,
    )
    const left = sources.extents.size - result.oldExtents
    if (!result.isDone) sources.notes.push('others rewrote extents, or built on them, meanwhile: nothing was changed')
    else if (left > 0) sources.notes.push(`${left} old extents stay: others compressed against them meanwhile`)
    return { ...result, newStoredBytes }
  }

  /** The commits of all that is kept. */
  async #starts(): Promise<Hash[]> {
    const { refs, worktrees } = this.context
    const { catalog } = this.#store.group
    const starts = new Set<Hash>()
    for (const root of gcRoots(catalog, refs, worktrees, reflogTerm(new UpkeepState(catalog)).from).roots) {
      const link = await linkOfRoot(this.#store.originals, root)
      if (link?.kind === KIND.commit) starts.add(link.id)
    }
    return [...starts]
  }

  async #fingerprints(): Promise<Fingerprints> {
    const { chunks, bytes } = this.#sources
    let bits = FINGERPRINT_BITS
    while (bytes / 2 ** bits > FINGERPRINTS_MAX) bits++
    const found: number[] = []
    const begins = new Int32Array(chunks.count)
    const counts = new Int32Array(chunks.count)
    for await (const { chunk, bytes: content } of this.#look(chunks)) {
      begins[chunk] = found.length
      fingerprintsOf(content, bits, found)
      counts[chunk] = found.length - (begins[chunk] ?? 0)
    }
    const all = new Int32Array(found.length)
    const starts = new Int32Array(chunks.count + 1)
    let end = 0
    for (let chunk = 0; chunk < chunks.count; chunk++) {
      starts[chunk] = end
      const begin = begins[chunk] ?? 0
      for (let at = begin; at < begin + (counts[chunk] ?? 0); at++) all[end++] = found[at] ?? 0
    }
    starts[chunks.count] = end
    return { all, starts }
  }

  async #objectOrder({ places }: PackOrder): Promise<number[]> {
    const { objects, chunks } = this.#sources
    const keys: { readonly chunk: number; readonly kind: Kind; readonly key: string }[] = []
    const placeOf = (id: Hash): number => places[chunks.indexOf(id)] ?? 0
    for await (const { chunk, kind, bytes } of this.#look(objects))
      keys.push({ chunk, kind, key: objectKey(kind, bytes, placeOf) })
    // Of one key the newest first: numbers only grow.
    const age = ({ chunk }: (typeof keys)[number]): number => -objects.chunkId(chunk)
    keys.sort((a, b) => a.kind - b.kind || (a.key < b.key ? -1 : a.key > b.key ? 1 : age(a) - age(b)))
    return keys.map(({ chunk }) => chunk)
  }

  /** To learn what they are like: all as they lie. */
  async *#look(index: ChunkIndex): AsyncGenerator<{ chunk: number; kind: Kind; bytes: Buffer }> {
    let count = 0
    let bytes = 0
    for await (const read of this.#reader.all(index)) {
      yield read
      bytes += read.bytes.length
      if (++count < LOOK_CHUNKS && bytes < LOOK_BYTES) continue
      await this.#passed('reading', count, bytes)
      count = 0
      bytes = 0
    }
    await this.#passed('reading', count, bytes)
  }

  async #copy(
    index: ChunkIndex,
    order: Iterable<number>,
    extentClass: ExtentClass,
    basesOf: (chunk: number) => readonly Hash[],
  ): Promise<void> {
    const batches = [...batchesOf([...order], BATCH_BYTES, (chunk) => index.length(chunk))]
    const copied = (at: number): Promise<CopiedChunk[]> => {
      const reading = this.#reader.copied(index, batches[at] ?? [], extentClass, basesOf)
      // Said where it is awaited.
      reading.catch(() => undefined)
      return reading
    }
    let next = copied(0)
    try {
      for (const [at, batch] of batches.entries()) {
        const placing = this.#copies.place(await next)
        // Read while this one is compressed.
        next = copied(at + 1)
        await this.#switch.stage(await placing)
        if (!(await this.#switch.publish())) throw movedAway(index.eid(batch[0] ?? 0))
        this.#copies.forget()
        const bytes = batch.reduce((sum, chunk) => sum + index.length(chunk), 0)
        await this.#passed('writing', batch.length, bytes)
      }
    } finally {
      // Nothing is under way any more; what it failed with was said, or is for the next batch.
      await next.catch(() => undefined)
    }
  }

  async #passed(current: string, count: number, bytes: number): Promise<void> {
    const { chunks, objects } = this.#sources
    this.#done += count
    // Each is read once to see what it is like, and once to be written.
    await this.#progress({ itemsDone: this.#done, itemsTotal: 2 * (chunks.count + objects.count), current }, bytes)
  }

  async #progress(progress: Pick<Progress, 'itemsDone' | 'itemsTotal' | 'current'>, bytes: number): Promise<void> {
    const { signal, onProgress } = this.options
    throwIfCancelled(signal)
    onProgress?.({ phase: 'pack', bytesDone: 0, ...progress })
    this.upkeep.beat(this.#store.clock)
    await this.#throttle.took(bytes, signal)
  }
}

/** Without bases nothing would become smaller. @throws {VarveError} `STORE_LOCKED` */
function requireFormat(catalog: Catalog): void {
  if (catalog.takesBases()) return
  throw new VarveError(
    'STORE_LOCKED',
    'this store is of an older format, and is open elsewhere: it cannot be brought to the newest now',
    {
      path: catalog.path,
      hint: 'Run the command again when other programs that use the store have ended.',
    },
  )
}

function harder(compression: Compression, level: number): Compression {
  return compression.codec === 'zstd' ? { codec: 'zstd', level: Math.max(compression.level, level) } : compression
}
