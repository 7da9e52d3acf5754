/** Batches: what was committed is read at once here, seen by others after a flush, and written whole or not at all. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Hash, hashToBytes } from '../../src/base/hash.js'
import { MIB } from '../../src/base/units.js'
import type { Batch, BatchOptions, Repository, VarveError } from '../../src/index.js'
import { SqlDatabase } from '../../src/volume/sqlite.js'
import { seededRandom } from '../support/groups.js'
import { collect, commitFiles, createRepository, openRepository } from '../support/repositories.js'
import { tempFolder } from '../support/tempFolder.js'

const random = seededRandom('batch')
/** Of batches that tests flush themselves. */
const LAZY: BatchOptions = { flushMs: null }

async function messagesOf(repo: Repository, from = 'main'): Promise<string[]> {
  return (await collect(repo.log({ from }))).map(({ message }) => message)
}

/** A repository with one commit, a batch in it, and another process's view of the same store. */
async function beside(options: BatchOptions = LAZY): Promise<{
  repo: Repository
  other: Repository
  batch: Batch
  path: string
  first: string
}> {
  const { repo, path } = await createRepository({ lockTimeoutMs: 50 })
  const first = await commitFiles(repo, { a: 'one' }, 'first')
  const other = await openRepository(path)
  return { repo, other, batch: await repo.batch(options), path, first }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'nothing thrown',
    (error: VarveError) => error.code,
  )
}

describe('reading what a batch has not written yet', () => {
  test('log, files, differences, refs and logs are as if it were written; others see nothing of it', async () => {
    const { repo, other, batch, first } = await beside()
    const second = await commitFiles(repo, { a: 'two', 'docs/b': 'new' }, 'second')
    const third = await commitFiles(repo, { 'docs/b': null }, 'third')
    await repo.createTag('v1', second, { message: 'a release' })
    await repo.createBranch('side', 'v1')
    await commitFiles(repo, { c: 'aside' }, 'aside', 'side')
    await repo.createTag('gone', 'side')
    await repo.deleteTag('gone')

    const seen = async (store: Repository) => ({
      main: await messagesOf(store),
      side: await messagesOf(store, 'side'),
      touching: (await collect(store.log({ path: 'docs' }))).map(({ message }) => message),
      text: (await (await store.at(second)).read('docs/b')).toString(),
      prefix: await store.resolve(third.slice(0, 10)),
      before: [await store.resolve('main@{1}'), await store.resolve('main~2')],
      changes: (await collect(store.diff('main~1', 'main'))).map(({ kind, path }) => `${kind} ${path}`),
      refs: [await store.branches(), await store.tags()],
      reflogs: [await store.reflog('main'), await store.reflog(), await store.reflog('side', { limit: 1 })],
      operations: [await store.operations(), await store.operations({ limit: 2 })],
    })
    const inBatch = await seen(repo)
    expect(inBatch.main).toEqual(['third', 'second', 'first'])
    expect(inBatch.side).toEqual(['aside', 'second', 'first'])
    expect(inBatch.touching).toEqual(['third', 'second'])
    expect(inBatch.text).toBe('new')
    expect(inBatch.prefix).toBe(third)
    expect(inBatch.before).toEqual([second, first])
    expect(inBatch.changes).toEqual(['removed docs/b'])
    expect(inBatch.operations[0]).toHaveLength(8)

    expect(await messagesOf(other)).toEqual(['first'])
    expect(await other.branches()).toHaveLength(1)
    expect(await codeOf(other.resolve(third))).toBe('UNKNOWN_REVISION')

    await batch.end()
    expect(await seen(other)).toEqual(inBatch)
    expect(await seen(repo)).toEqual(inBatch)
    expect(await other.verify()).toMatchObject({ ok: true, problems: [] })
  })

  test('who changes the bytes that were read does not change what is written', async () => {
    const { repo, other, batch } = await beside()
    await commitFiles(repo, { a: 'precious' })
    for await (const part of (await repo.at('main')).stream('a')) part.fill(0)
    await batch.end()
    expect((await (await other.at('main')).read('a')).toString()).toBe('precious')
  })

  test('a draft is laid over what another one committed, or replayed on it', async () => {
    const { repo, batch } = await beside()
    const late = await repo.draft('main')
    const later = await repo.draft('main')
    await late.write('late', 'x')
    await later.write('later', 'y')
    await commitFiles(repo, { early: 'z' })
    expect(await codeOf(late.commit({ message: 'late' }))).toBe('REF_CONFLICT')
    await later.commit({ message: 'later', retry: 1 })
    await batch.end()
    const names = (await collect((await repo.at('main')).list())).map(({ name }) => name)
    expect(names).toEqual(['a', 'early', 'later'])
  })
})

