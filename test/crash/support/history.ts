/** What the branches of a store must hold, by the plan of the process that was killed; compared with what they hold. */
import type { CommitInfo, Repository } from '../../../src/index.js'
import { digest } from './chance.js'
import { DRAFT_BRANCH, FOLDER_BRANCH, type PlannedStep } from './plan.js'

/** Path to digest. */
type Files = ReadonlyMap<string, string>

export const BRANCHES = [DRAFT_BRANCH, FOLDER_BRANCH] as const

export class ExpectedHistory {
  private readonly commits = new Map<string, Files>()
  private readonly logs = new Map<string, string[]>(BRANCHES.map((branch) => [branch, []]))

  /** Oldest first. */
  log(branch: string): readonly string[] {
    return this.logs.get(branch) ?? []
  }

  get size(): number {
    return this.commits.size
  }

  /** A commit that must be there from now on. */
  add(id: string, { branch, files }: PlannedStep): void {
    const log = this.logs.get(branch) ?? []
    const before = this.commits.get(log.at(-1) ?? '')
    const now = new Map(branch === DRAFT_BRANCH ? before : [])
    for (const { path, bytes } of files) now.set(path, digest(bytes))
    this.commits.set(id, now)
    log.push(id)
  }

  /** What differs in these commits from what they must hold. */
  async differences(repo: Repository, ids: Iterable<string>): Promise<string[]> {
    const problems: string[] = []
    for (const id of ids) {
      const expected = this.commits.get(id)
      const found = await filesOf(repo, id)
      for (const path of new Set([...(expected?.keys() ?? []), ...found.keys()])) {
        if (expected?.get(path) !== found.get(path)) problems.push(`commit ${id}: ${path} is not what was committed`)
      }
    }
    return problems
  }

  /** Every commit that must be there. */
  get ids(): Iterable<string> {
    return this.commits.keys()
  }
}

/** Oldest first; empty for a branch without commits. */
export async function logOf(repo: Repository, branch: string): Promise<CommitInfo[]> {
  const found: CommitInfo[] = []
  if (!(await repo.branches()).some(({ name }) => name === branch)) return found
  for await (const commit of repo.log({ from: branch })) found.push(commit)
  return found.reverse()
}

async function filesOf(repo: Repository, id: string): Promise<Map<string, string>> {
  const snapshot = await repo.at(id)
  const files = new Map<string, string>()
  for await (const entry of snapshot.walk()) {
    if (entry.kind === 'file') files.set(entry.path, digest(await snapshot.read(entry.path)))
  }
  return files
}
