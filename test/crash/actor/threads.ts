import { systemClock } from '../../../src/base/clock.js'
import { systemRandomness } from '../../../src/base/random.js'
import { ChunkStore } from '../../../src/cas/chunkStore.js'
import { StoreWriter } from '../../../src/cas/storeWriter.js'
import { KIND } from '../../../src/format/kinds.js'
import { VolumeGroup } from '../../../src/volume/volumeGroup.js'
import { squeezableNoise } from '../support/chance.js'
import { say } from './say.js'

const CHUNKS = 400

const nothing = async function* (): AsyncIterable<never> {
  // No ref is moved.
}

/** Publishes so much that threads write it, and then closes the store, or just goes. */
export async function writeByThreads(path = '', driver = '', ending = ''): Promise<void> {
  const environment = { clock: systemClock, random: systemRandomness, lockTimeoutMs: 5000 }
  const group = await VolumeGroup.open(path, { ...environment, driver })
  const store = await ChunkStore.open(group, systemClock)
  const writer = new StoreWriter(store, { compression: { codec: 'none', level: 0 } })
  for (let chunk = 0; chunk < CHUNKS; chunk++) await writer.put(KIND.chunk, squeezableNoise(`${chunk}`, 60_000))
  await writer.publish({ apply: () => undefined, reach: nothing })
  say('published')
  if (ending === 'close') await group.close()
  say('done')
}
