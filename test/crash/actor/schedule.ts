/**
 * One of several processes at work on a store at once: it plays a part in one schedule after the other, until it is killed, by
 * others or by itself in the middle of what it does.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Hash } from '../../../src/base/hash.js'
import { type ErrorCode, isVarveError, Repository } from '../../../src/index.js'
import { SqlDatabase } from '../../../src/volume/sqlite.js'
import { Chance, digest } from '../support/chance.js'
import { BRANCHES, bytesOf, clockAhead, digestOfFiles, type Part, planCommit, type Tried } from '../support/realPlan.js'
import { listen, say } from './say.js'

/** Where a process is at: each edge of a transaction, of whichever file. */
class Edges {
  #count = 0
  #diesAt: number | undefined
  #naps = new Map<number, number>()

  begin({ diesAt, naps }: Pick<Part, 'diesAt' | 'naps'>): void {
    this.#count = 0
    this.#diesAt = diesAt
    this.#naps = new Map(naps)
  }

  pass(): void {
    const number = ++this.#count
    if (number === this.#diesAt) process.kill(process.pid, 'SIGKILL')
    const napMs = this.#naps.get(number)
    // All of the process sleeps: with a lock, a lease, or whatever it holds.
    if (napMs !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, napMs)
  }
}

/** Before, at the end of, and after each. */
function watchTransactions(edges: Edges): void {
  const { write } = SqlDatabase.prototype
  const open = new Set<SqlDatabase>()
  SqlDatabase.prototype.write = function <T>(this: SqlDatabase, ...[body, durability]: Parameters<typeof write<T>>): T {
    if (open.has(this)) return (write<T>).call(this, body, durability) as T
    edges.pass()
    open.add(this)
    const watched = (): T => {
      const value = body()
      edges.pass()
      return value
    }
    try {
      return (write<T>).call(this, watched, durability) as T
    } finally {
      open.delete(this)
      edges.pass()
    }
  }
}

export async function playSchedules(): Promise<void> {
  const edges = new Edges()
  watchTransactions(edges)
  const orders = listen()
  say('ready')
  for (;;) {
    const { value } = (await orders.next()) as { value?: string }
    if (value === undefined) return
    const part = JSON.parse(value) as Part
    edges.begin(part)
    await new Player(part).play()
    edges.begin({})
    say('done')
  }
}

/** What may be in the way, and is no failure. */
const BUSY: readonly ErrorCode[] = ['STORE_LOCKED', 'REF_CONFLICT', 'REF_EXISTS', 'REF_NOT_FOUND', 'PRUNED']
/** What nothing keeps any more may be gone. */
const GONE: readonly ErrorCode[] = ['UNKNOWN_REVISION', 'SNAPSHOT_GONE', 'MISSING_CHUNK']
const LOCK_TIMEOUT_MS = 5000

class Player {
  readonly #part: Part
  readonly #chance: Chance
  #leaptDays: number
  #commits = 0

  constructor(part: Part) {
    this.#part = part
    this.#chance = new Chance(part.seed, part.name)
    // Clocks of machines differ.
    this.#leaptDays = this.#chance.pick([0, 0, 1, -1])
  }

  async play(): Promise<void> {
    const clock = clockAhead(() => this.#leaptDays)
    let repo: Repository | undefined
    for (let left = this.#part.steps; left > 0; left--) {
      if (!repo || this.#chance.next() < 0.15) {
        await repo?.close()
        repo = await this.#passing(BUSY, () =>
          Repository.open(this.#part.store, { clock, lockTimeoutMs: LOCK_TIMEOUT_MS }),
        )
      }
      if (repo) await this.#step(repo)
    }
    await repo?.close()
  }

  #step(repo: Repository): Promise<unknown> {
    switch (this.#part.role) {
      case 'writer':
        return this.#commit(repo)
      case 'collector':
        return this.#collect(repo)
      case 'mover':
        return this.#move(repo)
      case 'reader':
        return this.#chance.next() < 0.3 ? this.#export(repo) : this.#read(repo)
    }
  }