describe('when a batch is written', () => {
  const ways: [string, (repo: Repository, batch: Batch, path: string) => Promise<unknown>][] = [
    ['by its flush', (_repo, batch) => batch.flush()],
    ['by sync', (repo) => repo.sync()],
    ['at its end', (_repo, batch) => batch[Symbol.asyncDispose]()],
    ['when the repository is closed', (repo) => repo.close()],
    ['before a branch is renamed', (repo) => repo.renameBranch('main', 'trunk')],
    ['before gc', (repo) => repo.gc()],
    ['before a folder is committed', (repo) => repo.commitFrom(tempFolder(), { branch: 'main', message: 'a folder' })],
    [
      'before a commit that is too large for it',
      (repo) => commitFiles(repo, { big: random.bytes(2 * MIB) }, 'a folder'),
    ],
    [
      'when there is too much of it',
      async (repo) => {
        for (let at = 0; at < 3; at++)
          await commitFiles(repo, { [`half${at}`]: random.bytes(MIB / 2) }, 'half', 'halves')
      },
    ],
  ]
  test.each(ways)('%s', async (_name, write) => {
    const { repo, other, batch, path } = await beside({ flushMs: null, flushBytes: MIB })
    const id = await commitFiles(repo, { a: 'two' }, 'second')
    await write(repo, batch, path)
    expect(await other.resolve(id)).toBe(id)
    expect(await other.verify()).toMatchObject({ ok: true })
  })

  test('after some time', async () => {
    const { repo, other } = await beside({ flushMs: 1 })
    const id = await commitFiles(repo, { a: 'two' }, 'second')
    while ((await codeOf(other.resolve(id))) !== 'nothing thrown') await sleep(5)
    expect(await messagesOf(other)).toEqual(['second', 'first'])
  })

  test('many commits share what they take', async () => {
    const { repo, batch } = await beside()
    const extents = () => repo.parts.group.catalog.all('SELECT 1 FROM extent').length
    const before = extents()
    for (let at = 0; at < 60; at++) await commitFiles(repo, { [`folder/${at % 7}`]: `text ${at}` }, `commit ${at}`)
    await batch.flush()
    // One of data and one of objects.
    expect(extents() - before).toBe(2)
    expect(await repo.reflog('main')).toHaveLength(61)
  })

  test('commits of several callers at once, with flushes in between, all arrive in order', async () => {
    const { repo, other, batch } = await beside({ flushMs: 1, flushBytes: 64 * 1024 })
    const writing = Array.from({ length: 4 }, async (_, caller) => {
      for (let at = 0; at < 25; at++) {
        await commitFiles(repo, { [`${at}`]: random.bytes(4000) }, `${at}`, `caller${caller}`)
        if (at % 10 === 9) await repo.sync()
      }
    })
    await Promise.all(writing)
    await batch.end()
    const inOrder = Array.from({ length: 25 }, (_, at) => `${24 - at}`)
    for (let caller = 0; caller < 4; caller++) expect(await messagesOf(other, `caller${caller}`)).toEqual(inOrder)
    expect(await other.verify()).toMatchObject({ ok: true })
  })
})

