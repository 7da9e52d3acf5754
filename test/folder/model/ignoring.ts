/** What ignore files say, in the few forms of patterns that the generator writes: written anew, not the library's. */
import { isDirectory, type Node, type Path, parentOf, parentsOf, type Tree } from './trees.js'

export const IGNORE_FILE = '.gitignore'

interface Rule {
  readonly negated: boolean
  readonly onlyDirectories: boolean
  /** Against the path from the ignore file's directory, or against the name alone. */
  readonly anchored: boolean
  readonly matches: RegExp
}

function rulesOf(text: string): Rule[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const negated = line.startsWith('!')
      const onlyDirectories = line.endsWith('/')
      const pattern = line.slice(negated ? 1 : 0, onlyDirectories ? -1 : undefined)
      const glob = pattern.replace(/^\//, '').replace(/[.+^$()|[\]{}\\]/g, '\\$&')
      const matches = new RegExp(`^${glob.replaceAll('?', '[^/]').replaceAll('*', '[^/]*')}$`, 's')
      return { negated, onlyDirectories, anchored: pattern.includes('/'), matches }
    })
}

/** The last rule that matches, of the deepest ignore file in which one does, decides. */
function isNamed(rules: ReadonlyMap<Path, readonly Rule[]>, path: Path, isDirectoryThere: boolean): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1)
  for (const parent of [...parentsOf(path).reverse(), '']) {
    const below = parent === '' ? path : path.slice(parent.length + 1)
    const decides = rules
      .get(parent)
      ?.findLast(
        ({ onlyDirectories, anchored, matches }) =>
          (isDirectoryThere || !onlyDirectories) && matches.test(anchored ? below : name),
      )
    if (decides) return !decides.negated
  }
  return false
}

export interface Taken {
  readonly tree: Tree
  /** Entries left out; a directory counts as one. */
  readonly ignored: number
}

/**
 * What a commit takes of a folder: all but what is ignored, and what is ignored only where the commit before has it, as a
 * directory or as something else.
 */
export function takenFrom(disk: Tree, tracked: Tree): Taken {
  const rules = new Map<Path, readonly Rule[]>()
  for (const [path, node] of disk) {
    const isRules = path === IGNORE_FILE || path.endsWith(`/${IGNORE_FILE}`)
    if (isRules && node.kind === 'file') rules.set(parentOf(path), rulesOf(node.bytes.toString('latin1')))
  }
  const tree = new Map<Path, Node>()
  const within = new Set<Path>()
  let ignored = 0
  for (const [path, node] of [...disk].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const parent = parentOf(path)
    if (parent !== '' && !tree.has(parent)) continue
    if (within.has(parent) || isNamed(rules, path, isDirectory(node))) {
      within.add(path)
      const before = tracked.get(path)
      if (!before || isDirectory(before) !== isDirectory(node)) {
        ignored++
        continue
      }
    }
    tree.set(path, node)
  }
  return { tree, ignored }
}
