/** Branches that are kept in logical volumes of their own, and others at work on them at the same time. */
import { describe, expect, test } from 'vitest'
import { MIB } from '../../src/base/units.js'
import type { Repository } from '../../src/repository.js'
import { pseudoRandom } from '../codec/inputs.js'
import { hookedVolume } from '../support/hookedVolume.js'
import { expectAllKept } from '../support/kept.js'
import { commitFiles, openRepository } from '../support/repositories.js'
import { content, copiesOf, threeVolumes } from '../support/threeVolumes.js'

const FILE = { message: 'mine', author: 'Test <test@example.org>' }

/** Done once, when a copy is read that is to stay: what is to be done was planned, and is not done yet. */
function onRead({ parts: { group } }: Repository, meanwhile: () => Promise<unknown>): void {
  const requireVolume = group.requireVolume.bind(group)
  let isDue = true
  group.requireVolume = (pv) =>
    hookedVolume(requireVolume(pv), {
      read: async (volume, eid) => {
        if (isDue) {
          isDue = false
          await meanwhile()
        }
        return volume.read(eid)
      },
    })
}

/** Done once, before something new is brought to volumes. */
function onStage({ parts: { group } }: Repository, meanwhile: () => Promise<unknown>): void {
  const stage = group.stage.bind(group)
  let isDue = true
  group.stage = async (placed) => {
    if (isDue) {
      isDue = false
      await meanwhile()
    }
    return stage(placed)
  }
}

/** Some commits that take less once they are packed: files of other names, and much alike. */
async function commitAlike(repo: Repository): Promise<void> {
  for (let number = 0; number < 8; number++) await commitFiles(repo, { [`${number}`]: alike(number) }, 'alike')
}

function alike(number: number): Buffer {
  const bytes = Buffer.from(content(200))
  for (let at = 500; at < bytes.length; at += 5000) bytes[at] = number
  return bytes
}

const topics = async (repo: Repository) => (await repo.doctor()).findings.map(({ topic }) => topic)

describe('while others are at work', () => {
  test('no copy goes that a commit relies on meanwhile', async () => {
    const { repo, path } = await threeVolumes()
    await repo.createLogicalVolume('safe', { copies: 2 })
    await repo.assignLogicalVolume('safe', ['main', 'precious'])
    const other = await openRepository(path)
    onRead(repo, () => commitFiles(other, { f: content(2) }, 'known, and there twice', 'precious'))
    await repo.assignLogicalVolume('default', ['main'])
    await expectAllKept(repo)
    expect(copiesOf(repo).some((pvs) => pvs.length === 1)).toBe(true)
  })

  test('pack leaves what another logical volume came to use', async () => {
    const { repo, path } = await threeVolumes()
    await repo.createLogicalVolume('safe')
    await repo.assignLogicalVolume('safe', ['precious'])
    await commitAlike(repo)
    const other = await openRepository(path)
    onStage(repo, () => commitFiles(other, { a: alike(7) }, 'known', 'precious'))
    expect((await repo.pack()).isPacked).toBe(true)
    await repo.convertLogicalVolume('safe', { copies: 2 })
    await expectAllKept(repo)
  })

  test('what a writer relies on, whose commit is not there yet, stays in use', { timeout: 60_000 }, async () => {
    const { repo, path } = await threeVolumes()
    await repo.convertLogicalVolume('default', { copies: 2 })
    await repo.createLogicalVolume('safe', { copies: 2 })
    await repo.assignLogicalVolume('safe', ['precious'])
    const other = await openRepository(path)
    const draft = await other.draft('precious')
    await draft.write('f', content(2))
    // More than is published at once.
    await draft.write('large', pseudoRandom(40 * MIB, 7))
    await repo.convertLogicalVolume('safe')
    await repo.convertLogicalVolume('default', { copies: 1 })
    await draft.commit(FILE)
    await expectAllKept(repo)
  })

  test('nothing new is compressed against what lost copies since', async () => {
    const { repo, path } = await threeVolumes()
    await repo.createLogicalVolume('safe', { copies: 2 })
    await repo.assignLogicalVolume('safe', ['precious'])
    await commitFiles(repo, { f: content(5) }, 'stored once more', 'precious')
    await repo.convertLogicalVolume('default', { copies: 2 })
    const other = await openRepository(path)
    onStage(other, () => repo.convertLogicalVolume('default', { copies: 1 }))
    const changed = Buffer.from(content(5))
    changed.fill(0, 1000, 1100)
    await commitFiles(other, { f: changed }, 'changed', 'precious')
    await expectAllKept(repo)
  })

  test('a walk that finds what is rewritten meanwhile is made once more', async () => {
    const { repo, path } = await threeVolumes()
    await repo.createLogicalVolume('safe', { copies: 2 })
    await commitAlike(repo)
    const other = await openRepository(path)
    const { group } = repo.parts
    const lookup = group.lookup.bind(group)
    let isDue = true
    group.lookup = async (...asked) => {
      const found = await lookup(...asked)
      if (isDue && asked[0].length > 5) {
        isDue = false
        expect((await other.pack()).isPacked).toBe(true)
      }
      return found
    }
    await repo.assignLogicalVolume('safe', ['main'])
    expect(isDue).toBe(false)
    await expectAllKept(repo)
  })

  test('a logical volume ends: who writes for it is told, and upkeep is waited for', async () => {
    const { repo, path } = await threeVolumes()
    for (const name of ['safe', 'other']) await repo.createLogicalVolume(name)
    await repo.assignLogicalVolume('safe', ['precious'])
    const other = await openRepository(path)
    const draft = await other.draft('precious')
    await draft.write('f', content(90))
    await draft.write('g', pseudoRandom(2 * MIB, 91))
    await repo.assignLogicalVolume('default', ['precious'])
    onStage(other, async () => {
      await expect(repo.removeLogicalVolume('safe')).rejects.toMatchObject({ code: 'STORE_LOCKED' })
      expect((await repo.logicalVolumes()).map(({ name }) => name)).toContain('safe')
    })
    await other.pack()
    await repo.removeLogicalVolume('safe')
    await expect(draft.commit(FILE)).rejects.toMatchObject({ code: 'REF_CONFLICT' })
    await expectAllKept(repo)
  })
})

test('what is given to a logical volume, and interrupted, is told of until it is done', async () => {
  const { repo } = await threeVolumes()
  await repo.createLogicalVolume('safe', { copies: 2 })
  const signal = AbortSignal.abort()
  await expect(repo.assignLogicalVolume('safe', ['main'], { signal })).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(await topics(repo)).toContain('copies-lacking')
  await repo.assignLogicalVolume('safe', ['main'])
  expect(await topics(repo)).not.toContain('copies-lacking')
  await expectAllKept(repo)
})
