/**
 * One call of one volume fails, whichever it is. What is then acknowledged is whole, and what is not leaves nothing
 * visible: an error is never followed by a success without the data.
 */
import { expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { isVarveError, VarveError } from '../../src/base/errors.js'
import type { Hash } from '../../src/base/hash.js'
import { ChunkStore } from '../../src/cas/chunkStore.js'
import { KIND } from '../../src/format/kinds.js'
import type { PhysicalVolume } from '../../src/volume/physicalVolume.js'
import { createGroup, extentsOf, publishOnly, VOLUMES, writerOf } from '../support/groups.js'
import { noise } from './support/chance.js'

/** Fails one call, counted over all volumes together. */
class Fault {
  private calls = 0
  private over = false
  struck: string | undefined

  constructor(
    private readonly methods: readonly string[],
    private readonly at: number,
    private readonly code: 'STORAGE_FULL' | 'STORE_LOCKED',
  ) {}

  /** From now on nothing fails. */
  end(): void {
    this.over = true
  }

  readonly wrapVolume = (volume: PhysicalVolume): PhysicalVolume =>
    new Proxy(volume, {
      get: (target, key) => {
        const value = Reflect.get(target, key) as unknown
        if (typeof value !== 'function') return value
        return (...parameters: unknown[]): unknown => {
          if (!this.over && this.methods.includes(String(key)) && this.calls++ === this.at) {
            this.struck = `${String(key)} of volume ${target.number}`
            return Promise.reject(new VarveError(this.code, `${this.struck} was made to fail`))
          }
          return Reflect.apply(value, target, parameters)
        }
      },
    })
}

const CHUNKS = 60

async function writeThrough(fault: Fault): Promise<'whole' | 'refused'> {
  const { group } = await createGroup({ open: { wrapVolume: fault.wrapVolume } })
  const store = await ChunkStore.open(group, systemClock)
  const writer = writerOf(store)
  const ids: Hash[] = []
  const insist = async <T>(work: () => Promise<T>): Promise<T | undefined> => {
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        return await work()
      } catch (error) {
        if (!isVarveError(error, 'STORAGE_FULL', 'STORE_LOCKED')) throw error
      }
    }
    return undefined
  }
  for (let index = 0; index < CHUNKS; index++) {
    const id = await insist(() => writer.put(KIND.chunk, noise(`fault ${index}`, 60_000)))
    if (id !== undefined) ids.push(id)
  }
  const published = await insist(async () => {
    await publishOnly(writer)
    return true
  })
  fault.end()
  if (!published) await writer.abandon()
  const reader = await ChunkStore.open(group, systemClock)
  if (published) {
    expect(ids).toHaveLength(CHUNKS)
    for (const id of ids) expect((await reader.get(KIND.chunk, id)).length).toBe(60_000)
  } else {
    expect(extentsOf(group)).toEqual([])
  }
  expect(group.catalog.all('SELECT id FROM lease')).toEqual([])
  for (const volume of group.volumes) {
    const held = await volume.list(0, Number.MAX_SAFE_INTEGER)
    expect(held.filter((eid) => !group.catalog.hasCopy(eid, volume.number))).toEqual([])
  }
  return published ? 'whole' : 'refused'
}

test.each(['stage', 'lookup'] as const)('S-1: any one call of %s fails', async (method) => {
  const outcomes = new Map<string, string>()
  for (let at = 0; ; at++) {
    const fault = new Fault([method], at, method === 'stage' ? 'STORAGE_FULL' : 'STORE_LOCKED')
    const outcome = await writeThrough(fault)
    if (fault.struck === undefined) break
    outcomes.set(`${fault.struck}, call ${at}`, outcome)
  }
  expect(outcomes.size).toBeGreaterThanOrEqual(VOLUMES)
})
