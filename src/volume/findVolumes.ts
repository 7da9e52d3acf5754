/**
 * Files of volume groups, found by what is in them and not by their names. Whatever cannot be looked at is an error: it might be what
 * is looked for.
 */
import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { VarveError } from '../base/errors.js'
import { realPath, statOf } from './files.js'
import { isFree, REMOVED } from './freeVolume.js'
import { type FileIdentity, identifyFile } from './groupFiles.js'
import { CATALOG_APPLICATION_ID, PAYLOAD_APPLICATION_ID } from './schema.js'
import type { OpenDatabaseOptions } from './sqlite.js'

const STORE_FOLDER = '.varve'
/** Of a SQLite file. */
const HEADER_BYTES = 100
const MAGIC = Buffer.from('SQLite format 3\0', 'latin1')
const APPLICATION_ID_AT = 68

/**
 * Each file once, whatever links lead to it; what belongs to no group is left out.
 * @param places files, which must be volumes; and folders, whose files are looked at, and those of a store in them
 * @throws {VarveError} `STORE_NOT_FOUND`, `NOT_A_STORE`, `FORMAT_NEWER`, `CORRUPT`, `STORAGE_DENIED`, `STORAGE_IO`
 */
export function findVolumeFiles(places: readonly string[], options: OpenDatabaseOptions): FileIdentity[] {
  const paths = new Set<string>()
  for (const place of places.map((each) => resolve(each))) {
    const stat = statOf(place)
    if (!stat) throw new VarveError('STORE_NOT_FOUND', `there is no file or folder ${place}`, { path: place })
    const found = stat.isDirectory() ? filesIn(place) : [place]
    for (const path of found) paths.add(realPath(path) ?? path)
  }
  return [...paths]
    .map((path) => identifyFile(path, options))
    .filter(({ role, state }) => role === 'catalog' || !(isFree(state) || state.vg === REMOVED))
}

function filesIn(folder: string): string[] {
  const inside = join(folder, STORE_FOLDER)
  const folders = statOf(inside)?.isDirectory() ? [folder, inside] : [folder]
  return folders.flatMap((each) => {
    const names = looking(each, () => readdirSync(each))
    return names.map((name) => join(each, name)).filter((path) => statOf(path)?.isFile() && looksLikeOurs(path))
  })
}

function looksLikeOurs(path: string): boolean {
  const header = looking(path, () => {
    const bytes = Buffer.alloc(HEADER_BYTES)
    const file = openSync(path, 'r')
    try {
      return bytes.subarray(0, readSync(file, bytes, 0, HEADER_BYTES, 0))
    } finally {
      closeSync(file)
    }
  })
  if (header.length < HEADER_BYTES || !header.subarray(0, MAGIC.length).equals(MAGIC)) return false
  const applicationId = header.readUInt32BE(APPLICATION_ID_AT)
  return applicationId === CATALOG_APPLICATION_ID || applicationId === PAYLOAD_APPLICATION_ID
}

function looking<T>(path: string, look: () => T): T {
  try {
    return look()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const isDenied = code === 'EACCES' || code === 'EPERM'
    throw new VarveError(isDenied ? 'STORAGE_DENIED' : 'STORAGE_IO', `${path} cannot be looked at`, {
      path,
      cause,
      hint: 'It may be one of the files that are looked for. Name the files themselves to do without it.',
    })
  }
}
