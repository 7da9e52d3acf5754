/**
 * Extents, copy by copy: each is read, its checksum compared with the catalog's, its frame decoded, every chunk hashed, and its
 * row in the chunk table compared.
 *
 * A copy that is not as it should be is mended from another one that is, if that was asked for; it is said to be healed once
 * it was read again. Others may write and tidy up meanwhile: what the catalog does not name any more is not missed.
 */
import { isVarveError, VarveError } from '../base/errors.js'
import { type Hash, shortHash } from '../base/hash.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { decodeFrame } from '../codec/compressor.js'
import type { ExtentRecord } from '../volume/catalog.js'
import { healCopy, wrongCopy } from '../volume/heal.js'
import type { NewExtent, PhysicalVolume } from '../volume/physicalVolume.js'
import { type Findings, problemOf, requireDamage, type VerifyProblem } from './findings.js'

interface Fault {
  readonly error: VarveError
  /** The chunk that its row does not lead to. */
  readonly id?: Hash | undefined
}

interface Copy {
  readonly volume: PhysicalVolume
  /** `undefined` when its bytes are not what they should be. */
  readonly extent: NewExtent | undefined
  readonly faults: readonly Fault[]
}

export class ExtentCheck {
  readonly #store: ChunkStore
  readonly #findings: Findings
  readonly #heal: boolean

  constructor(store: ChunkStore, findings: Findings, heal: boolean) {
    this.#store = store
    this.#findings = findings
    this.#heal = heal
  }

  /** @returns stored bytes that were read */
  async check(eid: number): Promise<number> {
    let bytes = 0
    try {
      const found = this.named(eid)
      const copies = found ? await this.#copies(found.record, found.pvs) : []
      for (const { volume, extent, faults } of copies) {
        if (extent) {
          bytes += extent.frame.length
          this.#findings.checked.chunks += extent.slots.length
          this.#findings.checked.bytes += extent.rawBytes
        }
        if (found && faults.length > 0) await this.#settle(found.record, volume, faults, copies)
      }
    } catch (error) {
      this.#findings.report(error)
    }
    return bytes
  }

  /** What the catalog says of an extent; `undefined` when it is gone, or nothing can be read by what it says. */
  named(eid: number): { readonly record: ExtentRecord; readonly pvs: readonly number[] } | undefined {
    const { catalog } = this.#store.group
    try {
      // Of one moment: gc may be at work.
      const { record, pvs } = catalog.snapshot(() => ({ record: catalog.extent(eid), pvs: catalog.copies(eid) }))
      if (!record) return undefined
      if (pvs.length > 0) return { record, pvs }
      throw new VarveError('CORRUPT_CATALOG', `the catalog names no volume for extent ${eid}`, { extent: eid })
    } catch (error) {
      this.#findings.report(error)
      return undefined
    }
  }

  /** A copy in which something else than `check` looks at is wrong. */
  async settle(eid: number, volume: PhysicalVolume, error: VarveError): Promise<void> {
    const found = this.named(eid)
    if (!found) return
    const copies = this.#heal || found.pvs.length > 1 ? await this.#copies(found.record, found.pvs) : []
    await this.#settle(found.record, volume, [{ error }], copies)
  }

