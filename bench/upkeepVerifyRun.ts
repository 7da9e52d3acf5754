/**
 * One reading of a store, in this process. Started by upkeepReading.ts, prints one line of JSON.
 * `tsx bench/upkeepVerifyRun.ts STORE verify|checksums|quick|loop`
 */
import type { Repository } from '../src/index.js'
import type { StoredExtent } from '../src/volume/physicalVolume.js'
import { openBuilt, openBuiltModule } from './builtLibrary.js'

export interface VerifyRun {
  /** Without starting the process and opening the store. */
  readonly seconds: number
  /** User and system time of the process in that time, all threads. */
  readonly cpuSeconds: number
  /** Raw bytes decoded and hashed; of checksums, stored bytes. */
  readonly bytes: number
}

/** Frames that are read before any of them is decoded. */
const BATCH_BYTES = 64 << 20

async function run(path: string, what: string): Promise<VerifyRun> {
  const library = await openBuilt()
  const repository = await library.Repository.open(path, { readOnly: true })
  try {
    if (what === 'loop') return await decodeAndHash(repository)
    const options = what === 'verify' ? {} : what === 'checksums' ? { checksums: true } : { quick: true }
    return await timed(async () => {
      const { ok, problems, checked } = await repository.verify(options)
      if (!ok) throw new Error(`${problems.length} problems: ${problems[0]?.message}`)
      return checked.bytes
    })
  } finally {
    await repository.close()
  }
}

/** Every frame decoded and every chunk hashed, one after the other, and nothing else: reading them is not in the time. */
async function decodeAndHash({ parts }: Repository): Promise<VerifyRun> {
  const { decodeFrame } = await openBuiltModule<typeof import('../src/codec/compressor.js')>('codec/compressor')
  const { group, store } = parts
  const eids: number[] = []
  group.catalog.eachExtent(({ record }) => eids.push(record.eid))
  const sums = { seconds: 0, cpuSeconds: 0, bytes: 0 }
  for (let next = 0; next < eids.length; ) {
    const batch: StoredExtent[] = []
    for (let bytes = 0; bytes < BATCH_BYTES && next < eids.length; next++) {
      const extent = await group.readExtent(eids[next] as number)
      if (!extent) continue
      batch.push(extent)
      bytes += extent.frame.length
    }
    const { seconds, cpuSeconds, bytes } = await timed(async () => {
      let hashed = 0
      for (const { codec, frame, rawBytes, slots } of batch) {
        const raw = decodeFrame(codec, frame, rawBytes)
        let offset = 0
        for (const { kind, length } of slots) {
          store.hasher.id(kind, raw.subarray(offset, offset + length))
          offset += length
        }
        hashed += offset
      }
      return hashed
    })
    sums.seconds += seconds
    sums.cpuSeconds += cpuSeconds
    sums.bytes += bytes
  }
  return sums
}

async function timed(body: () => Promise<number>): Promise<VerifyRun> {
  const before = process.cpuUsage()
  const startedMs = performance.now()
  const bytes = await body()
  const seconds = (performance.now() - startedMs) / 1000
  const { user, system } = process.cpuUsage(before)
  return { seconds, cpuSeconds: (user + system) / 1e6, bytes }
}

const [path = '', what = ''] = process.argv.slice(2)
process.stdout.write(`${JSON.stringify(await run(path, what))}\n`)
