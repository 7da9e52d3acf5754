/**
 * Extents, copy by copy: each is read, its checksum compared with the catalog's, its frame decoded, every chunk hashed, and its
 * row in the chunk table compared: one by one, or later, when the table is read as a whole (rowTally.ts). While some are decoded in
 * the thread pool, others are read and hashed.
 *
 * A copy that is not as it should be is mended from another one that is, if that was asked for; it is said to be healed once
 * it was read again. Others may write and tidy up meanwhile: what the catalog does not name any more is not missed.
 */
import { availableParallelism } from 'node:os'
import { isVarveError, VarveError } from '../base/errors.js'
import { type Hash, shortHash } from '../base/hash.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { HashThread, idsOf } from '../codec/hashThread.js'
import type { Slot } from '../format/slots.js'
import type { Catalog, ExtentRecord } from '../volume/catalog.js'
import { healCopy, wrongCopy } from '../volume/heal.js'
import type { NewExtent, PhysicalVolume } from '../volume/physicalVolume.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'
import { type Findings, problemOf, requireDamage, type VerifyProblem } from './findings.js'
import { withDependants } from './rewrite.js'
import { tallyOf } from './rowTally.js'

/** The stored bytes alone; what is in them, too; and its rows in the chunk table, one by one. */
export type ExtentDepth = 'checksums' | 'contents' | 'rows'

/** Extents being read and decoded at a time: enough for the thread pool of a small machine. */
const READ_AHEAD = 4

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

interface ReadOptions {
  readonly depth: ExtentDepth
  /** Computes ids while others are read. */
  readonly hashing?: HashThread | undefined
}

/** For what was found to be damaged. */
const ALL: ReadOptions = { depth: 'rows' }

/** What the catalog says of an extent. */
interface Named {
  readonly record: ExtentRecord
  readonly pvs: readonly number[]
}

/** What is verified: a store, or a volume by itself (loneVolume.ts). */
export interface VerifiedStore extends Pick<ChunkStore, 'decode' | 'hasher' | 'profile'> {
  readonly group: VerifiedGroup
}

export interface VerifiedGroup extends Pick<VolumeGroup, 'volume'> {
  readonly volumes: readonly PhysicalVolume[]
  readonly absent: ReadonlyMap<number, VarveError>
  readonly catalog: Pick<Catalog, 'extent' | 'isVisible' | 'copies' | 'hasCopy' | 'eachExtent' | 'dependants'> & {
    snapshot<T>(body: () => T): T
  }
}

export class ExtentCheck {
  readonly #store: VerifiedStore
  readonly #findings: Findings
  readonly #heal: Catalog | undefined
  readonly #depth: ExtentDepth
  /** By volume and extent: sums of the rows that contents ask for, where they were not looked up. */
  readonly #rowSums = new Map<number, Map<number, number>>()

  /** @param heal the catalog that damaged copies are mended for; `undefined`: none are */
  constructor(store: VerifiedStore, findings: Findings, heal: Catalog | undefined, depth: ExtentDepth) {
    this.#store = store
    this.#findings = findings
    this.#heal = heal
    this.#depth = depth
  }

