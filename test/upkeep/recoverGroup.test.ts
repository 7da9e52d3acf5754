/** The catalog's file is lost: what comes back from the volumes that are left. */
import { copyFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Repository } from '../../src/repository.js'
import { recoverVolumeGroup } from '../../src/upkeep/recoverGroup.js'
import { SqlDatabase } from '../../src/volume/sqlite.js'
import { pseudoRandom } from '../codec/inputs.js'
import { goldenFolder } from '../golden/makeStore.js'
import { collect, commitFiles, openRepository } from '../support/repositories.js'
import { tempFolder } from '../support/tempFolder.js'
import { expectReadable, expectSound, threeVolumes } from '../support/threeVolumes.js'

const TABLES = ['ref', 'reflog', 'operation', 'worktree', 'property', 'pruned', 'replacement']
const WHO = 'Ada Example <ada@example.org>'

/** All of it on the volumes beside the catalog. */
async function beside(repo: Repository): Promise<void> {
  await repo.changePhysicalVolume('0', { allocatable: false })
  await repo.movePhysicalVolume('0')
}

function rowsOf(path: string, prefix: string): Record<string, unknown[]> {
  const database = SqlDatabase.open(path, { lockTimeoutMs: 1000, readOnly: true })
  try {
    return Object.fromEntries(TABLES.map((table) => [table, database.all(`SELECT * FROM ${prefix}${table}`)]))
  } finally {
    database.close()
  }
}

function remove(path: string): void {
  for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true })
}

async function historyOf(repo: Repository): Promise<unknown> {
  return {
    branches: await repo.branches(),
    tags: await repo.tags(),
    reflog: await repo.reflog(),
    operations: repo.parts.refs.operations(),
    config: await repo.config.list(),
    log: (await collect(repo.log())).map(({ id }) => id),
  }
}

async function logIds(repo: Repository, branches: readonly { readonly name: string }[]): Promise<string[]> {
  const logs = await Promise.all(branches.map(({ name }) => collect(repo.log({ from: name }))))
  return logs.flat().map(({ id }) => id)
}

