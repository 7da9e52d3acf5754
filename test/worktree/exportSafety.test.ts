import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ByteName } from '../../src/base/names.js'
import { EMPTY_CONTENT } from '../../src/format/content.js'
import type { TreeEntry } from '../../src/format/tree.js'
import type { TreeRoot } from '../../src/history/entries.js'
import { ExportChecks } from '../../src/worktree/exportChecks.js'
import { type ExportTreeOptions, exportTree } from '../../src/worktree/exportTree.js'
import { nodeFileSystem } from '../../src/worktree/nodeFileSystem.js'
import { nameRulesOf } from '../../src/worktree/pathSafety.js'
import { type HostileTree, writeHostileTree, writeImpossibleName } from '../support/hostileTrees.js'
import { createMemoryObjects } from '../support/memoryObjects.js'
import { tempFolder } from '../support/tempFolder.js'
import { directory, file, makeTree, pathsBelow, readTree, symlink } from '../support/trees.js'
import { hooked } from './faultyFileSystem.js'

const objects = await createMemoryObjects()

function hostile(tree: HostileTree): Promise<TreeRoot> {
  return writeHostileTree(objects, tree)
}

/** Exports into `out` of a folder whose other contents must not change. */
async function attack(tree: TreeRoot, options?: ExportTreeOptions, fs = nodeFileSystem) {
  const around = tempFolder()
  makeTree(join(around, 'victim'), file('untouched'))
  const before = readTree(join(around, 'victim'))
  const run = exportTree(objects, tree, fs, join(around, 'out'), options)
  const error: unknown = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(readTree(join(around, 'victim'))).toEqual(before)
  expect(pathsBelow(around).filter((path) => !path.startsWith('out'))).toEqual(['victim'])
  return { error, wrote: existsSync(join(around, 'out')) }
}

describe('safety rule 8: names that lead elsewhere', () => {
  test.each(['..', '.', '../victim', 'a/../../victim', '/etc', 'nul\0byte', ''])(
    'a tree with the name %j does not even decode',
    async (text) => {
      const tree = await writeImpossibleName(objects, text)
      const { error, wrote } = await attack(tree)
      expect(error).toMatchObject({ code: 'CORRUPT_OBJECT' })
      expect(wrote).toBe(false)
    },
  )

  test.each(['..', '../victim', '/etc/passwd', 'a\0', ''])('and if one did, the name %j is refused', (text) => {
    const rules = nameRulesOf('linux', false)
    const destination = { root: Buffer.from('/nowhere'), holdsThings: true, overwrite: true, rules }
    const checks = new ExportChecks(nodeFileSystem, destination)
    const entry: TreeEntry = {
      name: text as ByteName,
      kind: 'file',
      executable: false,
      content: EMPTY_CONTENT,
      files: 0,
    }
    checks.look({ is: 'enter', path: '' as ByteName, entry: { ...entry, kind: 'directory' }, attributes: {} })
    checks.look({ is: 'entry', path: text as ByteName, entry, attributes: {} })
    expect(() => checks.finish()).toThrow(expect.objectContaining({ code: 'UNSAFE_PATH' }))
  })

  test('a store is never planted, at no depth and in no disguise; all such names are listed', async () => {
    const tree = await hostile({
      ok: 'fine',
      '.varve': { 'store.varve': 'evil' },
      deep: { '.VARVE': 'evil', 'varve~1': {}, '.var\u200cve': { to: '/tmp' } },
    })
    const { error, wrote } = await attack(tree)
    expect(error).toMatchObject({ code: 'UNSAFE_PATH' })
    expect((error as { details: { paths: string[] } }).details.paths.sort()).toEqual(
      ['.varve', 'deep/.VARVE', 'deep/.var\u200cve', 'deep/varve~1'].sort(),
    )
    expect(wrote).toBe(false)
  })

  test('what is asked for by name can be had without the rest', async () => {
    const tree = await hostile({ ok: 'fine', '.varve': 'evil' })
    expect((await attack(tree, { paths: ['ok'] })).error).toBeUndefined()
    expect((await attack(tree, { paths: ['ok', '.varve'] })).error).toMatchObject({ code: 'UNSAFE_PATH' })
  })

  test('names that Windows takes for something else are refused there', async () => {
    const tree = await hostile({ 'a:stream': '', 'CON.txt': '', 'b\\..\\victim': '', 'dot.': '', fine: '' })
    const { error } = await attack(tree, { platform: 'win32' })
    expect(error).toMatchObject({
      code: 'UNSAFE_PATH',
      details: { paths: ['CON.txt', 'a:stream', 'b\\..\\victim', 'dot.'] },
    })
    expect((await attack(tree, { platform: 'linux' })).error).toBeUndefined()
  })

  test('a symlink to nothing is refused', async () => {
    expect((await attack(await hostile({ l: { to: '' } }))).error).toMatchObject({ code: 'UNSAFE_PATH' })
    expect((await attack(await hostile({ l: { to: 'a\0b' } }))).error).toMatchObject({ code: 'UNSAFE_PATH' })
  })
})

