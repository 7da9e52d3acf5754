/** F-VERSION, F-BASES: a store of an older format stays what it is until something is compressed against something. */
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { GOLDEN_STORES, goldenFolder } from '../golden/makeStore.js'
import { basedExtents, versionOf } from '../support/basedStores.js'
import { change } from '../support/mirrored.js'
import { commitFiles, openRepository } from '../support/repositories.js'
import { tempFolder } from '../support/tempFolder.js'

/** SQLite's `user_version`, by which older programs know that they do not know it. */
const formatOf = (path: string): number => readFileSync(path).readInt32BE(60)

const LENGTH = 4000
const CASES = [1, 2].flatMap((format) =>
  Object.entries(GOLDEN_STORES).map(([name, { files }]) => ({ format, name, files })),
)

test.each(CASES)(
  'golden store $name of format $format is brought to format 3 by the first base',
  async ({ format, files }) => {
    const folder = tempFolder()
    for (const name of files) copyFileSync(join(goldenFolder(format), name), join(folder, name))
    const path = join(folder, files[0] as string)
    const repo = await openRepository(path)
    await repo.config.set('compression', 'zstd')
    const { value: branch } = await repo.config.get('default-branch')
    const first = async (bytes: Buffer) => commitFiles(repo, { 'edited.txt': bytes }, 'an edit', branch)
    // Looking at it changes nothing.
    expect((await repo.verify()).problems).toEqual([])
    expect(repo.parts.group.catalog.hasBases).toBe(false)
    expect(repo.parts.group.catalog.dependants(1)).toEqual([])
    await first(versionOf(1, 0, LENGTH))
    await first(versionOf(1, 1, LENGTH))
    expect(basedExtents(repo).length).toBeGreaterThan(0)
    expect(repo.parts.group.catalog.hasBases).toBe(true)
    await repo.close()
    expect(formatOf(path)).toBe(3)
    const again = await openRepository(path)
    expect((await (await again.at(branch)).read('edited.txt')).equals(versionOf(1, 1, LENGTH))).toBe(true)
    expect((await (await again.at(`${branch}~1`)).read('edited.txt')).equals(versionOf(1, 0, LENGTH))).toBe(true)
    expect((await again.verify()).problems).toEqual([])
  },
)

test.each([1, 2])('without bases a store of format %i stays one', async (format) => {
  const path = join(tempFolder(), 'one.varve')
  copyFileSync(join(goldenFolder(format), 'one.varve'), path)
  const repo = await openRepository(path)
  await repo.config.set('compression', 'none')
  const { value: branch } = await repo.config.get('default-branch')
  for (const version of [0, 1]) await commitFiles(repo, { f: versionOf(1, version, LENGTH) }, 'an edit', branch)
  await repo.close()
  expect(formatOf(path)).toBe(format)
})

test('a store that says that it is of an older format, and has extents with bases, is damaged', async () => {
  const path = join(tempFolder(), 'one.varve')
  copyFileSync(join(goldenFolder(2), 'one.varve'), path)
  const repo = await openRepository(path)
  await repo.config.set('compression', 'zstd')
  const { value: branch } = await repo.config.get('default-branch')
  for (const version of [0, 1]) await commitFiles(repo, { f: versionOf(1, version, LENGTH) }, 'an edit', branch)
  await repo.close()
  change(path, 'DROP TABLE base; PRAGMA user_version = 2', 0)
  const again = await openRepository(path)
  expect((await again.verify()).problems).toEqual([expect.objectContaining({ code: 'CORRUPT_CATALOG' })])
  await expect(again.gc({ now: true })).rejects.toMatchObject({ code: 'CORRUPT_CATALOG' })
  expect((await (await again.at(branch)).read('f')).equals(versionOf(1, 1, LENGTH))).toBe(true)
})

test('while another program has a store of an older format open, it stays one, and nothing in it has bases', async () => {
  const path = join(tempFolder(), 'one.varve')
  copyFileSync(join(goldenFolder(2), 'one.varve'), path)
  const other = await openRepository(path)
  await other.verify()
  const repo = await openRepository(path)
  await repo.config.set('compression', 'zstd')
  const { value: branch } = await repo.config.get('default-branch')
  for (const version of [0, 1]) await commitFiles(repo, { f: versionOf(1, version, LENGTH) }, 'an edit', branch)
  expect(basedExtents(repo)).toEqual([])
  expect(formatOf(path)).toBe(2)
  await expect(repo.pack()).rejects.toMatchObject({ code: 'STORE_LOCKED' })
  await repo.close()
  await other.close()
  const alone = await openRepository(path)
  await commitFiles(alone, { f: versionOf(1, 2, LENGTH) }, 'an edit', branch)
  expect(basedExtents(alone).length).toBeGreaterThan(0)
  // Others may open it again at once, and write.
  const after = await openRepository(path)
  await commitFiles(after, { f: versionOf(1, 3, LENGTH) }, 'an edit', branch)
  expect((await after.verify()).problems).toEqual([])
  expect((await (await alone.at(branch)).read('f')).equals(versionOf(1, 3, LENGTH))).toBe(true)
})