describe('what the catalog alone knew', () => {
  test('comes back whole where other volumes have the contents, and the store goes on', async () => {
    const { repo, path, folder } = await threeVolumes()
    await beside(repo)
    await repo.createTag('v1', 'main~2', { message: 'one' })
    await repo.createBranch('topic', 'main~1')
    await repo.renameBranch('topic', 'feature')
    await repo.deleteBranch('feature')
    await repo.config.set('author', WHO)
    const before = await historyOf(repo)
    await repo.close()
    remove(path)

    const report = await recoverVolumeGroup(join(folder, 'two.varve'))
    expect(report).toMatchObject({
      dryRun: false,
      path,
      branches: 1,
      tags: 1,
      missing: [],
      moved: [],
      unusableExtents: 0,
    })
    expect(report.volumes.map(({ number }) => number)).toEqual([1, 2])

    const again = await openRepository(path)
    expect(await historyOf(again)).toEqual(before)
    await expectSound(again)
    await commitFiles(again, { g: 'and on' }, 'and on', 'other')
    expect((await again.gc({ now: true })).dropped.extents).toBe(0)
    await expectSound(again)
  })

  test('is that of the last commit whose copy is there, after a crash of the program as well', async () => {
    const { repo, path, folder } = await threeVolumes()
    await beside(repo)
    const first = await commitFiles(repo, { f: pseudoRandom(9000, 77) }, 'the last but one')
    const second = await commitFiles(repo, { f: pseudoRandom(9000, 78) }, 'the last')
    // Nothing is closed: the program was killed, and the disk of the catalog died with it.
    const crashed = tempFolder()
    for (const name of ['one', 'two']) copyFileSync(join(folder, `${name}.varve`), join(crashed, `${name}.varve`))
    const to = join(crashed, 'new.varve')
    await repo.close()
    remove(path)
    const report = await recoverVolumeGroup(join(crashed, 'one.varve'), { volumes: [join(crashed, 'two.varve')], to })
    expect(report.moved).toEqual([])
    const again = await openRepository(to)
    expect([first, second]).toContain(await again.resolve('main'))
    expect((await again.verify()).problems).toEqual([])
    expect((await again.commit('main')).message).toMatch('the last')
  })

  test('refs go back to the newest commit that is still there, and the reflog keeps nothing that is not', async () => {
    const { repo, path, folder } = await threeVolumes()
    await beside(repo)
    const kept = await repo.resolve('main')
    await repo.changePhysicalVolume('0', { allocatable: true })
    for (const pv of ['1', '2']) await repo.changePhysicalVolume(pv, { allocatable: false })
    // In the catalog's file alone, all of it.
    const lost = await commitFiles(repo, { f: pseudoRandom(50_000, 99) }, 'lost')
    await repo.createTag('lost', 'main')
    await commitFiles(repo, { f: 'nothing of it is left' }, 'lost', 'other')
    await repo.close()
    remove(path)

    const report = await recoverVolumeGroup(join(folder, 'one.varve'))
    const names = report.moved.map(({ name, kind, from, to }) => [kind, name, from === lost, to])
    expect(names.sort()).toEqual([
      ['branch', 'main', true, kept],
      ['branch', 'other', false, undefined],
      ['tag', 'lost', true, undefined],
    ])
    const again = await openRepository(path)
    expect(await again.resolve('main')).toBe(kept)
    await expectReadable(again)
    // Walks all that is still kept, and finds it.
    await expect(again.gc({ now: true })).resolves.toMatchObject({ dryRun: false })
    await expectSound(again)
    expect((await again.reflog()).slice(0, 3).map(({ operation }) => operation)).toEqual([
      'recover',
      'recover',
      'recover',
    ])
  })

  test('without a copy of the refs, histories that are found become branches: gc would drop them', async () => {
    const folder = tempFolder()
    const names = ['group.varve', 'group-1.varve', 'group-2.varve']
    for (const name of names) copyFileSync(join(goldenFolder(1), name), join(folder, name))
    const path = join(folder, 'group.varve')
    const repo = await openRepository(path)
    const tips = (await repo.branches()).map(({ target }) => target)
    await beside(repo)
    await repo.close()
    remove(path)
    for (const name of names.slice(1)) {
      const database = SqlDatabase.open(join(folder, name), { lockTimeoutMs: 1000 })
      database.run('DELETE FROM recovery_counter')
      database.close()
    }
    const { found, asOfMs } = await recoverVolumeGroup(join(folder, 'group-1.varve'))
    expect(asOfMs).toBeUndefined()
    const again = await openRepository(path)
    const branches = await again.branches()
    expect(branches.map(({ name, target }) => ({ name, target }))).toEqual(found)
    for (const tip of tips) expect(await logIds(again, branches)).toContain(tip)
    const before = await again.verify()
    await again.gc({ now: true })
    const after = await again.verify()
    expect(after.problems).toEqual([])
    expect(after.checked.commits).toBe(before.checked.commits)
    expect(after.checked.commits).toBeGreaterThan(1)
  })

  test('a working folder that stood at what is lost stands where its branch does', async () => {
    const { repo, path, folder } = await threeVolumes()
    await beside(repo)
    const kept = await repo.resolve('main')
    await repo.changePhysicalVolume('0', { allocatable: true })
    for (const pv of ['1', '2']) await repo.changePhysicalVolume(pv, { allocatable: false })
    const lost = await commitFiles(repo, { f: pseudoRandom(50_000, 99) }, 'lost')
    const row = { id: '00000000-0000-4000-8000-000000000001', path: folder, branch: 'heads/main', head: lost }
    repo.parts.group.catalog.write((tx) => repo.parts.worktrees.add(tx, row as never))
    await repo.close()
    remove(path)
    await recoverVolumeGroup(join(folder, 'one.varve'))
    const again = await openRepository(path)
    expect(again.parts.worktrees.list()).toEqual([{ ...row, head: kept }])
  })

  test('extents whose bases are gone are not named, and said to be of no use', async () => {
    const { repo, path, folder } = await threeVolumes()
    await commitFiles(repo, { g: pseudoRandom(150_000, 5) })
    for (const pv of ['0', '2']) await repo.changePhysicalVolume(pv, { allocatable: false })
    // Compressed against what lies in the catalog's file.
    const changed = Buffer.concat([pseudoRandom(150_000, 5).subarray(0, 100_000), pseudoRandom(10, 6)])
    await commitFiles(repo, { g: changed })
    let based = 0
    repo.parts.group.catalog.eachExtent(({ record }) => {
      if (record.bases.length > 0) based++
    })
    expect(based).toBeGreaterThan(0)
    await repo.close()
    remove(path)
    const { unusableExtents, extents } = await recoverVolumeGroup(join(folder, 'one.varve'))
    expect(unusableExtents).toBeGreaterThan(0)
    const again = await openRepository(path)
    expect(again.parts.group.catalog.all('SELECT eid FROM extent')).toHaveLength(extents)
    expect((await again.verify()).problems.every(({ code }) => code === 'MISSING_CHUNK')).toBe(true)
  })

  test('a copy that is damaged is passed over for another', async () => {
    const { repo, path, folder } = await threeVolumes()
    await beside(repo)
    const head = await repo.resolve('main')
    await repo.close()
    remove(path)
    const furthest = SqlDatabase.open(join(folder, 'one.varve'), { lockTimeoutMs: 1000 })
    furthest.run("UPDATE recovery_counter SET value = value + 1 WHERE name = 'publish_sequence'")
    furthest.run('UPDATE recovery_ref SET time_ms = time_ms + 1')
    furthest.close()
    const { asOfMs } = await recoverVolumeGroup(join(folder, 'one.varve'))
    expect(asOfMs).toBeDefined()
    expect(await (await openRepository(path)).resolve('main')).toBe(head)
  })
})

