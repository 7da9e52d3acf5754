/**
 * Paths for completion, from the one directory that is being typed: nothing below it is looked at, so that an answer takes
 * no longer in a large folder.
 *
 * Only names that can be typed are offered: those that are UTF-8 and hold no control characters.
 */
import { type BigIntStats, type Dirent, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { isAbsolute, relative, resolve } from 'node:path'
import type { EntryInfo, Snapshot } from '../src/index.js'
import { plainLine } from './text.js'

/** What is typed of a path: the directory, with the slash behind it, and the beginning of a name. */
export interface TypedPath {
  readonly directory: string
  readonly name: string
}

export function splitTyped(typed: string): TypedPath {
  const end = typed.lastIndexOf('/') + 1
  return { directory: typed.slice(0, end), name: typed.slice(end) }
}

/** What a directory of a tree holds, as it would be typed. @param directory - From the root of the tree. */
export async function pathsOfTree(snapshot: Snapshot, directory: string, typed: TypedPath): Promise<string[]> {
  const found: string[] = []
  for (const [name, { kind }] of await recordedIn(snapshot, directory)) {
    const shown = typeable(name)
    if (shown?.startsWith(typed.name)) found.push(`${typed.directory}${shown}${kind === 'directory' ? '/' : ''}`)
  }
  return found
}

export interface ComparedDirectory {
  /** `undefined` before the first commit. */
  readonly snapshot: Snapshot | undefined
  /** From the root of the tree. */
  readonly directory: string
  readonly diskPath: string
  /** Of the files that look changed: all, those that the snapshot has, or those that it does not have. */
  readonly wanted: 'all' | 'recorded' | 'new'
}

/** So many files are looked at, and no more: the shell lists the others faster. */
const FILES_LOOKED_AT_MAX = 2000

/**
 * What looks changed in a directory, as it would be typed, and all folders in it, for what is in them is not known.
 *
 * @returns `undefined` where there is too much to look at.
 */
export async function changedPaths(compared: ComparedDirectory, typed: TypedPath): Promise<string[] | undefined> {
  const { snapshot, directory, diskPath, wanted } = compared
  const recorded = snapshot ? await recordedIn(snapshot, directory) : new Map<string, EntryInfo>()
  const listed = listedIn(diskPath)
  const names = [...new Set([...recorded.keys(), ...listed.keys()])]
    .filter((name) => typeable(name)?.startsWith(typed.name) && (recorded.has(name) || !OWN_FOLDERS.has(name)))
    .sort()
  if (names.length > FILES_LOOKED_AT_MAX) return undefined
  const comparison = new Comparison(snapshot, diskPath)
  const found: string[] = []
  for (const name of names) {
    const before = recorded.get(name)
    if (!before && wanted === 'recorded') continue
    const path = `${typed.directory}${typeable(name)}`
    if (listed.get(name)?.isDirectory() ?? before?.kind === 'directory') found.push(`${path}/`)
    else if (before && wanted === 'new') continue
    else if (!before || (await comparison.differs(name, before))) found.push(path)
  }
  return found
}

/** Working folders, the way the typed one is written: absolute, or from `folder`. */
export function pathsOfFolders(paths: readonly string[], folder: string, typed: string): string[] {
  return paths.map((path) => (isAbsolute(typed) ? path : relative(folder, path) || '.'))
}

/** Never part of a commit; a store that lies elsewhere is no reason to leave out its name. */
const OWN_FOLDERS: ReadonlySet<string> = new Set(['.varve', '.git'])

/** By name, one character a byte. */
async function recordedIn(snapshot: Snapshot, directory: string): Promise<Map<string, EntryInfo>> {
  const entries = new Map<string, EntryInfo>()
  if ((await snapshot.tryStat(directory))?.kind !== 'directory') return entries
  for await (const entry of snapshot.list(directory)) {
    const path = entry.pathBytes.toString('latin1')
    entries.set(path.slice(path.lastIndexOf('/') + 1), entry)
  }
  return entries
}

function listedIn(diskPath: string): Map<string, Dirent<Buffer>> {
  try {
    const entries = readdirSync(diskPath, { withFileTypes: true, encoding: 'buffer' })
    return new Map(entries.map((entry) => [entry.name.toString('latin1'), entry]))
  } catch {
    // It may be one that was deleted, and is to be brought back.
    return new Map()
  }
}

/** `undefined` for a name that is better not typed. @param name - One character a byte. */
function typeable(name: string): string | undefined {
  const bytes = Buffer.from(name, 'latin1')
  const text = bytes.toString('utf8')
  return Buffer.from(text, 'utf8').equals(bytes) && plainLine(text) === text ? text : undefined
}

/** Of one file, and of all files together: what is longer counts as changed. */
const FILE_BYTES_READ_MAX = 64 * 1024
const BYTES_READ_MAX = 1024 * 1024
/** Node.js sets times no more exactly. */
const TIME_SLACK_NS = 2000n
const HAS_MODES = process.platform !== 'win32'
const PERMISSIONS = 0o777
const OWNER_EXECUTE = 0o100

/** Whether files differ from what is recorded, told by their size, mode and time; by contents only where these leave it open. */
class Comparison {
  readonly #snapshot: Snapshot | undefined
  readonly #diskPath: string
  #bytesLeft = BYTES_READ_MAX

  constructor(snapshot: Snapshot | undefined, diskPath: string) {
    this.#snapshot = snapshot
    this.#diskPath = diskPath
  }

  async differs(name: string, before: EntryInfo): Promise<boolean> {
    const path = resolve(this.#diskPath, typeable(name) ?? '')
    const stat = lstatSync(path, { bigint: true, throwIfNoEntry: false })
    if (!stat) return true
    const kind = stat.isFile() ? 'file' : stat.isSymbolicLink() ? 'symlink' : undefined
    if (kind !== before.kind || stat.size !== BigInt(before.sizeBytes)) return true
    if (kind === 'symlink') return readlinkSync(path) !== (await this.#snapshot?.stat(before.pathBytes))?.target
    if (HAS_MODES && modeDiffers(stat, before)) return true
    const { mtimeNs } = before.attributes
    if (mtimeNs !== undefined && isNear(mtimeNs, stat.mtimeNs)) return false
    return this.#contentDiffers(path, before)
  }

  async #contentDiffers(path: string, { pathBytes, sizeBytes }: EntryInfo): Promise<boolean> {
    if (sizeBytes > Math.min(FILE_BYTES_READ_MAX, this.#bytesLeft)) return true
    this.#bytesLeft -= sizeBytes
    return (await this.#snapshot?.read(pathBytes))?.equals(readFileSync(path)) !== true
  }
}

function modeDiffers(stat: BigIntStats, { executable, attributes }: EntryInfo): boolean {
  const mode = Number(stat.mode)
  if (attributes.mode !== undefined) return ((attributes.mode ^ mode) & PERMISSIONS) !== 0
  return executable !== ((mode & OWNER_EXECUTE) !== 0)
}

function isNear(a: bigint, b: bigint): boolean {
  return a - b < TIME_SLACK_NS && b - a < TIME_SLACK_NS
}