  /**
   * One after the other, in the order in which they are given. Of each, the stored bytes that were read.
   * @param ahead how many are read at a time
   */
  async *check(
    eids: readonly number[],
    ahead = READ_AHEAD,
  ): AsyncGenerator<{ readonly eid: number; readonly bytes: number }> {
    const coming: {
      readonly eid: number
      readonly copies: Promise<readonly Copy[]>
      readonly found: Named | undefined
    }[] = []
    const rest = eids[Symbol.iterator]()
    const hashing = ahead > 1 ? this.#hashThread() : undefined
    const read: ReadOptions = { depth: this.#depth, hashing }
    try {
      for (;;) {
        while (coming.length < ahead) {
          const { value: eid, done } = rest.next()
          if (done) break
          const found = this.named(eid)
          const copies = found ? this.#copies(found, read) : Promise.resolve([])
          // Said where it is awaited.
          copies.catch(() => undefined)
          coming.push({ eid, found, copies })
        }
        const first = coming.shift()
        if (!first) return
        yield { eid: first.eid, bytes: await this.#judge(first.found, first.copies) }
      }
    } finally {
      await hashing?.stop()
    }
  }

  #hashThread(): HashThread | undefined {
    if (this.#depth === 'checksums' || availableParallelism() === 1) return undefined
    return new HashThread(this.#store.hasher, this.#store.profile.peSize)
  }

  /** @returns stored bytes that were read */
  async #judge(found: Named | undefined, coming: Promise<readonly Copy[]>): Promise<number> {
    const { checked } = this.#findings
    let bytes = 0
    try {
      const copies = await coming
      const isDamaged = copies.some(({ faults }) => faults.length > 0)
      // To be mended from, a copy has to be read as a whole.
      const whole = found && isDamaged && this.#depth === 'checksums' ? await this.#copies(found, ALL) : copies
      for (const { volume, extent, faults } of copies) {
        if (extent) {
          bytes += extent.frame.length
          checked.chunks += extent.slots.length
          checked.bytes += this.#depth === 'checksums' ? extent.frame.length : extent.rawBytes
        }
        if (found && faults.length > 0) await this.#settle(found.record, volume, faults, whole)
      }
    } catch (error) {
      this.#findings.report(error)
    }
    return bytes
  }

  /** `undefined` when it is gone, or nothing can be read by what the catalog says. */
  named(eid: number): Named | undefined {
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

  /** Of the rows that a chunk table must have of an extent; `undefined` where they were looked up, or it was not read. */
  rowSum(eid: number, { number }: PhysicalVolume): number | undefined {
    return this.#rowSums.get(number)?.get(eid)
  }

  /** An extent of which a chunk table has other rows than its contents ask for. */
  async checkRows(eid: number, volume: PhysicalVolume): Promise<void> {
    const found = this.named(eid)
    const copies = found ? await this.#copies(found, ALL) : []
    const faults = copies.find((copy) => copy.volume === volume)?.faults ?? []
    if (found && faults.length > 0) await this.#settle(found.record, volume, faults, copies)
  }

  /** A copy in which something else than `check` looks at is wrong. */
  async settle(eid: number, volume: PhysicalVolume, error: VarveError): Promise<void> {
    const found = this.named(eid)
    if (!found) return
    const copies = this.#heal || found.pvs.length > 1 ? await this.#copies(found, ALL) : []
    await this.#settle(found.record, volume, [{ error }], copies)
  }

  async #copies({ record, pvs }: Named, options: ReadOptions): Promise<Copy[]> {
    const { group } = this.#store
    const copies: Copy[] = []
    for (const pv of pvs) {
      // An absent volume was reported as a whole, one outside the layout with the totals.
      const volume = group.volume(pv)
      const copy = volume && (await this.#read(record, volume, options))
      // Dropped or moved away while it was read.
      if (copy && (copy.faults.length === 0 || this.#isWanted(record, pv))) copies.push(copy)
    }
    return copies
  }

  #isWanted({ eid }: ExtentRecord, pv: number): boolean {
    const { catalog } = this.#store.group
    return catalog.snapshot(() => catalog.isVisible(eid) && catalog.hasCopy(eid, pv))
  }

  async #read(record: ExtentRecord, volume: PhysicalVolume, options: ReadOptions): Promise<Copy> {
    const { depth } = options
    let extent: NewExtent | undefined
    try {
      extent = await this.#readBytes(record, volume, options)
      if (depth === 'contents') this.#remember(extent, volume)
      return { volume, extent, faults: depth === 'rows' ? await this.#rowFaults(extent, volume) : [] }
    } catch (error) {
      requireDamage(error)
      return { volume, extent, faults: [{ error: located(error as VarveError, record.eid, volume) }] }
    }
  }

  #remember(extent: NewExtent, { number }: PhysicalVolume): void {
    const sums = this.#rowSums.get(number) ?? new Map<number, number>()
    this.#rowSums.set(number, sums.set(extent.eid, tallyOf(extent).sum))
  }

  async #readBytes(record: ExtentRecord, volume: PhysicalVolume, { depth, hashing }: ReadOptions): Promise<NewExtent> {
    const stored = await volume.read(record.eid)
    const isSame =
      stored?.checksum.equals(record.checksum) &&
      stored.rawBytes === record.rawBytes &&
      stored.slots.length === record.chunks
    if (!stored || !isSame) throw wrongCopy(record.eid, volume, stored !== undefined)
    if (depth === 'checksums') return { ...stored, hashes: [] }
    const raw = await this.#store.decode(stored)
    const end = stored.slots.reduce((sum, { length }) => sum + length, 0)
    if (end === raw.length) return { ...stored, hashes: await this.#idsOf(raw, stored.slots, hashing) }
    throw new VarveError(
      'CORRUPT_EXTENT',
      `extent ${record.eid} in ${volume.location} has ${raw.length} bytes, its slots say ${end}`,
      { extent: record.eid, pv: volume.uuid, expected: end, actual: raw.length },
    )
  }

  async #idsOf(raw: Buffer, slots: readonly Slot[], hashing: HashThread | undefined): Promise<Hash[]> {
    return hashing ? hashing.ids(raw, slots) : idsOf(this.#store.hasher, raw, slots)
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
      if (!this.#heal || !(await healCopy(this.#heal, volume, sound))) return false
    } catch (error) {
      requireDamage(error)
      this.#findings.notes.push(
        `extent ${record.eid} in ${volume.location} could not be mended: ${(error as VarveError).message}`,
      )
      return false
    }
    return (await this.#read(record, volume, ALL)).faults.length === 0
  }

  /** What the chunk tables say was in an extent of which no copy is sound, and in all that is decoded through it. */
  async markLost(eid: number, volume: PhysicalVolume, problem: VerifyProblem): Promise<void> {
    const { group } = this.#store
    try {
      this.#findings.markBad(await volume.chunksOf(eid), problem)
      for (const other of withDependants(this.#store, [eid])) {
        if (other === eid) continue
        const holder = group.catalog.copies(other).find((pv) => group.volume(pv))
        if (holder !== undefined) this.#findings.markBad((await group.volume(holder)?.chunksOf(other)) ?? [], problem)
      }
    } catch (error) {
      this.#findings.report(error)
    }
  }
}

function located(error: VarveError, eid: number, volume: PhysicalVolume): VarveError {
  if (isVarveError(error) && error.details.pv !== undefined && error.details.extent !== undefined) return error
  return new VarveError(error.code, error.message, { extent: eid, ...error.details, pv: volume.uuid, cause: error })
}
