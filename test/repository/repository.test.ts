import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { FileSystem, OpenFile } from '../../src/base/filesystem.js'
import { Repository } from '../../src/repository.js'
import type { CommitFromResult } from '../../src/treeCommit.js'
import { nodeFileSystem } from '../../src/worktree/nodeFileSystem.js'
import { collect, commitFiles, createRepository, openRepository } from '../support/repositories.js'
import { tempFolder } from '../support/tempFolder.js'

describe('creating and opening', () => {
  test('what is frozen is kept, and a second store is never made over a first', async () => {
    const { repo, path } = await createRepository({ hash: 'blake3', chunkBytes: 4096, extentBytes: 256 * 1024 })
    expect(repo.profile).toMatchObject({
      hash: 'blake3',
      chunker: { minBytes: 1024, averageBytes: 4096, maxBytes: 32768 },
      peSize: 256 * 1024,
    })
    await commitFiles(repo, { a: 'one' })
    await expect(Repository.create(path)).rejects.toMatchObject({ code: 'STORE_EXISTS' })
    const again = await openRepository(path)
    expect(again.profile).toEqual(repo.profile)
    expect((await again.verify()).ok).toBe(true)
  })

  test.each([
    { chunkBytes: 1 },
    { chunkBytes: 2 ** 40 },
    { extentBytes: 1000 },
    { extentBytes: 2 ** 30 },
    { hash: 'md5' as 'sha256' },
    { compression: 'zstd:99' },
    { defaultBranch: 'no..good' },
  ])('options out of range are refused: %j', async (options) => {
    const path = join(tempFolder(), 's.varve')
    await expect(Repository.create(path, options)).rejects.toMatchObject({
      code: expect.stringMatching(/INVALID_ARGUMENT|INVALID_REF_NAME/),
    })
  })

  test('a folder that does not exist, a folder in the store’s place', async () => {
    const folder = tempFolder()
    await expect(Repository.create(join(folder, 'no', 's.varve'))).rejects.toMatchObject({ code: 'STORAGE_DENIED' })
    await expect(Repository.create(folder)).rejects.toMatchObject({ code: 'STORE_EXISTS' })
    await expect(Repository.open(folder)).rejects.toMatchObject({ code: 'NOT_A_STORE' })
  })

  test('opened read-only it reads and refuses to write', async () => {
    const { repo, path } = await createRepository()
    await commitFiles(repo, { a: 'one' })
    await repo.close()
    const reader = await openRepository(path, { readOnly: true })
    expect((await (await reader.at('main')).read('a')).toString()).toBe('one')
    await reader.export('main', join(tempFolder(), 'out'))
    await expect(reader.draft('main')).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' })
    await expect(reader.createTag('v1', 'main')).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' })
  })
})

