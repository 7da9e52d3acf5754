/** What is replaced, and what took its place: both are kept, as long as they should be, and whoever looks after the store knows. */
import { describe, expect, test } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import { condemnedIds } from '../../src/cas/condemned.js'
import { readCommit } from '../../src/history/commits.js'
import type { Repository } from '../../src/repository.js'
import { change } from '../support/mirrored.js'
import { commitFiles, openRepository } from '../support/repositories.js'
import { GONE, read, threeCommits, WHY } from './replacedStores.js'
import { bytes, idOf, newStore, shown } from './usageStores.js'

/** The reflog and condemned chunks last a day. */
async function forgetSoon(repo: Repository): Promise<void> {
  await repo.config.set('reflog-keep', '1d')
  await repo.config.set('gc-grace', '1d')
}

describe('gc', () => {
  test('F-ORIGINALS: keeps both, however little else names them, and lets go of what is undone', async () => {
    const { repo, second, clean, pass } = await threeCommits()
    await repo.replace(second, clean, WHY)
    await forgetSoon(repo)
    const before = (await repo.stats()).storedBytes
    for (const now of [false, false, false, true]) {
      pass(1.5)
      const { condemned, dropped } = await repo.gc({ now })
      expect([condemned.chunks, dropped.chunks]).toEqual([0, 0])
    }
    expect((await repo.stats()).storedBytes).toBe(before)
    expect(await read(repo, second)).toBe('hidden')
    expect((await repo.verify()).problems).toEqual([])
    await repo.undoReplace(second)
    expect(await read(repo, second)).toBe('secret')
    expect((await repo.gc({ now: true })).dropped.chunks).toBeGreaterThan(0)
    await expect(repo.at(clean)).rejects.toMatchObject({ code: 'UNKNOWN_REVISION' })
  })

  test.each(['chunk', 'manifest', 'tree', 'attributes'] as const)(
    'keeps a %s that only a replacement names',
    async (kind) => {
      const { repo } = await newStore()
      await commitFiles(repo, { 'd/a': bytes(1), 'd/small': 'abc' }, 'first')
      await commitFiles(repo, { 'd/a': bytes(5), 'd/small': 'xyz' }, 'other', 'other')
      const attributes = async (rev: string): Promise<string> =>
        (await readCommit(repo.parts.store, await repo.resolve(rev))).attributes.id as string
      const path = { chunk: 'd/small', manifest: 'd/a', tree: 'd', attributes: '' }[kind]
      const [a, b] =
        kind === 'attributes'
          ? [await attributes('main'), await attributes('other')]
          : [`main:${path}`, `other:${path}`]
      // Nothing is recorded for drafts.
      if (a === undefined) return
      expect(await repo.replace(a, b as string, WHY)).toMatchObject({ kind })
      await repo.deleteBranch('other')
      for (const now of [true, false]) await repo.gc({ now })
      expect((await repo.verify()).problems).toEqual([])
      if (path === '') return
      const expected = kind === 'chunk' ? Buffer.from('xyz') : bytes(5)
      expect((await (await repo.at('main')).read(kind === 'tree' ? 'd/a' : path)).equals(expected)).toBe(true)
    },
  )

  test('what takes the place is revived, if it was condemned', async () => {
    const { repo, second, clean, pass } = await threeCommits()
    await forgetSoon(repo)
    await repo.gc()
    pass(1.5)
    expect((await repo.gc()).condemned.chunks).toBeGreaterThan(0)
    pass(0.9)
    const isCondemned = (): boolean => condemnedIds(repo.parts.group.catalog).has(clean as Hash)
    expect(isCondemned()).toBe(true)
    await repo.replace(second, clean, WHY)
    expect(isCondemned()).toBe(false)
    pass(0.9)
    expect((await repo.gc()).dropped.chunks).toBe(0)
    expect(await read(repo, second)).toBe('hidden')
  })

  test('a branch at what is replaced revives what is stored there, not what is shown', async () => {
    const { repo, clean, pass } = await threeCommits()
    const aside = await commitFiles(repo, { file: 'aside' }, 'aside', 'side')
    const content = await idOf(repo, aside, 'file')
    await repo.deleteBranch('side')
    await forgetSoon(repo)
    for (let run = 0; run < 2; run++) {
      await repo.gc()
      pass(1.5)
    }
    await repo.replace(aside, clean, WHY)
    expect(condemnedIds(repo.parts.group.catalog).has(content)).toBe(true)
    await repo.createBranch('again', aside)
    expect(condemnedIds(repo.parts.group.catalog).has(content)).toBe(false)
  })

  test('a replacement that comes while it marks is not missed', async () => {
    const { repo, path, second, clean, pass } = await threeCommits()
    const other = await openRepository(path)
    pass(400)
    let isDone = false
    await repo.gc({
      now: true,
      onProgress: () => {
        if (isDone) return
        isDone = true
        const { replacements, group } = other.parts
        group.catalog.write((tx) =>
          replacements.add(tx, { id: second as Hash, by: clean as Hash, reason: 'r', who: 'w', timeMs: 1 }),
        )
      },
    })
    expect(isDone).toBe(true)
    expect(await read(repo, second)).toBe('hidden')
  })

  test('the original goes once nothing names it; it is listed as gone, and undone only by force', async () => {
    const { repo, second, first, clean } = await threeCommits()
    await repo.replace(second, clean, WHY)
    const aside = await commitFiles(repo, { file: 'aside' }, 'aside', 'main2')
    await repo.createBranch('main', aside, { force: true })
    await repo.gc({ now: true })
    const [listed] = await repo.replacements()
    expect(listed).toMatchObject({ id: second, by: clean, kind: 'commit', isOriginalThere: false })
    // Whoever knows its id finds what took its place.
    expect(await repo.resolve(second)).toBe(clean)
    expect(await repo.resolve(second.slice(0, 6))).toBe(clean)
    expect(await repo.resolve(`${second}~1`)).toBe(first)
    await expect(repo.undoReplace(second)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/not in the store any more/),
    })
    // Nothing names the one, and so nothing keeps the other.
    expect((await repo.gc({ now: true })).dropped.chunks).toBeGreaterThan(0)
    expect(await repo.verify()).toMatchObject({ ok: true, replaced: 1 })
    expect(await repo.replacements()).toMatchObject([{ id: second, by: clean, isOriginalThere: false }])
    await expect(repo.resolve(second)).rejects.toMatchObject({ code: 'UNKNOWN_REVISION' })
    expect(await repo.undoReplace(second, { force: true })).toMatchObject({ id: second, isOriginalThere: false })
    expect(await repo.replacements()).toEqual([])
  })

  test('an original that nothing but the reflog names is kept as long as that', async () => {
    const { repo, clean, pass } = await threeCommits()
    const aside = await commitFiles(repo, { file: 'aside' }, 'aside', 'side')
    await repo.replace(aside, clean, WHY)
    await repo.deleteBranch('side')
    await forgetSoon(repo)
    await repo.config.set('reflog-keep', '30d')
    for (let run = 0; run < 3; run++) {
      pass(1.5)
      await repo.gc()
    }
    expect(await repo.replacements()).toMatchObject([{ id: aside, isOriginalThere: true }])
    await repo.undoReplace(aside)
    expect(await read(repo, 'side@{1}')).toBe('aside')
  })

  test('what took the place, and was erased and replaced in its turn, may be gone', async () => {
    const { repo, second, clean } = await threeCommits()
    const { replacements, group } = repo.parts
    const row = { reason: 'erased', who: 'Ada', timeMs: 1 }
    group.catalog.write((tx) => {
      replacements.add(tx, { ...row, id: second as Hash, by: GONE })
      replacements.add(tx, { ...row, id: GONE, by: clean as Hash })
    })
    expect(await read(repo, second)).toBe('hidden')
    expect(await repo.resolve(GONE)).toBe(clean)
    await repo.gc({ now: true })
    expect((await repo.verify()).problems).toEqual([])
    expect((await repo.which(clean)).roots).toMatchObject([{ kind: 'replacement', name: second }])
  })
})

