/**
 * The file of a new group: the catalog and volume 0, and in the same transaction the files of other volumes, where it begins with
 * several. Killed anywhere, there is a group with all of them, or none: then what is at its path is nothing, or an empty file.
 */
import type { PhysicalVolumeLayout, VolumeGroupLayout } from '../format/layout.js'
import type { StoreProfile } from '../format/profile.js'
import { Catalog } from './catalog.js'
import { firstLayout } from './firstLayout.js'
import type { GroupEnvironment } from './groupOptions.js'
import type { NewMember } from './newMember.js'
import { PayloadTables } from './payloadTables.js'
import { CATALOG_APPLICATION_ID, CATALOG_FORMAT, CATALOG_SCHEMA, PAGE_BYTES, PAYLOAD_SCHEMA } from './schema.js'
import { SqlDatabase } from './sqlite.js'

/** Volumes that a group begins with. */
export interface FirstVolumes {
  /** Throws where they cannot be made, and makes nothing. */
  plan(first: VolumeGroupLayout): void
  /**
   * Makes their files, durable when it returns.
   * @param first the group with nothing but its own file
   * @param made is told of each
   * @returns the group with all of them
   */
  make(first: VolumeGroupLayout, made: (member: NewMember) => void): VolumeGroupLayout
}

/** @throws {VarveError} `STORE_EXISTS` */
export async function createCatalog(
  catalogPath: string,
  profile: StoreProfile,
  environment: GroupEnvironment,
  others?: FirstVolumes,
): Promise<{ readonly database: SqlDatabase; readonly layout: VolumeGroupLayout }> {
  const createdMs = environment.clock.nowMs()
  const first = firstLayout(catalogPath, profile, createdMs, environment.random)
  const { uuid } = first.physicalVolumes[0] as PhysicalVolumeLayout
  others?.plan(first)
  let layout = first
  const members: NewMember[] = []
  try {
    const database = createCatalogFile(catalogPath, environment.lockTimeoutMs, (made) => {
      // While nobody else can begin one here.
      layout = others?.make(first, (member) => members.push(member)) ?? first
      new PayloadTables(made).initialise({ uuid, vg: layout.vg, number: 0 }, createdMs, layout)
      const catalog = new Catalog(made)
      catalog.initialise()
      for (const { number } of layout.physicalVolumes)
        if (number !== 0) catalog.writeVolumeUse({ pv: number, transactions: 0, storedBytes: 0 })
    })
    for (const { volume } of members) await volume.close()
    return { database, layout }
  } catch (error) {
    for (const member of members) await member.takeBack()
    throw error
  }
}

/** The file with both schemas, and what `initialise` writes in the same transaction. @throws {VarveError} `STORE_EXISTS` */
export function createCatalogFile(
  path: string,
  lockTimeoutMs: number,
  initialise: (made: SqlDatabase) => void,
): SqlDatabase {
  return SqlDatabase.create(
    path,
    {
      lockTimeoutMs,
      applicationId: CATALOG_APPLICATION_ID,
      userVersion: CATALOG_FORMAT,
      pageBytes: PAGE_BYTES,
      journal: 'wal',
      schema: PAYLOAD_SCHEMA + CATALOG_SCHEMA,
    },
    initialise,
  )
}