describe('folders', () => {
  function sampleFolder(): string {
    const folder = join(tempFolder(), 'tree')
    mkdirSync(join(folder, 'sub', 'empty'), { recursive: true })
    writeFileSync(join(folder, 'a.txt'), 'alpha')
    writeFileSync(join(folder, 'sub', 'run.sh'), '#!/bin/sh\n')
    chmodSync(join(folder, 'sub', 'run.sh'), 0o755)
    symlinkSync('../a.txt', join(folder, 'sub', 'link'))
    return folder
  }

  test('a folder is committed and comes back; what is the same makes no commit, and a new mtime does not either', async () => {
    const { repo } = await createRepository()
    const folder = sampleFolder()
    const first = await repo.commitFrom(folder, { message: 'first' })
    expect(first).toMatchObject({ branch: 'main', files: 3, commit: { parents: [] } })
    utimesSync(join(folder, 'a.txt'), 1, 1)
    expect((await repo.commitFrom(folder, { message: 'touched' })).commit).toBeUndefined()
    expect((await repo.commitFrom(folder, { message: 'wanted', allowEmpty: true })).commit?.parents).toEqual([
      first.commit?.id,
    ])
    chmodSync(join(folder, 'a.txt'), 0o600)
    expect((await repo.commitFrom(folder, { message: 'mode' })).commit).toBeDefined()
    const out = join(tempFolder(), 'out')
    expect(await repo.export('main', out)).toMatchObject({ files: 3 })
    expect((await repo.commitFrom(out, { message: 'the same again' })).commit).toBeUndefined()
  })

  /** A file system whose first read of a big file waits until somebody else has committed. */
  function raced(elsewhere: () => Promise<unknown>): FileSystem {
    let running: Promise<unknown> | undefined
    const delay = <T extends object>(target: T, name: string, before: () => Promise<unknown>): T =>
      new Proxy(target, {
        get(object, key) {
          const value = Reflect.get(object, key) as unknown
          if (typeof value !== 'function') return value
          return key === name
            ? async (...parameters: unknown[]) => {
                await before()
                return value.apply(object, parameters)
              }
            : value.bind(object)
        },
      })
    return new Proxy(nodeFileSystem, {
      get(object, key) {
        const value = Reflect.get(object, key) as unknown
        if (typeof value !== 'function') return value
        return (...parameters: unknown[]) => {
          const result: unknown = value.apply(object, parameters)
          if (key !== 'open') return result
          return delay(result as OpenFile, 'read', () => {
            running ??= elsewhere()
            return running
          })
        }
      },
    })
  }

  async function race(retry: number, theirs: string): Promise<{ repo: Repository; result: Promise<CommitFromResult> }> {
    const { repo, path } = await createRepository()
    const folder = sampleFolder()
    writeFileSync(join(folder, 'big'), Buffer.alloc(3_000_000, 'some content '))
    await repo.commitFrom(folder, { message: 'base' })
    const racing = await openRepository(path, {
      fileSystem: raced(() => commitFiles(repo, { [theirs]: 'theirs' }, 'theirs')),
    })
    writeFileSync(join(folder, 'mine'), 'mine')
    writeFileSync(join(folder, 'sub', 'run.sh'), '#!/bin/sh\nexit 1\n')
    return { repo, result: racing.commitFrom(folder, { message: 'mine', retry }) }
  }

  test('the loser of a race gets a conflict, and the winner’s commit stands', async () => {
    const { repo, result } = await race(0, 'theirs')
    await expect(result).rejects.toMatchObject({ code: 'REF_CONFLICT' })
    expect((await repo.commit('main')).message).toBe('theirs')
    expect((await repo.verify()).ok).toBe(true)
  })

  test('with retry the loser’s changes are done again on the winner’s commit', async () => {
    const { repo, result } = await race(2, 'theirs')
    const { commit } = await result
    expect(commit?.parents).toEqual([await repo.resolve('main~1')])
    const snapshot = await repo.at('main')
    const texts = await Promise.all(['theirs', 'mine', 'sub/run.sh'].map((name) => snapshot.read(name)))
    expect(texts.map(String)).toEqual(['theirs', 'mine', '#!/bin/sh\nexit 1\n'])
    expect((await repo.commit('main~1')).message).toBe('theirs')
    expect((await repo.verify()).ok).toBe(true)
  })

  test('with retry a file that both changed is named', async () => {
    const { repo, result } = await race(2, 'mine')
    await expect(result).rejects.toMatchObject({ code: 'REF_CONFLICT', details: { paths: ['mine'] } })
    expect((await (await repo.at('main')).read('mine')).toString()).toBe('theirs')
  })

  test('a store inside the folder it versions is left out', async () => {
    const folder = sampleFolder()
    mkdirSync(join(folder, 'data'))
    const repo = await Repository.create(join(folder, 'data', 'own.varve'))
    const result = await repo.commitFrom(folder, { message: 'self' })
    expect(result.files).toBe(3)
    await repo.close()
  })

  test('a commit that is cancelled leaves a clean store', async () => {
    const { repo } = await createRepository()
    const folder = sampleFolder()
    writeFileSync(join(folder, 'big'), Buffer.alloc(5_000_000, 'varied content '))
    const controller = new AbortController()
    const running = repo.commitFrom(folder, {
      message: 'never',
      signal: controller.signal,
      onProgress: () => controller.abort(),
    })
    await expect(running).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(await repo.branches()).toEqual([])
    expect(await repo.verify()).toMatchObject({ ok: true })
    expect((await repo.commitFrom(folder, { message: 'now' })).commit).toBeDefined()
  })
})

