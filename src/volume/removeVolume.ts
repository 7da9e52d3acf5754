/**
 * Files of volumes that no group needs: which they are, and taking them away.
 *
 * A volume's file is deleted when it belongs to no group, or when its group does without it: the group itself says so, where its
 * catalog can be found, else what the volume was told last. A catalog that is there and cannot be read says nothing: then nothing is
 * deleted.
 */
import { rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { VarveError } from '../base/errors.js'
import { realPath, requireWritableAt, statOf } from './files.js'
import { claimForRemoval, isFree, REMOVED } from './freeVolume.js'
import { catalogPlaces, type FileIdentity, identifyFile, locateVolume } from './groupFiles.js'
import type { OpenDatabaseOptions } from './sqlite.js'

export interface RemovableVolume {
  /** Links resolved. */
  readonly path: string
  readonly uuid: string
  /** The group that it belonged to, and that does without it; `undefined` for one that belonged to none. */
  readonly group: string | undefined
}

/** What it belongs to, when it is deleted. */
interface Judged extends RemovableVolume {
  readonly vg: string
}

export interface RemovalOptions extends OpenDatabaseOptions {
  /** The group that it says it belongs to is not where it says, and gone for good. */
  readonly force?: boolean | undefined
  /** Catalogs that are asked as well, wherever the volume says that its own is. */
  readonly catalogs?: readonly string[] | undefined
}

/**
 * Reads only.
 * @throws {VarveError} `STORE_NOT_FOUND`, `NOT_A_STORE`; `PV_IN_USE` when its group names it, or cannot be asked; `PV_DUPLICATE` of a
 *   copy; `STORAGE_READ_ONLY`, `STORAGE_DENIED` where it cannot be deleted
 */
export function removableVolume(file: string, options: RemovalOptions): Judged {
  const identity = identifyFile(file, { ...options, readOnly: true })
  const { state, layout, role } = identity
  const volume = { path: realPath(file) ?? file, uuid: state.uuid, vg: state.vg }
  if (role === 'catalog') {
    throw new VarveError('PV_IN_USE', `${file} is a store: the catalog of group ${layout.name}, and its volume 0`, {
      path: file,
      pv: state.uuid,
      hint: 'Only volumes are removed here. To do without the whole store, delete its files.',
    })
  }
  requireWritableAt(dirname(volume.path))
  if (isFree(state) || state.vg === REMOVED) return { ...volume, group: undefined }
  const isKnown = layout.physicalVolumes.some(({ uuid }) => uuid === state.uuid)
  const isLetGo = isLetGoBy(identity, options)
  if (isLetGo === undefined && isKnown && !options.force) throw groupNotFound(identity)
  return { ...volume, group: layout.name }
}

/** `undefined` when no catalog of its group is found. @throws {VarveError} `PV_IN_USE`; why a catalog cannot be read */
function isLetGoBy(identity: FileIdentity, options: RemovalOptions): true | undefined {
  let isLetGo: true | undefined
  for (const place of [...(options.catalogs ?? []), ...catalogPlaces(identity)]) {
    // What may not be looked at may be it.
    if (!statOf(place)) continue
    const { layout, state } = identifyFile(place, { ...options, readOnly: true })
    if (state.vg !== identity.state.vg) continue
    const named = layout.physicalVolumes.find(({ uuid }) => uuid === identity.state.uuid)
    if (named) {
      const own = locateVolume(place, named, layout)
      if (own !== undefined && realPath(own) !== realPath(identity.path)) throw isCopy(identity, own)
      throw new VarveError(
        'PV_IN_USE',
        `${identity.path} is volume ${named.number} of group ${layout.name} (${place})`,
        {
          path: identity.path,
          pv: identity.state.uuid,
          store: place,
          hint: `Empty it and take it out first: \`varve pv move ${named.number}\`, \`varve vg reduce ${named.number}\`.`,
        },
      )
    }
    isLetGo = true
  }
  return isLetGo
}

function isCopy({ path, state }: FileIdentity, original: string): VarveError {
  return new VarveError('PV_DUPLICATE', `${path} is a copy of the volume at ${original}`, {
    path,
    pv: state.uuid,
    expected: original,
    hint: 'A copy may be all that is left one day. If it is not needed, delete it as any other file.',
  })
}

function groupNotFound({ path, state, layout }: FileIdentity): VarveError {
  const { catalogPath = '' } = layout.physicalVolumes.find(({ number }) => number === 0) ?? {}
  const where = `${path} is volume ${state.number} of group ${layout.name}`
  return new VarveError('PV_IN_USE', `${where}, whose catalog is not at ${catalogPath}`, {
    path,
    pv: state.uuid,
    expected: catalogPath,
    hint: 'Bring the catalog back, and say `varve vg reduce`. If that group is gone for good: `--force`.',
  })
}

/** @throws {VarveError} `PV_FOREIGN` when somebody else took it up, or away; `STORAGE_READ_ONLY`, `STORAGE_DENIED` */
export function deleteVolume(file: string, { path, vg }: Judged, options: OpenDatabaseOptions): void {
  claimForRemoval(path, vg, options)
  // Never a journal that a later file of that name would be rolled back by.
  for (const each of [`${path}-journal`, path, file]) deleteFile(each)
}

function deleteFile(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS' && code !== 'EBUSY' && code !== 'EIO') throw cause
    throw new VarveError(
      code === 'EROFS' ? 'STORAGE_READ_ONLY' : code === 'EIO' ? 'STORAGE_IO' : 'STORAGE_DENIED',
      `${path} cannot be deleted`,
      {
        path,
        cause,
        hint: 'Check the permissions of its folder, and how its disk is mounted; then run the command again.',
      },
    )
  }
}
