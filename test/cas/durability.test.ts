/** S-1: what moves a ref is synced, and all that was written before it; batches before that need not be. */
import { createCipheriv } from 'node:crypto'
import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { MIB } from '../../src/base/units.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { KIND } from '../../src/format/kinds.js'
import type { CatalogTransaction } from '../../src/volume/catalog.js'
import { createGroup, nothingElse, VOLUMES, writerOf } from '../support/groups.js'
import { hookedVolume } from '../support/hookedVolume.js'

/** Much, and quickly: a key stream is as good as random, and the same each time. */
const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16))
const randomBytes = (count: number): Buffer => stream.update(Buffer.alloc(count))
const NORMAL = 1
const FULL = 2

function syncing(tx: CatalogTransaction): number | undefined {
  return tx.get<{ synchronous: number }>('PRAGMA synchronous')?.synchronous
}

/** Puts so much that it is published in several batches. @returns what each of them was written with */
async function publishLarge(
  failAt?: number,
): Promise<{ seen: (number | undefined)[]; moved?: number; after?: number }> {
  const seen: (number | undefined)[] = []
  const { group } = await createGroup({
    open: {
      wrapVolume: (volume) =>
        hookedVolume(volume, {
          stage: async (target, extents, sequence) => {
            const staged = await target.stage(extents, sequence)
            return {
              complete: () => {
                if (target.number === 0) seen.push(syncing(group.catalog))
                if (seen.length === failAt) throw new Error('the disk fails')
                return staged.complete()
              },
            }
          },
        }),
    },
  })
  const writer = writerOf(await ChunkStore.open(group, systemClock))
  let moved: number | undefined
  try {
    for (let put = 0; put < 80 * MIB; put += 64 * 1024) await writer.put(KIND.chunk, randomBytes(64 * 1024))
    await writer.publish({
      apply: (tx) => {
        moved = syncing(tx)
      },
      reach: nothingElse,
    })
  } catch (error) {
    if (failAt === undefined) throw error
    await writer.abandon()
  }
  return { seen, moved: moved ?? -1, after: syncing(group.catalog) ?? -1 }
}

test('the batch that moves a ref is synced', async () => {
  const { seen, moved, after } = await publishLarge()
  expect(seen.length).toBeGreaterThan(2)
  expect(moved).toBe(FULL)
  expect(after).toBe(FULL)
  const before = VOLUMES === 1 ? NORMAL : FULL
  expect(seen).toEqual([...seen.slice(1).map(() => before), FULL])
})

test('a batch that fails leaves the next one to be synced', async () => {
  const { after } = await publishLarge(2)
  expect(after).toBe(FULL)
})
