/**
 * Volumes that belong to no group yet: initialised files, which a group takes up later.
 *
 * Such a file says in its header that its group is `NO_GROUP`, and carries the layout of a group of that name which has this one
 * volume: so its limit is kept, and whoever knows nothing of this takes it for another group's. Whoever takes a file up, or away,
 * asks for that in the transaction that changes it: of two at once, one is told so.
 */
import { rmSync } from 'node:fs'
import { basename } from 'node:path'
import { VarveError } from '../base/errors.js'
import { newUuid } from '../base/random.js'
import type { VolumeGroupLayout } from '../format/layout.js'
import { DEFAULT_PROFILE } from '../format/profile.js'
import { statOf } from './files.js'
import type { GroupEnvironment } from './groupOptions.js'
import { PayloadTables } from './payloadTables.js'
import type { VolumeIdentity, VolumeState } from './physicalVolume.js'
import { PAYLOAD_APPLICATION_ID } from './schema.js'
import { type OpenDatabaseOptions, SqlDatabase } from './sqlite.js'
import { requireFormat, SqliteVolume } from './sqliteVolume.js'

/** In the place of the group's UUID. */
const NO_GROUP = '00000000-0000-0000-0000-000000000000'
/** The same, of a volume whose file is about to be deleted. */
export const REMOVED = 'removed'
/** Any but that of a catalog's volume. */
const FREE_NUMBER = 1

export interface FreeVolume {
  readonly path: string
  readonly uuid: string
  /** `null`: no limit. */
  readonly capacityBytes: number | null
}

export function isFree({ vg }: Pick<VolumeState, 'vg'>): boolean {
  return vg === NO_GROUP
}

/** All of them, or none. Durable when resolved. @throws {VarveError} `STORE_EXISTS` when anything is at one of the paths */
export async function createFreeVolumes(
  paths: readonly string[],
  capacityBytes: number | null,
  environment: GroupEnvironment,
): Promise<FreeVolume[]> {
  const made: FreeVolume[] = []
  try {
    for (const path of paths) made.push(await createFreeVolume(path, capacityBytes, environment))
  } catch (error) {
    for (const { path } of made) rmSync(path)
    throw error
  }
  return made
}

async function createFreeVolume(
  path: string,
  capacityBytes: number | null,
  environment: GroupEnvironment,
): Promise<FreeVolume> {
  const free = { path, uuid: newUuid(environment.random), capacityBytes }
  const header = { uuid: free.uuid, vg: NO_GROUP, number: FREE_NUMBER }
  const createdMs = environment.clock.nowMs()
  await SqliteVolume.create(path, header, createdMs, freeLayout(free, createdMs), environment).close()
  return free
}

function freeLayout({ path, uuid, capacityBytes }: FreeVolume, createdMs: number): VolumeGroupLayout {
  const volume = { number: FREE_NUMBER, uuid, path: basename(path), capacityBytes, allocatable: true, tags: [] }
  return {
    vg: NO_GROUP,
    name: 'none',
    // Older than any group's.
    sequence: 0,
    createdMs,
    profile: DEFAULT_PROFILE,
    physicalVolumes: [volume],
    logicalVolumes: [],
  }
}

/** `undefined` where nothing is, or an empty file. Anything else was refused before. */
export function freeVolumeAt(path: string, options: OpenDatabaseOptions): FreeVolume | undefined {
  if ((statOf(path)?.size ?? 0) === 0) return undefined
  return inFile(path, { ...options, readOnly: true }, (tables) => freeVolumeOf(path, tables))
}

function freeVolumeOf(path: string, tables: PayloadTables): FreeVolume | undefined {
  const state = tables.state()
  if (!isFree(state)) return undefined
  const { capacityBytes = null } = tables.layout().physicalVolumes.find(({ uuid }) => uuid === state.uuid) ?? {}
  return { path, uuid: state.uuid, capacityBytes }
}

/** It belongs to that group from now on. Durable when it returns. @throws {VarveError} `PV_FOREIGN` when another was as quick */
export function takeUp(
  free: FreeVolume,
  header: VolumeIdentity,
  layout: VolumeGroupLayout,
  options: OpenDatabaseOptions,
): SqliteVolume {
  assign(free.path, NO_GROUP, header, layout, options)
  return SqliteVolume.open(free.path, options)
}

/** As before it was taken up: nothing came to it. */
export function giveBack(free: FreeVolume, vg: string, createdMs: number, options: OpenDatabaseOptions): void {
  const header = { uuid: free.uuid, vg: NO_GROUP, number: FREE_NUMBER }
  assign(free.path, vg, header, freeLayout(free, createdMs), options)
}

/** No group takes it up any more; its file is to be deleted. @param vg what it was found to belong to */
export function claimForRemoval(path: string, vg: string, options: OpenDatabaseOptions): void {
  inFile(path, options, (tables, database) =>
    database.write(() => {
      const state = tables.state()
      requireGroup(path, state, vg)
      tables.assign({ ...state, vg: REMOVED }, tables.layout())
    }),
  )
}

function assign(
  path: string,
  from: string,
  header: VolumeIdentity,
  layout: VolumeGroupLayout,
  options: OpenDatabaseOptions,
): void {
  inFile(path, options, (tables, database) =>
    database.write(() => {
      const state = tables.state()
      requireGroup(path, state, from)
      if (state.uuid !== header.uuid) throw changed(path)
      tables.assign(header, layout)
    }),
  )
}

function requireGroup(path: string, { vg }: VolumeState, expected: string): void {
  if (vg !== expected) throw changed(path)
}

function changed(path: string): VarveError {
  return new VarveError('PV_FOREIGN', `${path} was taken up, or away, by another command`, {
    path,
    hint: 'Nothing was changed. `varve pv check FILE` says what it is now.',
  })
}

function inFile<T>(
  path: string,
  options: OpenDatabaseOptions,
  body: (tables: PayloadTables, database: SqlDatabase) => T,
): T {
  const database = SqlDatabase.open(path, options)
  try {
    requireFormat(database, PAYLOAD_APPLICATION_ID)
    return body(new PayloadTables(database), database)
  } finally {
    database.close()
  }
}
