/** Replacing: readers see what took the place, and nothing else changes. */
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import { KIND } from '../../src/format/kinds.js'
import type { Repository } from '../../src/repository.js'
import { collect, commitFiles, openRepository } from '../support/repositories.js'
import { tempFolder } from '../support/tempFolder.js'
import { changesOf, newFolder, write } from '../support/workFolders.js'
import { GONE, read, threeCommits, twoFiles, WHY } from './replacedStores.js'
import { bytes, chunksOf, idOf, newStore } from './usageStores.js'

async function messages(repo: Repository): Promise<string[]> {
  return (await collect(repo.log())).map(({ message }) => message)
}

describe('a commit', () => {
  test('F-REPLACED: keeps its id, and says what took its place says', async () => {
    const { repo, folder, first, second, third, clean, now } = await threeCommits()
    const replacement = { id: second, by: clean, reason: WHY.reason, who: 'Ada', timeMs: now() }
    const described = { ...replacement, kind: 'commit', isOriginalThere: true }
    expect(await repo.replace('main~1', clean, { ...WHY, who: 'Ada' })).toEqual(described)
    expect(await repo.replacements()).toEqual([described])

    const log = await collect(repo.log())
    expect(log.map(({ id, message }) => [id, message])).toEqual([
      [third, 'third'],
      [second, 'second, cleaned'],
      [first, 'first'],
    ])
    expect(log[1]?.parents).toEqual([first])
    expect((await repo.commit(second)).message).toBe('second, cleaned')
    expect(await repo.resolve('main~1')).toBe(second)
    expect(await read(repo, 'main~1')).toBe('hidden')
    await repo.export('main~1', join(folder, 'out'))
    expect(readFileSync(join(folder, 'out/file'), 'utf8')).toBe('hidden')
    const changes = await collect(repo.diff('main~1', clean))
    expect(changes).toEqual([])
    expect((await collect(repo.diff('main~2', 'main~1'))).map(({ path }) => path)).toEqual(['file', 'second'])

    expect(await repo.undoReplace(second.slice(0, 8))).toEqual(described)
    expect(await repo.replacements()).toEqual([])
    expect(await messages(repo)).toEqual(['third', 'second', 'first'])
    expect(await read(repo, 'main~1')).toBe('secret')
  })

  test('without parents ends the history there; children go on being made', async () => {
    const { repo, second } = await threeCommits()
    const start = await commitFiles(repo, { file: 'start' }, 'history starts here', 'start')
    await repo.replace(second, start, WHY)
    expect(await messages(repo)).toEqual(['third', 'history starts here'])
    await expect(repo.resolve('main~2')).rejects.toMatchObject({ code: 'UNKNOWN_REVISION' })
    const fourth = await commitFiles(repo, { file: 'four' }, 'fourth')
    expect((await repo.commit(fourth)).parents).toEqual([await repo.resolve('main~1')])
    expect((await repo.verify()).problems).toEqual([])
    await repo.undoReplace(second)
    expect(await messages(repo)).toEqual(['fourth', 'third', 'second', 'first'])
  })

  test('is seen by another process that had read the original', async () => {
    const { repo, path, second, clean } = await threeCommits()
    const other = await openRepository(path, { readOnly: true })
    expect(await read(other, second)).toBe('secret')
    expect(await messages(other)).toEqual(['third', 'second', 'first'])
    await repo.replace(second, clean, WHY)
    expect(await read(other, second)).toBe('hidden')
    expect(await messages(other)).toEqual(['third', 'second, cleaned', 'first'])
    await repo.undoReplace(second)
    expect(await read(other, second)).toBe('secret')
  })

  test('one that is replaced by one that is replaced', async () => {
    const { repo, second, third, clean } = await threeCommits()
    const last = await commitFiles(repo, { file: 'last' }, 'last', 'last')
    await repo.replace(second, clean, WHY)
    await repo.replace(clean, last, WHY)
    expect(await read(repo, second)).toBe('last')
    expect(await read(repo, clean)).toBe('last')
    // What is in between stays, for when the second is undone.
    await repo.deleteBranch('last')
    await repo.gc({ now: true })
    expect((await repo.verify()).problems).toEqual([])
    await repo.undoReplace(clean)
    expect(await read(repo, second)).toBe('hidden')
    await expect(repo.replace(clean, second, WHY)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    const forced = repo.replace(second, third, { ...WHY, force: true })
    await expect(forced).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('a pruned one has files again by what takes its place, which is not pruned', async () => {
    const { repo, first, second, third } = await threeCommits()
    expect((await repo.prune({ keepLast: 2 })).pruned).toEqual([first])
    await expect(repo.at(first)).rejects.toMatchObject({ code: 'PRUNED' })
    const rescued = await commitFiles(repo, { file: 'rescued' }, 'rescued', 'rescued')
    await commitFiles(repo, { file: 'more' }, 'more', 'rescued')
    await repo.replace(first, rescued, WHY)
    expect(await read(repo, first)).toBe('rescued')
    expect((await collect(repo.log({ from: first })))[0]?.pruned).toBeUndefined()
    const { branches } = await repo.prune({ keepLast: 1 })
    const verdicts = branches.flatMap(({ commits }) => commits)
    expect(verdicts.find(({ id }) => id === rescued)?.reasons).toEqual([`replacement of ${first.slice(0, 12)}`])
    expect(await read(repo, first)).toBe('rescued')
    await expect(repo.replace(third, second, WHY)).rejects.toMatchObject({ code: 'PRUNED' })
  })
})

describe('what lies below a commit', () => {
  test('a chunk is answered by another of its length, wherever it is used', async () => {
    const { repo, folder } = await twoFiles()
    expect(await repo.replace('main:d/small', 'other:d/small', WHY)).toMatchObject({ kind: 'chunk' })
    expect(await read(repo, 'main', 'd/small')).toBe('xyz')
    await repo.export('main', join(folder, 'out'))
    expect(readFileSync(join(folder, 'out/d/small'), 'utf8')).toBe('xyz')
    // Many at once, as streams and exports read.
    const [first] = await chunksOf(repo, 'main', 'd/a')
    const length = (await repo.which(first as string)).bytes
    await commitFiles(repo, { patch: Buffer.alloc(length, 1) }, 'patch', 'patch')
    await repo.replace(first as string, 'patch:patch', WHY)
    const whole = await (await repo.at('main')).read('d/a')
    expect(whole.equals(Buffer.concat([Buffer.alloc(length, 1), bytes(1).subarray(length)]))).toBe(true)
    await repo.undoReplace(first as string)
    expect((await (await repo.at('main')).read('d/a')).equals(bytes(1))).toBe(true)
  })

  test('a manifest by one of its size, a directory by one with the same names and sizes', async () => {
    const { repo } = await twoFiles()
    expect(await repo.replace('main:d/a', 'other:d/a', WHY)).toMatchObject({ kind: 'manifest' })
    expect((await (await repo.at('main')).read('d/a')).equals(bytes(5))).toBe(true)
    await repo.undoReplace('main:d/a')
    expect((await (await repo.at('main')).read('d/a')).equals(bytes(1))).toBe(true)
    await commitFiles(repo, { 'd/empty': '' }, 'the same names', 'other')
    expect(await repo.replace('main:d', 'other:d', WHY)).toMatchObject({ kind: 'tree' })
    expect(await read(repo, 'main', 'd/small')).toBe('xyz')
    await repo.undoReplace('main:d')
    // By its id.
    const tree = await idOf(repo, 'main', 'd')
    await repo.replace(tree, 'other:d', WHY)
    expect(await read(repo, 'main', 'd/small')).toBe('xyz')
    expect((await repo.verify()).problems).toEqual([])
  })

  test('new commits that keep it name what is stored, and what is written is what was written', async () => {
    const { repo } = await twoFiles()
    await repo.replace('main:d/a', 'other:d/a', WHY)
    const draft = await repo.draft('main')
    await draft.writeAt('d/a', 10, 'patched')
    await draft.write('d/more', 'more')
    await draft.commit({ message: 'an edit' })
    const expected = bytes(5)
    expected.write('patched', 10)
    expect((await (await repo.at('main')).read('d/a')).equals(expected)).toBe(true)
    await repo.undoReplace('main~1:d/a')
    expect((await (await repo.at('main')).read('d/a')).equals(expected)).toBe(true)
    expect((await (await repo.at('main~1')).read('d/a')).equals(bytes(1))).toBe(true)
    expect((await repo.verify()).problems).toEqual([])
  })

  test('F-ALIKE: what the entries that name it could not be about is refused', async () => {
    const { repo } = await twoFiles()
    await commitFiles(repo, { long: 'long', 'e/a': bytes(3), 'e/other': 'abc', 'e/empty': '' }, 'more', 'other')
    await commitFiles(repo, { 'e/a': bytes(3), 'e/small': 'abc' }, 'fewer', 'fewer')
    await commitFiles(repo, { 'e/a': bytes(3).subarray(1), 'e/small': 'abcd', 'e/empty': '' }, 'longer', 'longer')
    await commitFiles(repo, { a: bytes(2) }, 'flat', 'flat')
    await commitFiles(repo, { 'e/b': bytes(3), 'e/empty': '', 'e/small': 'abc' }, 'one other name', 'middle')
    const tree = await idOf(repo, 'main', 'd')
    for (const [a, b, message] of [
      ['main:d/small', 'other:long', /4 bytes, the other 3/],
      ['main:d/a', 'longer:e/a', /199999 bytes, the other 200000/],
      ['main:d/a', 'flat:a', /of level 0, the other of level 1/],
      ['main:d/small', 'other:d/a', /kind manifest, the other of kind chunk/],
      ['main', 'other:d/a', /kind manifest, the other of kind commit/],
      [tree, 'other:e', /other names/],
      [tree, 'middle:e', /other names/],
      [tree, 'fewer:e', /2 files, the other 3 files/],
      ['main:d/empty', 'other:d/small', /is empty/],
      ['main:d/small', 'main:d/empty', /is empty/],
    ] as const) {
      await expect(repo.replace(a, b, WHY), `${a} ${b}`).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message })
    }
    expect(await repo.replacements()).toEqual([])
  })
})

test('in a working folder, status compares with what took the place, whatever was remembered', async () => {
  const { folder, dir } = await newFolder()
  write(dir, { file: 'one', other: 'o' })
  await folder.commit({ message: 'first' })
  const { repository: repo } = folder
  expect(await changesOf(folder)).toEqual([])
  const clean = await commitFiles(repo, { file: 'two', other: 'o' }, 'clean', 'clean')
  await repo.replace('HEAD', clean, WHY)
  expect(await changesOf(folder)).toEqual(['modified file'])
  await repo.undoReplace('HEAD')
  expect(await changesOf(folder)).toEqual([])
  // By ids it is what was committed.
  await repo.replace('HEAD:file', 'clean:file', WHY)
  expect(await changesOf(folder)).toEqual([])
})

test('a store of the first format gets the table with its first replacement', async () => {
  const path = join(tempFolder(), 'one.varve')
  copyFileSync(fileURLToPath(new URL('../golden/store-v1/one.varve', import.meta.url)), path)
  const repo = await openRepository(path)
  expect(await repo.replacements()).toEqual([])
  await expect(repo.undoReplace('main')).rejects.toMatchObject({ code: 'UNKNOWN_REVISION' })
  const other = await commitFiles(repo, { other: 'other' }, 'other', 'other')
  expect(repo.parts.group.catalog.hasUpkeep).toBe(false)
  await repo.replace('main', other, WHY)
  expect(await read(repo, 'main', 'other')).toBe('other')
  const again = await openRepository(path, { readOnly: true })
  expect(await read(again, 'main', 'other')).toBe('other')
  expect((await again.verify()).problems).toEqual([])
})

describe('what is refused', () => {
  test('what cannot be, leaving nothing behind', async () => {
    const { repo, first, second, third, clean } = await threeCommits()
    for (const [a, b, code, message] of [
      [second, second, 'INVALID_ARGUMENT', /its own place/],
      ['main~1', second, 'INVALID_ARGUMENT', /its own place/],
      // It would be its own grandparent.
      [second, third, 'INVALID_ARGUMENT', /leads back/],
      [first, clean, 'INVALID_ARGUMENT', /leads back/],
      [GONE, clean, 'UNKNOWN_REVISION', /no chunk or object/],
      [second, GONE, 'UNKNOWN_REVISION', /no chunk or object/],
      ['nobody', clean, 'UNKNOWN_REVISION', /nobody/],
      [second, 'main:nothing', 'PATH_NOT_FOUND', /nothing/],
      [second, '', 'INVALID_ARGUMENT', /./],
    ] as const) {
      await expect(repo.replace(a, b, WHY), `${a} ${b}`).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
      })
    }
    for (const reason of ['', ' \n', undefined as unknown as string]) {
      await expect(repo.replace(second, clean, { reason })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
    await expect(repo.replace(second, clean, { ...WHY, who: 'a\nb' })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    await expect(repo.undoReplace(second)).rejects.toMatchObject({ code: 'UNKNOWN_REVISION' })
    await expect(repo.undoReplace(GONE)).rejects.toMatchObject({ code: 'UNKNOWN_REVISION' })
    expect(await repo.replacements()).toEqual([])
  })

  test('what is replaced already, unless it is forced', async () => {
    const { repo, second, clean } = await threeCommits()
    const other = await commitFiles(repo, { file: 'other' }, 'other', 'other')
    await repo.replace(second, clean, WHY)
    await expect(repo.replace(second, other, WHY)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
    expect(await read(repo, second)).toBe('hidden')
    await repo.replace(second, other, { ...WHY, force: true })
    expect(await read(repo, second)).toBe('other')
    expect(await repo.replacements()).toHaveLength(1)
    // Back to it by way of what is in its place.
    await expect(repo.replace(other, second, WHY)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('a directory that would be in itself', async () => {
    const { repo } = await newStore()
    await commitFiles(repo, { 'a/x': 'x' }, 'first')
    await commitFiles(repo, { 'a/x/x': 'x' }, 'a directory that has it in it', 'other')
    const [outer, inner] = [await idOf(repo, 'other', 'a'), await idOf(repo, 'other', 'a/x')]
    expect(inner).toBe(await idOf(repo, 'main', 'a'))
    await expect(repo.replace(inner, outer, WHY)).rejects.toMatchObject({
      message: expect.stringMatching(/leads back/),
    })
  })

  test('more than can hang together', async () => {
    const { repo, second, clean } = await threeCommits()
    const { replacements, group } = repo.parts
    const id = (number: number): Hash => String(number).padStart(64, '0') as Hash
    group.catalog.write((tx) => {
      for (let number = 1; number < 100; number++) {
        const by = number === 99 ? (second as Hash) : id(number + 1)
        replacements.add(tx, { id: id(number), by, reason: 'r', who: 'w', timeMs: 1 })
      }
    })
    await repo.replace(second, clean, WHY)
    expect(await repo.resolve(id(1))).toBe(clean)
    const other = await commitFiles(repo, { file: 'other' }, 'other', 'other')
    await expect(repo.replace(clean, other, WHY)).rejects.toMatchObject({ code: 'LIMIT_EXCEEDED' })
  })

  test('others that come meanwhile, and a store that is only read', async () => {
    const { repo, path, first, second, clean } = await threeCommits()
    const { store, replacements, group } = repo.parts
    const find = store.originals.get.bind(store.originals)
    store.originals.get = async (kind, id) => {
      store.originals.get = find
      group.catalog.write((tx) =>
        replacements.add(tx, { id: first as Hash, by: clean as Hash, reason: 'r', who: 'w', timeMs: 1 }),
      )
      return find(kind, id)
    }
    await expect(repo.replace(second, clean, WHY)).rejects.toMatchObject({ code: 'REF_CONFLICT' })
    expect(replacements.list()).toHaveLength(1)
    const reader = await openRepository(path, { readOnly: true })
    await expect(reader.replace(second, clean, WHY)).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' })
    await expect(reader.undoReplace(first)).rejects.toMatchObject({ code: 'STORAGE_READ_ONLY' })
  })
})

test('of two kinds whose ids begin alike, more digits are asked for; a branch named like an id is the branch', async () => {
  const { repo, second, clean } = await threeCommits()
  await repo.createBranch('beef', clean)
  expect(await repo.replace(second, 'beef', WHY)).toMatchObject({ by: clean })
  expect(await repo.parts.store.originals.get(KIND.commit, second as Hash)).toBeDefined()
})