describe('verify', () => {
  test('counts them, and says that this is no damage', async () => {
    const { repo, second, clean } = await threeCommits()
    expect(await repo.verify()).toMatchObject({ ok: true, replaced: 0, notes: [] })
    await repo.replace(second, clean, WHY)
    expect(await repo.verify()).toMatchObject({
      ok: true,
      replaced: 1,
      notes: [expect.stringMatching(/^1 object is answered by others/)],
      checked: { commits: 4 },
    })
  })

  test('a row that is damaged is named, and nothing is answered as if it were not there', async () => {
    const { repo, path, second, clean } = await threeCommits()
    await repo.replace(second, clean, WHY)
    change(path, `UPDATE replacement SET by = x'${second}'`)
    const again = await openRepository(path)
    expect((await again.verify()).problems).toMatchObject([
      { code: 'CORRUPT_CATALOG', message: expect.stringMatching(/row .* of table replacement/) },
    ])
    await expect(read(again, second)).rejects.toMatchObject({ code: 'CORRUPT_CATALOG' })
    await expect(again.gc()).rejects.toMatchObject({ code: 'CORRUPT_CATALOG' })
  })

  test.each([
    ['is missing', GONE, 'MISSING_CHUNK', /takes the place of .*, is gone/],
    ['is of another kind', undefined, 'CORRUPT_OBJECT', /cannot take the place .*: the one is of kind tree/],
  ])('what takes the place and %s is damage', async (_, by, code, message) => {
    const { repo, second } = await threeCommits()
    const { replacements, group } = repo.parts
    const tree = (await repo.commit('main')).tree.id as Hash
    group.catalog.write((tx) =>
      replacements.add(tx, { id: second as Hash, by: by ?? tree, reason: 'r', who: 'w', timeMs: 1 }),
    )
    expect((await repo.verify()).problems).toMatchObject([{ code, message: expect.stringMatching(message) }])
  })

  test('damage below what takes the place is found, with the replacement that is hit', async () => {
    const { repo, path, second, clean } = await threeCommits()
    await repo.replace(second, clean, WHY)
    const { places } = await repo.which(await idOf(repo, clean, 'file'))
    await repo.close()
    for (const { volumePath, extent } of places)
      change(volumePath as string, `UPDATE payload SET frame = zeroblob(length(frame)) WHERE eid = ${extent}`)
    const { problems } = await (await openRepository(path)).verify()
    expect(problems.flatMap(({ paths = [] }) => paths)).toContain(`replacement of ${second.slice(0, 12)}:file`)
  })
})

