/**
 * Room kept beside a store, so that what frees space can still work on a disk that has none: a file of noise, which is given up
 * when there is no other room left, and made again when there is.
 *
 * Without it, not even the index of a write-ahead log can be made on a full disk, and nothing could be deleted any more.
 */
import { rmSync, writeFileSync } from 'node:fs'
import type { Randomness } from '../base/random.js'
import { MIB } from '../base/units.js'
import { diskSpace } from './diskSpace.js'
import { statOf } from './files.js'

/** Of smaller stores it would be a good part; and they are soon moved. */
const STORE_BYTES_MIN = 32 * MIB
const PART_OF_STORE = 1 / 64
const RESERVE_BYTES_MIN = MIB
const RESERVE_BYTES_MAX = 8 * MIB
/** Less free room than this is none. */
const TIGHT_BYTES = 4 * MIB
/** So many times its length must be free when it is made. */
const ROOM_FACTOR = 16

function reserveOf(catalogPath: string): string {
  return `${catalogPath}-reserve`
}

/** Makes it, if the store is large enough and there is plenty of room. It is no promise: what fails is left for later. */
export function keepReserve(catalogPath: string, random: Randomness): void {
  const path = reserveOf(catalogPath)
  const storeBytes = statOf(catalogPath)?.size ?? 0
  if (storeBytes < STORE_BYTES_MIN || statOf(path)) return
  const bytes = Math.min(RESERVE_BYTES_MAX, Math.max(RESERVE_BYTES_MIN, Math.floor(storeBytes * PART_OF_STORE)))
  if ((freeBytes(catalogPath) ?? 0) < ROOM_FACTOR * bytes) return
  try {
    // Noise: what file systems compress would hold no room.
    writeFileSync(path, random.bytes(bytes), { flag: 'wx', mode: 0o600 })
  } catch {
    rmSync(path, { force: true })
  }
}

/** Gives it up where there is next to no room. @returns whether there is next to none */
export function releaseReserve(catalogPath: string): boolean {
  if ((freeBytes(catalogPath) ?? Number.POSITIVE_INFINITY) >= TIGHT_BYTES) return false
  rmSync(reserveOf(catalogPath), { force: true })
  return true
}

/** `undefined` where nobody can tell. */
function freeBytes(path: string): number | undefined {
  try {
    return diskSpace(path)?.freeBytes
  } catch {
    return undefined
  }
}
