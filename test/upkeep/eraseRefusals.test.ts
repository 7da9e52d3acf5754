/** What keeps an erasure from beginning, and one that was interrupted: nothing is changed, or the rest is done later. */
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Hash, Repository } from '../../src/index.js'
import { type EraseContext, erasePaths } from '../../src/upkeep/erase.js'
import { ErasureState } from '../../src/upkeep/eraseState.js'
import type { DiskSpace } from '../../src/volume/diskSpace.js'
import { Lease } from '../../src/volume/lease.js'
import { change } from '../support/mirrored.js'
import { collect, commitFiles, createRepository, openRepository } from '../support/repositories.js'
import { filesIn, filesWith, secret } from './erasedStores.js'

async function makeStore() {
  const made = await createRepository({ compression: 'none' })
  await commitFiles(made.repo, { 'keep.txt': 'kept\n', 'a.txt': secret('one') }, 'first')
  await commitFiles(made.repo, { 'keep.txt': 'kept 2\n' }, 'second')
  return made
}

/** What can be seen of a store. */
async function seen(repo: Repository): Promise<unknown> {
  const log = await collect(repo.log())
  const files = await Promise.all(
    log.map(async ({ id }) =>
      (await collect((await repo.at(id)).walk())).map(({ path, id: content }) => [path, content]),
    ),
  )
  return {
    log,
    files,
    branches: await repo.branches(),
    reflog: await repo.reflog(),
    replaced: await repo.replacements(),
  }
}

async function contextOf(repo: Repository, more: Partial<EraseContext> = {}): Promise<EraseContext> {
  const { refs, worktrees, pruned, replacements, store } = repo.parts
  return {
    ...{ refs, worktrees, pruned, replacements, store: store.originals, who: 'test' },
    compression: { codec: 'none', level: 0 },
    folders: () => [],
    forgetFolders: () => undefined,
    ...more,
  }
}

