/** What the commits of a schedule must hold, by what their writers said before they made them. */
import { isVarveError, type Repository } from '../../../src/index.js'
import { digest } from './chance.js'
import { bytesOf, type Content, digestOfFiles, type Tried } from './realPlan.js'

type Files = ReadonlyMap<string, Content>

export class RealRecord {
  readonly #tried: Map<string, Tried>
  readonly #acknowledged: Set<string>
  /** What readers found in commits. */
  readonly #reads: { readonly id: string; readonly digest: string }[] = []
  /** By content. */
  readonly #digests: Map<string, string>
  /** Commits that are there though nobody was told. */
  untold = 0

  /** @param before of the store that this one is a copy of */
  constructor(before?: RealRecord) {
    this.#tried = new Map(before ? before.#tried : [])
    this.#acknowledged = new Set(before ? before.#acknowledged : [])
    this.#digests = before ? before.#digests : new Map()
  }

  /** Messages tell commits from each other. */
  tried(commit: Tried): void {
    this.#tried.set(commit.message, commit)
  }

  acknowledged(id: string): void {
    this.#acknowledged.add(id)
  }

  read(id: string, found: string): void {
    this.#reads.push({ id, digest: found })
  }

  /** @param all acknowledged commits must be there, reachable or not */
  async differences(repo: Repository, all: boolean): Promise<string[]> {
    const problems: string[] = []
    const named = new Set<string | undefined>((await repo.reflog()).map(({ new: id }) => id))
    for (const id of this.#acknowledged) {
      if (!named.has(id)) problems.push(`commit ${id} was acknowledged, and is not in the reflog`)
    }
    const messages = new Map<string, string>()
    const tips = [...(await repo.branches()), ...(await repo.tags())].map(({ target }): string => target)
    for (const tip of [...tips, ...(all ? this.#acknowledged : [])]) {
      if (messages.has(tip)) continue
      for await (const { id, message } of repo.log({ from: tip })) messages.set(id, message)
    }
    this.untold = [...messages.keys()].filter((id) => !this.#acknowledged.has(id)).length
    for (const id of messages.keys()) problems.push(...(await this.#differencesIn(repo, id, messages)))
    for (const { id, digest: found } of this.#reads) {
      if (messages.has(id) && this.#digestOf(this.#filesOf(id, messages)) !== found) {
        problems.push(`a reader found other bytes in commit ${id}`)
      }
    }
    return problems
  }

  async #differencesIn(repo: Repository, id: string, messages: ReadonlyMap<string, string>): Promise<string[]> {
    const found = new Map<string, string>()
    try {
      const snapshot = await repo.at(id)
      for await (const { kind, path } of snapshot.walk()) {
        if (kind === 'file') found.set(path, digest(await snapshot.read(path)))
      }
    } catch (error) {
      return isVarveError(error, 'PRUNED') ? [] : [`commit ${id}, ${messages.get(id)}: ${error}`]
    }
    const expected = this.#filesOf(id, messages)
    return [...new Set([...expected.keys(), ...found.keys()])].flatMap((path) => {
      const content = expected.get(path)
      const isSame = content !== undefined && this.#digest(content) === found.get(path)
      return isSame ? [] : [`commit ${id}, ${messages.get(id)}: ${path} is not what was committed`]
    })
  }

  #filesOf(id: string, messages: ReadonlyMap<string, string>): Files {
    const commit = this.#tried.get(messages.get(id) ?? '')
    if (!commit) throw new Error(`nobody was about to make commit ${id}, ${messages.get(id)}`)
    const files = new Map(commit.base === undefined ? [] : this.#filesOf(commit.base, messages))
    for (const [path, content] of commit.files) files.set(path, content)
    return files
  }

  #digestOf(files: Files): string {
    return digestOfFiles(new Map([...files].map(([path, content]) => [path, this.#digest(content)])))
  }

  #digest(content: Content): string {
    const name = content.join()
    const known = this.#digests.get(name) ?? digest(bytesOf(content))
    this.#digests.set(name, known)
    return known
  }
}
