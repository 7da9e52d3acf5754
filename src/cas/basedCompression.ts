/**
 * Extents of a writer, compressed: against what they take the place of, where that is worth it (baseChoice.ts, baseGain.ts).
 *
 * Bases are chosen before any transaction, and may be rewritten or dropped until the extent is published: who publishes it asks
 * again whether they are there.
 */
import type { Hash } from '../base/hash.js'
import { DECODED_BYTES_MAX } from '../base/limits.js'
import type { Compression, Frame } from '../codec/compressor.js'
import type { Dictionary } from '../codec/dictionary.js'
import { KIND } from '../format/kinds.js'
import type { ExtentBase } from '../format/slots.js'
import { EXTENT_CLASS, type ExtentClass } from '../volume/physicalVolume.js'
import { asBases, type BasePlace, chooseBases, depthMax } from './baseChoice.js'
import { BaseGain } from './baseGain.js'
import type { ChunkStore } from './chunkStore.js'
import { compressLater, compressNow, type FullExtent } from './extentBuilder.js'
import type { Item } from './objects.js'
import type { WriterUses } from './writerUses.js'

export interface BasedCompressionOptions {
  /** Asked for when the first extent is compressed. */
  readonly compression: Compression | (() => Compression)
  /** Whether anything is compressed against what is there. Not where that is about to be destroyed. Default: it is. */
  readonly bases?: boolean | undefined
}

/** By chunk or object, for `BasedCompression.now`. */
export type ChosenBases = ReadonlyMap<Hash, readonly BasePlace[]>

export interface BasedFrame {
  readonly frame: Frame
  readonly bases: readonly ExtentBase[]
}

/** A frame without bases that is no larger than so many times one with bases saves reading them. */
const WORTH_A_BASE = 1.1
/** And of one that is as deep as can be: so many times is the price of beginning anew. */
const WORTH_A_NEW_START = 3

export class BasedCompression {
  readonly #gain = new BaseGain()
  #choosing: Promise<unknown> = Promise.resolve()
  #compression: Compression | undefined

  constructor(
    private readonly store: ChunkStore,
    private readonly options: BasedCompressionOptions,
    private readonly uses: WriterUses,
  ) {}

  /** Not worth it for a while, where bases saved nothing lately: what is gathered then needs none. */
  isWorthTrying(extentClass: ExtentClass): boolean {
    return this.#gain.isWorthTrying(extentClass)
  }

  /** In the thread pool. */
  async later(full: FullExtent): Promise<BasedFrame> {
    const { compression } = this
    const alone = async () => ({ frame: await compressLater(full, compression), bases: [] })
    if (!this.#takesBases) return alone()
    if (!this.isWorthTrying(full.class)) {
      this.#gain.passedBy(full.class, full.raw.length)
      return alone()
    }
    // One after the other: what they are decoded through is much, and neighbours share it.
    const choosing = this.#choosing.then(() => chooseBases(this.store, full.items, this.#isSafe(full.class)))
    this.#choosing = choosing.catch(() => undefined)
    const places = (await choosing).flat()
    if (places.length === 0 || !this.store.group.catalog.takesBases()) return alone()
    const bases = asBases(places)
    const frame = await compressLater(full, compression, dictionaryOf(places))
    const based = { frame, bases }
    if (!this.#gain.needsProof(full.class)) return based
    const without = await alone()
    const [basedBytes, aloneBytes] = [frame.frame.length, without.frame.frame.length]
    if (this.#gain.look(full.class, basedBytes, aloneBytes)) return based
    return aloneBytes <= WORTH_A_BASE * basedBytes ? without : based
  }

  /** What some items may be compressed against, before the transaction in which `now` is called: that waits for nothing. */
  async choose(items: readonly Item[]): Promise<ChosenBases> {
    const chosen = new Map<Hash, readonly BasePlace[]>()
    if (!this.#takesBases || !items.some(({ bases }) => bases)) return chosen
    const known = await this.store.find(
      items.map(({ id }) => id),
      false,
    )
    for (const isChunk of [true, false]) {
      const beside = items.filter(({ kind }) => (kind === KIND.chunk) === isChunk)
      const wanting = beside.filter(({ id, bases }) => bases && !known.has(id))
      const lengths = wanting.map(({ bytes: { length }, bases }) => ({ length, bases }))
      // All may come into one extent, and be decoded with it: also what is known now, and gone by then.
      const decodedBytes = DECODED_BYTES_MAX - (lengthOf(beside) - lengthOf(wanting))
      const isSafe = this.#isSafe(isChunk ? EXTENT_CLASS.data : EXTENT_CLASS.object)
      for (const [index, places] of (await chooseBases(this.store, lengths, isSafe, decodedBytes)).entries()) {
        const item = wanting[index]
        if (item && places.length > 0) chosen.set(item.id, places)
      }
    }
    return chosen.size > 0 && this.store.group.catalog.takesBases() ? chosen : new Map()
  }

  /** Inside the publishing transaction: bases that are gone meanwhile are done without. */
  now(full: FullExtent, chosen: ChosenBases): BasedFrame {
    const { catalog } = this.store.group
    const places = full.items.flatMap(({ id }) => chosen.get(id) ?? []).filter(({ eid }) => catalog.isVisible(eid))
    const frame = compressNow(full, this.compression, dictionaryOf(places))
    if (!this.#isDeepest(full, places)) return { frame, bases: asBases(places) }
    // What comes next would be compressed against what this one is, again and again, and differ from it more each time.
    const alone = compressNow(full, this.compression)
    const isNewStart = alone.frame.length <= WORTH_A_NEW_START * frame.frame.length
    return isNewStart ? { frame: alone, bases: [] } : { frame, bases: asBases(places) }
  }

  #isDeepest({ raw }: FullExtent, places: readonly BasePlace[]): boolean {
    return places.some(({ eid }) => 1 + (this.store.bounds.of(eid)?.depth ?? 0) >= depthMax(raw.length))
  }

  private get compression(): Compression {
    const { compression } = this.options
    this.#compression ??= typeof compression === 'function' ? compression() : compression
    return this.#compression
  }

  #isSafe(extentClass: ExtentClass): (eid: number) => boolean {
    return (eid) => this.uses.isSafeBase(eid, extentClass)
  }

  get #takesBases(): boolean {
    return this.options.bases !== false && this.compression.codec !== 'none'
  }
}

function lengthOf(items: readonly Item[]): number {
  return items.reduce((sum, { bytes }) => sum + bytes.length, 0)
}

function dictionaryOf(places: readonly BasePlace[]): Dictionary | undefined {
  return places.length === 0 ? undefined : places.map(({ bytes }) => bytes)
}
