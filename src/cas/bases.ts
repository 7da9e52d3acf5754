/**
 * Bases: extents whose bytes are the dictionary that another one is compressed against (docs/FORMAT.md, F-BASES).
 *
 * A frame is decoded by decoding its bases first, and theirs: so how deep that goes, and how many raw bytes it takes, is bounded
 * for writers and readers alike. A base has a lower number than what is compressed against it, so there are no circles.
 */
import { CorruptionError, isVarveError } from '../base/errors.js'
import { BASE_DEPTH_MAX, DECODED_BYTES_MAX } from '../base/limits.js'
import { decodeFrameAsync } from '../codec/compressor.js'
import type { Dictionary } from '../codec/dictionary.js'
import type { ExtentBase } from '../format/slots.js'
import type { Catalog } from '../volume/catalog.js'
import type { StoredExtent } from '../volume/physicalVolume.js'
import type { DecodedExtent } from './decodedExtent.js'

/** What decoding an extent takes. */
export interface Bound {
  readonly rawBytes: number
  readonly storedBytes: number
  readonly bases: readonly ExtentBase[]
  /** 0 for one without bases, else one more than its deepest base. */
  readonly depth: number
  /** All extents that it is decoded through, itself included, each with its raw bytes. */
  readonly through: ReadonlyMap<number, number>
}

/** Extents that are remembered. */
const BOUNDS_MAX = 20_000

export class BaseBounds {
  // Numbers are never used again, and what one says is never changed.
  readonly #known = new Map<number, Bound>()

  constructor(private readonly catalog: Catalog) {}

  /**
   * `undefined` for an extent that is not visible, or has a base that is not.
   * @throws {CorruptionError} `CORRUPT_EXTENT` for bases that no writer would have named
   */
  of(eid: number): Bound | undefined {
    return this.#of(eid, eid, BASE_DEPTH_MAX)
  }

  /** @param left how much deeper it may be decoded through others, for who is `asked` about */
  #of(eid: number, asked: number, left: number): Bound | undefined {
    const known = this.#known.get(eid)
    if (known) return known
    const record = this.catalog.extent(eid)
    const bound = record && this.#through(eid, record, asked, left)
    return bound && this.#remember(eid, bound)
  }

  /** Of an extent that is visible, or about to be. `undefined` when it has a base that is not. */
  learn(eid: number, what: Pick<Bound, 'rawBytes' | 'storedBytes' | 'bases'>): Bound | undefined {
    const bound = this.through(eid, what)
    return bound && this.#remember(eid, bound)
  }

  #remember(eid: number, bound: Bound): Bound {
    if (this.#known.size >= BOUNDS_MAX) this.#known.clear()
    this.#known.set(eid, bound)
    return bound
  }

  /** @throws {CorruptionError} `CORRUPT_EXTENT` for bases that no writer would have named */
  through(eid: number, what: Pick<Bound, 'rawBytes' | 'storedBytes' | 'bases'>): Bound | undefined {
    return this.#through(eid, what, eid, BASE_DEPTH_MAX)
  }

  #through(
    eid: number,
    { rawBytes, storedBytes, bases }: Pick<Bound, 'rawBytes' | 'storedBytes' | 'bases'>,
    asked: number,
    left: number,
  ): Bound | undefined {
    // Before it is looked for: a chain without an end must not be followed to it.
    if (bases.length > 0 && left === 0) throw tooDeep(asked)
    const through = new Map([[eid, rawBytes]])
    let depth = 0
    for (const base of bases) {
      if (base.eid >= eid) throw impossible(eid, `names extent ${base.eid} as a base, which is no older`)
      const below = this.#of(base.eid, asked, left - 1)
      if (!below) return undefined
      depth = Math.max(depth, 1 + below.depth)
      if (depth > BASE_DEPTH_MAX) throw tooDeep(asked)
      for (const [other, bytes] of below.through) through.set(other, bytes)
    }
    return { rawBytes, storedBytes, bases, depth, through }
  }
}

export function decodedBytes({ through }: Pick<Bound, 'through'>): number {
  let bytes = 0
  for (const raw of through.values()) bytes += raw
  return bytes
}

