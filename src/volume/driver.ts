/**
 * The only importer of better-sqlite3. It is loaded on first use: a program that only prints its version must not pay for
 * a native module.
 *
 * The command's bundle has cli/build/bundledDriver.ts in its place.
 */
import { createRequire } from 'node:module'
import type BetterSqlite3 from 'better-sqlite3'

const load = createRequire(import.meta.url)
let driver: typeof BetterSqlite3 | undefined

export function openDatabase(path: string, options: BetterSqlite3.Options): BetterSqlite3.Database {
  driver ??= load('better-sqlite3') as typeof BetterSqlite3
  return new driver(path, options)
}

/** What another thread loads to open databases with the very same driver: two in one process would break each other's locks. */
export function driverPlace(): { readonly module: string; readonly nativeBinding?: string | undefined } {
  return { module: load.resolve('better-sqlite3') }
}
