/** F-VERSION: stores of format 1 as they were once written. `npx tsx test/golden/makeStore.ts` made them. */
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { identifyFile } from '../../src/volume/groupFiles.js'
import { describeStore, GOLDEN_STORES, makeStores } from '../golden/makeStore.js'
import { commitFiles, openRepository } from '../support/repositories.js'
import { tempFolder } from '../support/tempFolder.js'

const STORES = fileURLToPath(new URL('../golden/store-v1', import.meta.url))
const expected = JSON.parse(readFileSync(join(STORES, 'expected.json'), 'utf8')) as Record<string, unknown>

function copyOf(files: readonly string[]): string[] {
  const folder = tempFolder()
  return files.map((name) => {
    copyFileSync(join(STORES, name), join(folder, name))
    return join(folder, name)
  })
}

/** As it comes back from expected.json. Defaults are the program's: it may have more properties than it once had. */
function asJson(value: unknown): unknown {
  const description = JSON.parse(JSON.stringify(value)) as Record<string, unknown>
  const properties = (description.config ?? []) as readonly { readonly source: string }[]
  return { ...description, config: properties.filter(({ source }) => source !== 'default') }
}

test('every golden store is expected to be something', () => {
  expect(Object.keys(expected)).toEqual(Object.keys(GOLDEN_STORES))
})

describe.each(Object.entries(GOLDEN_STORES))('golden store %s of format 1', (name, { files }) => {
  test('is whole, and everything in it is what was written', async () => {
    const [catalog] = copyOf(files) as [string]
    const repo = await openRepository(catalog)
    const report = await repo.verify()
    expect(report.problems).toEqual([])
    expect(report.notes).toEqual([])
    expect(report.checked).toMatchObject({ volumes: files.length, commits: 5 })
    expect(asJson(await describeStore(repo))).toEqual(asJson(expected[name]))
  })

  test('opens for reading only, through its last file', async () => {
    const copied = copyOf(files)
    const repo = await openRepository(copied.at(-1) as string, { readOnly: true })
    expect(repo.path).toBe(copied[0])
    expect(asJson(await describeStore(repo))).toEqual(asJson(expected[name]))
  })

  test('takes commits on top, and knows what it holds', async () => {
    const [catalog] = copyOf(files) as [string]
    const repo = await openRepository(catalog)
    const { value: branch } = await repo.config.get('default-branch')
    const old = await (await repo.at('v1')).read('long.txt')
    const before = await repo.stats()
    const id = await commitFiles(repo, { 'again.txt': old, 'new.txt': 'new\n', many: null }, 'on top', branch)
    expect((await repo.stats()).chunks).toBe(before.chunks + 1)
    await repo.close()
    const again = await openRepository(catalog)
    expect(await again.resolve(branch)).toBe(id)
    expect((await (await again.at(branch)).read('again.txt')).equals(old)).toBe(true)
    const report = await again.verify()
    expect(report.problems).toEqual([])
    expect(report.checked.commits).toBe(6)
  })

  test('names no place of the machine that made it', async () => {
    for (const path of copyOf(files)) {
      const { layout } = identifyFile(path, { lockTimeoutMs: 2000, readOnly: true })
      expect(layout.physicalVolumes.map((volume) => volume.catalogPath ?? volume.path)).toEqual([
        `/golden/${files[0]}`,
        ...files.slice(1),
      ])
    }
  })

  test('written anew it gets the same ids', async () => {
    const folder = tempFolder()
    await makeStores(folder)
    const repo = await openRepository(join(folder, files[0] as string), { readOnly: true })
    expect(asJson(await describeStore(repo))).toEqual(asJson(expected[name]))
  })
})
