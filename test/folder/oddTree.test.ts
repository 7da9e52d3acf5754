/**
 * A folder with one of every odd thing is committed, and comes back in another folder, and in its own after it was gone.
 *
 * What may differ is what docs/SHORTCOMINGS.md lists: times are those of the moment, owners are whoever does it, pipes and
 * sockets are in no commit.
 */
import { chmodSync, lstatSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { MIB } from '../../src/base/units.js'
import { WorkingFolder } from '../../src/index.js'
import { VOLUMES } from '../support/groups.js'
import {
  byRsync,
  describeFolder,
  differencesByRsync,
  factsOf,
  LEFT_OUT,
  makeOddFolder,
  rsyncVersion,
} from '../support/oddFolder.js'
import { tempFolder } from '../support/tempFolder.js'
import { contentsOf, type WorkFolder } from '../support/workFolders.js'

async function oddFolder(): Promise<WorkFolder> {
  const dir = join(tempFolder(), 'work')
  await makeOddFolder(dir)
  // These come back with owners only.
  for (const name of ['set-user-id', 'set-group-id', 'all bits', 'set-group-id folder']) {
    const at = join(dir, name)
    chmodSync(at, lstatSync(at).mode & 0o1777)
  }
  const folder = await WorkingFolder.init(dir)
  onTestFinished(() => folder.close())
  for (let number = 1; number < VOLUMES; number++)
    await folder.repository.extendVolumeGroup(join(dir, '..', `pv${number}.varve`))
  return { folder, dir }
}

function expectSame(from: string, to: string): void {
  const facts = (root: string) => {
    const { '': _, ...all } = factsOf(describeFolder(root))
    for (const path of LEFT_OUT) delete all[path]
    return Object.entries(all).map(([path, each]) => [path, { ...(each as object), microseconds: 0, owner: 0 }])
  }
  expect(facts(to)).toEqual(facts(from))
  if (rsyncVersion === undefined) return
  const options = ['--no-times', '--omit-dir-times', '--no-owner', '--no-group', '--exclude=/.varve']
  const leftOut = LEFT_OUT.map((path) => `cS+++++++++ ${path}`)
  expect(differencesByRsync(from, to, ...options).filter((line) => !leftOut.includes(line))).toEqual([])
}

async function expectNoChange(folder: WorkingFolder): Promise<void> {
  expect((await folder.status()).changes).toEqual([])
  expect((await folder.commit({ message: 'Nothing?' })).commit).toBeUndefined()
}

test.skipIf(process.platform === 'win32')(
  `it comes back in another folder, and by going away and back; compared by ${byRsync}`,
  async () => {
    const { folder, dir } = await oddFolder()
    const { commit } = await folder.commit({ message: 'Odd things' })
    expect(commit).toBeDefined()
    await expectNoChange(folder)

    const beside = join(dir, '..', 'beside')
    const second = await WorkingFolder.add(folder.repository.path, beside, 'main', { create: 'second' })
    onTestFinished(() => second.close())
    expectSame(dir, beside)
    await expectNoChange(second)

    const nothing = join(dir, '..', 'nothing')
    mkdirSync(nothing)
    await folder.repository.commitFrom(nothing, { branch: 'empty', message: 'Nothing', allowEmpty: true })
    expect(await second.switchTo('empty')).toMatchObject({ warnings: [] })
    expect(contentsOf(beside)).toEqual({})
    await second.switchTo('second')
    expectSame(dir, beside)
    await expectNoChange(second)

    for (const path of ['deep', 'sparse', '.hidden', 'to a folder']) rmSync(join(beside, path), { recursive: true })
    chmodSync(join(beside, 'sticky'), 0o755)
    await second.restore([''])
    expectSame(dir, beside)
    await expectNoChange(second)
  },
)

test.skipIf(process.platform === 'win32')('holes come back as holes, from switch as from restore', async () => {
  const { folder, dir } = await oddFolder()
  await folder.commit({ message: 'Odd things' })
  const beside = join(dir, '..', 'beside')
  const second = await WorkingFolder.add(folder.repository.path, beside, 'main', { create: 'second' })
  onTestFinished(() => second.close())
  const expectHoles = () => {
    const { size, blocks, nlink } = statSync(join(beside, 'sparse'))
    expect(size).toBe(8 * MIB)
    expect(blocks * 512).toBeLessThanOrEqual(MIB)
    expect(nlink).toBe(2)
  }
  expectHoles()
  rmSync(join(beside, 'sparse'))
  await second.restore(['sparse'])
  expectHoles()
  for (const path of ['sparse', 'deep/er/sparse']) rmSync(join(beside, path))
  await second.commit({ message: 'No holes' })
  await second.switchTo('HEAD~1', { detach: true })
  expectHoles()
})
