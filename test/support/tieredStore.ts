/** A store with a fast and a slow tier, a clock that the test moves, and a file for each commit. */
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Clock } from '../../src/base/clock.js'
import { DAY_MS } from '../../src/base/units.js'
import { type OpenOptions, Repository } from '../../src/repository.js'
import { heatAt, heatOf } from '../../src/volume/heat.js'
import { EXTENT_CLASS } from '../../src/volume/physicalVolume.js'
import { pseudoRandom } from '../codec/inputs.js'
import { commitFiles } from './repositories.js'
import { tempFolder } from './tempFolder.js'

export const FILE_BYTES = 100_000
const FIRST_MS = Date.UTC(2026, 0, 1)

export class TieredStore {
  readonly folder = tempFolder()
  readonly path = join(this.folder, 'store.varve')
  readonly clock: Clock = { nowMs: () => this.nowMs, zoneMinutes: () => 0 }
  nowMs = FIRST_MS
  readonly #open: Repository[] = []

  constructor() {
    onTestFinished(async () => {
      for (const repo of this.#open) await repo.close().catch(() => undefined)
    })
  }

  /** Volume 0 is slow; those after it are fast, then slow again. */
  async create(fast: readonly (number | null)[], slower = 0): Promise<Repository> {
    const repo = await Repository.create(this.path, { clock: this.clock })
    this.#open.push(repo)
    await repo.changePhysicalVolume('0', { tags: ['hdd'] })
    for (const [index, capacityBytes] of fast.entries()) {
      await repo.extendVolumeGroup(join(this.folder, `fast${index}.varve`), { tags: ['ssd'], capacityBytes })
    }
    for (let index = 0; index < slower; index++) {
      await repo.extendVolumeGroup(join(this.folder, `slow${index}.varve`), { tags: ['hdd'] })
    }
    return repo
  }

  async open(options: OpenOptions = {}): Promise<Repository> {
    const repo = await Repository.open(this.path, { clock: this.clock, ...options })
    this.#open.push(repo)
    return repo
  }

  /** In a sitting of its own, with nothing in memory. */
  async read(name: string, options: OpenOptions = {}): Promise<void> {
    const repo = await this.open(options)
    await (await repo.at('main')).read(name)
    await repo.close()
    this.nowMs += 1000
  }

  passDays(days: number): void {
    this.nowMs += days * DAY_MS
  }
}

export const TIERS = { fast: 'ssd', slow: 'hdd' } as const

/** Files `0`, `1`, … of different contents, each in a commit of its own. */
export async function commitNumbered(repo: Repository, numbers: Iterable<number>): Promise<void> {
  for (const number of numbers) await commitFiles(repo, { [number]: pseudoRandom(FILE_BYTES, number) }, `${number}`)
}

/** Of each file the volumes that its contents lie on. */
export async function placesOf(repo: Repository): Promise<Record<string, readonly number[]>> {
  const places: Record<string, readonly number[]> = {}
  for (const { name, eid } of await filesByExtent(repo)) places[name] = repo.parts.group.catalog.copies(eid)
  return places
}

export async function heatByFile(repo: Repository): Promise<Record<string, number>> {
  const { catalog, options } = repo.parts.group
  const heat: Record<string, number> = {}
  for (const { name, eid } of await filesByExtent(repo)) {
    heat[name] = Math.round(100 * heatAt(heatOf(catalog, eid), options.clock.nowMs())) / 100
  }
  return heat
}

/** Each file has an extent of its own, in the order of their numbers. */
async function filesByExtent(repo: Repository): Promise<{ readonly name: string; readonly eid: number }[]> {
  const eids: number[] = []
  repo.parts.group.catalog.eachExtent(({ record }) => {
    if (record.class === EXTENT_CLASS.data) eids.push(record.eid)
  })
  return eids.map((eid, index) => ({ name: String(index), eid }))
}