test('which and explain name a replacement among what keeps something', async () => {
  const { repo, second, clean } = await threeCommits()
  await repo.replace(second, clean, WHY)
  const chunk = await idOf(repo, clean, 'file')
  await repo.gc({ now: true })
  const found = await repo.which(chunk)
  expect(found.roots).toEqual([{ kind: 'replacement', name: second, commit: clean, isDirect: true }])
  expect(found.fates).toMatchObject([{ state: 'kept', keptBy: [{ kind: 'replacement', name: second }] }])
  expect(found.commits).toEqual([clean])
  // The original is what its branch needs, whatever readers see.
  expect((await repo.which(second)).roots).toMatchObject([{ kind: 'branch', name: 'main' }])
  expect(await repo.explain('main~1:file')).toMatchObject({
    commit: clean,
    fates: [{ keptBy: [{ kind: 'replacement', name: second }] }],
    onlyHere: { chunks: 1 },
  })
  await commitFiles(repo, { file: 'thref' }, 'of the same length', 'other')
  await repo.replace('main:file', 'other:file', WHY)
  await repo.deleteBranch('other')
  const other = (await repo.replacements()).find(({ kind }) => kind === 'chunk')
  await repo.gc({ now: true })
  const roots = await repo.which(other?.by as string)
  expect(roots.roots).toEqual([{ kind: 'replacement', name: other?.id, commit: other?.by, isDirect: true }])
  expect([roots.commits, shown(roots.files), roots.unreadable]).toEqual([[], [], []])
})

test('space says of nothing that it would come back which a replacement keeps', async () => {
  const { repo, second, clean } = await threeCommits()
  await repo.createBranch('clean', clean)
  const unique = async (): Promise<number | undefined> =>
    (await repo.space()).owners.find(({ name }) => name === 'branch clean')?.unique.rawBytes
  expect(await unique()).toBeGreaterThan(0)
  await repo.replace(second, clean, WHY)
  expect(await unique()).toBe(0)
})
