/** File trees as the model remembers them, and as they are found on a disk. */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Bytes as latin1, `/` between segments; the root has none. */
export type Path = string

export type Node =
  | { readonly kind: 'file'; readonly bytes: Buffer; readonly mode: number }
  | { readonly kind: 'symlink'; readonly target: string }
  | { readonly kind: 'directory'; readonly mode: number }

/** Every directory is an entry of its own, the root is not. */
export type Tree = ReadonlyMap<Path, Node>

export const EMPTY: Tree = new Map()
export const DIRECTORY: Node = { kind: 'directory', mode: 0o755 }

const OWNER_EXECUTE = 0o100
const MODE_BITS = 0o7777

export function isDirectory(node: Node | undefined): boolean {
  return node?.kind === 'directory'
}

export function isExecutable(node: Node): boolean {
  return node.kind === 'file' && (node.mode & OWNER_EXECUTE) !== 0
}

export function modeOf(node: Node | undefined): number | undefined {
  return !node || node.kind === 'symlink' ? undefined : node.mode
}

function sameContent(a: Node, b: Node): boolean {
  if (a.kind === 'file' && b.kind === 'file') return a.bytes.equals(b.bytes)
  if (a.kind === 'symlink' && b.kind === 'symlink') return a.target === b.target
  return a.kind === b.kind
}

/** Mode bits other than a file's executable bit are recorded, but make no difference between trees. */
export function sameNode(a: Node | undefined, b: Node | undefined): boolean {
  return a !== undefined && b !== undefined && sameContent(a, b) && isExecutable(a) === isExecutable(b)
}

/** Mode bits and all. */
export function isAlike(a: Node | undefined, b: Node | undefined): boolean {
  return sameNode(a, b) && modeOf(a) === modeOf(b)
}

export function parentOf(path: Path): Path {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

/** Directories above, the outermost first. */
export function parentsOf(path: Path): Path[] {
  const parents: Path[] = []
  for (let end = path.indexOf('/'); end >= 0; end = path.indexOf('/', end + 1)) parents.push(path.slice(0, end))
  return parents
}

export function isAtOrBelow(path: Path, top: Path): boolean {
  return top === '' || path === top || path.startsWith(`${top}/`)
}

export function pathsBelow(tree: Tree, directory: Path): Path[] {
  return [...tree.keys()].filter((path) => path.startsWith(`${directory}/`))
}

export function hasBelow(tree: Tree, directory: Path): boolean {
  for (const path of tree.keys()) if (path.startsWith(`${directory}/`)) return true
  return false
}

/** Whether anything but directories is there, or below. */
export function holdsFiles(tree: Tree, top: Path): boolean {
  for (const [path, node] of tree) if (!isDirectory(node) && isAtOrBelow(path, top)) return true
  return false
}

/** Everything but directories that hold something. */
export function leavesOf(tree: Tree): Path[] {
  return [...tree].flatMap(([path, node]) => (!isDirectory(node) || !hasBelow(tree, path) ? [path] : []))
}

/** The first thing on the way to a path that is no directory. */
export function blockerOf(tree: Tree, path: Path): Path | undefined {
  return parentsOf(path).find((parent) => tree.has(parent) && !isDirectory(tree.get(parent)))
}

/** @param like Has the directories that are missing. */
export function put(tree: Map<Path, Node>, path: Path, node: Node, like: Tree = EMPTY): void {
  for (const parent of parentsOf(path)) {
    if (!isDirectory(tree.get(parent))) tree.set(parent, like.get(parent) ?? DIRECTORY)
  }
  tree.set(path, node)
}

export function removeAll(tree: Map<Path, Node>, path: Path): void {
  for (const below of pathsBelow(tree, path)) tree.delete(below)
  tree.delete(path)
}

export function differingPaths(a: Tree, b: Tree): Path[] {
  return [...new Set([...a.keys(), ...b.keys()])].sort().filter((path) => !isAlike(a.get(path), b.get(path)))
}

export interface Difference {
  readonly path: Path
  readonly before?: Node
  readonly after?: Node
}

/**
 * Files and symlinks that differ, and directories that are empty on one side and nothing on the other. A directory that
 * became something else, or the reverse, gives two. In the order of paths.
 */
export function differences(a: Tree, b: Tree): Difference[] {
  const found: Difference[] = []
  for (const path of [...new Set([...a.keys(), ...b.keys()])].sort()) {
    const [before, after] = [a.get(path), b.get(path)]
    if (isDirectory(before) && isDirectory(after)) continue
    if (before && after && !isDirectory(before) && !isDirectory(after)) {
      if (!sameNode(before, after)) found.push({ path, before, after })
      continue
    }
    if (before && !(isDirectory(before) && hasBelow(a, path))) found.push({ path, before })
    if (after && !(isDirectory(after) && hasBelow(b, path))) found.push({ path, after })
  }
  return found
}

export function diskPath(root: string, path: Path): Buffer {
  return Buffer.concat([Buffer.from(path === '' ? root : `${root}/`), Buffer.from(path, 'latin1')])
}

/** @param own The one name at the top that is left out. */
export function readTree(root: string, own: string): Map<Path, Node> {
  const found = new Map<Path, Node>()
  const visit = (directory: Path): void => {
    for (const name of readdirSync(diskPath(root, directory), 'latin1').sort()) {
      const path = directory === '' ? name : `${directory}/${name}`
      if (path === own) continue
      const where = diskPath(root, path)
      const stat = lstatSync(where)
      if (stat.isSymbolicLink()) found.set(path, { kind: 'symlink', target: readlinkSync(where, 'latin1') })
      else if (stat.isFile()) {
        found.set(path, { kind: 'file', bytes: readFileSync(where), mode: stat.mode & MODE_BITS })
      } else {
        found.set(path, { kind: 'directory', mode: stat.mode & MODE_BITS })
        visit(path)
      }
    }
  }
  visit('')
  return found
}

const SHOWN_BYTES = 24

export function describeNode(node: Node | undefined): string {
  if (!node) return 'nothing'
  if (node.kind === 'directory') return `a directory, mode ${node.mode.toString(8)}`
  if (node.kind === 'symlink') return `a symlink to ${JSON.stringify(node.target)}`
  const { bytes, mode } = node
  const shown = bytes.length <= SHOWN_BYTES ? ` ${JSON.stringify(bytes.toString('latin1'))}` : ''
  return `a file of ${bytes.length} bytes${shown}, mode ${mode.toString(8)}`
}
