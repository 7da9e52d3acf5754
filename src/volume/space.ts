/**
 * Room in a volume group: what its volumes may hold, what is promised to logical volumes, and what is kept free for them.
 *
 * A logical volume may be promised more than there is (thin), since most use less than they may; or what it was promised is kept free for it.
 * Sizes are of frames, one copy of each: as they are stored.
 */
import { VarveError } from '../base/errors.js'
import { formatSize } from '../base/units.js'
import type { LogicalVolumeLayout, VolumeGroupLayout } from '../format/layout.js'
import type { Catalog } from './catalog.js'
import { type LogicalVolumeUse, type UsedBy, useBy } from './extentUses.js'
import { numberOf } from './placement.js'

export interface GroupSpace {
  /** What all volumes may hold that take new extents; `null` where one may hold as much as its disk does. */
  readonly capacityBytes: number | null
  /** On these volumes. */
  readonly storedBytes: number
  /** What logical volumes may use, with all copies; 0 where none has a size. */
  readonly promisedBytes: number
  /** What is not used yet of what is kept free for some. */
  readonly reservedBytes: number
}

type Group = Pick<VolumeGroupLayout, 'physicalVolumes' | 'logicalVolumes'>

/** @throws {CorruptionError} `CORRUPT_CATALOG` */
export function groupSpace(catalog: Catalog, { physicalVolumes, logicalVolumes }: Group): GroupSpace {
  let capacityBytes: number | null = 0
  let storedBytes = 0
  for (const { number, capacityBytes: own, allocatable } of physicalVolumes) {
    if (!allocatable) continue
    capacityBytes = own === null || capacityBytes === null ? null : capacityBytes + own
    storedBytes += catalog.volumeUse(number)?.storedBytes ?? 0
  }
  const promisedBytes = logicalVolumes.reduce((sum, volume) => sum + (volume.virtualBytes ?? 0) * mostCopies(volume), 0)
  const reservedBytes = logicalVolumes.reduce((sum, volume) => sum + keptFree(catalog, volume), 0)
  return { capacityBytes, storedBytes, promisedBytes, reservedBytes }
}

/** What a logical volume uses; where there is but one, all there is. */
export function useOf(catalog: Catalog, volume: LogicalVolumeLayout): LogicalVolumeUse {
  const known = useBy(catalog, numberOf(volume))
  if (known) return known
  const all = catalog.get<LogicalVolumeUse>(
    'SELECT count(*) AS extents, coalesce(sum(stored_bytes), 0) AS storedBytes FROM extent',
  )
  return all ?? { extents: 0, storedBytes: 0 }
}

/**
 * In the transaction in which something is published for these logical volumes: they hold no more than they were promised, and leave
 * the others what is kept free for them.
 * @throws {VarveError} `LV_FULL`, `VG_FULL`
 */
export function requireSpace(catalog: Catalog, group: Group, usedBy: UsedBy): void {
  for (const volume of group.logicalVolumes) {
    const { name, virtualBytes } = volume
    if (virtualBytes === null || !usedBy.includes(numberOf(volume))) continue
    const { storedBytes } = useOf(catalog, volume)
    if (storedBytes > virtualBytes) throw logicalVolumeFull(name, virtualBytes, storedBytes)
  }
  const others = group.logicalVolumes.filter((volume) => volume.reserved && !usedBy.includes(numberOf(volume)))
  if (others.length === 0) return
  const { capacityBytes, storedBytes } = groupSpace(catalog, group)
  const kept = others.reduce((sum, volume) => sum + keptFree(catalog, volume), 0)
  if (capacityBytes === null || capacityBytes - storedBytes >= kept) return
  const names = others.map(({ name }) => name).join(', ')
  throw new VarveError(
    'VG_FULL',
    `what is left, ${sizeOf(capacityBytes - storedBytes)}, is kept free for logical volume ${names}`,
    {
      expected: kept,
      actual: capacityBytes - storedBytes,
      hint: 'Add a volume with `varve vg extend FILE`, or keep less free: `varve lv extend LV -V SIZE`.',
    },
  )
}

