/**
 * Stores that begin with several volumes: their files are made, or taken up, in the transaction that makes the catalog.
 *
 * Killed before its end, files are left that name a store which is not there, and hold nothing: the next try makes them anew.
 */
import { resolve } from 'node:path'
import { VarveError } from './base/errors.js'
import { newUuid } from './base/random.js'
import type { PhysicalVolumeLayout, VolumeGroupLayout } from './format/layout.js'
import { changedPolicy, type PolicyChange } from './upkeep/logicalVolumes.js'
import type { FirstVolumes } from './volume/createCatalog.js'
import { requireWritableAt, statOf } from './volume/files.js'
import { type FreeVolume, freeVolumeAt, isFree } from './volume/freeVolume.js'
import { type FileIdentity, recordedPath } from './volume/groupFiles.js'
import type { GroupEnvironment } from './volume/groupOptions.js'
import { bringMember, clearPlace } from './volume/newMember.js'
import { placeTaken, requireCapacity, requireFiles, volumeAt } from './volume/volumePlace.js'

export interface FirstVolumesOptions extends Pick<PolicyChange, 'type' | 'copies'> {
  /** Further files of the new store: paths where nothing is, or volumes that belong to no group. Default: none. */
  readonly volumes?: readonly string[] | undefined
  /** Stored bytes that each of these may hold; `null`: as the disk allows. Default: as it was made with, else that. */
  readonly capacityBytes?: number | null | undefined
}

/** A volume on its way. */
interface Coming {
  readonly path: string
  readonly volume: PhysicalVolumeLayout
  readonly free: FreeVolume | undefined
  /** Of a try to make this very store that did not come to its end. */
  readonly isLeftOver: boolean
}

/**
 * Looks at all files first. `undefined` where nothing but one file is asked for.
 * @throws {VarveError} `INVALID_ARGUMENT`, `ALREADY_EXISTS`, `PV_IN_USE`: nothing was changed
 */
export function firstVolumes(
  store: string,
  options: FirstVolumesOptions,
  environment: GroupEnvironment,
): FirstVolumes | undefined {
  const { volumes = [], capacityBytes = null, type, copies } = options
  requireCapacity(capacityBytes)
  if (volumes.length === 0 && type === undefined && copies === undefined) return undefined
  const catalogPath = resolve(store)
  const paths = volumes.length === 0 ? [] : requireFiles(volumes)
  if (paths.includes(catalogPath)) {
    throw new VarveError('INVALID_ARGUMENT', `${catalogPath} is the store's own file`, {
      path: catalogPath,
      hint: 'It is volume 0 already: name the others.',
    })
  }
  const look = (path: string, index: number) =>
    coming(path, catalogPath, { number: index + 1, capacityBytes }, environment)
  const withVolumes = (first: VolumeGroupLayout, others: readonly Coming[]): VolumeGroupLayout => {
    const physicalVolumes = [...first.physicalVolumes, ...others.map(({ volume }) => volume)]
    const group = { layout: { ...first, physicalVolumes }, absent: new Map() }
    const logicalVolumes = first.logicalVolumes.map((volume) => changedPolicy(group, volume, { type, copies }))
    return { ...group.layout, logicalVolumes }
  }
  return {
    plan: (first) => void withVolumes(first, paths.map(look)),
    make: (first, made) => {
      const others = paths.map(look)
      const layout = withVolumes(first, others)
      for (const { path, volume, free, isLeftOver } of others) {
        if (isLeftOver) clearPlace(path)
        made(bringMember(path, free, { uuid: volume.uuid, vg: layout.vg, number: volume.number }, layout, environment))
      }
      return layout
    },
  }
}

function coming(
  path: string,
  catalogPath: string,
  wanted: { readonly number: number; readonly capacityBytes: number | null },
  environment: GroupEnvironment,
): Coming {
  const there = volumeAt(path, environment)
  const isLeftOver = there !== undefined && isLeft(there, catalogPath)
  if (there && !isFree(there.state) && !isLeftOver) throw placeTaken(there)
  requireWritableAt(path)
  const free = there && isFree(there.state) ? freeVolumeAt(path, environment) : undefined
  const before = there?.layout.physicalVolumes.find(({ uuid }) => uuid === there.state.uuid)
  const volume: PhysicalVolumeLayout = {
    number: wanted.number,
    uuid: free?.uuid ?? newUuid(environment.random),
    path: recordedPath(catalogPath, path),
    capacityBytes: wanted.capacityBytes ?? before?.capacityBytes ?? null,
    allocatable: true,
    tags: [],
  }
  return { path, volume, free, isLeftOver }
}

function isLeft({ role, state, layout }: FileIdentity, catalogPath: string): boolean {
  if (role === 'catalog' || (statOf(catalogPath)?.size ?? 0) > 0) return false
  const home = layout.physicalVolumes.find(({ number }) => number === 0)
  return (
    home?.catalogPath === catalogPath && layout.sequence === 1 && state.transactions === 0 && state.highestEid === 0
  )
}
