/** Safety rule 8 for working folders: names of a stranger's commit, and what others keep in the folder. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Repository, WorkingFolder } from '../../src/index.js'
import { commitTree } from '../support/hostileTrees.js'
import { tempFolder } from '../support/tempFolder.js'
import { contentsOf, type WorkFolder, write } from '../support/workFolders.js'
import { BACK, begin, codeOf, impossible, type Make, scene, stand, tree, WAYS } from './hostileScene.js'

/** What is written nowhere, by any way; of those that could be, what all ways but those back say. */
const REFUSED: readonly (readonly [string, Make, string])[] = [
  ...['..', '.', '', 'a/b', '../outside/x', '/etc/passwd', 'nul\0'].map(
    (name) => [`the name ${JSON.stringify(name)}`, impossible(name), 'CORRUPT_OBJECT'] as const,
  ),
  ['a store', tree({ ok: '1', '.varve': { 'store.varve': 'evil', worktree: 'evil', lock: 'evil' } }), 'UNSAFE_PATH'],
  ['a store in disguise', tree({ '.VARVE': { worktree: 'evil' } }), 'UNSAFE_PATH'],
  ['a store with a short name', tree({ 'varve~1': { worktree: 'evil' } }), 'UNSAFE_PATH'],
  ['a store with a space behind', tree({ '.varve ': { worktree: 'evil' } }), 'UNSAFE_PATH'],
  ['a store with a stream', tree({ '.varve::$INDEX_ALLOCATION': { worktree: 'evil' } }), 'UNSAFE_PATH'],
  ['a store with a character that is not seen', tree({ '.var\u200cve': { worktree: 'evil' } }), 'UNSAFE_PATH'],
  ['a store further down', tree({ d: { '.varve': { worktree: 'evil' } } }), 'UNSAFE_PATH'],
  ['a symlink in the place of the store', tree({ '.varve': { to: '../outside' } }), 'UNSAFE_PATH'],
  ['a file in the place of the store', tree({ '.varve': 'evil' }), 'UNSAFE_PATH'],
  ['a symlink to nothing', tree({ l: { to: '' }, a: '2' }), 'UNSAFE_PATH'],
  ['a symlink to a NUL', tree({ l: { to: 'a\0b' }, a: '2' }), 'UNSAFE_PATH'],
]

describe('S-8: what is written nowhere', () => {
  test.each(REFUSED)('%s', async (_what, make, code) => {
    const at = await scene()
    const id = await commitTree(at.folder.repository, 'stranger', make)
    for (const [way, go] of Object.entries(WAYS)) {
      await begin(at)
      const before = contentsOf(at.dir)
      const told = await codeOf(go(at, id))
      at.check(way)
      if (BACK.test(way)) continue
      expect(told, way).toBe(code)
      // Nothing was changed, but where it was asked for one by one.
      if (way !== 'restore each') expect(contentsOf(at.dir), way).toEqual(before)
    }
  })
})

