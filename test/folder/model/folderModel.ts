/** What a working folder and its store are known to hold: the disk, the commits, the branches, and where it stands. */
import { type Taken, takenFrom } from './ignoring.js'
import { type Difference, differences, EMPTY, isAlike, isDirectory, type Node, type Path, type Tree } from './trees.js'

export interface Remembered {
  /** How many were made before it. */
  readonly number: number
  readonly tree: Tree
  /** In the store. */
  readonly id: string
  /** In Git. */
  readonly gitId: string
}

export class FolderModel {
  disk: Tree = EMPTY
  readonly commits: Remembered[] = []
  readonly branches = new Map<string, Remembered>()
  /** `undefined`: detached. */
  branch: string | undefined = 'main'
  head: Remembered | undefined

  get here(): Tree {
    return this.head?.tree ?? EMPTY
  }

  /** What a commit would hold. */
  get taken(): Taken {
    return takenFrom(this.disk, this.here)
  }

  edit(change: (disk: Map<Path, Node>) => void): void {
    const disk = new Map(this.disk)
    change(disk)
    this.disk = disk
  }

  commit(tree: Tree, id: string, gitId: string): void {
    const made = { number: this.commits.length, tree, id, gitId }
    this.commits.push(made)
    this.moveTo(this.branch, made)
  }

  moveTo(branch: string | undefined, head: Remembered): void {
    this.branch = branch
    this.head = head
    if (branch !== undefined) this.branches.set(branch, head)
  }
}

export interface ToldChange {
  readonly path: Path
  readonly kind: 'added' | 'removed' | 'modified' | 'type-changed' | 'mode-changed'
}

/** As `status` tells them: in the order of paths; at one path what went comes first. */
export function changesBetween(before: Tree, after: Tree): ToldChange[] {
  const told = differences(before, after).map((difference) => ({ path: difference.path, kind: kindOf(difference) }))
  const known = new Set(told.map(({ path }) => path))
  for (const [path, node] of after) {
    const was = before.get(path)
    if (was && isDirectory(node) === isDirectory(was) && !known.has(path) && !isAlike(was, node)) {
      told.push({ path, kind: 'mode-changed' })
    }
  }
  return told.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.kind === 'removed' ? -1 : 1))
}

function kindOf({ before, after }: Difference): ToldChange['kind'] {
  if (!before) return 'added'
  if (!after) return 'removed'
  if (before.kind !== after.kind) return 'type-changed'
  const isSame = before.kind === 'file' && after.kind === 'file' && before.bytes.equals(after.bytes)
  return isSame ? 'mode-changed' : 'modified'
}
