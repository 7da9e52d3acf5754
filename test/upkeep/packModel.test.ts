/** Whatever is committed, thinned out, collected, put in order and packed, in any order: what went in comes out. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Repository } from '../../src/repository.js'
import { pseudoRandom, pseudoText } from '../codec/inputs.js'
import { collect } from '../support/repositories.js'
import { edited, SMALL } from './packedStores.js'

type Files = ReadonlyMap<string, Buffer>

type Step =
  | { readonly do: 'edit' | 'rename' | 'copy' | 'remove'; readonly branch: number; readonly seed: number }
  | { readonly do: 'add'; readonly branch: number; readonly seed: number; readonly isText: boolean }
  | { readonly do: 'fork' | 'read'; readonly seed: number }
  | { readonly do: 'drop'; readonly branch: number }
  | { readonly do: 'prune'; readonly keepLast: number }
  | { readonly do: 'gc'; readonly now: boolean }
  | { readonly do: 'pack'; readonly archive: boolean }
  | { readonly do: 'defragment' | 'reopen' }

const seed = fc.nat({ max: 1_000_000 })
const branch = fc.nat({ max: 3 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('edit'), branch, seed }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('add'), branch, seed, isText: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('rename', 'copy', 'remove'), branch, seed }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('fork', 'read'), seed }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drop'), branch }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('prune'), keepLast: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('gc'), now: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pack'), archive: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('defragment', 'reopen') }) },
) as fc.Arbitrary<Step>

class Model {
  /** Of each commit that some branch has. */
  readonly commits = new Map<string, Files>()
  readonly branches = new Map<string, string[]>()
  #count = 0

  constructor(private repo: Repository) {}

  async close(): Promise<void> {
    await this.repo.close()
  }

  async take(step: Step): Promise<void> {
    const { repo } = this
    switch (step.do) {
      case 'fork': {
        const id = this.#pick([...this.commits.keys()], step.seed)
        if (id === undefined || this.branches.size > 3) return
        const chain = [...this.branches.values()].find((ids) => ids.includes(id)) ?? []
        const name = `fork${this.#count++}`
        await repo.createBranch(name, id)
        this.branches.set(name, chain.slice(0, chain.indexOf(id) + 1))
        return
      }
      case 'drop': {
        const name = [...this.branches.keys()][step.branch]
        if (name === undefined || name === 'main') return
        await repo.deleteBranch(name)
        this.branches.delete(name)
        this.#forget()
        return
      }
      case 'read': {
        const id = this.#pick([...this.commits.keys()], step.seed)
        if (id !== undefined) await this.expectFiles(repo, id)
        return
      }
      case 'prune': {
        if (!this.branches.has('main')) return
        const { pruned } = await repo.prune({ keepLast: step.keepLast, branches: ['main'] })
        for (const id of pruned) this.commits.delete(id)
        return
      }
      case 'gc':
        // What would grow by it is left as it is, and said so.
        for (const note of (await repo.gc({ now: step.now })).notes)
          expect(note).toContain('as much would be taken, or more')
        return
      case 'pack': {
        const { storedBytes } = await repo.stats()
        const { isPacked, notes } = await repo.pack({ archive: step.archive })
        expect(notes).toEqual([])
        const after = (await repo.stats()).storedBytes
        expect(isPacked ? after < storedBytes : after === storedBytes).toBe(true)
        return
      }
      case 'defragment':
        if (this.branches.has('main')) await repo.defragment({ revision: 'main' })
        return
      case 'reopen':
        await repo.close()
        this.repo = await Repository.open(repo.path)
        return
      default:
        return this.#commit(step)
    }
  }

  /** All of it, read by one that has nothing in its caches. */
  async expectAll(): Promise<void> {
    const fresh = await Repository.open(this.repo.path)
    try {
      expect((await fresh.verify()).problems).toEqual([])
      for (const id of this.commits.keys()) await this.expectFiles(fresh, id)
      for (const [name, ids] of this.branches) expect(await fresh.resolve(name)).toBe(ids.at(-1))
    } finally {
      await fresh.close()
    }
  }

  async expectFiles(repo: Repository, id: string): Promise<void> {
    const files = this.commits.get(id) as Files
    const snapshot = await repo.at(id)
    const paths = (await collect(snapshot.walk())).filter(({ kind }) => kind === 'file').map(({ path }) => path)
    expect(paths.sort()).toEqual([...files.keys()].sort())
    for (const [path, content] of files) expect((await snapshot.read(path)).equals(content)).toBe(true)
  }

  async #commit(step: Extract<Step, { readonly seed: number; readonly branch: number }>): Promise<void> {
    const name = [...this.branches.keys()][step.branch] ?? 'main'
    const chain = this.branches.get(name) ?? []
    const files = new Map(this.commits.get(chain.at(-1) ?? '') ?? [])
    const draft = await this.repo.draft(name)
    const put = async (path: string, content: Buffer): Promise<void> => {
      files.set(path, content)
      await draft.write(path, content)
    }
    const path = this.#pick([...files.keys()], step.seed)
    const content = path === undefined ? undefined : files.get(path)
    if (step.do === 'add' || path === undefined || content === undefined) {
      const isText = step.do !== 'add' || step.isText
      const make = isText ? pseudoText : pseudoRandom
      await put(`d${step.seed % 3}/f${step.seed % 11}`, make(1 + (step.seed % 30_000), step.seed + 1))
    } else if (step.do === 'edit') await put(path, edited(content, step.seed))
    else {
      if (step.do !== 'remove') await put(`d${step.seed % 2}/${path.slice(-2)}${step.seed % 5}`, content)
      if (step.do !== 'copy' && files.size > 0) {
        files.delete(path)
        await draft.remove(path)
      }
    }
    const { id } = await draft.commit({ message: `${this.#count++}`, author: 'Test <t@example.org>', allowEmpty: true })
    this.commits.set(id, files)
    this.branches.set(name, [...chain, id])
  }

  /** What no branch has any more. */
  #forget(): void {
    const kept = new Set([...this.branches.values()].flat())
    for (const id of this.commits.keys()) if (!kept.has(id)) this.commits.delete(id)
  }

  #pick<T>(from: readonly T[], at: number): T | undefined {
    return from.length === 0 ? undefined : from[at % from.length]
  }
}

const RUNS = 25

test('S-1, S-5: any sequence of commits, prunes, gcs, packs and reads gives back what went in', {
  timeout: 300_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 8, maxLength: 40 }),
      fc.constantFrom('zstd', 'lz4', 'none'),
      async (steps, compression) => {
        const folder = mkdtempSync(join(tmpdir(), 'varve-pack-'))
        const repo = await Repository.create(join(folder, 'store.varve'), { ...SMALL, compression })
        const model = new Model(repo)
        try {
          await repo.config.set('reflog-keep', '0')
          await repo.config.set('gc-waste', '5%')
          for (const each of steps) await model.take(each)
          await model.take({ do: 'pack', archive: false })
          await model.expectAll()
        } finally {
          await model.close()
          rmSync(folder, { recursive: true, force: true })
        }
      },
    ),
    { numRuns: RUNS },
  )
})
