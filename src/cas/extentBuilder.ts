/** Gathers chunks into extents of at most `peSize` raw bytes and compresses each as one frame. */
import type { Hash } from '../base/hash.js'
import { KIB } from '../base/units.js'
import type { Checksum } from '../codec/checksum.js'
import { CODEC, type Compression, encodeFrame, encodeFrameAsync, type Frame } from '../codec/compressor.js'
import type { Dictionary } from '../codec/dictionary.js'
import type { Kind } from '../format/kinds.js'
import type { ExtentBase, Slot } from '../format/slots.js'
import type { ExtentClass, NewExtent } from '../volume/physicalVolume.js'
import type { BaseCandidates } from './objects.js'

/** Numbers for what is new; from a lease's reservation, or straight from the catalog inside a transaction. */
export interface Numbers {
  /** @param above it is higher than this */
  takeEid(above: number): number
  takeChunkId(): number
}

/** An extent whose chunks are all there; not numbered and not compressed. */
export interface FullExtent {
  readonly class: ExtentClass
  readonly raw: Buffer
  readonly items: readonly ExtentItem[]
}

export interface ExtentItem {
  readonly kind: Kind
  readonly id: Hash
  readonly length: number
  readonly bases?: BaseCandidates | undefined
}

const SMALL_BYTES = 32 * KIB
/**
 * Raw bytes of an extent with bases that is written as it comes. What it takes the place of was written bit by bit, and lies in many extents, all of which are
 * decoded with it: of a longer one they would be too many.
 */
const BASED_BYTES = 256 * KIB

export class ExtentBuilder {
  private items: ExtentItem[] = []
  private raw: Buffer | undefined
  private used = 0
  /** Of these, bytes of what may have bases. */
  private hinted = 0

  constructor(
    readonly extentClass: ExtentClass,
    private readonly peSize: number,
    private readonly spare: Buffer[],
    private readonly basedBytes = BASED_BYTES,
  ) {}

  /** @returns an extent that this chunk did not fit into any more. */
  add(kind: Kind, id: Hash, bytes: Uint8Array, bases?: BaseCandidates): FullExtent | undefined {
    const full = this.used + bytes.length > this.limit ? this.take() : undefined
    if (bases) this.hinted += bytes.length
    this.makeRoom(this.used + bytes.length)
    this.raw?.set(bytes, this.used)
    this.items.push({ kind, id, length: bytes.length, bases })
    this.used += bytes.length
    return full
  }

  private get limit(): number {
    return 2 * this.hinted > this.used ? Math.min(this.peSize, this.basedBytes) : this.peSize
  }

  /** Small commits take little memory; full extents use each other's, since fresh pages are slower than the copy. */
  private makeRoom(bytes: number): void {
    if (this.raw && bytes <= this.raw.length) return
    // Only an object can be longer than an extent is wide (a very long message): it gets one of its own.
    const wanted = bytes > this.peSize ? bytes : bytes <= SMALL_BYTES ? SMALL_BYTES : this.peSize
    const next = (wanted === this.peSize ? this.spare.pop() : undefined) ?? Buffer.allocUnsafeSlow(wanted)
    if (this.raw) next.set(this.raw.subarray(0, this.used))
    this.raw = next
  }

  take(): FullExtent | undefined {
    if (!this.raw || this.items.length === 0) return undefined
    const full: FullExtent = { class: this.extentClass, raw: this.raw.subarray(0, this.used), items: this.items }
    this.raw = undefined
    this.items = []
    this.used = 0
    this.hinted = 0
    return full
  }
}

export function compressNow(full: FullExtent, compression: Compression, dictionary?: Dictionary): Frame {
  return encodeFrame(full.raw, compression, dictionary)
}

export function compressLater(full: FullExtent, compression: Compression, dictionary?: Dictionary): Promise<Frame> {
  return encodeFrameAsync(full.raw, compression, dictionary)
}

/** @param bases whose bytes `frame` was compressed against */
export function finishExtent(
  full: FullExtent,
  frame: Frame,
  numbers: Numbers,
  checksum: Checksum,
  bases: readonly ExtentBase[] = [],
): NewExtent {
  const slots: Slot[] = full.items.map(({ kind, length }) => ({ kind, length, chunkId: numbers.takeChunkId() }))
  return {
    eid: numbers.takeEid(highestOf(bases)),
    class: full.class,
    codec: frame.codec,
    rawBytes: full.raw.length,
    slots,
    bases: frame.codec === CODEC.none ? [] : bases,
    checksum: checksum.of(frame.frame),
    frame: frame.frame,
    hashes: full.items.map(({ id }) => id),
  }
}

export function highestOf(bases: readonly ExtentBase[]): number {
  return bases.reduce((highest, { eid }) => Math.max(highest, eid), 0)
}