describe('S-8: what others keep in the folder', () => {
  test('a repository of Git that is there is not reached, also when all is given up', async () => {
    const at = await scene()
    const { dir, folder } = at
    const hooks = { '.git': { config: 'evil', hooks: { 'post-checkout': 'evil' } }, a: '2' }
    const id = await commitTree(folder.repository, 'stranger', tree(hooks))
    for (const [way, go] of Object.entries(WAYS)) {
      if (way === 'worktree add') continue
      await begin(at)
      write(dir, { '.git/config': 'mine', '.git/HEAD': 'mine' })
      const told = await codeOf(go(at, id))
      at.check(way)
      expect(readFileSync(join(dir, '.git/config'), 'utf8'), way).toBe('mine')
      expect(existsSync(join(dir, '.git/hooks')), way).toBe(false)
      if (!BACK.test(way) && !way.includes('continue')) expect(told, way).toBe('UNSAFE_PATH')
    }
  })

  test('nor is one with a name that the file system takes for it', async () => {
    const at = await scene()
    const { dir, folder } = at
    const folding = Object.assign(folder.repository.parts.fileSystem, { isCaseInsensitive: () => true })
    expect(folding.isCaseInsensitive(Buffer.from(dir))).toBe(true)
    const id = await commitTree(
      folder.repository,
      'stranger',
      tree({ '.GIT': { config: 'evil' }, 'git~1': { HEAD: 'evil' } }),
    )
    for (const [way, go] of Object.entries(WAYS)) {
      if (way === 'worktree add') continue
      await begin(at)
      const told = await codeOf(go(at, id))
      at.check(way)
      if (!BACK.test(way)) expect(told, way).toBe('UNSAFE_PATH')
      expect(contentsOf(dir)).toEqual({ a: 'first a', 'd/x': 'first x', s: '-> a' })
    }
  })

  test('names that are one to the file system are refused, where one of them is written', async () => {
    const at = await scene()
    const { dir, folder } = at
    Object.assign(folder.repository.parts.fileSystem, { isCaseInsensitive: () => true })
    const hostile = {
      a: 'first a',
      A: 'evil',
      d: { x: 'first x' },
      D: { X: 'evil' },
      s: { to: 'a' },
      '\u00e9': '1',
      'e\u0301': '2',
    }
    const id = await commitTree(folder.repository, 'stranger', tree(hostile))
    for (const way of ['switch', 'switch --force', 'restore all', 'switch --continue']) {
      await begin(at)
      const run = WAYS[way]?.(at, id)
      await expect(run, way).rejects.toMatchObject({
        code: 'NAME_CLASH',
        details: { paths: expect.arrayContaining(['a', 'A', 'd', 'D', '\u00e9', 'e\u0301']) },
      })
      at.check(way)
      expect(contentsOf(dir)).toEqual({ a: 'first a', 'd/x': 'first x', s: '-> a' })
    }
  })

  test.each(['history.varve', 'history.varve-journal', 'history.varve-wal'])(
    'a store that lies in the folder under a name of its own: %s is neither written nor taken away',
    async (name) => {
      const { folder, dir } = await folderAroundItsStore(name)
      const before = contentsOf(dir)
      for (const force of [false, true])
        expect(await codeOf(folder.switchTo('stranger', { force }))).toBe('UNSAFE_PATH')
      for (const path of ['', name])
        expect(await codeOf(folder.restore([path], { from: 'stranger' }))).toBe('UNSAFE_PATH')
      expect(Object.keys(contentsOf(dir))).toEqual(Object.keys(before))
      // Nor by going from a commit that claims to have it.
      stand({ folder }, await folder.repository.resolve('stranger'))
      await folder.switchTo('main', { force: true })
      expect(contentsOf(dir).ok).toBe('1')
      expect(existsSync(join(dir, 'history.varve'))).toBe(true)
      expect((await folder.repository.verify()).problems).toEqual([])
    },
  )

  /** At `main`; a stranger's branch has a file of the same name as one of the store's. */
  async function folderAroundItsStore(name: string): Promise<WorkFolder> {
    const around = tempFolder()
    const [store, dir] = [join(around, 'history.varve'), join(around, 'work')]
    const repo = await Repository.create(store)
    await commitTree(repo, 'main', tree({ ok: '1' }))
    await commitTree(repo, 'stranger', tree({ ok: '2', [name]: 'evil' }))
    await repo.close()
    await (await WorkingFolder.add(store, dir, 'main')).close()
    for (const file of readdirSync(around).filter((each) => each.startsWith('history.varve')))
      renameSync(join(around, file), join(dir, file))
    const place = join(dir, '.varve/worktree')
    writeFileSync(place, readFileSync(place, 'utf8').replace(store, join(dir, 'history.varve')))
    const folder = await WorkingFolder.open(dir)
    onTestFinished(() => folder.close())
    return { folder, dir }
  }

  test('a folder that is in the way and holds a store or a repository of Git is never given up', async () => {
    const at = await scene()
    const { dir, folder } = at
    const id = await commitTree(folder.repository, 'stranger', tree({ new: 'a file' }))
    for (const name of ['.varve', '.git', '.VARVE']) {
      await begin(at)
      write(dir, { [`new/deep/${name}/precious`]: '1', 'new/plain': '2' })
      await expect(folder.switchTo(id, { detach: true, force: true })).rejects.toMatchObject({
        code: 'UNCOMMITTED_CHANGES',
        details: { paths: [`new/deep/${name}`] },
      })
      expect(existsSync(join(dir, 'new/plain'))).toBe(true)
      expect(readFileSync(join(dir, `new/deep/${name}/precious`), 'utf8')).toBe('1')
    }
    await begin(at)
    mkdirSync(join(dir, 'new/deep'), { recursive: true })
    await folder.switchTo(id, { detach: true, force: true })
    expect(contentsOf(dir)).toEqual({ new: 'a file' })
  })
})
