/** Volume groups for tests: every suite runs on one file and, with VARVE_TEST_PVS=3, striped over three volumes. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { type Randomness, systemRandomness } from '../../src/base/random.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { StoreWriter } from '../../src/cas/storeWriter.js'
import { makeProfile, type ProfileOptions } from '../../src/format/profile.js'
import type { PlacedRecord } from '../../src/volume/catalog.js'
import type { OpenGroupOptions } from '../../src/volume/groupOptions.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { tempFolder } from './tempFolder.js'

export const VOLUMES = Number(process.env.VARVE_TEST_PVS ?? '1')

export const groupOptions: OpenGroupOptions = { clock: systemClock, random: systemRandomness, lockTimeoutMs: 2000 }

export function seededRandom(seed: string): Randomness {
  let counter = 0
  return {
    bytes(count) {
      const parts: Buffer[] = []
      for (let have = 0; have < count; have += 32) {
        parts.push(createHash('sha256').update(`${seed}:${counter++}`).digest())
      }
      return Buffer.concat(parts).subarray(0, count)
    },
  }
}

export function extentsOf(group: VolumeGroup): PlacedRecord[] {
  const extents: PlacedRecord[] = []
  group.catalog.eachExtent((placed) => extents.push(placed))
  return extents
}

/** Adds volumes until there are `count`, striped. */
async function spread(group: VolumeGroup, folder: string, count = VOLUMES): Promise<void> {
  for (let number = 1; number < count; number++) {
    await group.extend(join(folder, `pv${number}.varve`), { capacityBytes: null, tags: [] })
  }
  if (count > 1) {
    await group.changeLayout((layout) => ({
      ...layout,
      logicalVolumes: layout.logicalVolumes.map((volume) => ({ ...volume, type: 'striped' as const })),
    }))
  }
}

export async function createGroup(
  options: { volumes?: number; profile?: ProfileOptions; open?: Partial<OpenGroupOptions> } = {},
): Promise<{ group: VolumeGroup; folder: string; path: string }> {
  const folder = tempFolder()
  const path = join(folder, 'store.varve')
  const group = await VolumeGroup.create(path, makeProfile(options.profile ?? {}), { ...groupOptions, ...options.open })
  await spread(group, folder, options.volumes ?? VOLUMES)
  onTestFinished(() => group.close().catch(() => undefined))
  return { group, folder, path }
}

export async function createStore(
  options: Parameters<typeof createGroup>[0] = {},
): Promise<{ store: ChunkStore; group: VolumeGroup; folder: string; path: string }> {
  const made = await createGroup(options)
  return { ...made, store: await ChunkStore.open(made.group, systemClock) }
}

export function writerOf(store: ChunkStore): StoreWriter {
  return new StoreWriter(store, { compression: { codec: 'zstd', level: 1 } })
}

export const nothingElse = async function* (): AsyncIterable<never> {
  // Nothing is adopted from elsewhere.
}

/** Publishes without moving a ref. */
export function publishOnly(writer: StoreWriter): Promise<void> {
  return writer.publish({ apply: () => undefined, reach: nothingElse })
}