describe('refused before anything is changed', () => {
  test('globs that match nothing, or nothing can match', async () => {
    const { repo } = await makeStore()
    for (const paths of [['b.txt'], ['a.txt', 'nothing/**'], ['a'], ['a.txt/'], ['*/a.txt']]) {
      const failure = await repo.erase({ paths }).catch((error: unknown) => error)
      expect({ paths, failure }).toMatchObject({ failure: { code: 'PATH_NOT_FOUND' } })
    }
    // What lies below another that is named is found all the same.
    await commitFiles(repo, { 'dir/a.txt': 'a', 'dir/sub/b.txt': 'b' })
    expect(await repo.erase({ paths: ['dir', 'dir/a.txt', 'dir/sub', '**/b.txt'], dryRun: true })).toMatchObject({
      paths: [{ path: 'dir/a.txt' }, { path: 'dir/sub/b.txt' }],
    })
    await expect(repo.erase({ paths: ['a.txt', 'b.txt'] })).rejects.toMatchObject({ details: { paths: ['b.txt'] } })
    const before = await seen(repo)
    for (const paths of [[], [''], ['/'], ['a\\'], ['a\nb'], ['[a']]) {
      const failure = await repo.erase({ paths }).catch((error: unknown) => error)
      expect({ paths, failure }).toMatchObject({ failure: { code: 'INVALID_ARGUMENT' } })
    }
    expect(await seen(repo)).toEqual(before)
  })

  test('a living lease, with who has it', async () => {
    const { repo } = await makeStore()
    const { group, clock } = repo.parts
    const before = await seen(repo)
    for (const kind of ['reader', 'writer'] as const) {
      const lease = Lease.take(group.catalog, kind, clock)
      await expect(repo.erase({ paths: ['a.txt'] })).rejects.toMatchObject({
        code: 'STORE_LOCKED',
        message: expect.stringContaining(`a ${kind} is at work: process ${process.pid} on `),
      })
      expect((await repo.erase({ paths: ['a.txt'], dryRun: true })).inTheWay).toMatchObject([
        { kind, pid: process.pid },
      ])
      group.catalog.write((tx) => lease.release(tx))
    }
    expect(await seen(repo)).toEqual(before)
    expect((await repo.erase({ paths: ['a.txt'], dryRun: true })).inTheWay).toEqual([])
  })

  test('another program that has it open, even if it does nothing', async () => {
    const { repo, path } = await makeStore()
    const before = await seen(repo)
    const other = await openRepository(path, { readOnly: true })
    await repo.close()
    const own = await openRepository(path, { lockTimeoutMs: 100 })
    await collect(other.log())
    await expect(own.erase({ paths: ['a.txt'] })).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringContaining('is open in another program; nothing was changed'),
    })
    expect(await seen(own)).toEqual(before)
    await other.close()
    await own.erase({ paths: ['a.txt'] })
  })

  test('a folder in the middle of a switch', async () => {
    const { repo } = await makeStore()
    const context = await contextOf(repo, { folders: () => [{ path: '/work', state: 'interrupted' }] })
    await expect(erasePaths(context, { paths: ['a.txt'] })).rejects.toMatchObject({
      code: 'SWITCH_INTERRUPTED',
      details: { path: '/work' },
    })
  })

  test('a disk without room to write the files anew', async () => {
    const { repo, path } = await makeStore()
    const before = await seen(repo)
    const full: DiskSpace = { totalBytes: 2 ** 40, freeBytes: statSync(path).size }
    const context = await contextOf(repo, { diskSpace: () => full })
    await expect(erasePaths(context, { paths: ['a.txt'] })).rejects.toMatchObject({
      code: 'STORAGE_FULL',
      message: expect.stringContaining('nothing was changed'),
    })
    expect((await erasePaths(context, { paths: ['a.txt'], dryRun: true })).noRoom).toContain('left')
    expect(await seen(repo)).toEqual(before)
  })

  test('something that stays is missing, or an extent is not what the catalog says', async () => {
    const { repo, path } = await makeStore()
    const { group } = repo.parts
    const { id = '' } = await (await repo.at('main')).stat('keep.txt')
    const locations = group.volumes.map(({ location }) => location)
    await repo.close()
    for (const location of locations) change(location, `DELETE FROM chunk WHERE hash = x'${id}'`, 0)
    const damaged = await openRepository(path)
    await expect(damaged.erase({ paths: ['a.txt'] })).rejects.toMatchObject({
      code: expect.stringMatching(/CORRUPT_EXTENT|MISSING_CHUNK/),
    })
    expect((await damaged.branches())[0]?.target).toBe((await collect(damaged.log()))[0]?.id)
    expect(await damaged.replacements()).toEqual([])
  })

  test('a store opened to read, and one that lacks a volume', async () => {
    const { repo, path, folder } = await makeStore()
    await repo.close()
    const reading = await openRepository(path, { readOnly: true })
    await expect(reading.erase({ paths: ['a.txt'] })).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' })
    await reading.close()
    const writing = await openRepository(path)
    await writing.extendVolumeGroup(join(folder, 'more.varve'))
    await writing.close()
    const { renameSync } = await import('node:fs')
    renameSync(join(folder, 'more.varve'), join(folder, 'away'))
    const partial = await openRepository(path, { partial: true })
    await expect(partial.erase({ paths: ['a.txt'], dryRun: true })).rejects.toMatchObject({ code: 'PV_MISSING' })
  })
})

test('a dry run says all that would be done, and changes no byte', async () => {
  const { repo, folder, path } = await makeStore()
  await repo.createTag('v1', 'main~1')
  await commitFiles(repo, { 'a.txt': secret('two'), 'sub/a.txt': secret('three') }, 'third')
  await repo.close()
  const before = filesIn(folder)
  const reading = await openRepository(path, { readOnly: true })
  expect(await reading.erase({ paths: ['**/a.txt'], dryRun: true })).toMatchObject({
    dryRun: true,
    commits: 3,
    paths: [
      { path: 'a.txt', versions: 2 },
      { path: 'sub/a.txt', versions: 1 },
    ],
    refs: [
      { kind: 'branch', name: 'main' },
      { kind: 'tag', name: 'v1' },
    ],
    bytes: expect.closeTo(3 * secret('two').length, -3),
    report: undefined,
    noRoom: undefined,
  })
  await reading.close()
  for (const [name, bytes] of filesIn(folder)) {
    if (!/-(wal|shm)$/.test(name)) expect({ name, same: before.get(name)?.equals(bytes) }).toEqual({ name, same: true })
  }
})

