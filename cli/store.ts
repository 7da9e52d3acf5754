/** Which store a command means. */
import { join, resolve } from 'node:path'

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