/** The bytes of a slot. @throws {CorruptionError} `CORRUPT_EXTENT` when there is no such slot */
export function slotBytes({ eid, raw, slots, offsets }: DecodedExtent, slot: number): Buffer {
  const length = slots[slot]?.length
  const offset = offsets[slot]
  if (length === undefined || offset === undefined)
    throw impossible(eid, `has no slot ${slot}, which is named as a base`)
  return raw.subarray(offset, offset + length)
}

/**
 * The raw bytes of an extent, through its bases where it has any.
 * @throws {CorruptionError} `CORRUPT_EXTENT`, also where one of its bases is damaged or gone: `details.base` is its number then
 */
export async function decodeExtent(
  stored: StoredExtent,
  bounds: BaseBounds,
  decoded: (eid: number) => Promise<DecodedExtent | undefined>,
): Promise<Buffer> {
  const { eid: extent, codec, frame, rawBytes } = stored
  const dictionary = await dictionaryOf(stored, bounds, decoded)
  try {
    return await decodeFrameAsync(codec, frame, rawBytes, dictionary)
  } catch (cause) {
    if (!isVarveError(cause, 'CORRUPT_EXTENT')) throw cause
    const message = `extent ${extent} cannot be decoded: ${cause.message}`
    throw new CorruptionError('CORRUPT_EXTENT', message, { ...cause.details, extent, cause })
  }
}

/**
 * The dictionary of an extent; `undefined` where it has no bases.
 * @throws {CorruptionError} `CORRUPT_EXTENT` when a base is damaged or gone, or they are more than any writer would name
 */
async function dictionaryOf(
  { eid, rawBytes, frame, bases }: StoredExtent,
  bounds: BaseBounds,
  decoded: (eid: number) => Promise<DecodedExtent | undefined>,
): Promise<Dictionary | undefined> {
  if (bases.length === 0) return undefined
  // The catalog's are those by which it is known how deep it goes.
  const known = bounds.of(eid)
  if (known && !areSame(known.bases, bases)) throw impossible(eid, 'names other bases than the catalog does')
  const isKnown = known?.rawBytes === rawBytes
  const bound = isKnown ? known : bounds.through(eid, { rawBytes, storedBytes: frame.length, bases })
  if (bound && decodedBytes(bound) > Math.max(DECODED_BYTES_MAX, rawBytes))
    throw impossible(eid, `is decoded through more than ${DECODED_BYTES_MAX} bytes`)
  const parts: Buffer[] = []
  let bytes = 0
  for (const base of bases) {
    const extent = await baseOf(eid, base.eid, decoded)
    for (const slot of base.slots) {
      const part = slotBytes(extent, slot)
      bytes += part.length
      // A slot can be named again and again: no writer does so.
      if (bytes > DECODED_BYTES_MAX) throw impossible(eid, `has a dictionary of more than ${DECODED_BYTES_MAX} bytes`)
      parts.push(part)
    }
  }
  return parts
}

function areSame(some: readonly ExtentBase[], others: readonly ExtentBase[]): boolean {
  const isSame = ({ eid, slots }: ExtentBase, other: ExtentBase | undefined): boolean =>
    eid === other?.eid && slots.length === other.slots.length && slots.every((slot, at) => slot === other.slots[at])
  return some.length === others.length && some.every((base, at) => isSame(base, others[at]))
}

async function baseOf(
  eid: number,
  base: number,
  decoded: (eid: number) => Promise<DecodedExtent | undefined>,
): Promise<DecodedExtent> {
  let cause: unknown
  try {
    const extent = await decoded(base)
    if (extent) return extent
  } catch (error) {
    if (!isVarveError(error)) throw error
    // A volume that is away, or a disk that cannot be read: that is what is to be said.
    if (!(error instanceof CorruptionError)) throw error
    cause = error
  }
  throw new CorruptionError(
    'CORRUPT_EXTENT',
    `extent ${eid} cannot be decoded: extent ${base}, which it is compressed against, is ${cause ? 'damaged' : 'gone'}`,
    { extent: eid, base, cause, hint: 'Run `varve verify` to see which files hang on it.' },
  )
}

function tooDeep(eid: number): CorruptionError {
  return impossible(eid, `is decoded through more than ${BASE_DEPTH_MAX} others, one behind the other`)
}

function impossible(eid: number, what: string): CorruptionError {
  return new CorruptionError('CORRUPT_EXTENT', `extent ${eid} ${what}`, { extent: eid })
}
