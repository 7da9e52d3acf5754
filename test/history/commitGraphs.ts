/** Commit graphs for tests, as tiny literals: names, parents, times. */
import type { Hash } from '../../src/base/hash.js'
import type { Commit } from '../../src/format/commit.js'
import { EMPTY_CONTENT } from '../../src/format/content.js'
import { writeCommit } from '../../src/history/commits.js'
import type { TreeRoot } from '../../src/history/entries.js'
import type { MemoryObjects } from '../support/memoryObjects.js'

export const EMPTY_ROOT: TreeRoot = { tree: EMPTY_CONTENT, files: 0, attributes: EMPTY_CONTENT }

export interface GraphCommit {
  readonly name: string
  readonly parents?: readonly string[]
  readonly timeMs: number
  readonly root?: TreeRoot
}

export function makeCommit(
  options: { message?: string; parents?: readonly Hash[]; timeMs?: number; root?: TreeRoot } = {},
): Commit {
  const { message = 'a commit', parents = [], timeMs = 1_700_000_000_000, root = EMPTY_ROOT } = options
  const who = { who: 'Ada <ada@example.org>', timeMs, zoneMinutes: 60 }
  const { tree, files, attributes } = root
  return { tree, files, attributes, parents, author: who, committer: who, message, extraHeaders: [] }
}

/** Commits by name, both ways. */
export class Graph {
  readonly ids = new Map<string, Hash>()
  readonly names = new Map<Hash, string>()

  static async write(objects: MemoryObjects, commits: readonly GraphCommit[]): Promise<Graph> {
    const graph = new Graph()
    for (const { name, parents = [], timeMs, root } of commits) {
      const commit = makeCommit({
        message: name,
        parents: parents.map((parent) => graph.id(parent)),
        timeMs,
        ...(root && { root }),
      })
      const id = await writeCommit(objects, commit)
      graph.ids.set(name, id)
      graph.names.set(id, name)
    }
    return graph
  }

  id(name: string): Hash {
    const id = this.ids.get(name)
    if (!id) throw new Error(`no commit ${name}`)
    return id
  }
}
