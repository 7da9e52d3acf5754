/** gc at the worst moment of a publish: between two reads, and between two transactions. */
import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { type Hash, hashToBytes } from '../../src/base/hash.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { KIND } from '../../src/format/kinds.js'
import type { CatalogTransaction } from '../../src/volume/catalog.js'
import { createGroup, createStore, nothingElse, publishOnly, seededRandom, writerOf } from '../support/groups.js'
import { hookedVolume } from '../support/hookedVolume.js'

const random = seededRandom('gc meanwhile')

test('a hit that gc takes between the epoch’s reading and the transaction is stored again', async () => {
  let staged = false
  const { group } = await createGroup({
    volumes: 2,
    open: {
      wrapVolume: (volume) =>
        hookedVolume(volume, {
          async stage(target, ...parameters) {
            const result = await target.stage(...parameters)
            staged = true
            return result
          },
        }),
    },
  })
  const store = await ChunkStore.open(group, systemClock)
  const known = random.bytes(50_000)
  const first = writerOf(store)
  const id = await first.put(KIND.chunk, known)
  await publishOnly(first)

  staged = false
  let collected = 0
  const counter = group.catalog.counter.bind(group.catalog)
  group.catalog.counter = (name) => {
    const value = counter(name)
    // The first look at the epoch after staging is the one that the transaction compares with.
    if (name === 'gc_epoch' && staged && collected === 0) {
      collected++
      group.catalog.write((tx) => {
        tx.run('DELETE FROM extent')
        tx.run('DELETE FROM copy')
        tx.advance('gc_epoch', 1)
      })
    }
    return value
  }
  const writer = writerOf(store)
  await writer.put(KIND.chunk, known)
  await writer.put(KIND.chunk, random.bytes(9000))
  await publishOnly(writer)
  group.catalog.counter = counter
  expect(collected).toBe(1)
  const fresh = await ChunkStore.open(group, systemClock)
  expect((await fresh.get(KIND.chunk, id)).equals(known)).toBe(true)
})

test('what gc condemns after the first transaction of a publish is revived by the one that moves the ref', async () => {
  const { store, group } = await createStore()
  const { catalog } = group
  // gc was at work before: publishing walks, in two transactions.
  catalog.write((tx) => tx.advance('gc_epoch', 1))
  const writer = writerOf(store)
  const id = await writer.put(KIND.chunk, random.bytes(5000))
  const ids = async function* (): AsyncIterable<Hash> {
    yield id
  }
  let condemned = 0
  const write = catalog.write.bind(catalog)
  catalog.write = <T>(body: (tx: CatalogTransaction) => T): T => {
    const result = write(body)
    if (condemned === 0 && catalog.get('SELECT 1 FROM extent') !== undefined) {
      condemned++
      write((tx) => {
        const epoch = tx.advance('gc_epoch', 1) + 1
        tx.run(
          'INSERT INTO condemned (hash, chunk_id, gc_epoch, condemned_ms) VALUES (?, 0, ?, 0)',
          hashToBytes(id),
          epoch,
        )
      })
    }
    return result
  }
  let moved = 0
  await writer.publish({ apply: () => moved++, reach: ids, adopted: nothingElse })
  catalog.write = write
  expect({ moved, condemned }).toEqual({ moved: 1, condemned: 1 })
  expect(catalog.all('SELECT 1 FROM condemned')).toEqual([])
})