test('a branch that moves meanwhile: nothing is changed, and the next try does it', async () => {
  const { repo, folder } = await makeStore()
  const first = await repo.resolve('main~1')
  let moved = false
  const onProgress = ({ current = '' }): void => {
    if (moved || !current.startsWith('writing commit')) return
    moved = true
    const log = { operation: 'branch', message: '', who: 'somebody' }
    repo.parts.group.catalog.write((tx) =>
      repo.parts.refs.apply(tx, [{ name: 'heads/other', expected: null, target: first }], log),
    )
  }
  const before = await seen(repo)
  await expect(repo.erase({ paths: ['a.txt'], onProgress })).rejects.toMatchObject({ code: 'REF_CONFLICT' })
  expect(moved).toBe(true)
  const { parts } = repo
  parts.group.catalog.write((tx) =>
    parts.refs.apply(tx, [{ name: 'heads/other', expected: first, target: null }], {
      operation: 'branch-delete',
      message: '',
      who: 'somebody',
    }),
  )
  expect(await seen(repo)).toMatchObject({ ...(before as object), reflog: expect.anything() })
  expect(await repo.replacements()).toEqual([])
  await repo.erase({ paths: ['a.txt'] })
  expect(filesWith(folder, 'SECRET-')).toEqual([])
})

describe('working folders', () => {
  test('those that stand at an erased commit are moved, on a branch or off it', async () => {
    const { repo, folder } = await makeStore()
    const { group, worktrees } = repo.parts
    const first = (await repo.resolve('main~1')) as Hash
    const row = {
      id: '6f9619ff-8b86-4011-b42d-00c04fc964ff',
      path: join(folder, 'away'),
      branch: undefined,
      head: first,
    }
    group.catalog.write((tx) => worktrees.add(tx, row))
    const { report } = await repo.erase({ paths: ['a.txt'] })
    const now = worktrees.list()[0]?.head
    expect(now).toBe(await repo.resolve('main~1'))
    expect(now).not.toBe(first)
    expect(report?.refs).toContainEqual({ kind: 'folder', name: row.path, old: first, new: now })
    expect((await repo.verify()).problems).toEqual([])
  })

  test('a real one sees its file as one that no commit has, and its cache of contents is gone', async () => {
    const { WorkingFolder } = await import('../../src/index.js')
    const { tempFolder } = await import('../support/tempFolder.js')
    const dir = join(tempFolder(), 'work')
    mkdirSync(dir)
    const folder = await WorkingFolder.init(dir)
    writeFileSync(join(dir, 'keep.txt'), 'kept\n')
    writeFileSync(join(dir, 'a.txt'), secret('work'))
    await folder.commit({ message: 'First' })
    await folder.status()
    expect(() => statSync(join(dir, '.varve', 'stat-cache'))).not.toThrow()
    await folder.repository.erase({ paths: ['a.txt'] })
    expect(() => statSync(join(dir, '.varve', 'stat-cache'))).toThrow('ENOENT')
    const { changes } = await folder.status()
    expect(changes.map(({ kind, path }) => `${kind} ${path}`)).toEqual(['added a.txt'])
    await folder.close()
    expect(filesWith(join(dir, '.varve'), 'SECRET-')).toEqual([])
  })
})