/** Something that is nearly full. */
export interface Filling {
  /** Of a logical volume; `undefined`: all volumes together. */
  readonly logicalVolume: string | undefined
  readonly storedBytes: number
  readonly mostBytes: number
}

/**
 * What is full from some part on: the group, and of these logical volumes those that have a size.
 * @param part from 0 to 1
 * @throws {CorruptionError} `CORRUPT_CATALOG`
 */
export function fillings(catalog: Catalog, group: Group, usedBy: UsedBy, part: number): Filling[] {
  const found: Filling[] = []
  for (const volume of group.logicalVolumes) {
    const { name: logicalVolume, virtualBytes: mostBytes } = volume
    if (mostBytes === null || !usedBy.includes(numberOf(volume))) continue
    const { storedBytes } = useOf(catalog, volume)
    if (storedBytes >= part * mostBytes) found.push({ logicalVolume, storedBytes, mostBytes })
  }
  const { capacityBytes, storedBytes } = groupSpace(catalog, group)
  if (capacityBytes !== null && storedBytes >= part * capacityBytes)
    found.push({ logicalVolume: undefined, storedBytes, mostBytes: capacityBytes })
  return found
}

export function describeFilling({ logicalVolume, storedBytes, mostBytes }: Filling): string {
  const what =
    logicalVolume === undefined ? 'the volumes that take new extents are' : `logical volume ${logicalVolume} is`
  const percentage = Math.floor((100 * storedBytes) / mostBytes)
  return `${what} ${percentage} % full: ${sizeOf(storedBytes)} of ${sizeOf(mostBytes)}`
}

/** @throws {VarveError} `VG_FULL` where less is free than is to be kept free; `INVALID_ARGUMENT` where nobody knows how much there is */
export function requireReservable(catalog: Catalog, group: Group): void {
  if (!group.logicalVolumes.some(({ reserved }) => reserved)) return
  const { capacityBytes, storedBytes, reservedBytes } = groupSpace(catalog, group)
  if (capacityBytes === null) {
    throw new VarveError(
      'INVALID_ARGUMENT',
      'nothing can be kept free where a volume may hold as much as its disk does',
      {
        hint: 'Limit each volume with `varve pv resize PV SIZE`, or promise a size without keeping it free: `-V`.',
      },
    )
  }
  if (capacityBytes - storedBytes >= reservedBytes) return
  throw new VarveError(
    'VG_FULL',
    `${sizeOf(reservedBytes)} cannot be kept free: ${sizeOf(capacityBytes - storedBytes)} are left`,
    {
      expected: reservedBytes,
      actual: capacityBytes - storedBytes,
      hint: 'Add a volume with `varve vg extend FILE`, or promise a size without keeping it free: `-V`.',
    },
  )
}

/** It may hold so much, and not so much. */
export function logicalVolumeFull(name: string, virtualBytes: number, storedBytes: number): VarveError {
  return new VarveError(
    'LV_FULL',
    `logical volume ${name} may hold ${sizeOf(virtualBytes)}, not ${sizeOf(storedBytes)}`,
    {
      expected: virtualBytes,
      actual: storedBytes,
      hint: `Make it larger with \`varve lv extend ${name} -V SIZE\`, or give something up: \`varve prune\`, then \`varve gc\`.`,
    },
  )
}

function keptFree(catalog: Catalog, volume: LogicalVolumeLayout): number {
  if (!volume.reserved || volume.virtualBytes === null) return 0
  return Math.max(0, volume.virtualBytes - useOf(catalog, volume).storedBytes) * mostCopies(volume)
}

function mostCopies({ copies, objectCopies = copies }: LogicalVolumeLayout): number {
  return Math.max(copies, objectCopies)
}

function sizeOf(bytes: number): string {
  return formatSize(Math.max(0, bytes))
}
