/** Paths erased from all history: what reads from the store no longer has them, and neither do the bytes of its files. */
import { linkSync, mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { DAY_MS } from '../../src/base/units.js'
import { readCommit } from '../../src/history/commits.js'
import type { Hash } from '../../src/index.js'
import { pseudoRandom } from '../codec/inputs.js'
import { VOLUMES } from '../support/groups.js'
import { createMirrored } from '../support/mirrored.js'
import { collect, commitFiles, createRepository, openRepository } from '../support/repositories.js'
import { tempFolder } from '../support/tempFolder.js'
import { commitMerge, filesWith, secret } from './erasedStores.js'

async function pathsOf(repo: Awaited<ReturnType<typeof openRepository>>, rev: string): Promise<string[]> {
  return (await collect((await repo.at(rev)).walk())).map(({ path }) => path)
}

test('nothing of a path is left in any file, in no revision, and all else is as it was', async () => {
  const { repo, folder, path } = await createRepository({ compression: 'none' })
  await commitFiles(repo, { 'keep.txt': 'kept 1\n', 'keys/old.txt': 'other\n' }, 'one')
  const two = await commitFiles(repo, { 'keys/secret.txt': secret('first'), 'keep.txt': 'kept 2\n' }, 'two')
  await repo.createTag('v1', two, { message: 'tagged' })
  const three = await commitFiles(repo, { 'keys/secret.txt': secret('second') }, 'three')
  await repo.createBranch('side', two)
  await commitFiles(repo, { 'side.txt': 'side\n' }, 'on the side', 'side')
  const four = await commitFiles(repo, { 'keys/secret.txt': null, 'keep.txt': 'kept 4\n' }, 'four')
  expect(filesWith(folder, 'SECRET-first-3-').length).toBeGreaterThan(0)
  const one = await repo.resolve('main~3')
  const before = await collect(repo.log())
  // Sets of what commits need are kept from then on.
  await repo.space()
  const sets = (): number =>
    repo.parts.group.catalog.get<{ n: number }>('SELECT count(*) AS n FROM bitmap')?.n ?? Number.NaN
  expect(sets()).toBeGreaterThan(0)

  const { report, commits } = await repo.erase({ paths: ['keys/secret.txt'], reason: 'a key' })
  expect(commits).toBe(4)
  expect(filesWith(folder, 'SECRET-')).toEqual([])
  expect(sets()).toBe(0)
  expect((await repo.verify()).problems).toEqual([])

  const log = await collect(repo.log())
  expect(log.map(({ message, author, committer }) => ({ message, author, committer }))).toEqual(
    before.map(({ message, author, committer }) => ({ message, author, committer })),
  )
  // What came before the first of them is what it was.
  expect(log.at(-1)?.id).toBe(one)
  expect(log.map(({ id }) => id)).not.toContain(four)
  for (const rev of ['main', 'main~1', 'main~2', 'v1', 'side']) {
    expect(await pathsOf(repo, rev)).not.toContain('keys/secret.txt')
    expect(await pathsOf(repo, rev)).toContain('keys/old.txt')
  }
  expect((await (await repo.at('main')).read('keep.txt')).toString()).toBe('kept 4\n')
  expect((await repo.tags())[0]).toMatchObject({ name: 'v1', message: 'tagged', target: await repo.resolve('main~2') })
  expect(await repo.resolve('side~1')).toBe(await repo.resolve('v1'))
  // Old ids lead to the new commits, as the reflog does.
  expect(await repo.resolve(three)).toBe(await repo.resolve('main~1'))
  expect(await repo.resolve(three.slice(0, 12))).toBe(await repo.resolve('main~1'))
  expect(await repo.resolve('main@{1}')).toBe(await repo.resolve('main'))
  expect(await repo.resolve('main@{2}')).toBe(await repo.resolve('main~1'))
  expect((await repo.reflog('main'))[0]).toMatchObject({ operation: 'erase', message: 'a key', old: four })
  expect(report).toMatchObject({
    reason: 'a key',
    globs: ['keys/secret.txt'],
    paths: [{ path: 'keys/secret.txt', versions: 2 }],
    kept: [],
  })
  expect(report?.files).toHaveLength(VOLUMES)
  expect(report?.commits.map((commit) => commit.old)).toEqual(expect.arrayContaining([two, three, four]))
  expect(report?.refs.map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual([
    'branch main',
    'branch side',
    'tag v1',
  ])
  expect(report?.destroyed.objects).toEqual(expect.arrayContaining([two, three, four]))
  expect(report?.destroyed.chunks.length).toBeGreaterThan(0)
  expect(await repo.checkErasure(report)).toMatchObject({ ok: true })

  await repo.close()
  const again = await openRepository(path)
  expect(await again.checkErasure(JSON.parse(JSON.stringify(report)))).toMatchObject({ ok: true })
  // gc finds all that the reflog needs, by new names.
  await again.gc({ now: true })
  expect((await again.verify()).problems).toEqual([])
  await commitFiles(again, { 'more.txt': 'more' })
  expect((await again.verify()).problems).toEqual([])
})

test('of what was deleted earlier nothing is left either, dropped or not', async () => {
  const { repo, folder } = await createRepository({ compression: 'none' })
  await commitFiles(repo, { 'keep.txt': 'kept\n', 'other.txt': 'o' })
  await repo.createBranch('gone', 'main')
  await commitFiles(repo, { 'a.txt': secret('dropped') }, 'gone', 'gone')
  await repo.deleteBranch('gone')
  await repo.gc({ now: true })
  expect(filesWith(folder, 'SECRET-dropped-').length).toBeGreaterThan(0)
  await repo.createBranch('waits', 'main')
  const lost = await commitFiles(repo, { 'b.txt': secret('condemned') }, 'waits', 'waits')
  await repo.deleteBranch('waits')
  const { report } = await repo.erase({ paths: ['other.txt'] })
  expect(filesWith(folder, 'SECRET-dropped-')).toEqual([])
  // Within the term of the reflog: that keeps it.
  expect(filesWith(folder, 'SECRET-condemned-').length).toBeGreaterThan(0)
  expect(await pathsOf(repo, 'waits@{1}')).toEqual(['b.txt', 'keep.txt'])
  expect(report?.commits.map((commit) => commit.old)).toContain(lost)
})

test('what only a reflog beyond its term remembers goes as a whole, and is found by its paths', async () => {
  let nowMs = Date.UTC(2026, 0, 1)
  const clock = { nowMs: () => nowMs, zoneMinutes: () => 0 }
  const { repo, folder } = await createRepository({ compression: 'none', clock })
  await repo.config.set('reflog-keep', '1d')
  await commitFiles(repo, { 'keep.txt': 'kept\n' })
  await repo.createBranch('gone', 'main')
  const lost = await commitFiles(repo, { 'deep/a.txt': secret('expired') }, 'gone', 'gone')
  await repo.deleteBranch('gone')
  for (let day = 0; day < 4; day++) {
    nowMs += DAY_MS
    await repo.gc()
  }
  const dry = await repo.erase({ paths: ['deep'], dryRun: true })
  expect(dry).toMatchObject({ commits: 0, forgottenCommits: 1, paths: [{ path: 'deep/a.txt', versions: 1 }], refs: [] })
  const { report } = await repo.erase({ paths: ['deep'] })
  expect(filesWith(folder, 'SECRET-')).toEqual([])
  expect(report?.destroyed.objects).toContain(lost)
  expect(report?.commits).toEqual([])
  expect(await repo.checkErasure(report)).toMatchObject({ ok: true })
  expect((await repo.verify()).problems).toEqual([])
})

test('frames of compressed extents go, also those that held other files as well', async () => {
  const { repo, folder } = await createRepository({ chunkBytes: 1024, extentBytes: 65_536 })
  // Much of each kind of file in one extent.
  const keep = Buffer.from(pseudoRandom(6000, 1).toString('hex'))
  const gone = Buffer.from(pseudoRandom(9000, 2).toString('hex'))
  await commitFiles(repo, { 'keep.bin': keep, 'gone.bin': gone, 'last.txt': 'last\n' })
  const { group } = repo.parts
  const windows: Buffer[] = []
  for (const volume of group.volumes) {
    for (const eid of await volume.list(0, Number.MAX_SAFE_INTEGER)) {
      const { frame, class: kind } = (await volume.read(eid)) ?? { frame: Buffer.alloc(0), class: 0 }
      if (kind !== 0) continue
      for (let at = 0; at + 32 <= frame.length; at += 32) windows.push(frame.subarray(at, at + 32))
    }
  }
  expect(windows.filter((window) => filesWith(folder, window).length > 0).length).toBeGreaterThan(100)
  await repo.erase({ paths: ['gone.bin'] })
  expect(windows.filter((window) => filesWith(folder, window).length > 0)).toEqual([])
  expect((await (await repo.at('main')).read('keep.bin')).equals(keep)).toBe(true)
  expect((await repo.verify()).problems).toEqual([])
})

test('two copies of everything: both go', async () => {
  const { repo, folder } = await createMirrored()
  await commitFiles(repo, { 'keep.txt': 'kept\n', 'a.txt': secret('twice') })
  await commitFiles(repo, { 'keep.txt': 'kept 2\n' })
  expect(filesWith(folder, 'SECRET-').length).toBeGreaterThan(1)
  const { report } = await repo.erase({ paths: ['a.txt'] })
  expect(filesWith(folder, 'SECRET-')).toEqual([])
  expect(await repo.checkErasure(report)).toMatchObject({ ok: true })
  expect((await repo.verify()).problems).toEqual([])
})

test('merges keep their parents; two that have become one are one; a signature is dropped and counted', async () => {
  const { repo } = await createRepository({ compression: 'none' })
  const base = await commitFiles(repo, { 'keep.txt': 'kept\n' }, 'base')
  const ours = await commitFiles(repo, { 'ours.txt': 'ours\n' }, 'ours')
  await repo.createBranch('side', base)
  const theirs = await commitFiles(repo, { 'a.txt': secret('theirs') }, 'theirs', 'side')
  const merge = await commitMerge(repo, 'side', [ours, theirs], 'main')
  // Two that differ in nothing but what is erased.
  const writerOf = async (name: string) => {
    await repo.createBranch(name, base)
    const id = await commitFiles(repo, { 'a.txt': secret(name) }, 'twin', name)
    return { id, commit: await readCommit(repo.parts.store, id as Hash) }
  }
  const [left, right] = [await writerOf('left'), await writerOf('right')]
  const twins = left.commit.committer.timeMs === right.commit.committer.timeMs
  const last = await commitMerge(repo, 'left', [left.id, right.id], 'twins')

  const { report } = await repo.erase({ paths: ['a.txt'] })
  const map = new Map(report?.commits.map((commit) => [commit.old as string, commit.new]))
  const merged = await repo.commit('main')
  expect(merged).toMatchObject({ message: 'a merge', parents: [ours, map.get(theirs)] })
  expect(map.get(merge)).toBe(merged.id)
  const stored = await readCommit(repo.parts.store, merged.id)
  expect(stored.extraHeaders).toEqual([{ key: 'encoding', value: 'latin1' }])
  expect(stored.signature).toBeUndefined()
  expect(report?.signaturesDropped).toBe(2)
  const { parents } = await repo.commit(map.get(last) ?? '')
  expect(parents).toHaveLength(twins ? 1 : 2)
  expect((await repo.verify()).problems).toEqual([])
})

test('parents that differed in what was erased alone become one parent', async () => {
  const clock = { nowMs: () => Date.UTC(2026, 0, 1), zoneMinutes: () => 0 }
  const { repo } = await createRepository({ compression: 'none', clock })
  const base = await commitFiles(repo, { 'keep.txt': 'kept\n' }, 'base')
  const ids: string[] = []
  for (const name of ['left', 'right']) {
    await repo.createBranch(name, base)
    ids.push(await commitFiles(repo, { 'a.txt': secret(name) }, 'twin', name))
  }
  await commitMerge(repo, 'left', ids, 'main')
  await repo.erase({ paths: ['a.txt'] })
  expect((await repo.commit('main')).parents).toEqual([await repo.resolve('left')])
  expect(await repo.resolve('left')).toBe(await repo.resolve('right'))
  expect(await repo.resolve(ids[1] as string)).toBe(await repo.resolve('left'))
  expect((await repo.verify()).problems).toEqual([])
})

test('what has the same content under another name stays, and the report names it', async () => {
  const { repo, folder } = await createRepository({ compression: 'none', chunkBytes: 1024 })
  const shared = secret('shared')
  const part = pseudoRandom(60_000, 3)
  await commitFiles(repo, { 'a.txt': shared, 'a.bin': part, 'b/copy.txt': shared }, 'one')
  const two = await commitFiles(repo, { 'longer.bin': Buffer.concat([part, pseudoRandom(20_000, 4)]) }, 'two')
  await commitFiles(repo, { 'b/copy.txt': 'not any more' }, 'three')
  const { report } = await repo.erase({ paths: ['a.*'] })
  expect(filesWith(folder, 'SECRET-shared-').length).toBeGreaterThan(0)
  const kept = report?.kept ?? []
  const tip = await repo.resolve('main')
  expect(kept.find(({ path }) => path === 'longer.bin')).toMatchObject({ revision: 'main', commit: tip })
  expect(kept.find(({ path }) => path === 'longer.bin')?.shared).toBeGreaterThan(5)
  const copy = kept.find(({ path }) => path === 'b/copy.txt')
  // The newest that has it.
  expect(copy?.commit).toBe(await repo.resolve('main~1'))
  expect(await repo.resolve(two)).toBe(copy?.commit)
  expect(copy?.id).toBe((await (await repo.at('main~1')).stat('b/copy.txt')).id)
  expect(kept).toHaveLength(2)
  expect(await repo.checkErasure(report)).toMatchObject({ ok: true })
})

test('pruned commits keep their row and message under the new id', async () => {
  const { repo } = await createRepository({ compression: 'none' })
  await commitFiles(repo, { 'keep.txt': '1', 'a.txt': secret('one') }, 'first')
  const two = await commitFiles(repo, { 'keep.txt': '2' }, 'second')
  await commitFiles(repo, { 'keep.txt': '3' }, 'third')
  await repo.prune({ keepLast: 1 })
  await repo.gc({ now: true })
  const { commits, report } = await repo.erase({ paths: ['a.txt'] })
  // The files of the others are gone already.
  expect(commits).toBe(1)
  expect((await repo.commit('main~1')).id).toBe(two)
  expect(report?.paths).toEqual([{ path: 'a.txt', versions: 1 }])
  expect((await repo.verify()).problems).toEqual([])
})

test('a pruned commit that comes after an erased one is written anew, and is pruned still', async () => {
  const { repo } = await createRepository({ compression: 'none' })
  await commitFiles(repo, { 'a.txt': secret('a'), 'keep.txt': '1' }, 'first')
  const two = await commitFiles(repo, { 'keep.txt': '2' }, 'second')
  await commitFiles(repo, { 'keep.txt': '3' }, 'third')
  await repo.createTag('v1', 'main~2')
  expect((await repo.prune({ keepLast: 1, keepTags: ['v1'] })).pruned).toEqual([two])
  await repo.erase({ paths: ['a.txt'] })
  const found = await repo.commit('main~1')
  expect(found).toMatchObject({ message: 'second', pruned: { policy: 'keep last 1, tags v1' } })
  expect(found.id).not.toBe(two)
  expect(await repo.resolve(two)).toBe(found.id)
  await expect(repo.at('main~1')).rejects.toMatchObject({ code: 'PRUNED' })
  expect(repo.parts.pruned.list().map(({ id }) => id)).toEqual([found.id])
  expect((await repo.verify()).problems).toEqual([])
})

test('erased twice: the oldest ids lead to the newest commits', async () => {
  const { repo } = await createRepository({ compression: 'none' })
  const first = await commitFiles(repo, { 'a.txt': secret('a'), 'b.txt': secret('b'), 'keep.txt': 'k' })
  const one = await repo.erase({ paths: ['a.txt'] })
  const between = await repo.resolve('main')
  const two = await repo.erase({ paths: ['b.txt'] })
  const tip = await repo.resolve('main')
  expect(new Set([first, between, tip]).size).toBe(3)
  for (const id of [first, between]) expect(await repo.resolve(id)).toBe(tip)
  for (const entry of ['main@{0}', 'main@{1}', 'main@{2}']) expect(await repo.resolve(entry)).toBe(tip)
  expect(two.report?.commits).toEqual([{ old: between, new: tip }])
  await repo.gc({ now: true })
  await repo.gc({ now: true })
  for (const { report } of [one, two])
    expect((await repo.checkErasure(report)).findings.slice(0, 6)).toMatchObject(
      Array.from({ length: 6 }, () => ({ isFine: true })),
    )
  expect((await repo.verify()).problems).toEqual([])
})

test('a commit that took the place of another is given up by gc like any other', async () => {
  const { repo } = await createRepository({ compression: 'none' })
  await commitFiles(repo, { 'keep.txt': 'k' })
  await repo.createBranch('side', 'main')
  await commitFiles(repo, { 'a.txt': secret('a'), 'big.bin': pseudoRandom(200_000, 5) }, 'side', 'side')
  await repo.erase({ paths: ['a.txt'] })
  await repo.deleteBranch('side')
  await repo.gc({ now: true })
  expect((await repo.stats()).storedBytes).toBeLessThan(50_000)
  expect((await repo.verify()).problems).toEqual([])
  expect(await repo.gc()).toMatchObject({ waiting: { chunks: 0 } })
})

describe('of a folder as it was recorded, what is left is what a folder without the path would have been', () => {
  const AT = new Date(Date.UTC(2026, 1, 3))

  function makeFolder(withSecrets: boolean): string {
    const folder = tempFolder()
    for (const name of ['empty', 'deep/er/est', 'links', 'z']) mkdirSync(join(folder, name), { recursive: true })
    const write = (path: string, text: string) => writeFileSync(join(folder, path), text, { mode: 0o640 })
    for (let number = 0; number < 300; number++) write(`z/file ${number}`, `number ${number}`)
    write('plain.txt', 'plain')
    write('links/m', 'linked')
    linkSync(join(folder, 'links/m'), join(folder, 'links/n'))
    write('links/pair', 'pair')
    if (withSecrets) {
      write('deep/er/est/secret.key', secret('deep'))
      for (const number of [3, 77, 150]) write(`z/file ${number}.key`, secret(`${number}`))
      // The first of its names, and the only other one.
      linkSync(join(folder, 'links/m'), join(folder, 'links/a.key'))
      linkSync(join(folder, 'links/pair'), join(folder, 'links/o.key'))
    } else {
      rmSync(join(folder, 'deep'), { recursive: true })
    }
    const all = ['empty', 'links', 'z', 'deep/er/est', 'deep/er', 'deep', '.']
    for (const name of all) if (withSecrets || !name.startsWith('deep')) utimesSync(join(folder, name), AT, AT)
    return folder
  }

  test.skipIf(process.platform === 'win32')('trees, attributes and hard links', async () => {
    const { repo } = await createRepository({ compression: 'none' })
    await repo.config.set('attributes', 'mode,links')
    await repo.commitFrom(makeFolder(false), { branch: 'expected', message: 'm' })
    await repo.commitFrom(makeFolder(true), { branch: 'main', message: 'm' })
    const { report } = await repo.erase({ paths: ['**/*.key'] })
    const [expected, found] = await Promise.all(
      ['expected', 'main'].map(async (rev) => readCommit(repo.parts.store, await repo.resolve(rev))),
    )
    expect(found?.tree).toEqual(expected?.tree)
    expect(found?.files).toBe(expected?.files)
    expect(found?.attributes).toEqual(expected?.attributes)
    expect(await pathsOf(repo, 'main')).toContain('empty')
    expect(await pathsOf(repo, 'main')).not.toContain('deep')
    expect(report?.paths).toHaveLength(6)
    expect((await repo.verify()).problems).toEqual([])
  })
})

describe('beside replacements', () => {
  test('what readers see in the place of a commit they still see, without the path', async () => {
    const { repo, folder } = await createRepository({ compression: 'none' })
    await commitFiles(repo, { 'a.txt': secret('shown'), 'keep.txt': 'k', 'only.txt': 'mended' }, 'mended', 'mended')
    const mended = await repo.resolve('mended')
    await commitFiles(repo, { 'a.txt': secret('first'), 'keep.txt': 'k' }, 'first')
    const two = await commitFiles(repo, { 'keep.txt': 'k2' }, 'second')
    await repo.replace(two, mended, { reason: 'mended' })
    await repo.deleteBranch('mended')
    await repo.erase({ paths: ['a.txt'] })
    expect(filesWith(folder, 'SECRET-')).toEqual([])
    expect((await repo.commit('main')).message).toBe('mended')
    expect(await pathsOf(repo, 'main')).toEqual(['keep.txt', 'only.txt'])
    const tip = (await repo.branches())[0]?.target ?? ''
    await repo.undoReplace(tip)
    expect((await repo.commit('main')).message).toBe('second')
    expect(await pathsOf(repo, 'main')).toEqual(['keep.txt'])
    await repo.gc({ now: true })
    expect((await repo.verify()).problems).toEqual([])
  })

  test('what took the place of a content that was erased goes with it', async () => {
    const { repo, folder } = await createRepository({ compression: 'none' })
    await commitFiles(repo, { 'a.txt': secret('one'), 'b.txt': secret('two') }, 'first')
    await repo.replace('main:a.txt', 'main:b.txt', { reason: 'shown' })
    await repo.erase({ paths: ['*.txt', '**'] })
    expect(filesWith(folder, 'SECRET-')).toEqual([])
    expect((await repo.commit('main')).tree.files).toBe(0)
    expect((await repo.verify()).problems).toEqual([])
  })

  test('a commit that is replaced is kept by the reflog, as long as it is there', async () => {
    const { repo } = await createRepository({ compression: 'none' })
    const one = await commitFiles(repo, { 'keep.txt': 'k' }, 'first')
    await repo.createBranch('side', one)
    const lost = await commitFiles(repo, { 'side.txt': 's' }, 'side', 'side')
    await repo.replace(lost, one, { reason: 'test' })
    await repo.deleteBranch('side')
    await repo.gc()
    await repo.undoReplace(lost)
    expect(await pathsOf(repo, lost)).toContain('side.txt')
    expect((await repo.verify()).problems).toEqual([])
  })
})