describe('safety rule 8: symlinks', () => {
  test('lead wherever they want, and nothing is written through them', async () => {
    const around = tempFolder()
    const tree = await hostile({ a: { to: '../victim' }, b: { c: { to: '/' } }, z: 'last' })
    await exportTree(objects, tree, nodeFileSystem, join(around, 'out'))
    expect(readTree(join(around, 'out'))).toMatchObject({ kind: 'directory' })
    expect(pathsBelow(join(around, 'out'))).toEqual(['a', 'b', 'b/c', 'z'])
  })

  test('are made last in their folder', async () => {
    const made: string[] = []
    const fs = hooked((call, path, how) => {
      if (call === 'symlink' || call === 'mkdir' || (call === 'open' && how === 'create')) made.push(path)
    })
    const around = tempFolder()
    await exportTree(
      objects,
      await hostile({ a: { to: 'x' }, b: 'f', c: { d: { to: 'y' }, e: 'g' } }),
      fs,
      join(around, 'o'),
    )
    const order = made.map((path) => path.slice(around.length + 3)).filter((path) => !path.includes('probe'))
    expect(order).toEqual(['', 'b', 'c', 'c/e', 'c/d', 'a'])
  })

  test('a symlink where a folder must go is refused before anything is written', async () => {
    const around = tempFolder()
    mkdirSync(join(around, 'victim'))
    mkdirSync(join(around, 'out/deep'), { recursive: true })
    symlinkSync('../victim', join(around, 'out/d'))
    symlinkSync('../../victim', join(around, 'out/deep/d'))
    const tree = await hostile({ a: 'first', d: { f: 'x' }, deep: { d: { f: 'x' } } })
    for (const overwrite of [false, true]) {
      const run = exportTree(objects, tree, nodeFileSystem, join(around, 'out'), { into: true, overwrite })
      await expect(run).rejects.toMatchObject({ code: 'UNSAFE_PATH', details: { paths: ['d', 'deep/d'] } })
    }
    expect(pathsBelow(around)).toEqual(['out', 'out/d', 'out/deep', 'out/deep/d', 'victim'])
  })

  test('one that appears where a file goes is not followed', async () => {
    const around = tempFolder()
    writeFileSync(join(around, 'victim'), 'untouched')
    const fs = hooked((call, path, how) => {
      if (call === 'open' && how === 'create' && path.endsWith('/f')) symlinkSync('../victim', path)
    })
    const run = exportTree(objects, await hostile({ f: 'pwned' }), fs, join(around, 'out'))
    await expect(run).rejects.toMatchObject({ code: 'NAME_CLASH' })
    expect(readFileSync(join(around, 'victim'), 'utf8')).toBe('untouched')
  })

  test('one that appears where a folder is about to be entered is not followed', async () => {
    const around = tempFolder()
    makeTree(join(around, 'victim'), directory())
    makeTree(join(around, 'out'), directory({ d: directory({ mine: file('mine') }) }))
    let looks = 0
    const fs = hooked((call, path) => {
      // The first look is that of the checks.
      if (call !== 'lstat' || path !== join(around, 'out/d') || ++looks !== 2) return
      renameSync(path, join(around, 'aside'))
      symlinkSync('../victim', path)
    })
    const run = exportTree(objects, await hostile({ d: { f: 'pwned' } }), fs, join(around, 'out'), { into: true })
    await expect(run).rejects.toMatchObject({ code: 'UNSAFE_PATH', details: { path: 'd' } })
    expect(pathsBelow(join(around, 'victim'))).toEqual([])
  })

  test('one that takes the place of a folder that is being written is noticed, and gets no mode', async () => {
    const around = tempFolder()
    makeTree(join(around, 'victim'), directory({}, { mode: 0o700 }))
    const fs = hooked((call, path) => {
      if (call !== 'file.close' || !path.endsWith('/d/f')) return
      renameSync(join(around, 'out/d'), join(around, 'aside'))
      symlinkSync('../victim', join(around, 'out/d'))
    })
    const run = exportTree(objects, await hostile({ d: { f: 'x' } }), fs, join(around, 'out'))
    await expect(run).rejects.toMatchObject({ code: 'UNSAFE_PATH' })
    expect(readTree(join(around, 'victim'))).toEqual(directory({}, { mode: 0o700 }))
  })

  test('what appears while a folder that held things is written into is left alone', async () => {
    const around = tempFolder()
    makeTree(join(around, 'out'), directory({ mine: file('mine') }))
    const fs = hooked((call, path, how) => {
      if (call === 'open' && how === 'create' && path.endsWith('/f')) writeFileSync(path, 'precious')
    })
    const run = exportTree(objects, await hostile({ f: 'x' }), fs, join(around, 'out'), { into: true })
    await expect(run).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
    expect(readFileSync(join(around, 'out/f'), 'utf8')).toBe('precious')
  })
})

