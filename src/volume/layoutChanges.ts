/** Volumes that come and go. */
import { VarveError } from '../base/errors.js'
import type { LogicalVolumeLayout, PhysicalVolumeLayout, VolumeGroupLayout } from '../format/layout.js'
import type { Catalog } from './catalog.js'
import { countAlone, requireGone } from './degraded.js'
import { mostCopies } from './placement.js'
import { type RetiredExtents, retireExtents } from './retire.js'
import type { HomeVolume } from './sqliteVolume.js'

/** Never one that another volume had: what is known of volumes that went stays in the catalog. */
export function nextVolumeNumber(catalog: Catalog, { physicalVolumes }: VolumeGroupLayout): number {
  const known = catalog.all<{ pv: number }>('SELECT pv FROM pv_state').map(({ pv }) => pv)
  return Math.max(...known, ...physicalVolumes.map(({ number }) => number)) + 1
}

/** @param isLost it goes whatever a logical volume needs @throws {VarveError} `PV_NOT_FOUND`; `INVALID_ARGUMENT` for the catalog's own, and where a logical volume needs it */
export function layoutWithout(layout: VolumeGroupLayout, number: number, isLost = false): VolumeGroupLayout {
  const physicalVolumes = layout.physicalVolumes.filter((volume) => volume.number !== number)
  if (physicalVolumes.length === layout.physicalVolumes.length)
    throw new VarveError('PV_NOT_FOUND', `there is no volume ${number} in the group`, { pv: String(number) })
  if (number === 0) {
    throw new VarveError('INVALID_ARGUMENT', 'volume 0 lies in the file of the catalog: it cannot go', {
      pv: '0',
      hint: 'To keep contents away from it: `varve pv change 0 --allocatable n`, then `varve pv move 0`.',
    })
  }
  const logicalVolumes = layout.logicalVolumes.map((volume) => withoutVolume(volume, number, physicalVolumes, isLost))
  return { ...layout, sequence: layout.sequence + 1, physicalVolumes, logicalVolumes }
}

function withoutVolume(
  volume: LogicalVolumeLayout,
  number: number,
  left: readonly PhysicalVolumeLayout[],
  isLost: boolean,
): LogicalVolumeLayout {
  const own = volume.physicalVolumes.filter((other) => other !== number)
  const isLast = own.length === 0 && volume.physicalVolumes.length > 0
  const usable = mostCopies({ ...volume, physicalVolumes: own }, left)
  const copies = volume.objectCopies ?? volume.copies
  // Of one that is lost there is no choice: where too few are left for all copies, others are to come.
  if (isLost || (!isLast && usable >= copies)) return { ...volume, physicalVolumes: own }
  throw new VarveError('INVALID_ARGUMENT', `logical volume ${volume.name} needs volume ${number}`, {
    pv: String(number),
    expected: isLast ? 1 : copies,
    actual: isLast ? 0 : usable,
    hint: volume.tiers
      ? `Its tiers need it: add another with that tag, or end them with \`varve lv convert ${volume.name} --tiers none\`.`
      : `Add another volume with \`varve vg extend FILE\`, or ask for fewer copies with \`varve lv convert ${volume.name} -m 0\`.`,
  })
}

/** Inside the transaction that takes it out. @throws {VarveError} `PV_IN_USE` */
export function requireEmpty(catalog: Catalog, number: number, isAbsent: boolean): void {
  const held = catalog.get<{ n: number }>('SELECT count(*) AS n FROM copy WHERE pv = ?', number)?.n ?? 0
  if (held === 0) return
  throw new VarveError('PV_IN_USE', `volume ${number} holds ${held} extents`, {
    pv: String(number),
    expected: 0,
    actual: held,
    hint: isAbsent
      ? `Its file is missing: put it back. If it is lost for good: \`varve vg reduce ${number} --missing\`.`
      : `Move them first: \`varve pv change ${number} --allocatable n\`, then \`varve pv move ${number}\`.`,
  })
}

