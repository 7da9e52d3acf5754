/** Files of volumes, and groups as a whole, while no store is open: making, deleting, checking and importing them. */
import type { WorkOptions } from './base/progress.js'
import { type EnvironmentOptions, groupOptions } from './environment.js'
import type { VerifyReport } from './upkeep/verify.js'
import { verifyFiles } from './upkeep/verifyFiles.js'
import { requireWritableAt } from './volume/files.js'
import { createFreeVolumes, type FreeVolume } from './volume/freeVolume.js'
import { type ImportableGroup, type ImportQuery, importableGroup, importGroup } from './volume/importGroup.js'
import { deleteVolume, type RemovableVolume, removableVolume } from './volume/removeVolume.js'
import { VolumeGroup } from './volume/volumeGroup.js'
import { placeTaken, requireCapacity, requireFiles, volumeAt } from './volume/volumePlace.js'

type Environment = Pick<EnvironmentOptions, 'lockTimeoutMs' | 'clock' | 'random'>

/**
 * Makes files of volumes that belong to no group yet; `extendVolumeGroup` adds them to one. Durable when resolved. All of them, or
 * none, unless it is killed.
 *
 * @param options.capacityBytes stored bytes that each may hold; `null`, the default: as the disk allows
 * @throws {VarveError} `ALREADY_EXISTS`, `PV_IN_USE` when anything is there, `INVALID_ARGUMENT`, `STORAGE_DENIED`, `STORAGE_FULL`
 * @example
 * ```ts
 * const [volume] = await createPhysicalVolumes([`${dir}/new.pv`], { capacityBytes: 10 * 2 ** 30 })
 * console.log(volume?.uuid)
 * await repo.extendVolumeGroup(`${dir}/new.pv`)
 * ```
 */
export async function createPhysicalVolumes(
  files: readonly string[],
  options: Environment & { readonly capacityBytes?: number | null | undefined } = {},
): Promise<FreeVolume[]> {
  const { capacityBytes = null } = options
  requireCapacity(capacityBytes)
  const environment = groupOptions(options)
  const paths = requireFiles(files)
  for (const path of paths) {
    const there = volumeAt(path, environment)
    if (there) throw placeTaken(there)
    requireWritableAt(path)
  }
  return createFreeVolumes(paths, capacityBytes, environment)
}

/**
 * Deletes files of volumes that no group needs: that belong to none, or whose group does without them. All are looked at before the
 * first is deleted. Never one that a group names which can be found.
 *
 * @param options.force the group that a volume says it belongs to is not where it says, and gone for good
 * @param options.stores files of stores that are asked as well, wherever volumes say that their group is
 * @param options.dryRun only say which would be deleted
 * @throws {VarveError} `PV_IN_USE` (`details.store`: the group's catalog), `PV_DUPLICATE` of a copy, `STORE_NOT_FOUND`, `NOT_A_STORE`,
 * `INVALID_ARGUMENT`, `STORAGE_DENIED`, `STORAGE_READ_ONLY`; why a catalog cannot be read
 * @example
 * ```ts
 * await createPhysicalVolumes([`${dir}/new.pv`])
 * for (const { path } of await removePhysicalVolumes([`${dir}/new.pv`])) console.log(path)
 * ```
 */
export async function removePhysicalVolumes(
  files: readonly string[],
  options: Environment & {
    readonly force?: boolean | undefined
    readonly stores?: readonly string[] | undefined
    readonly dryRun?: boolean | undefined
  } = {},
): Promise<RemovableVolume[]> {
  const { lockTimeoutMs } = groupOptions(options)
  const { force, stores: catalogs } = options
  const found = requireFiles(files).map((file) => ({
    file,
    volume: removableVolume(file, { lockTimeoutMs, force, catalogs }),
  }))
  if (!options.dryRun) for (const { file, volume } of found) deleteVolume(file, volume, { lockTimeoutMs })
  return found.map(({ volume: { path, uuid, group } }) => ({ path, uuid, group }))
}

/**
 * Checks files of volumes, each by itself, without its group: the structure of the file, its header and layout, the row and the
 * checksum of each extent, and how many rows the chunk table has of each. Reads only. Also of a store whose catalog is lost; what takes
 * the catalog or other volumes, `verify` checks.
 *
 * @returns as `verify` does; damage is no error
 * @throws {VarveError} `STORE_NOT_FOUND`, `FORMAT_NEWER`, `STORE_LOCKED`, `STORAGE_DENIED`, `STORAGE_READ_ONLY`, `CANCELLED`
 * @example
 * ```ts
 * const { ok, problems } = await checkPhysicalVolumes([repo.path])
 * for (const { message } of problems) console.log(message)
 * console.log(ok)
 * ```
 */
export async function checkPhysicalVolumes(
  files: readonly string[],
  options: WorkOptions & Pick<EnvironmentOptions, 'lockTimeoutMs'> = {},
): Promise<VerifyReport> {
  const { lockTimeoutMs } = groupOptions(options)
  const { signal, onProgress } = options
  return verifyFiles(requireFiles(files), { lockTimeoutMs, signal, onProgress })
}

export interface ImportOptions extends ImportQuery, Environment {
  /** Only say what is found. */
  readonly dryRun?: boolean | undefined
}

/**
 * Takes up a group that was exported (`exportVolumeGroup`), wherever its files are now and whatever they are called: they are found by
 * what is in them. Their places are recorded, and the store opens again. Durable when resolved; interrupted anywhere, it is imported,
 * or it is not.
 *
 * @param places files, and folders whose files are looked at
 * @throws {VarveError} `PV_NOT_FOUND` when no group that is exported is there, `INVALID_ARGUMENT` when several are; `PV_MISSING`,
 * `PV_STALE`, `PV_DUPLICATE`, `PV_FOREIGN`, `CATALOG_MISSING`, `CATALOG_STALE`, `REF_CONFLICT`; `STORE_NOT_FOUND`, `NOT_A_STORE`,
 * `CORRUPT`, `STORAGE_DENIED`, `STORAGE_READ_ONLY`
 * @example
 * ```ts
 * await repo.exportVolumeGroup()
 * const { store } = await importVolumeGroup([dir])
 * await using again = await Repository.open(store)
 * ```
 */
export async function importVolumeGroup(
  places: readonly string[],
  options: ImportOptions = {},
): Promise<ImportableGroup> {
  const environment = groupOptions(options)
  const { group, missing } = options
  const { found, layout } = await importableGroup(requireFiles(places), { group, missing }, environment)
  if (options.dryRun) return found
  importGroup(found.store, layout, environment)
  // The other volumes are told on the way. Whether what is left is enough, the next command says.
  await (await VolumeGroup.open(found.store, { ...environment, partial: true })).close()
  return found
}
