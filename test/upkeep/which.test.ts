/** Reverse mapping: who needs a chunk, where it lies, what becomes of it. */
import { hostname } from 'node:os'
import { describe, expect, test } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import { DAY_MS } from '../../src/base/units.js'
import { KIND } from '../../src/format/kinds.js'
import { readCommit } from '../../src/history/commits.js'
import { linksOf } from '../../src/history/links.js'
import { Lease } from '../../src/volume/lease.js'
import { commitFiles, openRepository } from '../support/repositories.js'
import { bytes, chunksOf, Database, damage, GRACE_DAYS, idOf, newStore, shown } from './usageStores.js'

describe('which', () => {
  test('names files by the newest revision that has them, and everything that needs them', async () => {
    const { repo, pass, now } = await newStore()
    const first = await commitFiles(repo, { 'd/a': bytes(1), other: 'other' }, 'first')
    await repo.createTag('v1', 'main')
    const [start, ...more] = await chunksOf(repo, 'main', 'd/a')
    pass(1)
    // What is appended leaves the chunks before it as they are.
    const second = await commitFiles(repo, { 'd/a': Buffer.concat([bytes(1), bytes(2)]), 'd/b': bytes(1) }, 'second')
    pass(1)
    const third = await commitFiles(repo, { 'd/a': null, 'd/b': null }, 'third')
    await repo.createBranch('gone', 'v1')
    await repo.deleteBranch('gone')
    const found = await repo.which(start as string)
    expect(more.length).toBeGreaterThan(3)
    expect(found).toMatchObject({
      kind: 'chunk',
      id: start,
      commits: [second, first],
      commitCount: 2,
      isCut: false,
      unreadable: [],
      fates: [{ state: 'kept', chunks: 1, bytes: found.bytes, heldBy: [] }],
    })
    expect(shown(found.files)).toEqual([`${second}:d/a`, `${second}:d/b`, 'v1:d/a'])
    expect(found.files[0]?.pathBytes).toEqual(Buffer.from('d/a'))
    expect(found.roots).toMatchObject([
      { kind: 'branch', name: 'main', commit: third, isDirect: false },
      { kind: 'tag', name: 'v1', commit: first, isDirect: true },
      { kind: 'reflog', name: 'gone', isDirect: true, untilMs: now() + 90 * DAY_MS },
      { kind: 'reflog', name: 'main' },
      { kind: 'reflog', name: 'v1' },
    ])
    expect(found.fates[0]?.keptBy).toEqual([
      { kind: 'branch', name: 'main' },
      { kind: 'tag', name: 'v1' },
    ])
    const [place] = found.places
    expect(found.places).toHaveLength(1)
    expect(place?.volumePath).toBe(repo.parts.group.volume(place?.volume as number)?.location)
    expect(found.bytes).toBeGreaterThan(0)
    // A prefix is as good.
    expect(await repo.which((start as string).slice(0, 12).toUpperCase())).toEqual(found)
    // What is only in the second version.
    const last = (await chunksOf(repo, second, 'd/a')).at(-1) as string
    expect(shown((await repo.which(last)).files)).toEqual([`${second}:d/a`])
  })

  test('finds what needs manifests, trees, attributes and commits', async () => {
    const { repo, folder } = await newStore()
    const commit = await commitFiles(repo, { 'd/e/a': bytes(1), 'd/f': 'f' }, 'first')
    const manifest = await repo.which(await idOf(repo, 'main', 'd/e/a'))
    expect(manifest.kind).toBe('manifest')
    expect(shown(manifest.files)).toEqual(['main:d/e/a'])
    const tree = await repo.which(await idOf(repo, 'main', 'd/e'))
    expect(tree).toMatchObject({ kind: 'tree', commits: [commit] })
    expect(shown(tree.files)).toEqual(['main:d/e'])
    const asCommit = await repo.which(commit)
    expect(asCommit).toMatchObject({ kind: 'commit', commits: [commit], files: [], roots: [{ name: 'main' }, {}] })
    const { mkdirSync, writeFileSync } = await import('node:fs')
    mkdirSync(`${folder}/tree/sub`, { recursive: true })
    writeFileSync(`${folder}/tree/sub/x`, 'x')
    await repo.commitFrom(`${folder}/tree`, { branch: 'real', message: 'real' })
    const { attributes } = await readCommit(repo.parts.store, await repo.resolve('real'))
    const root = attributes.id as Hash
    const [below] = linksOf({ kind: KIND.attributes, id: root }, await repo.parts.store.get(KIND.attributes, root))
    expect(await repo.which(root)).toMatchObject({ kind: 'attributes', files: [{ revision: 'real', path: '' }] })
    expect(await repo.which(below?.id as string)).toMatchObject({
      kind: 'attributes',
      files: [{ revision: 'real', path: 'sub' }],
    })
  })

  test('takes an extent: all that lies in it', async () => {
    const { repo } = await newStore()
    await commitFiles(repo, { a: bytes(1, 3000), b: bytes(2, 3000) }, 'first')
    const [place] = (await repo.which(await idOf(repo, 'main', 'a'))).places
    const found = await repo.which(`extent:${place?.extent}`)
    expect(found).toMatchObject({ kind: 'extent', extent: place?.extent, unreadable: [] })
    expect(found.places.every(({ slot, chunks }) => slot === undefined && chunks === place?.chunks)).toBe(true)
    expect(shown(found.files)).toContain('main:a')
    expect(found.fates).toMatchObject([{ state: 'kept', chunks: place?.chunks, bytes: found.bytes }])
  })

  test('names a directory once, of which several nodes lie in an extent', async () => {
    const { repo } = await newStore()
    const names = Array.from({ length: 400 }, (_, number) => `d/${number} ${'x'.repeat(100)}`)
    await commitFiles(repo, Object.fromEntries(names.map((name) => [name, 'the same'])))
    const id = await idOf(repo, 'main', 'd')
    const extent = (await repo.which(id)).places[0]?.extent
    const found = await repo.which(`extent:${extent}`, { limit: 2 })
    expect(shown(found.files)).toEqual(['main:', 'main:d'])
    expect(found.isCut).toBe(false)
    expect((await repo.explain(id)).chunks).toBe(1)
    // More than a node and the one chunk of all files.
    expect((await repo.explain('main:d')).chunks).toBeGreaterThan(3)
  })

  test('lists at most so many files, and says so', async () => {
    const { repo } = await newStore()
    const files = Object.fromEntries(Array.from({ length: 7 }, (_, number) => [`f${number}`, 'the same']))
    await commitFiles(repo, files)
    const id = await idOf(repo, 'main', 'f0')
    expect(await repo.which(id, { limit: 7 })).toMatchObject({ isCut: false, files: { length: 7 } })
    const cut = await repo.which(id, { limit: 5 })
    expect(cut).toMatchObject({ isCut: true, commits: { length: 1 } })
    expect(shown(cut.files)).toEqual(['main:f0', 'main:f1', 'main:f2', 'main:f3', 'main:f4'])
    expect(await repo.which(id, { limit: 0 })).toMatchObject({ isCut: true, files: [], commits: [], commitCount: 1 })
  })

  test('of a long history, reads what differs from commit to commit', async () => {
    const { repo } = await newStore()
    const many = Object.fromEntries(
      Array.from({ length: 300 }, (_, number) => [`d${number % 30}/f${number}`, `${number}`]),
    )
    await commitFiles(repo, { ...many, needle: 'needle' })
    for (let number = 0; number < 20; number++) await commitFiles(repo, { 'd0/f0': `again ${number}` })
    const { store } = repo.parts
    const read: string[] = []
    const get = store.get.bind(store)
    store.get = (kind, id) => {
      read.push(id)
      return get(kind, id)
    }
    const found = await repo.which(await idOf(repo, 'main', 'needle'))
    expect(shown(found.files)).toEqual(['main:needle'])
    expect(found.commitCount).toBe(21)
    const times = new Map<string, number>()
    for (const id of read) times.set(id, (times.get(id) ?? 0) + 1)
    // A commit for its files and for its parents; the root's nodes, and the directory that changed.
    expect(times.size).toBeLessThan(21 * 4 + 40)
    expect(Math.max(...times.values())).toBeLessThanOrEqual(3)
  })

  test('commits that were pruned need no files any more', async () => {
    const { repo, pass } = await newStore()
    const first = await commitFiles(repo, { a: 'old' })
    const id = await idOf(repo, 'main', 'a')
    pass(1)
    await commitFiles(repo, { a: 'new' })
    expect((await repo.which(id)).commits).toEqual([first])
    await repo.prune({ keepLast: 1 })
    expect(await repo.which(id)).toMatchObject({ commits: [], roots: [], files: [], fates: [{ state: 'unneeded' }] })
    // The commit itself stays.
    expect(await repo.which(first)).toMatchObject({ commits: [first], fates: [{ state: 'kept' }] })
  })

  test('says what could not be looked at, and finds the rest', async () => {
    const { repo } = await newStore()
    await commitFiles(repo, { a: 'shared' }, 'one', 'main')
    const other = await commitFiles(repo, { a: 'shared', b: 'b' }, 'two', 'other')
    const id = await idOf(repo, 'main', 'a')
    const extent = (await repo.which(other)).places[0]?.extent as number
    const damaged = await damage(repo, extent)
    const found = await damaged.which(id)
    expect(shown(found.files)).toEqual(['main:a'])
    expect(found.unreadable).toMatchObject([{ kind: 'commit', id: other, code: 'CORRUPT_EXTENT' }])
    // The damaged one itself: what it is, its place no longer says; what needs it does.
    const itself = await damaged.which(other)
    expect(itself).toMatchObject({ kind: 'commit', id: other, commits: [other], places: [{ extent }] })
    expect(itself.unreadable.length).toBeGreaterThan(0)
    expect((await damaged.which(`extent:${extent}`)).places[0]?.extent).toBe(extent)
    const why = await damaged.explain(other)
    expect(why).toMatchObject({ fates: [{ state: 'kept', keptBy: [{ kind: 'branch', name: 'other' }] }] })
  })

  test('a damaged chunk needs not be read', async () => {
    const { repo } = await newStore()
    await commitFiles(repo, { a: 'precious' })
    const id = await idOf(repo, 'main', 'a')
    const extent = (await repo.which(id)).places[0]?.extent as number
    const found = await (await damage(repo, extent)).which(id.slice(0, 20))
    expect(found).toMatchObject({ kind: 'chunk', id, unreadable: [] })
    expect(shown(found.files)).toEqual(['main:a'])
  })

  test('what is missing is found by who misses it', async () => {
    const { repo, path } = await newStore()
    await commitFiles(repo, { a: 'precious', b: bytes(1) })
    const id = await idOf(repo, 'main', 'a')
    const [chunk] = await chunksOf(repo, 'main', 'b')
    const files = repo.parts.group.volumes.map(({ location }) => location)
    await repo.close()
    for (const file of files) {
      const database = new Database(file)
      for (const gone of [id, chunk as string]) {
        database.prepare('DELETE FROM chunk WHERE hash = ?').run(Buffer.from(gone, 'hex'))
      }
      database.close()
    }
    const damaged = await openRepository(path)
    expect(await damaged.which(id)).toMatchObject({ kind: 'chunk', places: [], files: [{ path: 'a' }], bytes: 0 })
    await expect(damaged.which(id.slice(0, 12))).rejects.toMatchObject({ code: 'UNKNOWN_REVISION' })
    const why = await damaged.explain('main:b')
    expect(why.unreadable).toMatchObject([{ kind: 'chunk', id: chunk, code: 'MISSING_CHUNK' }])
    expect(why.fates).toMatchObject([{ state: 'kept', chunks: why.chunks }])
  })

  test('refuses what it does not understand, and says what it does not find', async () => {
    const { repo } = await newStore()
    await commitFiles(repo, { a: 'one' })
    for (const what of [
      '',
      'abc',
      'main',
      'main:a',
      'extent:',
      'extent:x',
      'extent:-1',
      'extent:1e3',
      'ab cd',
      '0'.repeat(65),
    ]) {
      await expect(repo.which(what), what).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
    await expect(repo.which('abc')).rejects.toThrow('at least 4 digits')
    for (const what of ['0000000000', '0'.repeat(64), 'extent:9999', 'extent:0']) {
      await expect(repo.which(what), what).rejects.toMatchObject({ code: 'UNKNOWN_REVISION' })
    }
    for (const limit of [-1, 1.5, Number.NaN]) {
      await expect(repo.which('0000', { limit })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
    const id = await idOf(repo, 'main', 'a')
    await expect(repo.which(id, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CANCELLED' })
    await expect(repo.explain(':a', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CANCELLED' })
    await repo.close()
    await expect(repo.which(id)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('says what a prefix may mean', async () => {
    const { repo } = await newStore()
    const { hasher } = repo.parts.store
    const byPrefix = new Map<string, string>()
    let pair: [string, string] | undefined
    for (let number = 0; !pair; number++) {
      const prefix = hasher.id(KIND.chunk, Buffer.from(`${number}`)).slice(0, 4)
      const other = byPrefix.get(prefix)
      if (other !== undefined) pair = [other, `${number}`]
      byPrefix.set(prefix, `${number}`)
    }
    await commitFiles(repo, { a: pair[0], b: pair[1] })
    const ids = [await idOf(repo, 'main', 'a'), await idOf(repo, 'main', 'b')].sort()
    const question = repo.which((ids[0] as string).slice(0, 4))
    await expect(question).rejects.toMatchObject({ code: 'AMBIGUOUS_REVISION' })
    const { details } = (await question.catch((error: unknown) => error)) as { details: { candidates: string[] } }
    expect(details.candidates).toEqual(expect.arrayContaining(ids))
  })
})

describe('what becomes of it', () => {
  test('kept by the reflog, condemned, gone: with days', async () => {
    const { repo, pass, now } = await newStore()
    await repo.config.set('reflog-keep', '5d')
    await commitFiles(repo, { kept: 'kept' })
    await commitFiles(repo, { gone: bytes(2, 3000) }, 'gone', 'side')
    const id = await idOf(repo, 'side', 'gone')
    await repo.deleteBranch('side')
    await repo.gc()
    pass(1)
    const remembered = (await repo.which(id)).fates
    expect(remembered).toMatchObject([
      {
        state: 'kept',
        keptBy: [{ kind: 'reflog', name: 'side', untilMs: now() + 4 * DAY_MS }],
        freeMs: now() + (4 + GRACE_DAYS) * DAY_MS,
      },
    ])
    for (let day = 0; day < 4; day++) {
      await repo.gc()
      expect((await repo.which(id)).fates, `day ${day}`).toMatchObject([
        { state: 'kept', freeMs: remembered[0]?.freeMs },
      ])
      pass(1)
    }
    await repo.gc()
    const condemnedMs = now()
    pass(1)
    expect(await repo.which(id)).toMatchObject({
      roots: [],
      commits: [],
      files: [],
      places: [{ slot: expect.any(Number) }],
      fates: [{ state: 'condemned', keptBy: [], condemnedMs, freeMs: condemnedMs + GRACE_DAYS * DAY_MS, heldBy: [] }],
    })
    for (let day = 0; day < GRACE_DAYS - 2; day++) {
      await repo.gc()
      pass(1)
    }
    expect((await repo.which(id)).fates).toMatchObject([{ state: 'condemned', freeMs: now() + DAY_MS }])
    await repo.gc()
    pass(1)
    expect((await repo.which(id)).fates).toMatchObject([{ state: 'condemned', freeMs: now() }])
    await repo.gc()
    await expect(repo.which(id)).rejects.toMatchObject({ code: 'UNKNOWN_REVISION' })
  })

  test('a clock that leapt counts for two days', async () => {
    const { repo, pass, now } = await newStore()
    await commitFiles(repo, { gone: bytes(2, 3000) }, 'gone', 'side')
    const id = await idOf(repo, 'side', 'gone')
    await repo.deleteBranch('side')
    await repo.config.set('reflog-keep', '0')
    await repo.gc()
    await repo.gc()
    pass(1000)
    expect((await repo.which(id)).fates).toMatchObject([
      { state: 'condemned', condemnedMs: now() - 2 * DAY_MS, freeMs: now() + (GRACE_DAYS - 2) * DAY_MS },
    ])
  })

  test('a lease that keeps it is named, and only one that does', async () => {
    const { repo, clock } = await newStore()
    const { catalog } = repo.parts.group
    await commitFiles(repo, { gone: bytes(2, 3000) }, 'gone', 'side')
    const id = await idOf(repo, 'side', 'gone')
    await repo.deleteBranch('side')
    await repo.config.set('reflog-keep', '0')
    const before = Lease.take(catalog, 'reader', clock)
    await repo.gc()
    await repo.gc()
    const after = Lease.take(catalog, 'reader', clock)
    expect((await repo.which(id)).fates).toMatchObject([
      { state: 'condemned', heldBy: [{ id: before.id, kind: 'reader', pid: process.pid, host: hostname() }] },
    ])
    for (const lease of [before, after]) catalog.write((tx) => lease.release(tx))
    expect((await repo.which(id)).fates).toMatchObject([{ state: 'condemned', heldBy: [] }])
  })

  test('what is needed again after it was condemned is kept', async () => {
    const { repo } = await newStore()
    const gone = await commitFiles(repo, { gone: bytes(2, 3000) }, 'gone', 'side')
    const id = await idOf(repo, 'side', 'gone')
    await repo.deleteBranch('side')
    await repo.config.set('reflog-keep', '0')
    await repo.gc()
    await repo.gc()
    await repo.createBranch('back', gone)
    expect((await repo.which(id)).fates).toMatchObject([{ state: 'kept', keptBy: [{ kind: 'branch', name: 'back' }] }])
  })

  test('a folder that stands at it keeps it', async () => {
    const { repo } = await newStore()
    const head = (await commitFiles(repo, { gone: 'gone' }, 'gone', 'side')) as Hash
    const id = await idOf(repo, 'side', 'gone')
    await repo.deleteBranch('side')
    const { group, worktrees } = repo.parts
    group.catalog.write((tx) =>
      worktrees.add(tx, { id: '6f9619ff-8b86-4011-b42d-00c04fc964ff', path: '/srv/site', branch: undefined, head }),
    )
    const found = await repo.which(id)
    expect(found.fates).toMatchObject([{ state: 'kept', keptBy: [{ kind: 'head', name: '/srv/site' }] }])
    expect(found.roots[0]).toMatchObject({ kind: 'head', name: '/srv/site', commit: head, isDirect: true })
    expect(shown(found.files)).toEqual([`${head}:gone`])
  })
})