/**
 * @param absent volumes that could not be opened
 * @throws {VarveError} `INVALID_ARGUMENT`; why one could not be opened that is not lost: `CATALOG_STALE`, `PV_FOREIGN`, `PV_DUPLICATE`
 */
export function requireAbsent(absent: ReadonlyMap<number, VarveError>, number: number): void {
  if (absent.has(number)) {
    requireGone(absent)
    return
  }
  throw new VarveError('INVALID_ARGUMENT', `volume ${number} is there`, {
    pv: String(number),
    hint: `Move what it holds to others: \`varve pv move ${number}\`.`,
  })
}

export interface ReduceOptions {
  /** Its file is lost: do without what was there. */
  readonly missing?: boolean | undefined
  /** With what lay there alone as well. */
  readonly force?: boolean | undefined
  /** Only say what would be given up. */
  readonly dryRun?: boolean | undefined
}

export interface ReduceReport {
  readonly dryRun: boolean
  /** Extents that were given up, or would be: they lay there alone, or cannot be read without such as did. */
  readonly lostExtents: number
  /** Frames of these. */
  readonly lostBytes: number
}

export function lossOf(catalog: Catalog, number: number): Pick<ReduceReport, 'lostExtents' | 'lostBytes'> {
  return catalog.snapshot(() => {
    const eids = lostWith(catalog, number)
    const lostBytes = eids.reduce((sum, eid) => sum + (catalog.extent(eid)?.storedBytes ?? 0), 0)
    return { lostExtents: eids.length, lostBytes }
  })
}

/** What a group gives up with a volume that is lost: extents that lie there alone, and all that decodes through them, ascending. */
function lostWith(catalog: Catalog, number: number): number[] {
  const alone = catalog.all<{ eid: number }>(
    `SELECT eid FROM copy GROUP BY eid HAVING count(*) = 1 AND max(pv) = ? ORDER BY eid`,
    number,
  )
  const lost = new Set(alone.map(({ eid }) => eid))
  // What is added while it is gone through is gone through as well.
  for (const eid of lost) for (const other of catalog.dependants(eid)) lost.add(other)
  return [...lost].sort((a, b) => a - b)
}

/** Inside the transaction that takes it out. @param lost it and all others that are missing @throws as `requireElsewhereToo` */
export function forgetCopies(catalog: Catalog, number: number, lost: readonly number[]): void {
  requireElsewhereToo(catalog, number, lost)
  forgetAll(catalog, number)
}

/** @throws {VarveError} `PV_IN_USE` when something lies there and on no volume that is not missing */
export function requireElsewhereToo(catalog: Catalog, number: number, lost: readonly number[]): void {
  const alone = countAlone(catalog, lost)
  if (alone === 0) return
  throw new VarveError('PV_IN_USE', `${alone} extents lie on volumes that are missing and nowhere else`, {
    pv: String(number),
    expected: 0,
    actual: alone,
    hint: `Put its file back. If it is gone for good, \`varve vg reduce ${number} --missing --force\` gives up what lay there alone; with -n it says how much that is.`,
  })
}

/**
 * Inside the transaction that takes it out: what lies there alone is forgotten, and what lies on others as well is theirs.
 * @returns what the others still hold of what cannot be read any more, to be dropped once the transaction is durable
 */
export function giveUp(catalog: Catalog, home: HomeVolume, number: number): RetiredExtents {
  const retired = new Map(retireExtents(catalog, home, lostWith(catalog, number)))
  retired.delete(number)
  forgetAll(catalog, number)
  return retired
}

function forgetAll(catalog: Catalog, number: number): void {
  catalog.run('DELETE FROM copy WHERE pv = ?', number)
  const use = catalog.volumeUse(number)
  if (use) catalog.writeVolumeUse({ ...use, storedBytes: 0 })
  // Whoever found a chunk there looks again.
  catalog.advance('gc_epoch', 1)
}
