/** The file of a volume that comes to a group: a new one, or one that belonged to no group yet. */
import { rmSync } from 'node:fs'
import type { VolumeGroupLayout } from '../format/layout.js'
import { type FreeVolume, giveBack, takeUp } from './freeVolume.js'
import type { GroupEnvironment } from './groupOptions.js'
import type { VolumeIdentity } from './physicalVolume.js'
import { SqliteVolume } from './sqliteVolume.js'

export interface NewMember {
  readonly volume: SqliteVolume
  /** As if it had never come: nothing names it. */
  takeBack(): Promise<void>
}

/**
 * Durable when it returns, before anything names it.
 * @param free what is at `path`; `undefined` where nothing is
 * @throws {VarveError} `STORE_EXISTS`, `PV_FOREIGN` when somebody was as quick
 */
export function bringMember(
  path: string,
  free: FreeVolume | undefined,
  header: VolumeIdentity,
  layout: VolumeGroupLayout,
  environment: GroupEnvironment,
): NewMember {
  const nowMs = environment.clock.nowMs()
  const volume = free
    ? takeUp(free, header, layout, environment)
    : SqliteVolume.create(path, header, nowMs, layout, environment)
  return {
    volume,
    takeBack: async () => {
      await volume.close()
      if (free) giveBack(free, header.vg, nowMs, environment)
      else rmSync(path)
    },
  }
}

/** Of a file that nothing names, and of what SQLite left beside it: a later file of that name would be rolled back by its journal. */
export function clearPlace(path: string): void {
  for (const file of [`${path}-journal`, path]) rmSync(file, { force: true })
}