  async #commit(repo: Repository): Promise<void> {
    const chance = this.#chance
    const branch = chance.pick(BRANCHES)
    const plan = planCommit(chance, `${this.#part.name} ${this.#commits++}`, chance.next() < 0.15)
    let base: Hash | undefined
    await this.#passing(
      ['NOTHING_TO_COMMIT', ...BUSY],
      async () => {
        const draft = await repo.draft(branch)
        base = draft.base
        try {
          for (const [path, content] of plan.files) await draft.write(path, bytesOf(content))
          say(`try ${JSON.stringify({ ...plan, base } satisfies Tried)}`)
          const { id } = await draft.commit({ message: plan.message, author: 'A <a@b>', retry: 0 })
          say(`ack ${id}`)
        } catch (error) {
          await draft.abandon()
          throw error
        }
      },
      () => branch !== 'main' || this.#isPruned(repo, base),
    )
  }

  async #collect(repo: Repository): Promise<void> {
    const { isPatient } = this.#part
    this.#leaptDays += this.#chance.pick([0, 1, 2, -1])
    const now = !isPatient && this.#chance.next() < 0.5
    await this.#passing(BUSY, async () => {
      if (this.#chance.next() < 0.25) {
        say(`packed ${(await repo.pack()).isPacked}`)
        return
      }
      const { condemned, dropped, rewritten } = await repo.gc({ now })
      say(`gc ${condemned.chunks} ${dropped.extents} ${rewritten.extents}`)
    })
  }

  /** Branches and tags come and go; some are brought back from the reflog; history is thinned out. */
  async #move(repo: Repository): Promise<void> {
    const chance = this.#chance
    const way = chance.next()
    const branch = chance.pick(BRANCHES.slice(1))
    let target: Hash | undefined
    await this.#passing(
      ['INVALID_ARGUMENT', ...BUSY],
      async () => {
        if (way < 0.25) await repo.deleteBranch(branch)
        else if (way < 0.55) {
          const [last] = await repo.reflog(branch, { limit: 1 })
          target = last?.old
          if (!target || last?.new !== undefined) return
          await repo.createBranch(branch, target)
          say('revived')
        } else if (way < 0.75) {
          target = chance.pick((await repo.reflog()).flatMap(({ new: id }) => (id === undefined ? [] : [id])))
          await repo.createBranch(branch, target, { force: true })
        } else if (way < 0.85) {
          const chain: Hash[] = []
          for await (const { id } of repo.log({ from: 'main' })) chain.push(id)
          await repo.createTag(`t${chance.below(3)}`, chance.pick(chain), { force: true })
        } else if (way < 0.9) await repo.deleteTag(`t${chance.below(3)}`)
        else {
          const { pruned } = await repo.prune({ keepLast: chance.between(1, 3), branches: [chance.pick(BRANCHES)] })
          say(`pruned ${pruned.length}`)
        }
      },
      () => this.#isPruned(repo, target),
    )
  }

  /** With a lease, what is there when it is looked for stays until it was read. */
  async #read(repo: Repository): Promise<void> {
    const { store, group, refs } = repo.parts
    const lease = await this.#passing(BUSY, async () => store.takeReaderLease())
    if (!lease) return
    await this.#passing(['PRUNED'], async () => {
      const target = refs.get(`heads/${this.#chance.pick(BRANCHES)}`)?.target
      if (!target) return
      const snapshot = await repo.at(target)
      const digests = new Map<string, string>()
      for await (const { kind, path } of snapshot.walk()) {
        if (kind === 'file') digests.set(path, digest(await snapshot.read(path)))
      }
      say(`read ${target} ${digestOfFiles(digests)}`)
    })
    await this.#passing(BUSY, async () => group.catalog.write((tx) => lease.release(tx)))
  }

  async #export(repo: Repository): Promise<void> {
    const branch = this.#chance.pick(BRANCHES)
    const folder = join(this.#part.folder, `export of ${this.#part.name}`)
    rmSync(folder, { recursive: true, force: true })
    await this.#passing(['UNKNOWN_REVISION', ...BUSY], () => repo.export(branch, folder))
  }

  #isPruned(repo: Repository, id: Hash | undefined): boolean {
    return id !== undefined && repo.parts.pruned.has(id)
  }

  /** @param mayBeGone of what this is about: asked once it is, where the reflog keeps all */
  async #passing<T>(
    codes: readonly ErrorCode[],
    body: () => Promise<T>,
    mayBeGone?: () => boolean,
  ): Promise<T | undefined> {
    try {
      return await body()
    } catch (error) {
      const isGone = mayBeGone !== undefined && isVarveError(error, ...GONE)
      const isPassed = isGone && (!this.#part.isPatient || mayBeGone())
      if (isPassed || isVarveError(error, ...codes)) say(`refused ${error.code}`)
      else say(`problem ${JSON.stringify(error instanceof Error ? error.stack : String(error))}`)
      return undefined
    }
  }
}
