/**
 * A catalog made anew from the volumes that are left: which extents there are and where they lie, from their rows; all that the
 * catalog alone knew from the recovery copy that goes furthest (recoveryRows.ts).
 *
 * The new file is made in one transaction: killed anywhere, there is none, or an empty one.
 */
import { isVarveError } from '../base/errors.js'
import { type Hash, hashToBytes } from '../base/hash.js'
import { newUuid, type Randomness } from '../base/random.js'
import { rowMatches } from '../format/check.js'
import type { VolumeGroupLayout } from '../format/layout.js'
import { decodeBases, decodeSlots } from '../format/slots.js'
import { Catalog, type ExtentRecord } from './catalog.js'
import { createCatalogFile } from './createCatalog.js'
import { beginUseBy, beginUses, type UsedBy } from './extentUses.js'
import { recordedPath } from './groupFiles.js'
import { layoutWithout } from './layoutChanges.js'
import { PayloadTables } from './payloadTables.js'
import type { ExtentClass } from './physicalVolume.js'
import { numberOf } from './placement.js'
import { clearRecovered, goesFurther, readRecoveryRows, recoveryState } from './recoveryRows.js'
import type { SqlDatabase } from './sqlite.js'
import type { Survivor, Survivors } from './survivors.js'

export interface RecoveredCatalog {
  readonly extents: number
  readonly storedBytes: number
  /** Extents of which no copy has a sound row. */
  readonly damaged: readonly number[]
  /** Extents that cannot be decoded: what they are decoded through is gone. */
  readonly withoutBases: readonly number[]
  /** The volume whose recovery copy was used; `undefined` when none has one. */
  readonly copyOf: number | undefined
}

export interface RecoverySteps {
  /** Whether rows that came from a recovery copy are what they should be: throws a `CorruptionError` where they are not. */
  readonly check: (catalog: Catalog) => void
  /** In the same transaction, last. @param has whether a chunk or object is in a visible extent */
  readonly finish: (catalog: Catalog, has: (id: Hash) => boolean) => void
}

/** Numbers that a lost volume may have are not given out again. */
const NUMBERS_APART = 1_000_000
const PAGE_ROWS = 500

/**
 * @param path of the new catalog; `:memory:` to see what would come of it
 * @throws {VarveError} `STORE_EXISTS`, `STORAGE_FULL`, `STORAGE_DENIED`
 */
export function recoverCatalog(
  path: string,
  survivors: Survivors,
  environment: { readonly lockTimeoutMs: number; readonly random: Randomness },
  steps: RecoverySteps,
): RecoveredCatalog {
  const layout = recoveredLayout(path, survivors, environment.random)
  const home = layout.physicalVolumes.find(({ number }) => number === 0)
  let recovered: RecoveredCatalog | undefined
  const database = createCatalogFile(path, environment.lockTimeoutMs, (made) => {
    new PayloadTables(made).initialise({ uuid: home?.uuid ?? '', vg: layout.vg, number: 0 }, layout.createdMs, layout)
    const catalog = new Catalog(made)
    catalog.initialise()
    const copyOf = takeRecoveryCopy(made, catalog, survivors.volumes, steps)
    recovered = { ...new Recovery(catalog, survivors.volumes, layout.logicalVolumes.map(numberOf)).run(), copyOf }
    steps.finish(catalog, (id) => isThere(catalog, survivors.volumes, id))
  })
  database.close()
  if (!recovered) throw new Error('the schema was made without its first rows')
  return recovered
}

/** Volumes that are not there are no part of it any more: what is on them would be taken for leftovers. */
function recoveredLayout(path: string, survivors: Survivors, random: Randomness): VolumeGroupLayout {
  // Exported or not: it is here that it is used from now on.
  let { exported: _, ...layout } = survivors.layout
  for (const { number } of survivors.missing) layout = layoutWithout(layout, number, true)
  return {
    ...layout,
    sequence: survivors.layout.sequence + 1,
    physicalVolumes: layout.physicalVolumes.map((volume) => {
      if (volume.number === 0) return { ...volume, uuid: newUuid(random), catalogPath: path }
      const file = survivors.volumes.find(({ state }) => state.number === volume.number)?.path
      return file === undefined ? volume : { ...volume, path: recordedPath(path, file) }
    }),
  }
}

/** From the one that goes furthest and is sound. @returns its volume */
function takeRecoveryCopy(
  made: SqlDatabase,
  catalog: Catalog,
  volumes: readonly Survivor[],
  steps: RecoverySteps,
): number | undefined {
  const copies = volumes.flatMap((volume) => {
    const state = recoveryState(volume.database)
    return state ? [{ volume, state }] : []
  })
  copies.sort((a, b) => (goesFurther(a.state.counters, b.state.counters) ? -1 : 1))
  for (const { volume } of copies) {
    try {
      readRecoveryRows(volume.database, catalog)
      steps.check(catalog)
      return volume.state.number
    } catch (error) {
      if (!isVarveError(error) || !error.code.startsWith('CORRUPT')) throw error
      clearRecovered(made)
      made.run('DELETE FROM pv_state')
      catalog.initialise()
    }
  }
  return undefined
}

function isThere(catalog: Catalog, volumes: readonly Survivor[], id: Hash): boolean {
  return volumes.some(({ database, state }) =>
    database
      .all<{ eid: number }>('SELECT eid FROM chunk WHERE hash = ?', hashToBytes(id))
      .some(({ eid }) => catalog.hasCopy(eid, state.number)),
  )
}

