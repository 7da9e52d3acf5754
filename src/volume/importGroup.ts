/**
 * Importing a group: its files are found by what is in them, wherever they are and whatever they are called; then one transaction of
 * the catalog records where they are and takes the mark away. Until then nothing is changed.
 */
import { dirname, resolve } from 'node:path'
import { isVarveError, VarveError } from '../base/errors.js'
import type { PhysicalVolumeLayout, VolumeGroupLayout } from '../format/layout.js'
import { Catalog } from './catalog.js'
import { realPath, realPathIfAllowed } from './files.js'
import { findVolumeFiles } from './findVolumes.js'
import { type FileIdentity, locateVolume, openMember, recordedPath } from './groupFiles.js'
import type { GroupEnvironment } from './groupOptions.js'
import { PayloadTables } from './payloadTables.js'
import { CATALOG_APPLICATION_ID } from './schema.js'
import { type OpenDatabaseOptions, SqlDatabase } from './sqlite.js'
import { requireFormat } from './sqliteVolume.js'

export interface ImportableGroup {
  readonly uuid: string
  readonly name: string
  /** The catalog's file. */
  readonly store: string
  /** Those that were found; volume 0 lies in the catalog's file. */
  readonly volumes: readonly { readonly number: number; readonly uuid: string; readonly path: string }[]
  /** What was found besides and is left alone, and what was not found and is done without. */
  readonly notes: readonly string[]
}

export interface ImportQuery {
  /** Name or UUID of the group, where several are found. */
  readonly group?: string | undefined
  /** Do without volumes that are missing, or too old: the store opens if all they hold lies elsewhere as well. */
  readonly missing?: boolean | undefined
}

/** A volume, and where its file is. */
interface PlacedVolume {
  readonly volume: PhysicalVolumeLayout
  readonly path: string
}

/**
 * Reads only.
 * @param places files, and folders whose files are looked at
 * @throws {VarveError} `PV_NOT_FOUND` when there is no group that is exported, `INVALID_ARGUMENT` when there are several; `PV_MISSING`,
 *   `PV_DUPLICATE`, `PV_STALE`, `PV_FOREIGN`, `CATALOG_MISSING`, `CATALOG_STALE`; `STORE_NOT_FOUND`, `NOT_A_STORE` of files that are
 *   named; `CORRUPT`, `STORAGE_DENIED`, `STORAGE_IO`
 */
export async function importableGroup(
  places: readonly string[],
  query: ImportQuery,
  environment: GroupEnvironment,
): Promise<{ readonly found: ImportableGroup; readonly layout: VolumeGroupLayout }> {
  const options = { lockTimeoutMs: environment.lockTimeoutMs, readOnly: true }
  const files = chosenGroup(findVolumeFiles(places, options), query.group)
  const catalogs = files.filter(({ role }) => role === 'catalog')
  const [catalog, copy] = catalogs
  const { layout } = catalog ?? newest(files)
  if (!catalog) {
    throw new VarveError('CATALOG_MISSING', `the catalog of group ${layout.name} is not among the files`, {
      paths: files.map(({ path }) => path),
      hint: 'Name the folder in which it lies as well, or the file.',
    })
  }
  if (copy) throw isTwice(`the catalog of group ${layout.name}`, catalogs)
  const known = new Set(layout.physicalVolumes.map(({ uuid }) => uuid))
  const notes = files
    .filter(({ state }) => !known.has(state.uuid))
    .map(({ path }) => `${path} was taken out of the group before, and is left alone`)
  const placed: PlacedVolume[] = []
  for (const volume of layout.physicalVolumes) {
    try {
      const { path } = fileOf(volume, layout, files)
      await requireMember(catalog, volume, path, options)
      placed.push({ volume, path })
    } catch (error) {
      if (!query.missing || !isVarveError(error, 'PV_MISSING', 'PV_STALE')) throw error
      notes.push(`${error.message}: it is done without`)
    }
  }
  refuseCopy(catalog, placed)
  const volumes = placed.map(({ volume: { number, uuid }, path }) => ({ number, uuid, path }))
  const next = { ...layout, physicalVolumes: layout.physicalVolumes.map((volume) => volumeAt(volume, catalog, placed)) }
  return { found: { uuid: layout.vg, name: layout.name, store: catalog.path, volumes, notes }, layout: next }
}

function chosenGroup(files: readonly FileIdentity[], wanted: string | undefined): FileIdentity[] {
  const groups = new Map<string, FileIdentity[]>()
  for (const file of files) groups.set(file.state.vg, [...(groups.get(file.state.vg) ?? []), file])
  const asked = [...groups.values()].filter((group) => {
    const { layout } = newest(group)
    return wanted === undefined ? layout.exported : wanted === layout.vg || wanted === layout.name
  })
  const [first, second] = asked
  const names = [...groups.values()].map((group) => newest(group).layout)
  if (!first) {
    throw new VarveError('PV_NOT_FOUND', 'no volume group that is exported was found', {
      ...(wanted === undefined ? {} : { actual: wanted }),
      candidates: names.map(({ name, vg }) => `${name} (${vg})`),
      hint:
        names.length > 0
          ? 'What was found is not exported, and is used as it is; or another name is meant.'
          : 'Name the folders in which the files of the group lie, or the files.',
    })
  }
  if (second) {
    throw new VarveError('INVALID_ARGUMENT', 'several volume groups were found', {
      candidates: asked.map((group) => newest(group).layout).map(({ name, vg }) => `${name} (${vg})`),
      hint: 'Say which one is meant: `--group NAME`, or its UUID.',
    })
  }
  const { layout } = newest(first)
  if (layout.exported) return first
  throw new VarveError('INVALID_ARGUMENT', `the volume group ${layout.name} is not exported`, {
    actual: wanted,
    hint: 'It is used as it is. Where it is now, `varve vg export` has it ready to be moved.',
  })
}

