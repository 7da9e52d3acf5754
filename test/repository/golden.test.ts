/** F-VERSION: stores of each format as they were once written. `npx tsx test/golden/makeStore.ts` made them. */
import { copyFileSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { identifyFile } from '../../src/volume/groupFiles.js'
import { describeStore, GOLDEN_FORMATS, GOLDEN_STORES, goldenFolder, makeStores } from '../golden/makeStore.js'
import { collect, commitFiles, openRepository } from '../support/repositories.js'
import { tempFolder } from '../support/tempFolder.js'
import { pathsBelow } from '../support/trees.js'

/** What of a description these tests look into. */
interface Expected {
  readonly refs: readonly { readonly name: string; readonly target: string }[]
  readonly commits: readonly { readonly id: string; readonly entries?: Readonly<Record<string, string>> }[]
  readonly condemned?: { readonly chunks: number }
}

function expectedOf(format: number): Record<string, Expected> {
  return JSON.parse(readFileSync(join(goldenFolder(format), 'expected.json'), 'utf8')) as Record<string, Expected>
}

function copyOf(format: number, files: readonly string[]): string[] {
  const folder = tempFolder()
  return files.map((name) => {
    copyFileSync(join(goldenFolder(format), name), join(folder, name))
    return join(folder, name)
  })
}

/** As it comes back from expected.json. Defaults are the program's: it may have more properties than it once had. */
function asJson(value: unknown): unknown {
  const description = JSON.parse(JSON.stringify(value)) as Record<string, unknown>
  const properties = (description.config ?? []) as readonly { readonly source: string }[]
  return { ...description, config: properties.filter(({ source }) => source !== 'default') }
}

/** All but what is to go. */
function kept(value: unknown): unknown {
  return { ...(asJson(value) as Record<string, unknown>), condemned: undefined }
}

const FORMATS = Object.keys(GOLDEN_FORMATS).map(Number)

test.each(FORMATS)('every golden store of format %i is expected to be something', (format) => {
  expect(Object.keys(expectedOf(format))).toEqual(Object.keys(GOLDEN_STORES))
  const files = Object.values(GOLDEN_STORES).flatMap((store) => store.files)
  expect(readdirSync(goldenFolder(format)).sort()).toEqual(['expected.json', ...files].sort())
})

const CASES = FORMATS.flatMap((format) =>
  Object.entries(GOLDEN_STORES).map(([name, { files }]) => ({ format, name, files })),
)

describe.each(CASES)('golden store $name of format $format', ({ format, name, files }) => {
  const expected = expectedOf(format)[name] as Expected

  test('is whole, and everything in it is what was written', async () => {
    const [catalog] = copyOf(format, files) as [string]
    // SQLite's `user_version`.
    expect(readFileSync(catalog).readInt32BE(60)).toBe(format)
    const repo = await openRepository(catalog)
    const report = await repo.verify()
    expect(report.problems).toEqual([])
    expect(report.checked.volumes).toBe(files.length)
    expect(report.checked.commits).toBeGreaterThanOrEqual(expected.commits.length)
    expect(asJson(await describeStore(repo))).toEqual(asJson(expected))
  })

  test('opens for reading only, through its last file', async () => {
    const copied = copyOf(format, files)
    const repo = await openRepository(copied.at(-1) as string, { readOnly: true })
    expect(repo.path).toBe(copied[0])
    expect(asJson(await describeStore(repo))).toEqual(asJson(expected))
    expect((await repo.verify()).problems).toEqual([])
  })

  test('takes commits on top, and knows what it holds', async () => {
    const [catalog] = copyOf(format, files) as [string]
    const repo = await openRepository(catalog)
    const { value: branch } = await repo.config.get('default-branch')
    const old = await (await repo.at('v1')).read('long.txt')
    const before = await repo.stats()
    const commitsBefore = (await repo.verify()).checked.commits
    const id = await commitFiles(repo, { 'again.txt': old, 'new.txt': 'new\n', 'run.bin': null }, 'on top', branch)
    expect((await repo.stats()).chunks).toBe(before.chunks + 1)
    await repo.close()
    const again = await openRepository(catalog)
    expect(await again.resolve(branch)).toBe(id)
    expect((await (await again.at(branch)).read('again.txt')).equals(old)).toBe(true)
    const report = await again.verify()
    expect(report.problems).toEqual([])
    expect(report.checked.commits).toBe(commitsBefore + 1)
  })

  test('gets a second logical volume, and is of the newest format from then on', async () => {
    const [catalog] = copyOf(format, files) as [string]
    const repo = await openRepository(catalog)
    await repo.createLogicalVolume('second')
    await repo.assignLogicalVolume('second', ['v1'])
    expect(kept(await describeStore(repo))).toEqual(kept(expected))
    expect((await repo.verify()).problems).toEqual([])
    expect((await repo.logicalVolumes()).map(({ extents }) => extents > 0)).toEqual([expect.any(Boolean), true])
    await repo.close()
    expect(readFileSync(catalog).readInt32BE(60)).toBe(5)
  })

  test('gc takes nothing that is promised, now or later', async () => {
    const [catalog] = copyOf(format, files) as [string]
    const repo = await openRepository(catalog)
    const { condemned, waiting } = await repo.gc()
    expect(waiting.chunks - condemned.chunks).toBe(expected.condemned?.chunks ?? 0)
    expect(kept(await describeStore(repo))).toEqual(kept(expected))
    await repo.gc({ now: true })
    expect((await repo.verify()).problems).toEqual([])
    expect(kept(await describeStore(repo))).toEqual(kept(expected))
  })

  test('a scrub goes over all of it', async () => {
    const [catalog] = copyOf(format, files) as [string]
    const repo = await openRepository(catalog)
    expect(await repo.scrub()).toMatchObject({ ok: true, problems: [], healed: [] })
    expect((await repo.scrubStatus()).current).toBeUndefined()
  })

  test('every branch and tag is exported as it was', async () => {
    const [catalog] = copyOf(format, files) as [string]
    const repo = await openRepository(catalog, { readOnly: true })
    const folder = tempFolder()
    for (const { name: ref, target } of expected.refs) {
      const { entries } = expected.commits.find(({ id }) => id === target) ?? {}
      const { files: exported } = await repo.export(ref, join(folder, ref))
      const paths = Object.keys(entries ?? {}).map((path) => Buffer.from(path).toString('latin1'))
      expect(pathsBelow(join(folder, ref)).sort()).toEqual(paths.sort())
      expect(exported).toBe((await repo.commit(ref)).tree.files)
      // As the description has its contents.
      const walked = await collect((await repo.at(ref)).walk())
      for (const { path, kind } of walked) {
        if (kind !== 'file') continue
        const bytes = await (await repo.at(ref)).read(path)
        expect(readFileSync(join(folder, ref, path)).equals(bytes), path).toBe(true)
      }
    }
  })

  test('names no place of the machine that made it', async () => {
    for (const path of copyOf(format, files)) {
      const { layout } = identifyFile(path, { lockTimeoutMs: 2000, readOnly: true })
      expect(layout.physicalVolumes.map((volume) => volume.catalogPath ?? volume.path)).toEqual([
        `/golden/${files[0]}`,
        ...files.slice(1),
      ])
    }
  })

  test('written anew it gets the same ids', async () => {
    const folder = tempFolder()
    await makeStores(folder, format)
    const repo = await openRepository(join(folder, files[0] as string), { readOnly: true })
    expect(asJson(await describeStore(repo))).toEqual(asJson(expected))
  })
})