describe('volumes', () => {
  test('that are missing are said, and done without when that is asked for', async () => {
    const { repo, path, folder } = await threeVolumes()
    await repo.convertLogicalVolume('default', { copies: 2, physicalVolumes: ['1', '2'] })
    await repo.close()
    remove(path)
    const away = join(folder, 'away')
    renameSync(join(folder, 'two.varve'), away)
    const one = join(folder, 'one.varve')
    await expect(recoverVolumeGroup(one)).rejects.toMatchObject({
      code: 'PV_MISSING',
      hint: expect.stringContaining('--partial'),
    })
    expect(existsSync(path)).toBe(false)
    const planned = await recoverVolumeGroup(one, { dryRun: true })
    expect(planned).toMatchObject({ dryRun: true, missing: [{ number: 2 }], branches: 1 })
    expect(existsSync(path)).toBe(false)
    await recoverVolumeGroup(one, { partial: true })
    const again = await openRepository(path)
    expect((await again.volumeGroup()).physicalVolumes.map(({ number }) => number)).toEqual([0, 1])
    await expectSound(again)
    // What comes back afterwards is none of the group's, and nothing of it is taken for leftovers.
    renameSync(away, join(folder, 'two.varve'))
    await expect(again.extendVolumeGroup(join(folder, 'two.varve'))).rejects.toMatchObject({ code: 'ALREADY_EXISTS' })
  })

  test('are found where they are named, and where they lie from then on is recorded', async () => {
    const { repo, path, folder } = await threeVolumes()
    await beside(repo)
    await repo.close()
    remove(path)
    const [here, there] = [tempFolder(), tempFolder()]
    renameSync(join(folder, 'one.varve'), join(here, 'a'))
    renameSync(join(folder, 'two.varve'), join(there, 'b'))
    const to = join(here, 'new.varve')
    await recoverVolumeGroup(join(here, 'a'), { volumes: [join(there, 'b')], to })
    await expectSound(await openRepository(to))
    // Through any of its files.
    await expectSound(await openRepository(join(there, 'b')))
  })

  test('of which the layout knows less than another are found through that', async () => {
    const { repo, path, folder } = await threeVolumes()
    const old = join(tempFolder(), 'one.varve')
    copyFileSync(join(folder, 'one.varve'), old)
    await repo.extendVolumeGroup(join(folder, 'three.varve'))
    await beside(repo)
    await repo.close()
    remove(path)
    const { volumes } = await recoverVolumeGroup(join(folder, 'one.varve'))
    expect(volumes.map((volume) => basename(volume.path))).toEqual(['one.varve', 'two.varve', 'three.varve'])
    await expectSound(await openRepository(path))
  })

  test('a catalog that comes back afterwards is refused', async () => {
    const { repo, path, folder } = await threeVolumes()
    await beside(repo)
    await repo.close()
    const old = join(tempFolder(), 'store.varve')
    renameSync(path, old)
    await recoverVolumeGroup(join(folder, 'one.varve'))
    remove(path)
    renameSync(old, path)
    const refused = openRepository(path)
    await expect(refused).rejects.toMatchObject({ code: expect.stringMatching(/^(CATALOG_STALE|PV_DUPLICATE)$/) })
  })
})

