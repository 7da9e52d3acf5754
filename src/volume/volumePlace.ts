/** Where the file of a new volume is to be: what is there already, and why it is not taken. */
import { resolve } from 'node:path'
import { isVarveError, VarveError } from '../base/errors.js'
import { formatSize, KIB } from '../base/units.js'
import { statOf } from './files.js'
import { isFree, REMOVED } from './freeVolume.js'
import { type FileIdentity, identifyFile } from './groupFiles.js'
import type { OpenDatabaseOptions } from './sqlite.js'

/** Less is likely a size without its unit. */
const CAPACITY_BYTES_MIN = 64 * KIB

/** @param capacityBytes `null`: no limit @throws {VarveError} `INVALID_ARGUMENT` */
export function requireCapacity(capacityBytes: number | null): void {
  if (capacityBytes === null || (Number.isSafeInteger(capacityBytes) && capacityBytes >= CAPACITY_BYTES_MIN)) return
  throw new VarveError('INVALID_ARGUMENT', `a volume of ${capacityBytes} bytes is too small`, {
    expected: `${CAPACITY_BYTES_MIN} bytes or more`,
    actual: capacityBytes,
    hint: `It is to have ${formatSize(CAPACITY_BYTES_MIN)} at least. Sizes are in bytes, or with a unit: 500M, 20G.`,
  })
}

/** Absolute, each once. @throws {VarveError} `INVALID_ARGUMENT` when there are none, or one is named twice */
export function requireFiles(files: readonly string[]): string[] {
  const paths = files.map((file) => resolve(file))
  if (paths.length === 0) throw new VarveError('INVALID_ARGUMENT', 'no file is named', { hint: 'Name at least one.' })
  const twice = paths.find((path, index) => paths.indexOf(path) !== index)
  if (twice !== undefined)
    throw new VarveError('INVALID_ARGUMENT', `${twice} is named twice`, { path: twice, hint: 'Name each file once.' })
  return paths
}

/**
 * The volume at a path; `undefined` where nothing is, or an empty file.
 * @throws {VarveError} `ALREADY_EXISTS` for what is no volume; `STORAGE_DENIED`, `STORAGE_IO`
 */
export function volumeAt(path: string, options: OpenDatabaseOptions): FileIdentity | undefined {
  const stat = statOf(path)
  if (!stat || (stat.isFile() && stat.size === 0)) return undefined
  try {
    return identifyFile(path, { ...options, readOnly: true })
  } catch (cause) {
    if (!isVarveError(cause, 'NOT_A_STORE', 'FORMAT_NEWER', 'CORRUPT', 'CORRUPT_OBJECT')) throw cause
    throw new VarveError('ALREADY_EXISTS', `${path} exists already; a volume is a new file`, {
      path,
      cause,
      hint: 'Use a path where nothing is.',
    })
  }
}

/** What is said of a volume that cannot be made, since one is there. */
export function placeTaken({ path, role, state, layout }: FileIdentity): VarveError {
  if (role === 'catalog') {
    return new VarveError('ALREADY_EXISTS', `${path} is a store already`, {
      path,
      hint: 'Use a path where nothing is.',
    })
  }
  if (isFree(state)) {
    return new VarveError('ALREADY_EXISTS', `${path} is a volume already, that belongs to no group`, {
      path,
      pv: state.uuid,
      hint: '`varve vg extend FILE` adds it to a group, `varve pv remove FILE` deletes it.',
    })
  }
  if (state.vg === REMOVED) {
    return new VarveError('ALREADY_EXISTS', `${path} was left by a \`varve pv remove\` that did not end`, {
      path,
      pv: state.uuid,
      hint: '`varve pv remove FILE` does the rest.',
    })
  }
  return new VarveError('PV_IN_USE', `${path} is a volume of group ${layout.name}`, {
    path,
    pv: state.uuid,
    hint: 'Use another path. If that group does without it: `varve pv remove FILE`, and then again.',
  })
}
