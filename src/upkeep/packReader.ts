/**
 * What is packed, read: all of it as it lies, to learn what it is like, and then in the order in which it is put anew.
 *
 * Each extent is asked for several times, and with it what it is compressed against. What memory has no room for is kept on the disk
 * meanwhile, if that has plenty (scratchFile.ts): so each is decoded once.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { CorruptionError, VarveError } from '../base/errors.js'
import { type Hash, shortHash } from '../base/hash.js'
import { MIB } from '../base/units.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import type { ExtentSpill } from '../cas/extentSpill.js'
import { Slabs } from '../cas/slabs.js'
import type { Kind } from '../format/kinds.js'
import type { ExtentClass } from '../volume/physicalVolume.js'
import { ScratchFile } from '../volume/scratchFile.js'
import type { CopiedChunk } from './chunkCopies.js'
import type { ChunkIndex } from './chunkIndex.js'
import type { PackSources } from './packSources.js'

/** Decoded extents that are kept on the disk, in bytes. */
const SCRATCH_BYTES_MAX = 1024 * MIB
/** Between two turns of the event loop. */
const TURN_BYTES = MIB / 4

interface ReadChunk {
  readonly chunk: number
  readonly kind: Kind
  readonly bytes: Buffer
}

export class PackReader {
  readonly #scratch: ScratchFile | undefined
  readonly #spill: ExtentSpill | undefined
  /** Of the batch that is written, and of the one that is read meanwhile. */
  #memory: readonly [Slabs, Slabs] = [new Slabs(MIB), new Slabs(MIB)]

  constructor(
    private readonly store: ChunkStore,
    private readonly sources: PackSources,
  ) {
    const { bytes } = sources
    if (2 * bytes <= store.extentCacheBytes) return
    // New ones that others are compressed against come to it as well.
    this.#scratch = ScratchFile.open(store.group.catalog.path, Math.min(2 * bytes, SCRATCH_BYTES_MAX))
    this.#spill = store.spillTo(this.#scratch)
  }

  close(): void {
    this.store.spillTo(undefined)
    this.#scratch?.close()
  }

  /** All, as it lies. Bytes are those of the extent. */
  all(index: ChunkIndex): AsyncGenerator<ReadChunk> {
    return this.#read(index, this.#asTheyLie(index, [...Array(index.count).keys()]))
  }

  /**
   * One batch at a time, in its order. Bytes are there until the batch after the next is read.
   * @throws {CorruptionError} `CORRUPT_CHUNK`
   * @throws {VarveError} `STORE_LOCKED`
   */
  async copied(
    index: ChunkIndex,
    batch: readonly number[],
    extentClass: ExtentClass,
    basesOf: (chunk: number) => readonly Hash[],
  ): Promise<CopiedChunk[]> {
    const [memory, other] = this.#memory
    this.#memory = [other, memory]
    memory.reset()
    const read = await this.#readInto(memory, index, batch)
    return batch.map((chunk): CopiedChunk => {
      const { kind, bytes } = read.get(chunk) as ReadChunk
      const id = index.id(chunk)
      const from = index.eid(chunk)
      if (this.store.hasher.id(kind, bytes) !== id) throw notAsTold(from, id)
      const usedBy = this.sources.usedBy(id, from)
      const number = { chunkId: index.chunkId(chunk) }
      return { from, id, kind, class: extentClass, bytes, number, bases: basesOf(chunk), usedBy }
    })
  }

  async #readInto(memory: Slabs, index: ChunkIndex, batch: readonly number[]): Promise<Map<number, ReadChunk>> {
    const read = new Map<number, ReadChunk>()
    const unspilled: number[] = []
    let turnBytes = 0
    for (const chunk of batch) {
      // Frames that are ready are taken meanwhile, and others begun.
      turnBytes += index.length(chunk)
      if (turnBytes > TURN_BYTES) {
        turnBytes = 0
        await nextTurn()
      }
      const spilled = this.#spill?.slot(index.eid(chunk), index.slot(chunk), (length) => memory.take(length))
      if (spilled) read.set(chunk, { chunk, ...spilled })
      else unspilled.push(chunk)
    }
    for await (const { chunk, kind, bytes } of this.#read(index, this.#asTheyLie(index, unspilled))) {
      read.set(chunk, { chunk, kind, bytes: memory.copy(bytes) })
    }
    return read
  }

  /** In the given order; neighbours in one extent cost one look. */
  async *#read(index: ChunkIndex, order: Iterable<number>): AsyncGenerator<ReadChunk> {
    for (const chunk of order) {
      const eid = index.eid(chunk)
      const extent = await this.store.decoded(eid)
      const slot = extent?.slots[index.slot(chunk)]
      const offset = extent?.offsets[index.slot(chunk)]
      if (!extent || !slot || offset === undefined) throw movedAway(eid)
      yield { chunk, kind: slot.kind, bytes: extent.raw.subarray(offset, offset + slot.length) }
    }
  }

  #asTheyLie(index: ChunkIndex, chunks: readonly number[]): number[] {
    const { regions } = this.sources
    const region = (chunk: number): number => regions.get(index.eid(chunk)) ?? 0
    return [...chunks].sort(
      (a, b) => region(a) - region(b) || index.eid(a) - index.eid(b) || index.slot(a) - index.slot(b),
    )
  }
}

export function movedAway(eid: number): VarveError {
  return new VarveError(
    'STORE_LOCKED',
    `extent ${eid} was moved by somebody else while it was packed; nothing was changed`,
    {
      extent: eid,
      hint: 'Run the command again.',
    },
  )
}

function notAsTold(eid: number, id: Hash): CorruptionError {
  return new CorruptionError(
    'CORRUPT_CHUNK',
    `chunk ${shortHash(id)} in extent ${eid} is damaged; nothing was changed`,
    {
      extent: eid,
      id,
      hint: 'Run `varve verify` to see which files it belongs to.',
    },
  )
}
