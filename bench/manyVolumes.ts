/**
 * `npm run bench -- many-volumes`: what a group of 200 volumes costs beside a store of one file with as many chunks: opening it, looking up
 * hashes that are there and that are not, and small commits. Both in turn, a round of one and then of the other.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import type { Hash } from '../src/index.js'
import type { VolumeGroup } from '../src/volume/volumeGroup.js'
import { openBuilt, openBuiltModule } from './builtLibrary.js'
import { describeHost } from './host.js'
import { type ManyVolumesResult, type ManyVolumesResults, manyVolumesMarkdown } from './manyVolumesReport.js'
import { runScenario, say } from './scenario.js'
import { Seeded } from './seeded.js'
import { spreadOf } from './statistics.js'

const VOLUMES = [1, 200]
const CHUNKS = 400_000
/** Short, so that many chunks are few bytes. */
const CHUNK_BYTES = 1024
const FILE_BYTES = 2 ** 20
const FILES_PER_COMMIT = 50
const ROUNDS = 5
const BATCHES = 10
const HASHES = 1000
const COMMITS = 10
const AUTHOR = 'Bench <bench@example.org>'

const USAGE = `
npm run bench -- many-volumes [--work DIR] [--out FILE]

  --work DIR     where the stores are made, 1.2 GB (default: the system's temporary folder)
  --out FILE     where the results go, as FILE.md and FILE.json (default: bench/results/DATE-many-volumes)
`.trim()

/** @returns the exit status */
export function manyVolumes(args: readonly string[]): Promise<number> {
  return runScenario({ name: 'many-volumes', usage: USAGE, run: measure, markdown: manyVolumesMarkdown }, args)
}

async function measure(workFolder: string): Promise<ManyVolumesResults> {
  const host = describeHost(workFolder)
  const stores: MeasuredStore[] = []
  for (const volumes of VOLUMES) {
    say(`a store of ${volumes} volumes …`)
    const store = new MeasuredStore(volumes, workFolder)
    await store.create()
    stores.push(store)
  }
  // The first round is not counted: it leaves the program compiled.
  for (let round = 0; round <= ROUNDS; round++) for (const store of stores) await store.measure(round > 0)
  const results = stores.map((store) => store.result())
  return { date: new Date().toISOString().slice(0, 10), host, version: packageJson.version, hashes: HASHES, results }
}

class MeasuredStore {
  readonly #path: string
  readonly #random = new Seeded('many volumes')
  readonly #times = { open: [], first: [], absent: [], present: [], commit: [] } as Record<string, number[]>
  #chunks = 0
  #edits = 0

  constructor(
    private readonly volumes: number,
    private readonly folder: string,
  ) {
    this.#path = join(folder, `of${volumes}.varve`)
  }

  async create(): Promise<void> {
    const { Repository } = await openBuilt()
    const others = Array.from({ length: this.volumes - 1 }, (_, at) =>
      join(this.folder, `of${this.volumes}.pv${at + 1}`),
    )
    const repository = await Repository.create(this.#path, {
      chunkBytes: CHUNK_BYTES,
      ...(others.length > 0 ? { volumes: others, type: 'striped' as const } : {}),
    })
    for (let files = 0; this.#chunks < CHUNKS; ) {
      const draft = await repository.draft('main')
      for (let file = 0; file < FILES_PER_COMMIT; file++) {
        await draft.write(`${files++}`, this.#random.bytes(FILE_BYTES))
      }
      await draft.commit({ message: 'more', author: AUTHOR })
      this.#chunks = (await repository.stats()).chunks
    }
    await repository.close()
  }

  async measure(counts: boolean): Promise<void> {
    const timed = async (what: string, body: () => Promise<unknown>): Promise<void> => {
      const before = performance.now()
      await body()
      if (counts) this.#times[what]?.push(performance.now() - before)
    }
    const group = await this.#openGroup()
    const absent = (): Hash[] => Array.from({ length: HASHES }, () => randomBytes(32).toString('hex') as Hash)
    await timed('first', () => group.lookup(absent(), false))
    for (let batch = 0; batch < BATCHES; batch++) {
      const [none, some] = [absent(), await presentIn(group)]
      await timed('absent', () => group.lookup(none, false))
      await timed('present', () => group.lookup(some, false))
    }
    await group.close()
    const { Repository } = await openBuilt()
    let repository: Awaited<ReturnType<typeof Repository.open>> | undefined
    await timed('open', async () => {
      repository = await Repository.open(this.#path)
    })
    for (let commit = 0; commit < COMMITS; commit++) {
      await timed('commit', async () => {
        const draft = await repository?.draft('edits')
        await draft?.write('document', `${this.#edits++}\n${this.#random.text(4000)}`)
        await draft?.commit({ message: 'edit', author: AUTHOR })
      })
    }
    await repository?.close()
  }

  result(): ManyVolumesResult {
    const { open = [], first = [], absent = [], present = [], commit = [] } = this.#times
    return {
      volumes: this.volumes,
      chunks: this.#chunks,
      openMs: spreadOf(open),
      firstMs: spreadOf(first),
      absentMs: spreadOf(absent),
      presentMs: spreadOf(present),
      commitMs: spreadOf(commit),
    }
  }

  /** Nothing public looks hashes up alone. */
  async #openGroup(): Promise<VolumeGroup> {
    const groups = await openBuiltModule<typeof import('../src/volume/volumeGroup.js')>('volume/volumeGroup')
    const { systemClock } = await openBuiltModule<typeof import('../src/base/clock.js')>('base/clock')
    const { systemRandomness } = await openBuiltModule<typeof import('../src/base/random.js')>('base/random')
    return groups.VolumeGroup.open(this.#path, { clock: systemClock, random: systemRandomness, lockTimeoutMs: 5000 })
  }
}

/** As many of each volume, from anywhere in its chunk table. */
async function presentIn(group: VolumeGroup): Promise<Hash[]> {
  const { volumes } = group
  const hashes: Hash[] = []
  while (hashes.length < HASHES) {
    for (const volume of volumes) {
      const after = { hash: randomBytes(32).toString('hex') as Hash, eid: 0 }
      for (const { hash } of await volume.chunkRows(after, 1)) hashes.push(hash)
    }
  }
  return hashes.slice(0, HASHES)
}