/** Any file may have been left behind by a change of the layout: the highest sequence holds. */
function newest(files: readonly FileIdentity[]): FileIdentity {
  // The catalog's among equals, since it is changed first.
  return files.reduce((best, file) => {
    const ahead = file.layout.sequence - best.layout.sequence
    return ahead > 0 || (ahead === 0 && file.role === 'catalog') ? file : best
  })
}

function fileOf(
  volume: PhysicalVolumeLayout,
  { name, physicalVolumes }: VolumeGroupLayout,
  found: readonly FileIdentity[],
): FileIdentity {
  const files = found.filter(({ state }) => state.uuid === volume.uuid)
  const [file] = files
  if (file && files.length === 1) return file
  if (file) throw isTwice(`volume ${volume.number} of group ${name}`, files)
  const { catalogPath = '' } = physicalVolumes.find(({ number }) => number === 0) ?? {}
  const last = resolve(dirname(catalogPath), volume.path)
  throw new VarveError('PV_MISSING', `volume ${volume.number} of group ${name} is not among the files`, {
    pv: volume.uuid,
    expected: last,
    hint: `Its file was ${last}: name the folder in which it lies as well, or the file. If it is lost: \`--missing\`.`,
  })
}

function isTwice(what: string, files: readonly FileIdentity[]): VarveError {
  return new VarveError('PV_DUPLICATE', `${what} is there ${files.length} times`, {
    paths: files.map(({ path }) => path),
    hint: 'Move the copies away, or name the files that are meant instead of folders.',
  })
}

/** Opens it as the group would, where it is now. @throws {VarveError} as `openMember` */
async function requireMember(
  catalog: FileIdentity,
  volume: PhysicalVolumeLayout,
  path: string,
  options: OpenDatabaseOptions,
): Promise<void> {
  if (volume.number === 0) return
  const database = SqlDatabase.open(catalog.path, options)
  try {
    const rows = new Catalog(database)
    const known = {
      transactions: rows.volumeUse(volume.number)?.transactions ?? 0,
      publishSequence: () => rows.counter('publish_sequence'),
      layoutSequence: () => catalog.layout.sequence,
      nextEid: () => rows.counter('next_eid'),
    }
    await (await openMember(catalog.path, catalog.layout, { ...volume, path }, known, options)).close()
  } finally {
    database.close()
  }
}

/** A copy of the catalog alone would share the volumes of the original. @throws {VarveError} `PV_DUPLICATE` */
function refuseCopy({ path, layout }: FileIdentity, placed: readonly PlacedVolume[]): void {
  const recorded = layout.physicalVolumes.find(({ number }) => number === 0)?.catalogPath
  const original = recorded === undefined ? undefined : realPathIfAllowed(recorded)
  if (recorded === undefined || original === undefined || original === realPath(path)) return
  const isShared = placed.some(({ volume, path: ours }) => {
    const theirs = volume.number === 0 ? undefined : locateVolume(recorded, volume, layout)
    return theirs !== undefined && realPathIfAllowed(theirs) === realPath(ours)
  })
  if (!isShared) return
  throw new VarveError('PV_DUPLICATE', `${path} is a copy of the catalog at ${recorded}`, {
    paths: [path, recorded],
    hint: 'Import the original. If the copy is to take its place, move the original away first.',
  })
}

function volumeAt(
  volume: PhysicalVolumeLayout,
  catalog: FileIdentity,
  placed: readonly PlacedVolume[],
): PhysicalVolumeLayout {
  if (volume.number === 0) return { ...volume, catalogPath: catalog.path }
  const path = placed.find((each) => each.volume === volume)?.path
  return path === undefined ? volume : { ...volume, path: recordedPath(catalog.path, path) }
}

/**
 * Durable when it returns; the other volumes follow when the group is opened for writing.
 * @param layout as it was found, with the new places
 * @throws {VarveError} `REF_CONFLICT` when somebody else was as quick; `STORAGE_READ_ONLY`
 */
export function importGroup(store: string, layout: VolumeGroupLayout, options: OpenDatabaseOptions): void {
  const { exported: _, ...next } = layout
  const database = SqlDatabase.open(store, options)
  try {
    requireFormat(database, CATALOG_APPLICATION_ID)
    const tables = new PayloadTables(database)
    database.write(() => {
      const now = tables.layout()
      if (now.vg !== layout.vg || now.sequence !== layout.sequence) {
        throw new VarveError('REF_CONFLICT', `the volume group ${layout.name} was changed by another process`, {
          path: store,
          expected: layout.sequence,
          actual: now.sequence,
          hint: 'Run the command again.',
        })
      }
      tables.writeLayout({ ...next, sequence: layout.sequence + 1 })
    })
  } finally {
    database.close()
  }
}
