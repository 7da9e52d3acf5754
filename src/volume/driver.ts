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
