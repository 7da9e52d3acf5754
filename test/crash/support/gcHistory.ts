/** What the branches of a store must hold that is tidied while it is in use; compared with what they hold. */
import { isVarveError, type Repository } from '../../../src/index.js'
import { digest } from './chance.js'
import { type CommitStep, MAIN_BRANCH } from './gcPlan.js'
import { logOf } from './history.js'

interface Content {
  readonly digest: string
  readonly sizeBytes: number
}

/** By path. */
type Files = ReadonlyMap<string, Content>

export class GcHistory {
  private readonly files = new Map<string, Files>()
  /** Oldest first. */
  private readonly chains = new Map<string, readonly string[]>([[MAIN_BRANCH, []]])
  /** By what a branch pointed at that was deleted. */
  private readonly graves = new Map<string, readonly string[]>()
  private readonly pruned = new Set<string>()

  get branches(): string[] {
    return [...this.chains].flatMap(([name, chain]) => (chain.length > 0 ? [name] : []))
  }

  chain(branch: string): readonly string[] {
    return this.chains.get(branch) ?? []
  }

  committed(id: string, { kind, branch, files }: CommitStep): void {
    const chain = this.chain(branch)
    const now = new Map(kind === 'draft' ? this.files.get(chain.at(-1) ?? '') : [])
    for (const { path, bytes } of files) now.set(path, { digest: digest(bytes), sizeBytes: bytes.length })
    this.files.set(id, now)
    this.chains.set(branch, [...chain, id])
  }

  /** @returns whether that is a commit of the main branch which has its files */
  forked(branch: string, id: string): boolean {
    const chain = this.chain(MAIN_BRANCH)
    this.chains.set(branch, chain.slice(0, chain.indexOf(id) + 1))
    return chain.includes(id) && !this.pruned.has(id)
  }

  deleted(branch: string): string | undefined {
    const chain = this.chain(branch)
    const tip = chain.at(-1)
    if (tip !== undefined) this.graves.set(tip, chain)
    this.chains.delete(branch)
    return tip
  }

  /** @returns whether a branch that was deleted pointed at it */
  undeleted(branch: string, tip: string): boolean {
    const chain = this.graves.get(tip)
    this.chains.set(branch, chain ?? [])
    return chain !== undefined
  }

  /** What keeping so many commits takes the files of. */
  prunable(keepLast: number): string[] {
    const elsewhere = new Set([...this.chains].flatMap(([name, chain]) => (name === MAIN_BRANCH ? [] : chain)))
    const whole = this.chain(MAIN_BRANCH).filter((id) => !this.pruned.has(id))
    return whole.slice(0, Math.max(0, whole.length - keepLast)).filter((id) => !elsewhere.has(id))
  }

  prune(ids: readonly string[]): void {
    for (const id of ids) this.pruned.add(id)
  }

  /** Of all different contents that a branch still needs. */
  get wantedBytes(): number {
    const wanted = new Map<string, number>()
    for (const id of this.reachable()) {
      if (this.pruned.has(id)) continue
      for (const { digest: name, sizeBytes } of this.files.get(id)?.values() ?? []) wanted.set(name, sizeBytes)
    }
    return [...wanted.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0)
  }

  async differences(repo: Repository): Promise<string[]> {
    const problems: string[] = []
    const there = new Map((await repo.branches()).map(({ name, target }) => [name, target]))
    for (const name of new Set([...there.keys(), ...this.branches])) {
      const log = (await logOf(repo, name)).map(({ id }) => id)
      if (log.join() !== this.chain(name).join()) {
        problems.push(`branch ${name} has ${log.length} commits up to ${log.at(-1)}, not ${this.chain(name).length}`)
      }
    }
    for (const id of this.reachable()) {
      for (const text of await this.differencesIn(repo, id)) problems.push(`commit ${id}: ${text}`)
    }
    return problems
  }

  private async differencesIn(repo: Repository, id: string): Promise<string[]> {
    const problems: string[] = []
    const expected = this.files.get(id)
    const found = new Map<string, string>()
    try {
      const snapshot = await repo.at(id)
      for await (const { kind, path } of snapshot.walk()) {
        if (kind === 'file') found.set(path, digest(await snapshot.read(path)))
      }
    } catch (error) {
      if (isVarveError(error, 'PRUNED') && this.pruned.has(id)) return []
      return [String(error)]
    }
    if (this.pruned.has(id)) problems.push('its files are there, though they were pruned')
    for (const path of new Set([...(expected?.keys() ?? []), ...found.keys()])) {
      if (expected?.get(path)?.digest !== found.get(path)) problems.push(`${path} is not what was committed`)
    }
    return problems
  }

  private reachable(): Set<string> {
    return new Set([...this.chains.values()].flat())
  }
}
