/** Where Git goes another way than a working folder does, and why. What is not told here is to be the same. */
import {
  blockerOf,
  isAlike,
  isAtOrBelow,
  isDirectory,
  leavesOf,
  type Path,
  parentsOf,
  pathsBelow,
  sameNode,
  type Tree,
} from './trees.js'

export interface Situation {
  readonly disk: Tree
  /** The commit that is left. */
  readonly from: Tree
  /** The commit that is come to. */
  readonly to: Tree
}

/** Git asks of each file that differs that it is as in the commit that is left. Here nothing must be lost. */
export function mayBeRefusedByGitAlone({ disk, from, to }: Situation, path: Path): boolean {
  const [found, before, after] = [disk, from, to].map((tree) => tree.get(path))
  // It is there already as it is to be.
  if (sameNode(found, after)) return true
  // It is gone: there is something else in the place of its directory, or a directory in its own.
  return blockerOf(disk, path) !== undefined || (before !== undefined && isDirectory(found))
}

/** Whether it may be refused here alone. */
export function mayBeDoneByGitAlone(situation: Situation, path: Path): boolean {
  const { disk, to } = situation
  // It may be in the way of something above or below that has another mode, and nothing else.
  const above = parentsOf(path).filter((parent) => to.has(parent) && !isDirectory(to.get(parent)))
  const below = isDirectory(to.get(path)) ? pathsBelow(to, path) : []
  const isForModes = [...above, path, ...below].some((at) => isAboutModes(situation, at))
  return hasEmptiness(to, path) || hasEmptiness(disk, path) || isForModes
}

/** Whether it may be something else in Git after a switch that is done in both. */
export function mayDiffer(situation: Situation, path: Path): boolean {
  return hasEmptiness(situation.to, path) || isAboutModes(situation, path)
}

/** Of modes Git knows one bit. */
function isAboutModes({ disk, from, to }: Situation, path: Path): boolean {
  const [found, before, after] = [disk, from, to].map((tree) => tree.get(path))
  const differInModes = (a: typeof found, b: typeof found): boolean => sameNode(a, b) && !isAlike(a, b)
  return differInModes(before, after) || differInModes(found, before)
}

/** An empty directory is nothing to Git, here or below, and nothing can be in its way. */
export function hasEmptiness(tree: Tree, path: Path): boolean {
  return leavesOf(tree).some((leaf) => isDirectory(tree.get(leaf)) && isAtOrBelow(leaf, path))
}
