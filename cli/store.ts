/** Which store a command means. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { NoStoreError } from './errors.js'

/** Where a store lies below a folder that has one of its own. */
export const STORE_IN_FOLDER = join('.varve', 'store.varve')

export interface StorePlace {
  /** The folder that relative paths start from: the current one, or that of -C. */
  readonly folder: string
  /** --store */
  readonly store?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A store named outright: by --store, else by VARVE_STORE. */
export function namedStore(place: StorePlace): string | undefined {
  const named = place.store ?? place.env.VARVE_STORE
  return named === undefined || named === '' ? undefined : resolve(place.folder, named)
}

/** The store that is named, else the one in this folder or the nearest above. @throws {NoStoreError} */
export function findStore(place: StorePlace): string {
  const named = namedStore(place)
  if (named !== undefined) return named
  for (let folder = place.folder; ; folder = dirname(folder)) {
    const candidate = join(folder, STORE_IN_FOLDER)
    if (existsSync(candidate)) return candidate
    if (folder === dirname(folder)) break
  }
  throw new NoStoreError(`no store here: neither ${place.folder} nor a folder above it has ${STORE_IN_FOLDER}`)
}
