/** The report of an erasure beside the store: what it finds when something is not as it says, and which reports it refuses. */
import { describe, expect, test } from 'vitest'
import type { ErasureReport, Hash } from '../../src/index.js'
import { requireReport, sealReport } from '../../src/upkeep/eraseReport.js'
import { change } from '../support/mirrored.js'
import { commitFiles, createRepository, openRepository } from '../support/repositories.js'
import { secret } from './erasedStores.js'

async function erased() {
  const made = await createRepository({ compression: 'none' })
  await commitFiles(made.repo, { 'keep.txt': 'kept\n', 'a.txt': secret('one') }, 'first')
  await commitFiles(made.repo, { 'keep.txt': 'kept 2\n' }, 'second')
  const { report } = await made.repo.erase({ paths: ['a.txt'] })
  return { ...made, report: report as ErasureReport }
}

describe('what is not as the report says is found', () => {
  async function notFine(repo: Awaited<ReturnType<typeof erased>>['repo'], report: unknown): Promise<string[]> {
    const { ok, findings } = await repo.checkErasure(report)
    const bad = findings.filter(({ isFine }) => !isFine).map(({ what }) => what)
    expect(ok).toBe(bad.length === 0)
    return bad
  }

  test('nothing, right after it; and it names all that it looked at', async () => {
    const { repo, report } = await erased()
    const { findings } = await repo.checkErasure(report)
    expect(findings.map(({ what, isFine }) => `${what} ${isFine}`)).toEqual([
      'finished true',
      'chunk-tables true',
      'extents true',
      'condemned true',
      'paths true',
      'refs true',
      'free-pages true',
      'logs true',
    ])
  })

  test('the same content, stored again under another name', async () => {
    const { repo, report } = await erased()
    await commitFiles(repo, { 'b.txt': secret('one') })
    expect(await notFine(repo, report)).toEqual(expect.arrayContaining(['chunk-tables', 'extents', 'logs']))
    expect(await notFine(repo, report)).not.toContain('paths')
  })

  test('another content under the same name', async () => {
    const { repo, report, path } = await erased()
    await commitFiles(repo, { 'a.txt': 'another one' })
    await repo.close()
    const again = await openRepository(path)
    expect(await notFine(again, report)).toEqual(['paths'])
    expect((await again.checkErasure(report)).findings.find(({ what }) => what === 'paths')?.message).toMatch(
      /^"a.txt":/,
    )
  })

  test('an extent that no catalog and no chunk table names', async () => {
    const { repo } = await createRepository({ compression: 'none' })
    await commitFiles(repo, { 'a.txt': secret('one'), 'keep.txt': 'kept' })
    const { group } = repo.parts
    const { id = '' as Hash } = await (await repo.at('main')).stat('a.txt')
    const [location] = await group.lookup([id])
    const extent = await group.readExtent(location?.eid ?? 0)
    const { report } = await repo.erase({ paths: ['a.txt'] })
    expect(report?.destroyed.chunks).toContain(id)
    const hidden = { ...(extent as NonNullable<typeof extent>), eid: 9999 }
    const hashes = hidden.slots.map(() => id)
    group.catalog.write((tx) => {
      group.home.tables.insert({ ...hidden, hashes: hashes.slice(0, 1), slots: hidden.slots.slice(0, 1) })
      tx.run('DELETE FROM chunk WHERE eid = 9999')
    })
    const bad = await notFine(repo, report)
    expect(bad).toContain('extents')
    expect(bad).not.toContain('chunk-tables')
    const { findings } = await repo.checkErasure(report)
    expect(findings.find(({ what }) => what === 'extents')?.message).toContain('(extent 9999 of ')
  })

  test('a condemned row, and a commit that is reachable again', async () => {
    const { repo, report, path } = await erased()
    const [id] = report.destroyed.chunks
    await repo.close()
    change(path, `INSERT INTO condemned VALUES (x'${id}', 1, 1, 0)`)
    const again = await openRepository(path)
    expect(await notFine(again, report)).toContain('condemned')
    const tip = (await again.resolve('main')) as Hash
    const { check: _, ...rest } = report
    const other = await sealReport({ ...rest, commits: [{ old: tip, new: tip }] })
    expect(await notFine(again, other)).toContain('refs')
  })

  test('free pages, and a log that is not empty', async () => {
    const { repo, report, path } = await erased()
    await commitFiles(repo, { 'big.bin': Buffer.alloc(300_000, 'b') })
    expect(await notFine(repo, report)).toContain('logs')
    await repo.close()
    change(path, 'CREATE TABLE much (x); INSERT INTO much VALUES (zeroblob(100000)); DROP TABLE much', 0)
    const again = await openRepository(path)
    expect(await notFine(again, report)).toContain('free-pages')
    await again.finishErasure()
    expect(await notFine(again, report)).toEqual([])
  })
})

describe('reports that are refused', () => {
  test('no report, a damaged one, one of a newer varve, one of another store', async () => {
    const { repo, report } = await erased()
    for (const value of [undefined, null, 'text', [], {}, { kind: 'varve-erasure' }, { ...report, kind: 'other' }]) {
      await expect(repo.checkErasure(value)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: 'this is no report of an erasure',
      })
    }
    for (const value of [
      { ...report, check: '0123456789abcdef' },
      { ...report, destroyed: { chunks: [], objects: [] } },
      { ...report, globs: ['other'] },
      { ...report, extra: 1 },
    ]) {
      await expect(repo.checkErasure(value)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining('is damaged, or was edited'),
      })
    }
    await expect(repo.checkErasure({ ...report, format: 2 })).rejects.toMatchObject({ code: 'FORMAT_NEWER' })
    const { repo: other } = await createRepository()
    await expect(other.checkErasure(report)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: 'this report is about another store',
    })
  })

  test('one that fits its check, and lacks what is asked for', async () => {
    const { report } = await erased()
    const { check: _, ...rest } = report
    for (const more of [{ commits: undefined }, { destroyed: { chunks: ['no id'], objects: [] } }, { globs: [1] }]) {
      const made = await sealReport({ ...rest, ...more } as never)
      await expect(requireReport(JSON.parse(JSON.stringify(made)))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    }
    expect(await requireReport(JSON.parse(JSON.stringify(report)))).toEqual(report)
  })
})
