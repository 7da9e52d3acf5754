import { describe, expect, test } from 'vitest'
import { collect, commitFiles, createRepository, openRepository } from '../support/repositories.js'

describe('committing a draft', () => {
  test('what was committed is there after the store was opened again', async () => {
    const { repo, path } = await createRepository()
    const id = await commitFiles(repo, { 'docs/a.md': 'A\n', 'docs/b.md': 'B\n', empty: '' }, 'First\n\nWith a body.')
    await repo.close()
    const again = await openRepository(path)
    const snapshot = await again.at('main')
    expect(snapshot.id).toBe(id)
    expect((await snapshot.read('docs/a.md')).toString()).toBe('A\n')
    expect((await snapshot.read('empty')).length).toBe(0)
    expect((await collect(snapshot.walk())).map((entry) => entry.path)).toEqual([
      'docs',
      'docs/a.md',
      'docs/b.md',
      'empty',
    ])
    expect(snapshot.info).toMatchObject({
      message: 'First\n\nWith a body.',
      parents: [],
      author: { who: 'Test <test@example.org>' },
      tree: { files: 3, sizeBytes: 4 },
    })
    expect(await again.verify()).toMatchObject({ ok: true, problems: [] })
  })

  test('a draft that changes nothing has nothing to commit, unless that is wanted', async () => {
    const { repo } = await createRepository()
    await commitFiles(repo, { a: 'one' })
    const same = await repo.draft('main')
    await same.write('a', 'one')
    await expect(same.commit({ message: 'same' })).rejects.toMatchObject({ code: 'NOTHING_TO_COMMIT' })
    const commit = await same.commit({ message: 'same', allowEmpty: true })
    expect(commit.parents).toHaveLength(1)
    await expect(same.commit({ message: 'again' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('an abandoned draft leaves no trace', async () => {
    const { repo } = await createRepository()
    {
      await using draft = await repo.draft('main')
      await draft.write('a', Buffer.alloc(3_000_000, 1))
    }
    expect(await repo.branches()).toEqual([])
    expect(await repo.stats()).toMatchObject({ chunks: 0, extents: 0 })
  })

  test.each(['', '  \n'])('a message of %j is refused', async (message) => {
    const { repo } = await createRepository()
    const draft = await repo.draft('main')
    await expect(draft.commit({ message })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

describe('two drafts on one branch', () => {
  test('the second gets a conflict and nothing of the first is lost', async () => {
    const { repo, path } = await createRepository()
    const base = await commitFiles(repo, { shared: '0' })
    const other = await openRepository(path)
    const [ours, theirs] = [await repo.draft('main'), await other.draft('main')]
    await ours.write('ours', '1')
    await theirs.write('theirs', '1')
    const first = await ours.commit({ message: 'ours' })
    const late = theirs.commit({ message: 'theirs' })
    await expect(late).rejects.toMatchObject({ code: 'REF_CONFLICT', details: { expected: base, actual: first.id } })
    expect((await other.at('main')).id).toBe(first.id)
    expect((await repo.verify()).ok).toBe(true)
  })

  test('with retry its edits are replayed on the new tip', async () => {
    const { repo, path } = await createRepository()
    await commitFiles(repo, { shared: '0' })
    const other = await openRepository(path)
    const [ours, theirs] = [await repo.draft('main'), await other.draft('main')]
    await ours.write('ours', '1')
    await theirs.write('theirs', Buffer.alloc(2_000_000, 5))
    const first = await ours.commit({ message: 'ours' })
    const second = await theirs.commit({ message: 'theirs', retry: 3 })
    expect(second.parents).toEqual([first.id])
    const snapshot = await repo.at('main')
    expect((await collect(snapshot.list())).map((entry) => entry.name)).toEqual(['ours', 'shared', 'theirs'])
    expect((await snapshot.read('theirs')).equals(Buffer.alloc(2_000_000, 5))).toBe(true)
    expect((await repo.verify()).ok).toBe(true)
  })

  test('with retry edits of the same file still clash, and the paths are named', async () => {
    const { repo, path } = await createRepository()
    await commitFiles(repo, { shared: '0' })
    const other = await openRepository(path)
    const [ours, theirs] = [await repo.draft('main'), await other.draft('main')]
    await ours.write('shared', '1')
    await theirs.write('shared', '2')
    await ours.commit({ message: 'ours' })
    const late = theirs.commit({ message: 'theirs', retry: 3 })
    await expect(late).rejects.toMatchObject({ code: 'REF_CONFLICT', details: { paths: ['shared'] } })
    expect((await (await repo.at('main')).read('shared')).toString()).toBe('1')
  })
})

test('X6: copying a tree inside the store, also from another revision, writes O(1) and costs no space', async () => {
  const { repo } = await createRepository()
  const files = Object.fromEntries(
    Array.from({ length: 300 }, (_, index) => [`big/${index}`, Buffer.alloc(20_000, index)]),
  )
  await commitFiles(repo, files)
  await commitFiles(repo, { big: null, other: 'x' }, 'without')
  const before = await repo.stats()
  const draft = await repo.draft('main')
  await draft.copy('big', 'back', 'main~1')
  await draft.copy('back', 'twice')
  await draft.writeAt('twice/7', 10_000, 'changed')
  const commit = await draft.commit({ message: 'copies' })
  expect(commit.tree.files).toBe(601)
  const after = await repo.stats()
  expect(after.uniqueBytes - before.uniqueBytes).toBeLessThan(100_000)
  expect(after.objects - before.objects).toBeLessThan(12)
  const snapshot = await repo.at('main')
  expect((await snapshot.read('back/7')).equals(Buffer.alloc(20_000, 7))).toBe(true)
  expect((await snapshot.readRange('twice/7', 9_999, 9)).toString('latin1')).toBe('\x07changed\x07')
})
