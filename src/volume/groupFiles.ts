/**
 * Finding the files of a volume group and recognising what does not belong: missing, foreign, duplicated and stale
 * volumes, and a catalog put back from an old copy.
 */
import { existsSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { isVarveError, VarveError } from '../base/errors.js'
import type { PhysicalVolumeLayout, VolumeGroupLayout } from '../format/layout.js'
import { realPath, realPathIfAllowed, statOf } from './files.js'
import { isFree } from './freeVolume.js'
import { PayloadTables } from './payloadTables.js'
import type { PhysicalVolume, VolumeState } from './physicalVolume.js'
import { CATALOG_APPLICATION_ID, PAYLOAD_APPLICATION_ID } from './schema.js'
import { type OpenDatabaseOptions, SqlDatabase } from './sqlite.js'
import { requireFormat, SqliteVolume } from './sqliteVolume.js'

const STORE_FOLDER = '.varve'
/** Memory for pages of all volumes but the catalog's together, and of one at most. */
const CACHES_KIB = 65_536
const CACHE_KIB = 16_000

/**
 * A path as the layout records it; `/` separates. What lies below the folder that is likely to be moved as a whole (the
 * catalog's, or the working folder around its `.varve`) is relative to the catalog's folder, anything else absolute.
 */
export function recordedPath(catalogPath: string, file: string): string {
  const folder = dirname(resolve(catalogPath))
  const whole = basename(folder) === STORE_FOLDER ? dirname(folder) : folder
  const fromWhole = relative(whole, resolve(file))
  const inside = fromWhole !== '' && !fromWhole.startsWith('..') && !isAbsolute(fromWhole)
  return (inside ? relative(folder, resolve(file)) : resolve(file)).split(sep).join('/')
}

/** The catalog's folder, as seen from a volume whose path is relative to it. */
function folderAbove(volumeFile: string, recorded: string, catalogFolderName: string): string {
  const anchor = join(sep, 'anchor', catalogFolderName)
  return resolve(dirname(resolve(volumeFile)), relative(dirname(resolve(anchor, recorded)), anchor))
}

/**
 * Where a volume's file is: where the layout says, else beside the catalog under the same name (moved together), unless another
 * volume is to be there.
 */
export function locateVolume(
  catalogPath: string,
  volume: PhysicalVolumeLayout,
  { physicalVolumes }: Pick<VolumeGroupLayout, 'physicalVolumes'>,
): string | undefined {
  const folder = dirname(resolve(catalogPath))
  const recorded = resolve(folder, volume.path)
  if (existsSync(recorded)) return recorded
  const beside = join(folder, basename(volume.path))
  const isOthers = physicalVolumes.some(({ number, path }) => number !== 0 && resolve(folder, path) === beside)
  return !isOthers && existsSync(beside) ? beside : undefined
}

/** The place of a volume that is missing is kept for it. @throws {VarveError} `PV_DUPLICATE` */
export function refuseAbsentPlace(
  path: string,
  catalogPath: string,
  { physicalVolumes }: VolumeGroupLayout,
  absent: ReadonlyMap<number, VarveError>,
): void {
  const folder = dirname(resolve(catalogPath))
  for (const { number, path: recorded } of physicalVolumes) {
    if (!absent.has(number) || resolve(folder, recorded) !== path) continue
    throw new VarveError('PV_DUPLICATE', `${path} is where volume ${number} should be, which is missing`, {
      path,
      hint: `If it is lost for good: \`varve vg reduce ${number} --missing\`, and then again. Else use another name.`,
    })
  }
}

/** The layout that any one file of a group carries, and the file's own identity. Opens nothing else. */
export interface FileIdentity {
  readonly role: 'catalog' | 'payload'
  readonly path: string
  readonly state: VolumeState
  readonly layout: VolumeGroupLayout
}

/** @throws {VarveError} `STORE_NOT_FOUND`, `NOT_A_STORE`, `FORMAT_NEWER`, `CORRUPT` */
export function identifyFile(path: string, options: OpenDatabaseOptions): FileIdentity {
  const database = SqlDatabase.open(path, options)
  try {
    const role = database.applicationId === PAYLOAD_APPLICATION_ID ? 'payload' : 'catalog'
    requireFormat(database, role === 'payload' ? PAYLOAD_APPLICATION_ID : CATALOG_APPLICATION_ID)
    const tables = new PayloadTables(database)
    return { role, path, state: tables.state(), layout: tables.layout() }
  } finally {
    database.close()
  }
}

/** What the layout in it says of the file itself; nothing where the volume was taken out. */
function ownVolume({ state, layout }: Pick<FileIdentity, 'state' | 'layout'>): PhysicalVolumeLayout | undefined {
  return layout.physicalVolumes.find((volume) => volume.uuid === state.uuid)
}

/** Where the catalog may be that a payload file leads to: where it was last, and where it is if both were moved. */
export function catalogPlaces(identity: FileIdentity): string[] {
  const recorded = identity.layout.physicalVolumes.find((volume) => volume.number === 0)?.catalogPath ?? ''
  if (recorded === '') return []
  const own = ownVolume(identity)
  const beside = join(dirname(resolve(identity.path)), basename(recorded))
  if (own === undefined || own.path === '' || isAbsolute(own.path)) return [recorded, beside]
  const folder = folderAbove(identity.path, own.path, basename(dirname(recorded)))
  return [recorded, beside, join(folder, basename(recorded))]
}

/**
 * The catalog's file that a payload file leads to.
 * @throws {VarveError} `CATALOG_MISSING`, `PV_DUPLICATE` when the file is a copy of one that is still in place.
 */
export function catalogOf(identity: FileIdentity): string {
  if (isFree(identity.state)) {
    throw new VarveError('NOT_A_STORE', `${identity.path} is a volume that belongs to no store yet`, {
      path: identity.path,
      hint: '`varve vg extend FILE` adds it to one.',
    })
  }
  const own = ownVolume(identity)
  const places = catalogPlaces(identity)
  const recorded = places[0] ?? ''
  const catalog = places.find((path) => existsSync(path))
  if (catalog === undefined) {
    throw new VarveError('CATALOG_MISSING', `the catalog of ${identity.path} is not at ${recorded}`, {
      path: identity.path,
      expected: recorded,
      hint: `Put the catalog file back, or open the group through it where it lies now. If it is lost: \`varve vg recover ${identity.path}\`.`,
    })
  }
  const inPlace = own && locateVolume(catalog, own, identity.layout)
  if (inPlace !== undefined && realPath(inPlace) !== realPath(identity.path)) {
    throw new VarveError('PV_DUPLICATE', `${identity.path} is a copy of the volume at ${inPlace}`, {
      paths: [identity.path, inPlace],
      pv: identity.state.uuid,
      hint: 'Use the original, or delete the copy.',
    })
  }
  return catalog
}

/**
 * Opens a volume and refuses it when it is not the one the catalog knows.
 * @param known what the catalog says: the volume's transaction count as it was read before, and its own sequences,
 *   read after the volume's, since another process may publish in between.
 * @throws {VarveError} `PV_MISSING`, `PV_FOREIGN`, `PV_STALE`, `CATALOG_STALE`
 */
export async function openMember(
  catalogPath: string,
  layout: VolumeGroupLayout,
  volume: PhysicalVolumeLayout,
  known: { transactions: number; publishSequence(): number; layoutSequence(): number; nextEid(): number },
  options: OpenDatabaseOptions,
): Promise<SqliteVolume> {
  const path = locateVolume(catalogPath, volume, layout)
  if (path === undefined) {
    throw new VarveError('PV_MISSING', `volume ${volume.number} of group ${layout.name} is missing: ${volume.path}`, {
      pv: volume.uuid,
      path: volume.path,
      hint: 'Put the file back. `varve vg` and `varve pv list` work without it.',
    })
  }
  const cacheKib = Math.min(CACHE_KIB, Math.floor(CACHES_KIB / layout.physicalVolumes.length))
  const member = openFile(path, layout, volume, { ...options, cacheKib })
  try {
    const state = await member.state()
    requireIdentity(path, layout, volume, state)
    if (state.transactions < known.transactions) {
      throw new VarveError('PV_STALE', `${path} is older than the catalog: it was put back from an old copy`, {
        path,
        pv: volume.uuid,
        expected: known.transactions,
        actual: state.transactions,
        hint: `Put the newest copy of this file back; or, if all it held has copies elsewhere, bring it up to date: \`varve pv restore ${volume.number}\`.`,
      })
    }
    const ahead = (await member.layoutSequence()) > known.layoutSequence()
    // An extent number that the catalog has not given out yet: it forgot the publish that did.
    const forgotten = state.highestEid >= known.nextEid()
    if (state.publishSequence > known.publishSequence() || ahead || forgotten) {
      throw new VarveError('CATALOG_STALE', `${catalogPath} is older than ${path}: it was put back from an old copy`, {
        path: catalogPath,
        pv: volume.uuid,
        expected: state.publishSequence,
        actual: known.publishSequence(),
        hint: 'Put the newest copy of the catalog back.',
      })
    }
    return member
  } catch (error) {
    await member.close()
    throw error
  }
}

/** What is no volume at all is none that could be anybody else's: the volume is missing. */
function openFile(
  path: string,
  layout: VolumeGroupLayout,
  { number, uuid }: PhysicalVolumeLayout,
  options: OpenDatabaseOptions,
): SqliteVolume {
  try {
    return SqliteVolume.open(path, options)
  } catch (cause) {
    if (!isVarveError(cause, 'NOT_A_STORE')) throw cause
    throw new VarveError('PV_MISSING', `volume ${number} of group ${layout.name} is missing: ${cause.message}`, {
      pv: uuid,
      path,
      cause,
      hint: `Put the volume's file back there. If it is lost for good: \`varve vg reduce ${number} --missing\`.`,
    })
  }
}

/** @throws {VarveError} `PV_FOREIGN` */
export function requireIdentity(
  path: string,
  layout: VolumeGroupLayout,
  volume: PhysicalVolumeLayout,
  state: VolumeState,
): void {
  const hint = `Move it away, and put the file of volume ${volume.number} there: \`varve pv list\` says which volume lies where.`
  if (state.vg !== layout.vg) {
    throw new VarveError('PV_FOREIGN', `${path} belongs to another volume group`, {
      path,
      expected: layout.vg,
      actual: state.vg,
      hint,
    })
  }
  if (state.uuid === volume.uuid && state.number === volume.number) return
  throw new VarveError('PV_FOREIGN', `${path} is another volume of this group than the layout says`, {
    path,
    expected: volume.uuid,
    actual: state.uuid,
    hint,
  })
}

/**
 * A new volume is a new file, or one that belongs to no group: says what is wrong with one that is neither.
 * @throws {VarveError} `PV_IN_USE`, `PV_DUPLICATE`, `PV_FOREIGN`, `ALREADY_EXISTS`
 */
export function refuseUsedFile(
  path: string,
  layout: VolumeGroupLayout,
  members: readonly PhysicalVolume[],
  options: OpenDatabaseOptions,
): void {
  const existing = realPath(path)
  // An empty file is what a `vg extend` leaves that was killed at its very beginning.
  if (existing === undefined || statOf(path)?.size === 0) return
  const member = members.find((volume) => realPath(volume.location) === existing)
  if (member) {
    throw new VarveError('PV_IN_USE', `${path} is volume ${member.number} of this group already`, {
      path,
      hint: 'Use a path where nothing is.',
    })
  }
  const state = stateOf(path, options)
  const original = state && layout.physicalVolumes.find((volume) => volume.uuid === state.uuid)
  if (original) {
    throw new VarveError(
      'PV_DUPLICATE',
      `${path} is a copy of volume ${original.number} (${original.path || 'the catalog'})`,
      {
        path,
        hint: 'Delete the copy, or use another path.',
      },
    )
  }
  if (state && isFree(state)) return
  if (state && state.vg !== layout.vg) {
    throw new VarveError('PV_FOREIGN', `${path} belongs to another volume group`, {
      path,
      actual: state.vg,
      hint: 'Use another path. If that group does without it: `varve pv remove FILE`, and then again.',
    })
  }
  throw new VarveError('ALREADY_EXISTS', `${path} exists already; a volume is a new file`, {
    path,
    hint: state
      ? 'It was taken out of this group, or left by a `varve vg extend` that did not end: `varve pv remove FILE`, and then again.'
      : 'Use a path where nothing is.',
  })
}

/** A copy of a whole group has volumes of its own; a copy of its catalog alone would share them. */
export function sharesVolumes(layout: VolumeGroupLayout, catalogPath: string, otherCatalogPath: string): boolean {
  return layout.physicalVolumes.some((volume) => {
    const ours = volume.number === 0 ? undefined : locateVolume(catalogPath, volume, layout)
    const others = locateVolume(otherCatalogPath, volume, layout) ?? ''
    return ours !== undefined && realPath(ours) === realPathIfAllowed(others)
  })
}

/** `undefined` for what is no volume, whatever else it is. */
function stateOf(path: string, options: OpenDatabaseOptions): VolumeState | undefined {
  try {
    return identifyFile(path, options).state
  } catch (error) {
    if (isVarveError(error)) return undefined
    throw error
  }
}
