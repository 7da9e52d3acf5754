/**
 * What a switch, a restore and a commit of some paths must come to: said of whole trees, without a thought to how it is
 * done.
 */
import {
  blockerOf,
  DIRECTORY,
  differences,
  hasBelow,
  isAlike,
  isAtOrBelow,
  isDirectory,
  leavesOf,
  modeOf,
  type Path,
  parentsOf,
  pathsBelow,
  put,
  removeAll,
  sameNode,
  type Tree,
} from './trees.js'

export interface Moved {
  /** What would be lost; then nothing changes. */
  readonly conflicts: readonly Path[]
  readonly disk: Tree
}

/**
 * A switch changes what differs between two trees, in content or mode. What is as neither of them has it, and in the way,
 * would be lost; with `force` it is given up, and so is all else that the second tree has otherwise.
 */
export function switched(disk: Tree, from: Tree, to: Tree, force: boolean, leaves = false): Moved {
  const paths = new Set([...from.keys(), ...to.keys()])
  const changed = [...paths].filter((path) => !isAlike(from.get(path), to.get(path)) || isEmptied(path, from, to))
  const otherwise = force ? [...to].flatMap(([path, node]) => (isAlike(disk.get(path), node) ? [] : [path])) : []
  return move(disk, from, to, new Set([...changed, ...otherwise]), { mayGo: () => force, insists: force, leaves })
}

export type Restored = Moved | 'nowhere'

/**
 * What is named becomes as a tree has it, with all that is below it. What neither that tree nor `here` knows, and is in the
 * way, would be lost, unless it is named itself.
 *
 * @param here The tree of the commit that the folder stands at.
 */
export function restored(disk: Tree, here: Tree, from: Tree, named: readonly Path[]): Restored {
  if (named.some((path) => path !== '' && !here.has(path) && !from.has(path))) return 'nowhere'
  const paths = [...new Set([...here.keys(), ...from.keys()])]
  const within = paths.filter((path) => named.some((top) => isAtOrBelow(path, top)))
  const wanted = within.filter((path) => from.has(path) || !isAlike(here.get(path), from.get(path)))
  const isTracked = (path: Path): boolean => here.has(path) && !isDirectory(here.get(path))
  return move(disk, here, from, new Set(wanted), {
    mayGo: (path) => named.includes(path) || isTracked(path),
    insists: true,
    leaves: false,
  })
}

function isEmptied(path: Path, from: Tree, to: Tree): boolean {
  return isDirectory(to.get(path)) && hasBelow(from, path) && !hasBelow(to, path)
}

interface Permissions {
  /** Whether what is at a path is given up, whatever it is. */
  mayGo(path: Path): boolean
  /** Whether directories are brought back that are the same in both trees. */
  readonly insists: boolean
  /** Whether what is in the way is left as it is. */
  readonly leaves: boolean
}

function move(
  disk: Tree,
  from: Tree,
  to: Tree,
  paths: ReadonlySet<Path>,
  { mayGo, insists, leaves }: Permissions,
): Moved {
  const conflicts = new Set<Path>()
  const going = new Set<Path>()
  const written = new Set<Path>()
  const modes = new Map<Path, number>()
  const goes = (path: Path): boolean => {
    const isGoing = going.has(path) || isAlike(disk.get(path), from.get(path)) || mayGo(path)
    if (isGoing) going.add(path)
    else conflicts.add(path)
    return isGoing
  }
  for (const path of [...paths].sort()) {
    const [found, before, after] = [disk.get(path), from.get(path), to.get(path)]
    const blocker = blockerOf(disk, path)
    if (blocker !== undefined) {
      // It need not go for the sake of what is not there any more.
      const asksForRoom = after && (!isDirectory(after) || !hasBelow(to, path))
      if (asksForRoom && goes(blocker)) written.add(path)
    } else if (!found) {
      if (after && (!isDirectory(after) || !hasBelow(to, path))) written.add(path)
    } else if (!after) {
      if (isDirectory(before)) continue
      if (!isDirectory(found)) goes(path)
      else if (!mayGo(path)) conflicts.add(path)
    } else if (isDirectory(found) && isDirectory(after)) setMode(path)
    else if (isDirectory(found)) {
      const files = pathsBelow(disk, path).filter((below) => !isDirectory(disk.get(below)))
      if (files.map(goes).every((isGoing) => isGoing)) written.add(path)
    } else if (isDirectory(after)) {
      // A directory that somebody made something else of stays that.
      const asksForRoom = (before && !isDirectory(before)) || (!hasBelow(to, path) && (!before || insists))
      if (asksForRoom && goes(path) && !hasBelow(to, path)) written.add(path)
    } else if (sameNode(found, after)) setMode(path)
    else if (goes(path)) written.add(path)
  }

  /** Content is as the second tree has it. */
  function setMode(path: Path): void {
    const [found, before, after] = [disk.get(path), from.get(path), to.get(path)]
    const mode = modeOf(after)
    if (mode === undefined || modeOf(found) === mode) return
    const wasSame = sameNode(found, before)
    const isOurs = isDirectory(before) && insists
    if (isOurs || mayGo(path) || (wasSame && modeOf(found) === modeOf(before))) modes.set(path, mode)
    else if (wasSame && modeOf(before) !== mode) conflicts.add(path)
  }

  if (conflicts.size > 0 && !leaves) return { conflicts: [...conflicts].sort(), disk }
  const after = new Map(disk)
  for (const path of going) after.delete(path)
  for (const path of [...paths].sort().reverse()) {
    const isGone = isDirectory(from.get(path)) && !to.has(path)
    if (isGone && isDirectory(after.get(path)) && !hasBelow(after, path)) after.delete(path)
  }
  for (const path of written) {
    const node = to.get(path) ?? DIRECTORY
    if (!isDirectory(node)) removeAll(after, path)
    put(after, path, node, to)
  }
  for (const [path, mode] of modes) {
    const node = after.get(path)
    if (node && node.kind !== 'symlink') after.set(path, { ...node, mode })
  }
  return { conflicts: [], disk: after }
}

/** What a commit of some paths holds. `undefined`: one of them is nowhere. */
export function picked(here: Tree, taken: Tree, paths: readonly Path[]): Tree | undefined {
  if (paths.some((path) => path !== '' && !here.has(path) && !taken.has(path))) return undefined
  const isNamed = (path: Path): boolean => paths.some((top) => isAtOrBelow(path, top))
  const tree = new Map(here)
  const gone: Path[] = []
  for (const { path, after } of differences(here, taken)) {
    if (after || !isNamed(path)) continue
    gone.push(path)
    tree.delete(path)
  }
  for (const path of leavesOf(taken).filter(isNamed)) {
    const node = taken.get(path) ?? DIRECTORY
    const blocker = blockerOf(tree, path)
    if (blocker !== undefined) tree.delete(blocker)
    if (!isDirectory(node)) removeAll(tree, path)
    put(tree, path, node, taken)
  }
  for (const [path, node] of taken) if (isNamed(path) && isDirectory(tree.get(path))) tree.set(path, node)
  const directories = new Set(gone.flatMap(parentsOf))
  for (const directory of [...directories].sort().reverse()) {
    const isEmpty = isDirectory(tree.get(directory)) && !hasBelow(tree, directory)
    if (isEmpty && !isDirectory(taken.get(directory))) tree.delete(directory)
  }
  return tree
}
