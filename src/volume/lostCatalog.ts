/** Whether the catalog of a group is lost: one that is made anew beside it would shut it out for good, with all that only it holds. */
import { isVarveError, VarveError } from '../base/errors.js'
import { statOf } from './files.js'
import { catalogPlaces, type FileIdentity, identifyFile } from './groupFiles.js'
import type { OpenDatabaseOptions } from './sqlite.js'
import type { Survivors } from './survivors.js'

/**
 * Reads only. What is damaged beyond being told from other files counts as lost.
 * @throws {VarveError} `STORE_EXISTS`; why what is where the catalog was cannot be looked at
 */
export function requireLost({ volumes, layout }: Survivors, options: OpenDatabaseOptions): void {
  for (const { path, state } of volumes) {
    for (const place of catalogPlaces({ role: 'payload', path, state, layout })) {
      if (!statOf(place)?.isFile()) continue
      const there = identityOf(place, options)
      if (there?.role !== 'catalog' || there.state.vg !== layout.vg) continue
      throw new VarveError('STORE_EXISTS', `the catalog is not lost: it is at ${place}`, {
        path: place,
        hint: 'If it is damaged, or an old copy, move it away first, and keep it until all is well.',
      })
    }
  }
}

function identityOf(path: string, options: OpenDatabaseOptions): FileIdentity | undefined {
  try {
    return identifyFile(path, { ...options, readOnly: true })
  } catch (error) {
    if (isVarveError(error, 'CORRUPT', 'CORRUPT_OBJECT', 'CORRUPT_CATALOG', 'NOT_A_STORE')) return undefined
    throw error
  }
}