describe('safety rule 8: names that clash', () => {
  const folding = { ...nodeFileSystem, ...hooked(() => undefined), isCaseInsensitive: () => true }

  test('are listed together with what they clash with, before anything is written', async () => {
    const tree = await hostile({
      README: '1',
      readme: '2',
      sub: { '\u00e9': '', 'e\u0301': '', other: '' },
      other: '',
    })
    const { error, wrote } = await attack(tree, {}, folding)
    expect(error).toMatchObject({ code: 'NAME_CLASH' })
    expect((error as { details: { paths: string[] } }).details.paths.sort()).toEqual(
      ['README', 'readme', 'sub/\u00e9', 'sub/e\u0301'].sort(),
    )
    expect(wrote).toBe(false)
  })

  test('a symlink and the folder it would stand for clash like any two', async () => {
    const tree = await hostile({ A: { to: '..' }, a: { victim: 'pwned' } })
    expect((await attack(tree, {}, folding)).error).toMatchObject({ code: 'NAME_CLASH' })
  })

  test('do not where the file system tells them apart', async () => {
    const tree = await hostile({ A: '1', a: '2' })
    const to = join(tempFolder(), 'to')
    if (nodeFileSystem.isCaseInsensitive(Buffer.from(tempFolder()))) return
    await exportTree(objects, tree, nodeFileSystem, to)
    expect(pathsBelow(to)).toEqual(['A', 'a'])
  })

  test('nothing is overwritten where a file system folds names and does not say so', async () => {
    const silent = hooked((call, path, how) => {
      if (how === 'create' && path.endsWith('/a')) throw Object.assign(new Error('EEXIST'), { code: 'EEXIST' })
      if (call === 'mkdir' && path.endsWith('/dir')) throw Object.assign(new Error('EEXIST'), { code: 'EEXIST' })
    })
    for (const tree of [
      { A: '1', a: '2' },
      { DIR: {}, dir: {} },
    ]) {
      const { error } = await attack(await hostile(tree), {}, silent)
      expect(error).toMatchObject({ code: 'NAME_CLASH' })
    }
  })
})

describe('.git', () => {
  const tree = { '.git': { config: '[core]', hooks: { 'post-checkout': 'evil' } }, a: 'x' }

  test('comes back as it was', async () => {
    const to = join(tempFolder(), 'to')
    await exportTree(objects, await hostile(tree), nodeFileSystem, to)
    expect(pathsBelow(to)).toEqual(['.git', '.git/config', '.git/hooks', '.git/hooks/post-checkout', 'a'])
  })

  test('never goes into one that is there, unless things may be overwritten', async () => {
    const to = tempFolder()
    makeTree(join(to, '.git'), directory({ HEAD: file('ref'), hooks: directory() }))
    const run = exportTree(objects, await hostile(tree), nodeFileSystem, to, { into: true })
    await expect(run).rejects.toMatchObject({ code: 'UNSAFE_PATH', details: { paths: ['.git'] } })
    expect(pathsBelow(to)).toEqual(['.git', '.git/HEAD', '.git/hooks'])
    await exportTree(objects, await hostile(tree), nodeFileSystem, to, { into: true, overwrite: true })
    expect(pathsBelow(to)).toContain('.git/hooks/post-checkout')
  })

  test('a symlink there is not entered either', async () => {
    const to = tempFolder()
    makeTree(join(to, 'x'), directory())
    makeTree(join(to, '.git'), symlink('x'))
    for (const overwrite of [false, true]) {
      const run = exportTree(objects, await hostile(tree), nodeFileSystem, to, { into: true, overwrite })
      await expect(run).rejects.toMatchObject({ code: 'UNSAFE_PATH' })
    }
    rmSync(join(to, '.git'))
  })
})