  async #copies(record: ExtentRecord, pvs: readonly number[]): Promise<Copy[]> {
    const { group } = this.#store
    const copies: Copy[] = []
    for (const pv of pvs) {
      // An absent volume was reported as a whole, one outside the layout with the totals.
      const volume = group.volume(pv)
      const copy = volume && (await this.#read(record, volume))
      // Dropped or moved away while it was read.
      if (copy && (copy.faults.length === 0 || this.#isWanted(record, pv))) copies.push(copy)
    }
    return copies
  }

  #isWanted({ eid }: ExtentRecord, pv: number): boolean {
    const { catalog } = this.#store.group
    return catalog.snapshot(() => catalog.isVisible(eid) && catalog.hasCopy(eid, pv))
  }

  async #read(record: ExtentRecord, volume: PhysicalVolume): Promise<Copy> {
    let extent: NewExtent | undefined
    try {
      extent = await this.#readBytes(record, volume)
      return { volume, extent, faults: await this.#rowFaults(extent, volume) }
    } catch (error) {
      requireDamage(error)
      return { volume, extent, faults: [{ error: located(error as VarveError, record.eid, volume) }] }
    }
  }

  async #readBytes(record: ExtentRecord, volume: PhysicalVolume): Promise<NewExtent> {
    const stored = await volume.read(record.eid)
    const isSame =
      stored?.checksum.equals(record.checksum) &&
      stored.rawBytes === record.rawBytes &&
      stored.slots.length === record.chunks
    if (!stored || !isSame) throw wrongCopy(record.eid, volume, stored !== undefined)
    const raw = decodeFrame(stored.codec, stored.frame, stored.rawBytes)
    const hashes: Hash[] = []
    let offset = 0
    for (const { kind, length } of stored.slots) {
      hashes.push(this.#store.hasher.id(kind, raw.subarray(offset, offset + length)))
      offset += length
    }
    if (offset === raw.length) return { ...stored, hashes }
    throw new VarveError(
      'CORRUPT_EXTENT',
      `extent ${record.eid} in ${volume.location} has ${raw.length} bytes, its slots say ${offset}`,
      { extent: record.eid, pv: volume.uuid, expected: offset, actual: raw.length },
    )
  }

  async #rowFaults({ eid, slots, hashes }: NewExtent, volume: PhysicalVolume): Promise<Fault[]> {
    const rows = await volume.lookup(hashes)
    const rowAt = new Map(rows.filter((row) => row.eid === eid).map((row) => [row.slot, row]))
    return slots.flatMap((slot, index): Fault[] => {
      const row = rowAt.get(index)
      const id = hashes[index] as Hash
      if (row?.hash === id && row.length === slot.length && row.chunkId === slot.chunkId) return []
      const error = new VarveError(
        'CORRUPT_CHUNK',
        `slot ${index} of extent ${eid} in ${volume.location}: the chunk table does not name ${shortHash(id)} there`,
        { extent: eid, pv: volume.uuid, id },
      )
      return [{ error, id }]
    })
  }

  async #settle(
    record: ExtentRecord,
    volume: PhysicalVolume,
    faults: readonly Fault[],
    copies: readonly Copy[],
  ): Promise<void> {
    const { eid } = record
    // Never from itself: killed in the middle, nothing would be left.
    const sound = copies.find((copy) => copy.volume !== volume && copy.extent)?.extent
    if (sound && this.#heal && (await this.#mend(record, volume, sound))) {
      this.#findings.healed.push({ extent: eid, pv: volume.uuid })
      return
    }
    const areBytesSound = copies.some((copy) => copy.extent)
    for (const { error, id } of faults) {
      if (!sound && id !== undefined) {
        this.#findings.report(error, id)
        continue
      }
      const problem = sound ? { ...problemOf(error, id), mendable: true as const } : problemOf(error)
      this.#findings.add(problem)
      if (!sound && !areBytesSound) await this.markLost(eid, volume, problem)
    }
  }

  /** @returns whether it is as it should be now */
  async #mend(record: ExtentRecord, volume: PhysicalVolume, sound: NewExtent): Promise<boolean> {
    try {
      if (!(await healCopy(this.#store.group.catalog, volume, sound))) return false
    } catch (error) {
      requireDamage(error)
      this.#findings.notes.push(
        `extent ${record.eid} in ${volume.location} could not be mended: ${(error as VarveError).message}`,
      )
      return false
    }
    return (await this.#read(record, volume)).faults.length === 0
  }

  /** What the chunk table says was in an extent of which no copy is sound. */
  async markLost(eid: number, volume: PhysicalVolume, problem: VerifyProblem): Promise<void> {
    try {
      this.#findings.markBad(await volume.chunksOf(eid), problem)
    } catch (error) {
      this.#findings.report(error)
    }
  }
}

function located(error: VarveError, eid: number, volume: PhysicalVolume): VarveError {
  if (isVarveError(error) && error.details.pv !== undefined && error.details.extent !== undefined) return error
  return new VarveError(error.code, error.message, { extent: eid, ...error.details, pv: volume.uuid, cause: error })
}