describe('a batch that cannot be written', () => {
  test('a branch that another process moved: nothing of the batch is seen, and it can be abandoned', async () => {
    const { repo, other, batch } = await beside()
    const opened = await repo.draft('main')
    await commitFiles(repo, { a: 'here' }, 'here')
    const lost = await commitFiles(repo, { b: 'beside' }, 'beside', 'side')
    const above = await repo.draft('main')
    await commitFiles(other, { a: 'there' }, 'there')

    expect(await codeOf(batch.flush())).toBe('REF_CONFLICT')
    expect(await codeOf(repo.close())).toBe('REF_CONFLICT')
    expect(await messagesOf(other)).toEqual(['there', 'first'])
    expect(await other.branches()).toHaveLength(1)
    expect(await messagesOf(repo)).toEqual(['here', 'first'])
    expect(await other.verify()).toMatchObject({ ok: true })

    await batch.abandon()
    expect(await messagesOf(repo)).toEqual(['there', 'first'])
    expect(await codeOf(repo.createTag('kept', lost))).toBe('UNKNOWN_REVISION')
    await opened.write('c', 'begun before')
    expect(await codeOf(opened.commit({ message: 'never', retry: 3 }))).toBe('REF_CONFLICT')
    expect(await codeOf(above.write('c', 'on what is gone'))).toBe('SNAPSHOT_GONE')
    expect(await codeOf(above.commit({ message: 'never', retry: 3 }))).toBe('REF_CONFLICT')
    await commitFiles(repo, { a: 'again' }, 'again')
    expect(await messagesOf(other)).toEqual(['again', 'there', 'first'])
    expect(await other.verify()).toMatchObject({ ok: true })
  })

  test('what a draft copied from an abandoned commit is not committed elsewhere', async () => {
    const { repo, other, batch } = await beside()
    await commitFiles(repo, { lost: 'only in the batch' }, 'lost', 'side')
    const draft = await repo.draft('main')
    await draft.copy('lost', 'found', 'side')
    await batch.abandon()
    expect(await codeOf(draft.commit({ message: 'found' }))).toBe('REF_CONFLICT')
    expect(await other.verify()).toMatchObject({ ok: true })
  })

  test('a transaction that fails at its very end: all is as before, and can be written later', async () => {
    const { repo, other, batch } = await beside()
    const { pending, group } = repo.parts
    const write = group.catalog.write.bind(group.catalog)
    group.catalog.write = (body, durability) =>
      write((tx) => {
        const result = body(tx)
        if (pending.refs.steps.length === 0) throw new Error('the disk fails')
        return result
      }, durability)
    await commitFiles(repo, { a: 'two' }, 'second')
    await expect(batch.flush()).rejects.toThrow('the disk fails')
    expect(await messagesOf(repo)).toEqual(['second', 'first'])
    group.catalog.write = write
    await batch.end()
    expect(await messagesOf(other)).toEqual(['second', 'first'])
    expect(await repo.reflog('main')).toEqual(await other.reflog('main'))
  })

  test('a commit that was found and then abandoned is not tagged', async () => {
    const { repo, other, batch } = await beside()
    const lost = await commitFiles(repo, { a: 'two' }, 'lost')
    const resolve = repo.resolve.bind(repo)
    repo.resolve = async (rev) => {
      const id = await resolve(rev)
      await batch.abandon()
      return id
    }
    expect(await codeOf(repo.createTag('kept', lost))).toBe('UNKNOWN_REVISION')
    expect(await other.tags()).toEqual([])
  })

  test('a store that is locked: the commit that needs room is refused, and all is written later', async () => {
    const { repo, other, batch, path } = await beside({ flushMs: null, flushBytes: 64 * 1024 })
    await commitFiles(repo, { a: random.bytes(40_000) }, 'kept')
    const locker = SqlDatabase.open(path, { lockTimeoutMs: 0 })
    onTestFinished(() => locker.close())
    const draft = await repo.draft('main')
    await draft.write('b', random.bytes(40_000))
    locker.run('BEGIN IMMEDIATE')
    try {
      expect(await codeOf(draft.commit({ message: 'refused at first' }))).toBe('STORE_LOCKED')
      expect(await codeOf(batch.flush())).toBe('STORE_LOCKED')
    } finally {
      locker.run('ROLLBACK')
    }
    expect(await messagesOf(repo)).toEqual(['kept', 'first'])
    await draft.commit({ message: 'refused at first' })
    await batch.end()
    expect(await messagesOf(other)).toEqual(['refused at first', 'kept', 'first'])
  })

  test('when its time came and it could not be written, the next commit tries again, and says why it cannot', async () => {
    const { repo, other, path } = await beside({ flushMs: 1 })
    const locker = SqlDatabase.open(path, { lockTimeoutMs: 0 })
    onTestFinished(() => locker.close())
    locker.run('BEGIN IMMEDIATE')
    try {
      await commitFiles(repo, { a: 'two' }, 'waits')
      await sleep(300)
      expect(await codeOf(commitFiles(repo, { a: 'three' }, 'refused'))).toBe('STORE_LOCKED')
    } finally {
      locker.run('ROLLBACK')
    }
    await commitFiles(repo, { a: 'four' }, 'taken')
    expect(await messagesOf(other)).toContain('waits')
    await repo.close()
    expect(await messagesOf(other)).toEqual(['taken', 'waits', 'first'])
  })
})

