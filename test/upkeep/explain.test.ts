/** Explanations of gc: why something is kept, and when it may go. */
import { describe, expect, test } from 'vitest'
import { DAY_MS } from '../../src/base/units.js'
import { commitFiles, openRepository } from '../support/repositories.js'
import { bytes, GRACE_DAYS, idOf, newStore } from './usageStores.js'

describe('explain', () => {
  test('says of each part of a file what keeps it, and what no other commit needs', async () => {
    const { repo, pass } = await newStore()
    const first = await commitFiles(repo, { 'd/a': bytes(1) }, 'first')
    await repo.createTag('v1', 'main')
    pass(1)
    const second = await commitFiles(repo, { 'd/a': Buffer.concat([bytes(1), bytes(2)]) }, 'second', 'main')
    await repo.createBranch('side', 'v1')
    const why = await repo.explain('main:d/a')
    expect(why).toMatchObject({ kind: 'file', commit: second, path: 'd/a', unreadable: [] })
    const [most, ...others] = why.fates
    const names = (fate: typeof most) => fate?.keptBy.map(({ kind, name }) => `${kind} ${name}`)
    expect(why.fates.map(names)).toEqual(
      expect.arrayContaining([['branch main'], ['branch main', 'branch side', 'tag v1']]),
    )
    expect(others).toHaveLength(1)
    expect(why.bytes).toBe(why.fates.reduce((sum, fate) => sum + fate.bytes, 0))
    expect(why.chunks).toBe(why.fates.reduce((sum, fate) => sum + fate.chunks, 0))
    expect(why.onlyHere).toEqual({
      chunks: why.fates.find((fate) => fate.keptBy.length === 1)?.chunks,
      bytes: why.fates.find((fate) => fate.keptBy.length === 1)?.bytes,
    })
    expect(why.onlyHere?.bytes).toBeGreaterThan(190_000)
    // The first version's manifest is its own; its last chunk was cut anew.
    expect((await repo.explain('v1:d/a')).onlyHere?.bytes).toBeLessThan(100_000)
    expect(await repo.explain(`${first}:d/a`)).toEqual(await repo.explain('v1:d/a'))
  })

  test('takes directories, symlinks, empty files, ids and extents', async () => {
    const { repo } = await newStore()
    const draft = await repo.draft('main')
    await draft.write('d/a', 'a')
    await draft.write('d/b', 'b')
    await draft.write('d/again', 'a')
    await draft.write('empty', '')
    await draft.commit({ message: 'first', author: 'Test <test@example.org>' })
    // Two chunks and a tree: equal files are one chunk.
    expect(await repo.explain('main:d')).toMatchObject({
      kind: 'directory',
      path: 'd',
      chunks: 3,
      onlyHere: { chunks: 3 },
    })
    expect(await repo.explain('d')).toEqual(await repo.explain('HEAD:d'))
    expect(await repo.explain(':')).toMatchObject({ kind: 'directory', path: '', chunks: 4 })
    expect(await repo.explain('empty')).toMatchObject({ kind: 'file', chunks: 0, bytes: 0, fates: [] })
    const id = await idOf(repo, 'main', 'd/a')
    expect(await repo.explain(id)).toMatchObject({ kind: 'chunk', id, chunks: 1, bytes: 1, fates: [{ state: 'kept' }] })
    const extent = (await repo.which(id)).places[0]?.extent
    expect(await repo.explain(`extent:${extent}`)).toMatchObject({ kind: 'extent', extent, fates: [{ state: 'kept' }] })
  })

  test('of a commit that nothing needs any more, says when its files may go', async () => {
    const { repo, now } = await newStore()
    await commitFiles(repo, { a: 'shared' })
    const gone = await commitFiles(repo, { a: 'shared', b: bytes(3, 3000) }, 'gone', 'side')
    await repo.deleteBranch('side')
    await repo.config.set('reflog-keep', '0')
    // The first run writes down what the reflog has, and finds all of it expired.
    await repo.gc()
    const why = await repo.explain(`${gone}:`)
    expect(why.fates.map(({ state }) => state).sort()).toEqual(['condemned', 'kept'])
    expect(why.fates.find(({ state }) => state === 'condemned')?.freeMs).toBe(now() + GRACE_DAYS * DAY_MS)
    expect(why.onlyHere).toEqual({ chunks: 0, bytes: 0 })
  })

  test('counts what is not condemned yet, and reads a store that cannot be written', async () => {
    const { repo, path, now, clock } = await newStore()
    await commitFiles(repo, { b: 'b' })
    await commitFiles(repo, { a: 'a' }, 'a', 'side')
    await repo.close()
    const readOnly = await openRepository(path, { readOnly: true, clock })
    expect((await readOnly.explain('side:a')).fates).toMatchObject([{ state: 'kept' }])
    const id = await idOf(readOnly, 'side', 'a')
    expect((await readOnly.which(id)).files).toHaveLength(1)
    await readOnly.close()
    const writing = await openRepository(path, { clock })
    await writing.deleteBranch('side')
    // As if the reflog had forgotten it after the last gc.
    const { group } = writing.parts
    group.catalog.upgrade()
    const { UpkeepState } = await import('../../src/volume/upkeepState.js')
    group.catalog.write((tx) => new UpkeepState(group.catalog).write(tx, 'reflog', { from: 100, looks: [] }))
    expect((await writing.which(id)).fates).toMatchObject([
      { state: 'unneeded', freeMs: now() + GRACE_DAYS * DAY_MS, chunks: 1 },
    ])
  })

  test('refuses what is not there', async () => {
    const { repo } = await newStore()
    await commitFiles(repo, { 'd/a': 'a' })
    const cases: [string, string][] = [
      ['nowhere', 'PATH_NOT_FOUND'],
      ['main:nowhere', 'PATH_NOT_FOUND'],
      ['main:d/a/b', 'NOT_A_DIRECTORY'],
      ['none:d', 'UNKNOWN_REVISION'],
      ['main:d/', 'INVALID_PATH'],
      ['abcdef', 'UNKNOWN_REVISION'],
      ['extent:77777', 'UNKNOWN_REVISION'],
      ['extent:x', 'INVALID_ARGUMENT'],
      ['', 'INVALID_ARGUMENT'],
      ['main..main:a', 'INVALID_ARGUMENT'],
    ]
    for (const [what, code] of cases) await expect(repo.explain(what), what).rejects.toMatchObject({ code })
    const old = await commitFiles(repo, { 'd/a': 'b' })
    await commitFiles(repo, { 'd/a': 'c' })
    await repo.prune({ keepLast: 1 })
    await expect(repo.explain(`${old}:d/a`)).rejects.toMatchObject({ code: 'PRUNED' })
  })
})