describe('refs', () => {
  test('branches are made, renamed and deleted; their moves are in the reflog and the operation log', async () => {
    const { repo } = await createRepository()
    const first = await commitFiles(repo, { a: '1' })
    const second = await commitFiles(repo, { a: '2' })
    await repo.createBranch('side', 'main~1')
    await expect(repo.createBranch('side', 'main')).rejects.toMatchObject({ code: 'REF_EXISTS' })
    await repo.createBranch('side', 'main', { force: true })
    expect((await repo.reflog('side')).map((entry) => [entry.old, entry.new])).toEqual([
      [first, second],
      [undefined, first],
    ])
    expect(await repo.resolve('side@{1}')).toBe(first)
    await repo.renameBranch('side', 'feature/x')
    expect((await repo.branches()).map((branch) => branch.name)).toEqual(['feature/x', 'main'])
    await repo.deleteBranch('feature/x')
    await expect(repo.deleteBranch('feature/x')).rejects.toMatchObject({ code: 'REF_NOT_FOUND' })
    expect((await repo.operations()).map((operation) => operation.kind)).toEqual([
      'branch-delete',
      'branch-rename',
      'branch',
      'branch',
      'commit',
      'commit',
    ])
  })

  test('the default branch is not deleted; renamed, it stays the default', async () => {
    const { repo } = await createRepository()
    const id = await commitFiles(repo, { a: '1' })
    await expect(repo.deleteBranch('main')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await repo.renameBranch('main', 'trunk')
    expect((await repo.config.get('default-branch')).value).toBe('trunk')
    expect(await repo.resolve('@')).toBe(id)
  })

  test('a branch and a tag do not share a name', async () => {
    const { repo } = await createRepository()
    await commitFiles(repo, { a: '1' })
    await expect(repo.createTag('main', 'main')).rejects.toMatchObject({ code: 'REF_EXISTS' })
    await repo.createTag('v1', 'main')
    await expect(repo.createBranch('v1', 'main')).rejects.toMatchObject({ code: 'REF_EXISTS' })
  })

  test('tags stay where they are', async () => {
    const { repo } = await createRepository()
    const first = await commitFiles(repo, { a: '1' })
    await commitFiles(repo, { a: '2' })
    await repo.createTag('v1', 'main~1', { message: 'First' })
    await expect(repo.createTag('v1', 'main')).rejects.toMatchObject({ code: 'REF_EXISTS' })
    expect(await repo.tags()).toMatchObject([{ name: 'v1', kind: 'tag', target: first, message: 'First' }])
    await repo.deleteTag('v1')
    expect(await repo.tags()).toEqual([])
  })

  test('an id prefix finds its commit, and nothing that is not one', async () => {
    const { repo } = await createRepository()
    const id = await commitFiles(repo, { a: '1' })
    expect(await repo.resolve(id.slice(0, 10))).toBe(id)
    const tree = (await repo.commit('main')).tree.id ?? ''
    await expect(repo.resolve(tree.slice(0, 12))).rejects.toMatchObject({ code: 'UNKNOWN_REVISION' })
    await expect(repo.resolve('mian')).rejects.toMatchObject({
      code: 'UNKNOWN_REVISION',
      details: { candidates: ['main'] },
    })
  })
})

describe('history', () => {
  test('log: all, some, of a path, of a range', async () => {
    const { repo } = await createRepository()
    const ids = [
      await commitFiles(repo, { a: '1', 'd/x': '1' }, 'one'),
      await commitFiles(repo, { a: '2' }, 'two'),
      await commitFiles(repo, { 'd/x': '2' }, 'three'),
    ]
    const messages = async (options: Parameters<Repository['log']>[0]): Promise<string[]> =>
      (await collect(repo.log(options))).map((commit) => commit.message)
    expect(await messages({})).toEqual(['three', 'two', 'one'])
    expect(await messages({ limit: 2 })).toEqual(['three', 'two'])
    expect(await messages({ limit: 0 })).toEqual([])
    expect(await messages({ path: 'd' })).toEqual(['three', 'one'])
    expect(await messages({ from: `${ids[0]}..main` })).toEqual(['three', 'two'])
    await expect(messages({ limit: -1 })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('diff tells what changed and how many bytes really did', async () => {
    const { repo } = await createRepository()
    const big = Buffer.alloc(1_000_000)
    for (let index = 0; index < big.length; index += 4) big.writeUInt32LE((index * 2654435761) >>> 0, index)
    await commitFiles(repo, { big, gone: 'x', same: 'y', kind: 'file' })
    const edited = Buffer.from(big)
    edited.write('edit', 500_000)
    await commitFiles(repo, { big: edited, gone: null, fresh: 'new', kind: null, 'kind/now': 'a directory' })
    const changes = await collect(repo.diff('main~1', 'main', { changedBytes: true }))
    expect(changes.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
      'modified big',
      'added fresh',
      'removed gone',
      'removed kind',
      'added kind/now',
    ])
    expect(changes[0]?.addedBytes).toBeGreaterThan(0)
    expect(changes[0]?.addedBytes).toBeLessThan(300_000)
    expect((await collect(repo.diff('main~1', 'main', { paths: ['kind'] }))).map(({ path }) => path)).toEqual([
      'kind',
      'kind/now',
    ])
  })
})

describe('settings and volumes', () => {
  test('properties have values, defaults and rules', async () => {
    const { repo } = await createRepository()
    expect(await repo.config.get('compression')).toMatchObject({ value: 'zstd:3', source: 'default' })
    await repo.config.set('compression', 'lz4')
    expect(await repo.config.get('compression')).toMatchObject({ value: 'lz4', source: 'local' })
    await commitFiles(repo, { a: 'x'.repeat(10_000) })
    await repo.config.unset('compression')
    expect(await repo.config.get('compression')).toMatchObject({ value: 'zstd:3' })
    await expect(repo.config.set('compression', 'gzip')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(repo.config.set('nonsense', '1')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await repo.config.set('author', 'Ada <ada@example.org>')
    const draft = await repo.draft('main')
    await draft.write('b', '1')
    expect((await draft.commit({ message: 'by Ada' })).author.who).toBe('Ada <ada@example.org>')
    expect((await repo.verify()).ok).toBe(true)
  })

  test('a group grows while it is used, and says what lies where', async () => {
    const { repo, folder } = await createRepository()
    const volume = await repo.extendVolumeGroup(join(folder, 'more.varve'), { capacityBytes: 10_000_000 })
    await repo.convertLogicalVolume('default', { type: 'striped' })
    for (let index = 0; index < 8; index++) await commitFiles(repo, { [`f${index}`]: Buffer.alloc(50_000, index) })
    const info = await repo.volumeGroup()
    expect(info.physicalVolumes.find(({ number }) => number === volume.number)?.extents).toBeGreaterThan(0)
    const map = await collect(repo.extentMap({ pv: String(volume.number) }))
    expect(map.every(({ pv }) => pv === volume.number)).toBe(true)
    await repo.changePhysicalVolume(String(volume.number), { allocatable: false })
    const tooSmall = repo.changePhysicalVolume(String(volume.number), { capacityBytes: 1 })
    await expect(tooSmall).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(repo.changePhysicalVolume('99', { allocatable: false })).rejects.toMatchObject({
      code: 'PV_NOT_FOUND',
    })
    await expect(repo.extendVolumeGroup(join(folder, 'x'), { capacityBytes: -1 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    expect((await repo.verify()).ok).toBe(true)
  })
})