describe('a batch beside gc', () => {
  /** As gc does once nothing keeps these. */
  function condemn(repo: Repository, ids: readonly string[]): void {
    repo.parts.group.catalog.write((tx) => {
      const epoch = tx.advance('gc_epoch', 1) + 1
      for (const id of ids) {
        tx.run(
          'INSERT INTO condemned (hash, chunk_id, gc_epoch, condemned_ms) VALUES (?, 0, ?, 0)',
          hashToBytes(id as Hash),
          epoch,
        )
      }
    })
  }

  test('what gc condemned while it waited is revived by its flush', async () => {
    const { repo, other, batch } = await beside()
    const gone = await commitFiles(other, { old: 'from before' }, 'old', 'gone')
    await other.deleteBranch('gone')
    await repo.createBranch('back', gone)
    const draft = await repo.draft('main')
    await draft.copy('old', 'old', gone)
    await draft.commit({ message: 'took it over' })
    condemn(other, [gone])
    await batch.end()
    expect(other.parts.group.catalog.all('SELECT 1 FROM condemned')).toEqual([])
    expect(await messagesOf(other, 'back')).toEqual(['old'])
  })

  test('what gc dropped while it waited and was put is stored anew', async () => {
    const { repo, other, batch } = await beside()
    await commitFiles(other, { old: 'from before' }, 'old', 'gone')
    await other.deleteBranch('gone')
    await commitFiles(repo, { again: 'from before' }, 'put')
    await other.gc({ now: true })
    await batch.end()
    expect((await (await other.at('main')).read('again')).toString()).toBe('from before')
    expect(await other.verify()).toMatchObject({ ok: true })
  })

  test('what gc dropped while it waited and was only named fails the flush', async () => {
    const { repo, other, batch } = await beside()
    const gone = await commitFiles(other, { old: 'from before' }, 'old', 'gone')
    await other.deleteBranch('gone')
    const draft = await repo.draft('main')
    await draft.copy('old', 'old', gone)
    await draft.commit({ message: 'took it over' })
    await other.gc({ now: true })
    expect(await codeOf(batch.flush())).toBe('MISSING_CHUNK')
    expect(await messagesOf(other)).toEqual(['first'])
    await batch.abandon()
    expect(await messagesOf(repo)).toEqual(['first'])
    expect(await other.verify()).toMatchObject({ ok: true })
  })
})

test('what is no batch is refused', async () => {
  const { repo, path } = await createRepository()
  for (const options of [
    { flushBytes: 0 },
    { flushBytes: 1.5 * 64 * 1024 + 0.5 },
    { flushBytes: 33 * MIB },
    { flushBytes: Number.NaN },
    { flushMs: 0 },
    { flushMs: -1 },
    { flushMs: 86_400_001 },
    { flushMs: '5' as never },
  ]) {
    expect(await codeOf(repo.batch(options)), JSON.stringify(options)).toBe('INVALID_ARGUMENT')
  }
  const batch = await repo.batch()
  expect(await codeOf(repo.batch())).toBe('INVALID_ARGUMENT')
  await batch.end()
  await batch.end()
  await batch.flush()
  await batch.abandon()
  await (await repo.batch()).end()
  await commitFiles(repo, { a: 'x' })
  const reader = await openRepository(path, { readOnly: true })
  expect(await codeOf(reader.batch())).toBe('STORAGE_READ_ONLY')
  await repo.close()
  expect(await codeOf(repo.batch())).toBe('INVALID_ARGUMENT')
  expect(await codeOf(repo.sync())).toBe('INVALID_ARGUMENT')
})

test('a message, a branch name or a ref that is wrong leaves the batch as it was', async () => {
  const { repo, other, batch } = await beside()
  await commitFiles(repo, { a: 'two' }, 'second')
  const draft = await repo.draft('main')
  await draft.write('b', 'x')
  expect(await codeOf(draft.commit({ message: ' ' }))).toBe('INVALID_ARGUMENT')
  expect(await codeOf(repo.createTag('no such/..', 'main'))).toBe('INVALID_REF_NAME')
  expect(await codeOf(repo.createBranch('main', 'main'))).toBe('REF_EXISTS')
  expect(await codeOf(repo.deleteBranch('main'))).toBe('INVALID_ARGUMENT')
  expect(await codeOf(repo.deleteTag('none'))).toBe('REF_NOT_FOUND')
  await batch.end()
  expect(await messagesOf(other)).toEqual(['second', 'first'])
})
