import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import type { Hash } from '../../src/base/hash.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { createChecksum } from '../../src/codec/checksum.js'
import { KIND } from '../../src/format/kinds.js'
import { withVolume } from '../../src/volume/groupInfo.js'
import {
  CATALOG_APPLICATION_ID,
  CATALOG_FORMAT,
  CATALOG_SCHEMA,
  PAGE_BYTES,
  PAYLOAD_SCHEMA,
} from '../../src/volume/schema.js'
import { SqlDatabase } from '../../src/volume/sqlite.js'
import { HomeVolume, SqliteVolume } from '../../src/volume/sqliteVolume.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { createGroup, extentsOf, groupOptions, publishOnly, seededRandom, writerOf } from '../support/groups.js'
import { MemoryVolume } from '../support/memoryVolume.js'
import { tempFolder } from '../support/tempFolder.js'
import { CONFORMANCE_LAYOUT, describePhysicalVolume, identityOf } from './conformance.js'

const opening = { lockTimeoutMs: 2000 }

function damage(database: SqlDatabase, eid: number, part: 'frame' | 'row'): void {
  const change = part === 'row' ? 'raw_bytes = raw_bytes + 1' : "frame = CAST(x'00' || substr(frame, 2) AS BLOB)"
  database.run(`UPDATE payload SET ${change} WHERE eid = ?`, eid)
}

describePhysicalVolume('a volume with a file of its own', async () => {
  const path = join(tempFolder(), 'pv1.varve')
  const { createdMs } = CONFORMANCE_LAYOUT
  const volume = SqliteVolume.create(path, identityOf(1), createdMs, CONFORMANCE_LAYOUT, opening)
  onTestFinished(() => volume.close())
  return {
    volume,
    holdsFrom: 'stage',
    publishing: (body) => body(),
    damage: (eid, part) => {
      const database = SqlDatabase.open(path, opening)
      damage(database, eid, part)
      database.close()
    },
    reopen: async () => {
      await volume.close()
      const again = SqliteVolume.open(path, opening)
      onTestFinished(() => again.close())
      return again
    },
  }
})

describePhysicalVolume('the volume in the catalog’s file', async () => {
  const path = join(tempFolder(), 'store.varve')
  const { uuid } = identityOf(0)
  const database = SqlDatabase.create(
    path,
    {
      ...opening,
      applicationId: CATALOG_APPLICATION_ID,
      userVersion: CATALOG_FORMAT,
      pageBytes: PAGE_BYTES,
      journal: 'wal',
      schema: PAYLOAD_SCHEMA + CATALOG_SCHEMA,
    },
    (made) => {
      const { tables } = new HomeVolume(made, 0, uuid)
      tables.initialise(identityOf(0), CONFORMANCE_LAYOUT.createdMs, CONFORMANCE_LAYOUT)
    },
  )
  onTestFinished(() => database.close())
  return {
    volume: new HomeVolume(database, 0, uuid),
    holdsFrom: 'complete',
    publishing: (body) => database.write(body),
    damage: (eid, part) => damage(database, eid, part),
    reopen: async () => {
      database.close()
      const again = SqlDatabase.open(path, opening)
      onTestFinished(() => again.close())
      return new HomeVolume(again, 0, uuid)
    },
  }
})

describePhysicalVolume('a volume in memory', async () => {
  const volume = new MemoryVolume(identityOf(1), CONFORMANCE_LAYOUT, await createChecksum())
  return {
    volume,
    holdsFrom: 'stage',
    publishing: (body) => body(),
    damage: (eid, part) => volume.damage(eid, part),
    reopen: async () => {
      await volume.close()
      return volume.reopened()
    },
  }
})

test('a store runs on a volume in memory that stands in for a file', async () => {
  const made = await createGroup({ volumes: 2 })
  await made.group.changeLayout((layout) => withVolume(layout, 0, { allocatable: false }))
  const { layout } = made.group
  const checksum = await createChecksum()
  await made.group.close()
  const replaced: Promise<void>[] = []
  const group = await VolumeGroup.open(made.path, {
    ...groupOptions,
    wrapVolume: (volume) => {
      if (volume.number === 0) return volume
      replaced.push(volume.close())
      return new MemoryVolume({ uuid: volume.uuid, vg: layout.vg, number: volume.number }, layout, checksum)
    },
  })
  onTestFinished(() => group.close())
  await Promise.all(replaced)
  const memory = group.volume(1)
  expect(memory).toBeInstanceOf(MemoryVolume)

  const random = seededRandom('a store in memory')
  const contents = Array.from({ length: 40 }, () => random.bytes(60_000))
  const writer = writerOf(await ChunkStore.open(group, systemClock))
  const ids: Hash[] = []
  for (const bytes of contents) ids.push(await writer.put(KIND.chunk, bytes))
  const object = await writer.put(KIND.tree, Buffer.from('an object'))
  await publishOnly(writer)
  const held = await memory?.list(0, Number.MAX_SAFE_INTEGER)
  expect(held).toEqual(extentsOf(group).map(({ record }) => record.eid))
  expect(held?.length).toBeGreaterThan(2)
  expect(await group.volume(0)?.list(0, Number.MAX_SAFE_INTEGER)).toEqual([])

  const reader = await ChunkStore.open(group, systemClock)
  const read: Buffer[] = []
  for await (const batch of reader.getMany(KIND.chunk, [ids])) read.push(...batch)
  expect(Buffer.concat(read).equals(Buffer.concat(contents))).toBe(true)
  expect((await reader.get(KIND.tree, object)).toString()).toBe('an object')
  const second = writerOf(await ChunkStore.open(group, systemClock))
  await second.put(KIND.chunk, contents[3] as Buffer)
  await publishOnly(second)
  expect(second.stats).toMatchObject({ newChunks: 0, knownChunks: 1 })
})
