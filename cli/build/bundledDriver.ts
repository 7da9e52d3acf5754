/**
 * What the bundle has in the place of src/volume/driver.ts: better-sqlite3 is 15 small files, and to find and read them
 * takes as long as to open a store. So its JavaScript is in the bundle, and only its native part is loaded from the
 * package. The two must be of one version: beside another one the package is loaded whole.
 */
import { createRequire } from 'node:module'
import type BetterSqlite3 from 'better-sqlite3'
import bundled from 'better-sqlite3/package.json' with { type: 'json' }

/** Where the package is built. It looks in a dozen places. */
const NATIVE_PART = 'better-sqlite3/build/Release/better_sqlite3.node'

interface Driver {
  readonly Database: typeof BetterSqlite3
  readonly nativeBinding: string | undefined
}

/** Not seen by the bundler, unlike `require`. */
const load = createRequire(import.meta.url)
let driver: Driver | undefined

export function openDatabase(path: string, options: BetterSqlite3.Options): BetterSqlite3.Database {
  driver ??= bundledDriver() ?? { Database: load('better-sqlite3') as typeof BetterSqlite3, nativeBinding: undefined }
  return new driver.Database(path, { ...options, nativeBinding: driver.nativeBinding })
}

/** As in src/volume/driver.ts. The package is there in any case, if only for its native part. */
export function driverPlace(): { readonly module: string; readonly nativeBinding: string | undefined } {
  return { module: load.resolve('better-sqlite3'), nativeBinding: bundledDriver()?.nativeBinding }
}

function bundledDriver(): Driver | undefined {
  try {
    const installed = load('better-sqlite3/package.json') as typeof bundled
    if (installed.version !== bundled.version) return undefined
    const nativeBinding = load.resolve(NATIVE_PART)
    return { Database: require('better-sqlite3') as typeof BetterSqlite3, nativeBinding }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error
    return undefined
  }
}