interface FoundRow {
  eid: number
  class: number
  codec: number
  cipher: number
  raw_bytes: number
  stored_bytes: number
  slots: Buffer
  bases: Buffer | null
  checksum: Buffer
  row_check: number
}

interface Found {
  readonly pv: number
  readonly row: FoundRow
}

class Recovery {
  readonly #damaged: number[] = []
  readonly #withoutBases: number[] = []
  readonly #stored = new Map<number, number>()
  #extents = 0
  #storedBytes = 0
  #highestEid = 0
  #highestChunkId = 0

  constructor(
    private readonly catalog: Catalog,
    private readonly volumes: readonly Survivor[],
    /** Numbers of the logical volumes. Which of them used what is not known: until it was looked at, all do. */
    private readonly usedBy: UsedBy,
  ) {}

  run(): Omit<RecoveredCatalog, 'copyOf'> {
    if (this.usedBy.length > 1) {
      beginUses(this.catalog, () => undefined)
      for (const lv of this.usedBy) beginUseBy(this.catalog, lv)
    }
    for (const copies of this.#inOrder()) this.#take(copies)
    for (const { state } of this.volumes) {
      const storedBytes = this.#stored.get(state.number) ?? 0
      this.catalog.writeVolumeUse({ pv: state.number, transactions: state.transactions, storedBytes })
    }
    this.#raise('next_eid', this.#highestEid + 1)
    this.#raise('next_chunk_id', this.#highestChunkId + 1)
    this.#raise('publish_sequence', Math.max(...this.volumes.map(({ state }) => state.publishSequence)))
    this.#raise('gc_epoch', 0)
    return {
      extents: this.#extents,
      storedBytes: this.#storedBytes,
      damaged: this.#damaged,
      withoutBases: this.#withoutBases,
    }
  }

  #raise(name: 'next_eid' | 'next_chunk_id' | 'publish_sequence' | 'gc_epoch', least: number): void {
    const before = this.catalog.counter(name)
    this.catalog.advance(name, Math.max(before, least) + NUMBERS_APART - before)
  }

  /** Rows of one extent on all volumes that have it, extent after extent, ascending. */
  *#inOrder(): Iterable<readonly Found[]> {
    const cursors = this.volumes.map(({ database, state }) => ({ pv: state.number, rows: rowsOf(database) }))
    const heads = cursors.map(({ rows }) => rows.next())
    for (;;) {
      const eids = heads.flatMap((head) => (head.done ? [] : [head.value.eid]))
      if (eids.length === 0) return
      const eid = Math.min(...eids)
      const copies: Found[] = []
      for (const [index, { pv, rows }] of cursors.entries()) {
        const head = heads[index]
        if (!head || head.done || head.value.eid !== eid) continue
        copies.push({ pv, row: head.value })
        heads[index] = rows.next()
      }
      yield copies
    }
  }

  #take(copies: readonly Found[]): void {
    const sound = copies.filter(({ row }) => isSound(row))
    const [first] = sound
    if (!first) {
      this.#damaged.push(...copies.slice(0, 1).map(({ row }) => row.eid))
      return
    }
    // Numbers are never used twice: others than the first are what it is, or nothing is known of what they are.
    const alike = sound.filter(({ row }) => row.row_check === first.row.row_check)
    const { record, highestChunkId } = recordOf(first.row)
    this.#highestEid = record.eid
    this.#highestChunkId = Math.max(this.#highestChunkId, highestChunkId)
    if (!record.bases.every(({ eid }) => this.catalog.isVisible(eid))) {
      this.#withoutBases.push(record.eid)
      return
    }
    this.catalog.addExtent(
      record,
      alike.map(({ pv }) => pv),
      this.usedBy,
    )
    this.#extents++
    this.#storedBytes += record.storedBytes
    for (const { pv } of alike) this.#stored.set(pv, (this.#stored.get(pv) ?? 0) + record.storedBytes)
  }
}

function* rowsOf(database: SqlDatabase): Generator<FoundRow, undefined> {
  for (let last = 0; ; ) {
    const rows = database.all<FoundRow>(
      `SELECT eid, class, codec, cipher, raw_bytes, length(frame) AS stored_bytes, slots, bases, checksum, row_check
       FROM payload WHERE eid > ? ORDER BY eid LIMIT ${PAGE_ROWS}`,
      last,
    )
    for (const row of rows) {
      // Out of order is damage, and would be read for ever.
      if (row.eid <= last) return undefined
      last = row.eid
      yield row
    }
    if (rows.length < PAGE_ROWS) return undefined
  }
}

function isSound({ eid, class: kind, codec, cipher, raw_bytes, slots, bases, checksum, ...row }: FoundRow): boolean {
  return rowMatches(row.row_check, eid, kind, codec, cipher, raw_bytes, slots, bases, checksum)
}

function recordOf(row: FoundRow): { readonly record: ExtentRecord; readonly highestChunkId: number } {
  const slots = decodeSlots(row.slots)
  const record = {
    eid: row.eid,
    class: row.class as ExtentClass,
    rawBytes: row.raw_bytes,
    storedBytes: row.stored_bytes,
    chunks: slots.length,
    checksum: row.checksum,
    bases: row.bases ? decodeBases(row.bases) : [],
  }
  return { record, highestChunkId: slots.reduce((highest, { chunkId }) => Math.max(highest, chunkId), 0) }
}