describe('interrupted', () => {
  /** Ends at the first report that begins so. */
  async function interruptedAt(repo: Repository, beginning: string): Promise<void> {
    const controller = new AbortController()
    const onProgress = ({ current = '' }): void => {
      if (current.startsWith(beginning)) controller.abort()
    }
    const failure = await repo
      .erase({ paths: ['a.txt'], signal: controller.signal, onProgress })
      .catch((error) => error)
    expect({ beginning, failure }).toMatchObject({ failure: { code: 'CANCELLED' } })
  }

  test('before the refs moved: as if nothing had been', async () => {
    const { repo } = await makeStore()
    const before = await seen(repo)
    for (const point of ['looking at commit', 'looking through', 'writing commit']) await interruptedAt(repo, point)
    expect(await seen(repo)).toEqual(before)
    expect(new ErasureState(repo.parts.group.catalog).read()).toBeUndefined()
    expect(await repo.finishErasure()).toBeUndefined()
    expect(await seen(repo)).toEqual(before)
  })

  test.each(['marking', 'dropping', 'rewriting', 'writing /'])('at "%s": the rest is done later', async (point) => {
    const { repo, path, folder } = await makeStore()
    // Enough to be marked with a report on the way.
    const many = Object.fromEntries(Array.from({ length: 1200 }, (_, number) => [`many/${number}`, `${number}`]))
    await commitFiles(repo, { ...many, 'big.bin': secret('a').repeat(20) })
    await interruptedAt(repo, point === 'writing /' ? `writing ${folder}` : point)
    const state = new ErasureState(repo.parts.group.catalog)
    expect({ point, note: state.read() }).toMatchObject({ note: { globs: ['a.txt'] } })
    const { findings } = await repo.doctor()
    expect(findings.map(({ topic }) => topic)).toContain('erasure')
    expect((await repo.verify()).notes.join()).toContain('varve erase --finish')
    await expect(repo.erase({ paths: ['keep.txt'] })).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      hint: 'Run `varve erase --finish`.',
    })
    await expect(repo.erase({ paths: ['keep.txt'], dryRun: true })).rejects.toMatchObject({ code: 'STORE_LOCKED' })
    // Committing, gc and all else go on.
    await commitFiles(repo, { 'between.txt': 'between\n' })
    await repo.gc()
    expect((await repo.verify()).problems).toEqual([])
    await repo.close()
    const again = await openRepository(path)
    const report = await again.finishErasure()
    expect(filesWith(folder, 'SECRET-one-')).toEqual([])
    expect(report).toMatchObject({ globs: ['a.txt'], paths: [{ path: 'a.txt', versions: 1 }] })
    expect(report?.commits).toHaveLength(3)
    expect(report?.destroyed.objects).toEqual(expect.arrayContaining(report?.commits.map(({ old }) => old) ?? ['none']))
    expect(await again.checkErasure(report)).toMatchObject({ ok: true })
    expect((await again.verify()).problems).toEqual([])
    expect((await again.doctor()).findings.map(({ topic }) => topic)).not.toContain('erasure')
    expect(new ErasureState(again.parts.group.catalog).list('map')).toEqual([])
  })

  test('by somebody who begins to read when the refs have moved: it says who, and what to do then', async () => {
    const { repo, folder } = await makeStore()
    const { group, clock } = repo.parts
    let lease: Lease | undefined
    const onProgress = ({ current = '' }): void => {
      const isMoved = new ErasureState(group.catalog).read() !== undefined
      if (isMoved && current.startsWith('looking through')) lease ??= Lease.take(group.catalog, 'reader', clock)
    }
    await expect(repo.erase({ paths: ['a.txt'], onProgress })).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      message: expect.stringMatching(/^a reader is at work: process \d+ on .*; not all is destroyed yet$/),
      hint: expect.stringContaining('`varve erase --finish` when it has ended'),
    })
    expect(lease).toBeDefined()
    // What a reader may still need is there.
    expect(filesWith(folder, 'SECRET-one-').length).toBeGreaterThan(0)
    group.catalog.write((tx) => lease?.release(tx))
    const report = await repo.finishErasure()
    expect(filesWith(folder, 'SECRET-')).toEqual([])
    expect(await repo.checkErasure(report)).toMatchObject({ ok: true })
  })

  test('by somebody who commits while it is destroyed: that is kept', async () => {
    const { repo, folder, path } = await makeStore()
    const { group } = repo.parts
    const other = await openRepository(path, { readOnly: true })
    await other.close()
    let begun: Promise<string> | undefined
    const onProgress = ({ current = '' }): void => {
      if (!current.startsWith('looking through')) return
      if (new ErasureState(group.catalog).read() === undefined) return
      begun ??= commitFiles(repo, { 'late.txt': 'late', 'again.txt': secret('one') }, 'late')
    }
    const done = await repo.erase({ paths: ['a.txt'], onProgress }).catch((error: unknown) => error)
    await begun
    // On several volumes a commit holds a lease.
    if (done instanceof Error) expect(done).toMatchObject({ code: 'STORE_LOCKED' })
    const report = await repo.finishErasure()
    expect((await repo.verify()).problems).toEqual([])
    expect((await (await repo.at('main')).read('again.txt')).toString()).toBe(secret('one'))
    expect((await collect((await repo.at('main')).walk())).map((entry) => entry.path)).not.toContain('a.txt')
    // What somebody stored again before it ended is not told to be gone.
    const { id } = await (await repo.at('main')).stat('again.txt')
    if (report) expect(report.destroyed.chunks).not.toContain(id)
    expect(filesWith(folder, 'SECRET-one-').length).toBeGreaterThan(0)
  })

  test('without one, the files are written anew all the same', async () => {
    const { repo, folder } = await createRepository({ compression: 'none' })
    await commitFiles(repo, { 'keep.txt': 'kept\n' })
    await repo.createBranch('gone', 'main')
    await commitFiles(repo, { 'a.txt': secret('old') }, 'gone', 'gone')
    await repo.deleteBranch('gone')
    await repo.gc({ now: true })
    expect(filesWith(folder, 'SECRET-old-').length).toBeGreaterThan(0)
    expect(await repo.finishErasure()).toBeUndefined()
    expect(filesWith(folder, 'SECRET-old-')).toEqual([])
    expect((await repo.verify()).problems).toEqual([])
  })
})
