/** The volumes of a group whose catalog is lost, found by what each says of itself and of the others. */
import { basename, dirname, join, resolve } from 'node:path'
import { isVarveError, VarveError } from '../base/errors.js'
import type { PhysicalVolumeLayout, VolumeGroupLayout } from '../format/layout.js'
import { realPath } from './files.js'
import { locateVolume, requireIdentity } from './groupFiles.js'
import { PayloadTables } from './payloadTables.js'
import type { VolumeState } from './physicalVolume.js'
import { PAYLOAD_APPLICATION_ID } from './schema.js'
import { type OpenDatabaseOptions, SqlDatabase } from './sqlite.js'
import { requireFormat } from './sqliteVolume.js'

export interface Survivor {
  readonly path: string
  readonly database: SqlDatabase
  readonly state: VolumeState
}

export interface MissingVolume {
  readonly number: number
  readonly uuid: string
  /** Where it was. */
  readonly path: string
  readonly reason: VarveError
}

export interface Survivors {
  /** The newest that any of them has. */
  readonly layout: VolumeGroupLayout
  /** Where the catalog was. */
  readonly catalogPath: string
  /** By number. To be closed by the caller. */
  readonly volumes: readonly Survivor[]
  /** All others, but the one in the catalog's file. */
  readonly missing: readonly MissingVolume[]
}

/**
 * @param paths at least one volume; others are looked for where the layout says, and beside these
 * @throws {VarveError} `STORE_NOT_FOUND`, `NOT_A_STORE`, `FORMAT_NEWER`, `CORRUPT`, `PV_FOREIGN`, `PV_DUPLICATE` for one of `paths`;
 *   `INVALID_ARGUMENT` for a catalog among them
 */
export function openSurvivors(paths: readonly string[], options: OpenDatabaseOptions): Survivors {
  const opened = new Map<string, Opened>()
  try {
    for (const path of paths) open(resolve(path), opened, options)
    let layout = newestLayout(opened)
    for (let before = 0; before !== layout.sequence; ) {
      before = layout.sequence
      // One that was away may know less of the others than they do.
      for (const path of [...opened.values()].map((each) => each.path)) openOthers(path, layout, opened, options)
      layout = newestLayout(opened)
    }
    return arrange(layout, opened, options)
  } catch (error) {
    for (const { database } of opened.values()) database.close()
    throw error
  }
}

interface Opened extends Survivor {
  readonly layout: VolumeGroupLayout
  readonly isNamed: boolean
}

function open(path: string, opened: Map<string, Opened>, options: OpenDatabaseOptions, isNamed = true): void {
  const database = SqlDatabase.open(path, { ...options, readOnly: true })
  try {
    if (isNamed && database.applicationId !== PAYLOAD_APPLICATION_ID) requireNoCatalog(database)
    requireFormat(database, PAYLOAD_APPLICATION_ID)
    const tables = new PayloadTables(database)
    const [state, layout] = [tables.state(), tables.layout()]
    const [first] = opened.values()
    if (first && first.layout.vg !== layout.vg) {
      throw new VarveError('PV_FOREIGN', `${path} belongs to another volume group than ${first.path}`, {
        path,
        expected: first.layout.vg,
        actual: layout.vg,
      })
    }
    const same = opened.get(state.uuid)
    if (same && realPath(same.path) !== realPath(path)) {
      throw new VarveError('PV_DUPLICATE', `${path} is a copy of ${same.path}`, {
        paths: [same.path, path],
        hint: 'Name the newer one alone, and move the other away.',
      })
    }
    if (same) database.close()
    else opened.set(state.uuid, { path, database, state, layout, isNamed })
  } catch (error) {
    database.close()
    throw error
  }
}

function requireNoCatalog(database: SqlDatabase): void {
  if (database.get("SELECT 1 FROM sqlite_master WHERE name = 'counter'") === undefined) return
  throw new VarveError('INVALID_ARGUMENT', `${database.path} is a catalog: there is nothing to recover`, {
    path: database.path,
    hint: 'If it is damaged: move it away, and name a volume of the group that is sound.',
  })
}

function newestLayout(opened: ReadonlyMap<string, Opened>): VolumeGroupLayout {
  const layouts = [...opened.values()].map(({ layout }) => layout)
  return layouts.reduce((newest, layout) => (layout.sequence > newest.sequence ? layout : newest))
}

function openOthers(
  beside: string,
  layout: VolumeGroupLayout,
  opened: Map<string, Opened>,
  options: OpenDatabaseOptions,
): void {
  for (const volume of layout.physicalVolumes) {
    if (volume.number === 0 || opened.has(volume.uuid)) continue
    for (const path of placesOf(volume, layout, beside)) {
      try {
        open(path, opened, options, false)
        break
      } catch (error) {
        // What could not be opened is missing: said in the end, with the reason.
        if (!isVarveError(error)) throw error
      }
    }
  }
}

function placesOf(volume: PhysicalVolumeLayout, layout: VolumeGroupLayout, beside: string): string[] {
  const recorded = locateVolume(catalogPathOf(layout), volume, layout)
  return [...(recorded === undefined ? [] : [recorded]), join(dirname(beside), basename(volume.path))]
}

function catalogPathOf({ physicalVolumes }: VolumeGroupLayout): string {
  return physicalVolumes.find(({ number }) => number === 0)?.catalogPath ?? ''
}

function arrange(layout: VolumeGroupLayout, opened: Map<string, Opened>, options: OpenDatabaseOptions): Survivors {
  const volumes: Survivor[] = []
  const missing: MissingVolume[] = []
  for (const volume of layout.physicalVolumes) {
    if (volume.number === 0) continue
    const found = opened.get(volume.uuid)
    if (found) requireIdentity(found.path, layout, volume, found.state)
    if (found) volumes.push(found)
    else missing.push(missingOf(volume, layout, options))
  }
  for (const other of opened.values()) {
    if (volumes.includes(other)) continue
    if (other.isNamed) {
      throw new VarveError('PV_FOREIGN', `${other.path} is no part of its group any more`, {
        path: other.path,
        actual: other.state.uuid,
      })
    }
    other.database.close()
  }
  return { layout, catalogPath: catalogPathOf(layout), volumes, missing }
}

function missingOf(
  volume: PhysicalVolumeLayout,
  layout: VolumeGroupLayout,
  options: OpenDatabaseOptions,
): MissingVolume {
  const { number, uuid, path } = volume
  return { number, uuid, path, reason: whyMissing(volume, layout, options) }
}

function whyMissing(volume: PhysicalVolumeLayout, layout: VolumeGroupLayout, options: OpenDatabaseOptions): VarveError {
  const path = locateVolume(catalogPathOf(layout), volume, layout)
  const { number } = volume
  if (path !== undefined) {
    try {
      SqlDatabase.open(path, { ...options, readOnly: true }).close()
      return new VarveError('PV_FOREIGN', `${path} is not volume ${number} of the group`, { path, pv: volume.uuid })
    } catch (error) {
      if (isVarveError(error)) return error
      throw error
    }
  }
  return new VarveError('PV_MISSING', `volume ${number} of group ${layout.name} is missing: ${volume.path}`, {
    pv: volume.uuid,
    path: volume.path,
  })
}
