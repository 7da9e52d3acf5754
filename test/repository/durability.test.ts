/** Durability `normal`: what is not synced yet is whole, in order, and all that a power failure can take. */
import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Repository } from '../../src/index.js'
import type { CatalogTransaction } from '../../src/volume/catalog.js'
import { VOLUMES } from '../support/groups.js'
import { collect, commitFiles, createRepository, openRepository } from '../support/repositories.js'
import { tempFolder } from '../support/tempFolder.js'

const NORMAL = 1
const FULL = 2
const FRAME_BYTES = 24 + 4096

/** A store of one file, of one commit. */
async function oneFile(): Promise<string> {
  const path = join(tempFolder(), 'store.varve')
  const repo = await Repository.create(path)
  await commitFiles(repo, { a: 'zero' }, '0')
  await repo.close()
  return path
}

/** With what each transaction that moves refs is written. */
function watched(repo: Repository): (number | undefined)[] {
  const seen: (number | undefined)[] = []
  const { refs } = repo.parts
  const applySteps = refs.applySteps.bind(refs)
  refs.applySteps = (tx: CatalogTransaction, steps) => {
    seen.push(tx.get<{ synchronous: number }>('PRAGMA synchronous')?.synchronous)
    applySteps(tx, steps)
  }
  return seen
}

describe.each(['full', 'normal'] as const)('durability %s', (durability) => {
  test('drafts, tags and large commits are written so, and read back by others at once', async () => {
    const { path } = await createRepository()
    const repo = await openRepository(path, { durability })
    const seen = watched(repo)
    const id = await commitFiles(repo, { a: 'one' })
    await repo.createTag('v1', 'main')
    await commitFiles(repo, { big: Buffer.alloc(3 * 2 ** 20, 'varied '.repeat(1000)) })
    // Volumes with files of their own must not know of a publish that the catalog lost.
    const expected = durability === 'full' || VOLUMES > 1 ? FULL : NORMAL
    expect(seen).toEqual([expected, expected, expected])
    const other = await openRepository(path)
    expect(await other.resolve('v1')).toBe(id)
    await repo.sync()
    await repo.config.set('author', 'Ada <ada@example.org>')
    expect(await other.verify()).toMatchObject({ ok: true })
  })
})

test('a volume that another process adds ends it', async () => {
  const { repo: other, path, folder } = await createRepository()
  const repo = await openRepository(path, { durability: 'normal' })
  const seen = watched(repo)
  await commitFiles(repo, { a: 'one' })
  await other.extendVolumeGroup(join(folder, 'another.varve'))
  await commitFiles(repo, { a: 'two' })
  expect(seen).toEqual([VOLUMES > 1 ? FULL : NORMAL, FULL])
})

test('sync writes what the log is synced with, and nothing when there is nothing to sync', async () => {
  const path = await oneFile()
  const repo = await openRepository(path, { durability: 'normal' })
  const logBytes = () => statSync(`${path}-wal`).size
  await repo.sync()
  await commitFiles(repo, { a: 'one' })
  const committed = logBytes()
  await repo.sync()
  expect(logBytes()).toBe(committed + FRAME_BYTES)
  await repo.sync()
  expect(logBytes()).toBe(committed + FRAME_BYTES)
})

test('wherever a power failure cuts the log, the store is as after one of the commits', async () => {
  const path = await oneFile()
  const repo = await openRepository(path, { durability: 'normal' })
  for (let at = 1; at <= 6; at++) await commitFiles(repo, { a: `text ${at}`, [`b${at}`]: 'new' }, `${at}`)
  const log = readFileSync(`${path}-wal`)
  const folder = tempFolder()
  const found = new Set<number>()
  for (let bytes = 0; bytes <= log.length; bytes += FRAME_BYTES + 1000) {
    const cut = join(folder, `cut-${bytes}.varve`)
    copyFileSync(path, cut)
    writeFileSync(`${cut}-wal`, log.subarray(0, bytes))
    const after = await Repository.open(cut)
    const messages = (await collect(after.log())).map(({ message }) => Number(message))
    const newest = messages[0] ?? -1
    expect(messages).toEqual(Array.from({ length: newest + 1 }, (_, at) => newest - at))
    expect((await (await after.at('main')).read('a')).toString()).toBe(newest === 0 ? 'zero' : `text ${newest}`)
    expect(await after.verify()).toMatchObject({ ok: true })
    found.add(newest)
    await after.close()
  }
  expect(found.size).toBeGreaterThan(3)
})

test('a durability that is none is refused, and nothing is made', async () => {
  const folder = tempFolder()
  const path = join(folder, 'store.varve')
  const wrong = { durability: 'fast' as never }
  await expect(Repository.create(path, wrong)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined()
  const { path: there } = await createRepository()
  await expect(Repository.open(there, wrong)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
})