describe('is refused', () => {
  test('where the catalog is there, and for what is none of its volumes', async () => {
    const { repo, path, folder } = await threeVolumes()
    await repo.close()
    const one = join(folder, 'one.varve')
    const files = [path, one].map((file) => readFileSync(file))
    await expect(recoverVolumeGroup(one)).rejects.toMatchObject({ code: 'STORE_EXISTS' })
    await expect(recoverVolumeGroup(path)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(recoverVolumeGroup(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'STORE_NOT_FOUND' })
    const copy = join(tempFolder(), 'copy.varve')
    copyFileSync(one, copy)
    const to = join(folder, 'new.varve')
    await expect(recoverVolumeGroup(one, { volumes: [copy], to })).rejects.toMatchObject({ code: 'PV_DUPLICATE' })
    const { repo: other, folder: otherFolder } = await threeVolumes()
    await other.close()
    const foreign = join(otherFolder, 'one.varve')
    await expect(recoverVolumeGroup(one, { volumes: [foreign], to })).rejects.toMatchObject({ code: 'PV_FOREIGN' })
    expect(existsSync(to)).toBe(false)
    expect([path, one].map((file) => readFileSync(file))).toEqual(files)
    remove(path)
    await expect(recoverVolumeGroup(one, { to: join(folder, 'no', 'folder') })).rejects.toMatchObject({
      code: 'PATH_NOT_FOUND',
    })
  })

  test('beside a catalog that is there: that would be refused from then on, and what it alone holds be lost', async () => {
    const { repo, path, folder } = await threeVolumes()
    await commitFiles(repo, { a: 'only there' }, 'last')
    await repo.close()
    const one = join(folder, 'one.varve')
    const to = join(tempFolder(), 'new.varve')
    await expect(recoverVolumeGroup(one, { to })).rejects.toMatchObject({ code: 'STORE_EXISTS', details: { path } })
    expect(existsSync(to)).toBe(false)
    const again = await openRepository(path)
    expect((await again.commit('main')).message).toMatch('last')
    expect((await again.verify()).problems).toEqual([])
    await again.close()
    // Nobody can say what it is.
    writeFileSync(path, 'not a catalog')
    await recoverVolumeGroup(one, { to })
    expect(existsSync(to)).toBe(true)
  })
})

test('a group that was exported is one that was moved, until it is said that its catalog is lost', async () => {
  const { repo, path, folder } = await threeVolumes()
  await beside(repo)
  await repo.exportVolumeGroup()
  remove(path)
  const one = join(folder, 'one.varve')
  await expect(recoverVolumeGroup(one)).rejects.toMatchObject({
    code: 'VG_EXPORTED',
    hint: expect.stringContaining('vg import'),
  })
  expect(existsSync(path)).toBe(false)
  await recoverVolumeGroup(one, { exported: true })
  await expectSound(await openRepository(path))
})

describe('recovery copies', () => {
  test('follow before gc drops anything: none names what went', async () => {
    const { repo, folder } = await threeVolumes()
    await commitFiles(repo, { g: pseudoRandom(200_000, 3) }, 'gone', 'gone')
    await repo.deleteBranch('gone')
    await repo.gc({ now: true })
    for (const name of ['one', 'two']) {
      const { ref } = rowsOf(join(folder, `${name}.varve`), 'recovery_')
      expect(ref).toHaveLength(1)
    }
  })

  test('have all that the catalog has, whatever happened to refs and settings, in whatever sessions', async () => {
    const name = fc.constantFrom('a', 'b', 'c')
    const step = fc.oneof(
      fc.record({ what: fc.constant('commit' as const), name }),
      fc.record({ what: fc.constant('branch' as const), name }),
      fc.record({ what: fc.constant('rename' as const), name, to: name }),
      fc.record({ what: fc.constant('delete' as const), name }),
      fc.record({ what: fc.constant('tag' as const), name }),
      fc.record({ what: fc.constant('config' as const), name }),
      fc.record({ what: fc.constant('unset' as const) }),
      fc.record({ what: fc.constant('prune' as const) }),
      fc.record({ what: fc.constant('session' as const), which: fc.nat(1) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const { repo: first, path, folder } = await threeVolumes()
        const sessions = [first, await openRepository(path)]
        let at = 0
        let count = 0
        for (const each of steps) {
          const repo = sessions[at] as Repository
          count++
          // What is refused changes nothing.
          await run(repo, each, count).catch(() => undefined)
          if (each.what === 'session') {
            at = each.which
            await sessions[at]?.close()
            sessions[at] = await openRepository(path)
          }
        }
        for (const repo of sessions) await repo.close()
        const last = await openRepository(path)
        await last.gc()
        await last.close()
        const expected = rowsOf(path, '')
        for (const file of ['one', 'two']) expect(rowsOf(join(folder, `${file}.varve`), 'recovery_')).toEqual(expected)
      }),
      {
        numRuns: 8,
        examples: [
          [
            [
              { what: 'commit', name: 'a' },
              { what: 'session', which: 0 },
              { what: 'rename', name: 'a', to: 'b' },
              { what: 'session', which: 0 },
              { what: 'delete', name: 'b' },
            ],
          ],
        ],
      },
    )
  })

  test('are whole after a setting was changed and changed back, each by somebody else', async () => {
    const { repo, path, folder } = await threeVolumes()
    await beside(repo)
    await repo.config.set('author', WHO)
    const follow = async (name: string): Promise<void> => {
      for (const number of [1, 2, 3]) await commitFiles(repo, { [name]: pseudoRandom(50_000, number) }, name)
    }
    await follow('before')
    const other = await openRepository(path)
    await other.config.set('author', 'Another <another@example.org>')
    await other.close()
    // Killed: its end does not bring anything.
    const killed = await openRepository(path)
    await killed.config.set('author', WHO)
    await follow('after')
    await repo.close()
    const { property } = rowsOf(path, '')
    for (const file of ['one', 'two']) {
      const copy = rowsOf(join(folder, `${file}.varve`), 'recovery_')
      expect(copy.property).toEqual(property)
    }
  })

  async function run(
    repo: Repository,
    step: { readonly what: string; readonly name?: string; readonly to?: string },
    count: number,
  ): Promise<void> {
    const { what, name = '', to = '' } = step
    if (what === 'commit') await commitFiles(repo, { [name]: `${count}` }, `${count}`, name)
    if (what === 'branch') await repo.createBranch(name, 'main')
    if (what === 'rename') await repo.renameBranch(name, to)
    if (what === 'delete') await repo.deleteBranch(name)
    if (what === 'tag') await repo.createTag(name, 'main', { message: `${count}`, force: true })
    if (what === 'config') await repo.config.set('author', `${name} ${count} <a@example.org>`)
    if (what === 'unset') await repo.config.unset('author')
    if (what === 'prune') await repo.prune({ keepLast: 2 })
  }

  test('come to volumes of the first format with the first commit that goes there', async () => {
    const folder = tempFolder()
    const names = ['group.varve', 'group-1.varve', 'group-2.varve']
    for (const name of names) copyFileSync(join(goldenFolder(3), name), join(folder, name))
    const path = join(folder, 'group.varve')
    const repo = await openRepository(path)
    await beside(repo)
    await repo.close()
    const files = names.slice(1).map((name) => join(folder, name))
    const formats = files.map((file) => {
      const database = SqlDatabase.open(file, { lockTimeoutMs: 1000, readOnly: true })
      onTestFinished(() => database.close())
      return database.userVersion
    })
    expect(formats).toContain(2)
    const before = await openRepository(path)
    const history = await historyOf(before)
    await before.close()
    remove(path)
    await recoverVolumeGroup(files[0] as string)
    const again = await openRepository(path)
    expect(await historyOf(again)).toEqual(history)
    expect((await again.verify()).problems).toEqual([])
  })
})
