/** What becomes of new extents, and of old ones, when moving chunks fails or is taken over by others. */
import { createHash } from 'node:crypto'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { VarveError } from '../../src/base/errors.js'
import { DAY_MS } from '../../src/base/units.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { KIND } from '../../src/format/kinds.js'
import { Repository } from '../../src/repository.js'
import { ChunkCopies } from '../../src/upkeep/chunkCopies.js'
import { ExtentSwitch, takeBackMoving } from '../../src/upkeep/switchExtents.js'
import { Lease } from '../../src/volume/lease.js'
import type { PhysicalVolume } from '../../src/volume/physicalVolume.js'
import { EXTENT_CLASS } from '../../src/volume/physicalVolume.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { extentsOf, groupOptions } from '../support/groups.js'
import { hookedVolume, type VolumeHooks } from '../support/hookedVolume.js'
import { commitFiles, createRepository } from '../support/repositories.js'

function text(seed: string, lines: number): string {
  let all = ''
  for (let line = 0; line < lines; line++) all += `${createHash('sha256').update(`${seed} ${line}`).digest('hex')}\n`
  return all
}

/** Files that are much alike, each of which was stored by itself: pack makes that smaller. */
async function packable(repo: Repository): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>()
  const lines = text('first', 2000).split('\n')
  for (let version = 0; version < 6; version++) {
    for (let line = version; line < lines.length; line += 20) lines[line] = `${version} ${line}`
    files.set(`file ${version}`, lines.join('\n'))
    await commitFiles(repo, { [`file ${version}`]: lines.join('\n') })
  }
  return files
}

function hook(repo: Repository, where: (volume: PhysicalVolume) => boolean, hooks: VolumeHooks): void {
  const { members } = repo.parts.group as unknown as { members: Map<number, PhysicalVolume> }
  for (const [number, volume] of members) if (where(volume)) members.set(number, hookedVolume(volume, hooks))
}

async function readBack(repo: Repository, files: ReadonlyMap<string, string>): Promise<void> {
  const snapshot = await repo.at('main')
  for (const [path, content] of files) expect((await snapshot.read(path)).toString() === content).toBe(true)
}

test('old extents that a volume cannot drop leave the new ones where they are', async () => {
  const { repo, folder, path } = await createRepository({ compression: 'lz4' })
  if (repo.parts.group.isOneFile) {
    await repo.extendVolumeGroup(join(folder, 'pv-a.varve'))
    await repo.convertLogicalVolume('default', { type: 'striped' })
  }
  const files = await packable(repo)
  hook(repo, (volume) => volume.number !== 0, {
    remove: () => Promise.reject(new VarveError('STORE_LOCKED', 'somebody reads it', { path })),
  })
  await expect(repo.pack()).rejects.toMatchObject({ code: 'STORE_LOCKED' })
  await repo.close()
  const again = await Repository.open(path)
  onTestFinished(() => again.close())
  await readBack(again, files)
})

test('old extents stay when somebody else took the new ones back', async () => {
  const { repo, path } = await createRepository({ compression: 'lz4' })
  const files = await packable(repo)
  let staged = 0
  hook(repo, () => true, {
    stage: async (volume, ...parameters) => {
      if (++staged === 2) {
        // Silent for two days on another machine, as one that was asleep.
        repo.parts.group.catalog.run("UPDATE lease SET host = 'elsewhere' WHERE kind IN ('upkeep', 'writer')")
        const later = { ...systemClock, nowMs: () => systemClock.nowMs() + 2 * DAY_MS }
        const other = await Repository.open(path, { clock: later })
        await other.gc()
        await other.close()
      }
      return volume.stage(...parameters)
    },
  })
  await expect(repo.pack()).rejects.toMatchObject({ code: 'STORE_LOCKED' })
  await repo.close()
  const again = await Repository.open(path)
  onTestFinished(() => again.close())
  await readBack(again, files)
})

test('new extents that a killed process left stay where the old ones were damaged since', async () => {
  const { repo, folder, path } = await createRepository({ compression: 'lz4' })
  const files = await packable(repo)
  const old = extentsOf(repo.parts.group)[0]?.record.eid ?? 0
  const killed = join(folder, 'killed.varve')
  let staged = 0
  hook(repo, () => true, {
    stage: async (volume, ...parameters) => {
      if (++staged === 2) for (const end of ['', '-wal']) copyFileSync(`${path}${end}`, `${killed}${end}`)
      return volume.stage(...parameters)
    },
  })
  await repo.pack()
  await repo.close()
  const again = await Repository.open(killed)
  onTestFinished(() => again.close())
  const { catalog } = again.parts.group
  catalog.run('UPDATE lease SET pid = 999999999')
  catalog.run('UPDATE payload SET frame = zeroblob(length(frame)) WHERE eid = ?', old)
  const before = extentsOf(again.parts.group).length
  await again.gc().catch(() => undefined)
  expect(extentsOf(again.parts.group).length).toBe(before)
  await readBack(again, files)
})

test('what one attempt left is taken back though another one came in between', async () => {
  const { repo, path } = await createRepository()
  await repo.close()
  const group = await VolumeGroup.open(path, groupOptions)
  onTestFinished(() => group.close())
  const store = await ChunkStore.open(group, systemClock)
  const lease = Lease.take(group.catalog, 'writer', systemClock)
  const publish = async (content: string): Promise<ExtentSwitch> => {
    const copies = new ChunkCopies(store, { lease, compression: { codec: 'none', level: 0 }, going: new Set() })
    const bytes = Buffer.from(content)
    const id = store.hasher.id(KIND.chunk, bytes)
    const moving = new ExtentSwitch(store, lease)
    const chunk = {
      from: 0,
      id,
      kind: KIND.chunk,
      class: EXTENT_CLASS.data,
      bytes,
      number: { chunkId: 1 },
      bases: [],
      usedBy: [0],
    }
    await moving.stage(await copies.place([chunk]))
    expect(await moving.publish()).toBe(true)
    return moving
  }
  const before = await publish('a')
  await before.finish([], [], () => true)
  // Of this one not even taking back came about.
  await publish('a')
  const other = await publish('b')
  await other.finish([], [], () => true)
  expect(extentsOf(group)).toHaveLength(3)
  await takeBackMoving(store)
  expect(extentsOf(group)).toHaveLength(2)
})
