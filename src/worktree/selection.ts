/** Which part of a tree is wanted. */
import { VarveError } from '../base/errors.js'
import { type ByteName, nameToText } from '../base/names.js'
import type { ObjectReader } from '../cas/objects.js'
import { entryAt, rootEntry, type TreeRoot } from '../history/entries.js'
import { joinPath, type PathLike, parsePath } from '../history/paths.js'

/** `undefined` is all that is below; else what is wanted of the entries named, and nothing of the others. */
export type Selection = ReadonlyMap<ByteName, Selection> | undefined
type Growing = Map<ByteName, Growing | undefined>

export interface Selected {
  readonly selection: Selection
  /** Entries that are not directories. */
  readonly files: number
  readonly bytes: number
}

/** @throws {VarveError} `INVALID_PATH`; `PATH_NOT_FOUND` with all that are missing */
export async function select(
  reader: ObjectReader,
  root: TreeRoot,
  paths: readonly PathLike[] | undefined,
): Promise<Selected> {
  const all = { selection: undefined, files: root.files, bytes: root.tree.size }
  if (paths === undefined) return all
  const wanted = new Map(paths.map(parsePath).map((segments) => [joinPath(segments), segments]))
  const missing: string[] = []
  const selection: Growing = new Map()
  let files = 0
  let bytes = 0
  // Shorter ones first: what lies below one that is wanted whole adds nothing.
  for (const segments of [...wanted.values()].sort((a, b) => a.length - b.length)) {
    const entry = await entryAt(reader, rootEntry(root), segments)
    if (!entry) missing.push(nameToText(joinPath(segments)))
    else if (segments.length === 0) return all
    else if (add(selection, segments)) {
      files += entry.kind === 'directory' ? entry.files : 1
      bytes += entry.content.size
    }
  }
  if (missing.length > 0) {
    const [first = ''] = missing
    const what = missing.length === 1 ? `there is no ${JSON.stringify(first)}` : `${missing.length} paths are not there`
    throw new VarveError('PATH_NOT_FOUND', `${what} in this commit`, { path: first, paths: missing })
  }
  return { selection, files, bytes }
}

/** @returns Whether that was not wanted already. */
function add(selection: Growing, segments: readonly ByteName[]): boolean {
  let at = selection
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1
    if (!at.has(segment)) at.set(segment, isLast ? undefined : new Map())
    else if (at.get(segment) === undefined) return false
    const next = at.get(segment)
    if (next === undefined) break
    at = next
  }
  return true
}
