/**
 * Steps of copies, read and checked before anything of them is done: what is to come, from whichever copy is sound, each chunk of
 * it hashed; and where copies only go, those that stay.
 */
import { isVarveError } from '../base/errors.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import type { NewExtent } from '../volume/physicalVolume.js'
import type { CopyStep } from './copyPlans.js'
import { SoundExtents } from './soundExtent.js'

/** A step that can be done. */
export interface CheckedStep {
  readonly step: CopyStep
  /** What is to come. */
  readonly extent: NewExtent | undefined
}

/** Steps of which all was read. */
export interface ReadSteps {
  /** Those that can be done: all but what is damaged, or went away meanwhile. */
  checked(): Promise<CheckedStep[]>
}

interface Asked {
  /** Why it cannot be done. */
  readonly note?: string
  checked(): Promise<CheckedStep | undefined>
}

/** Extents being read and decoded at a time, the thread pool's share. */
const READS_AT_ONCE = 3

const NOTHING: Asked = { checked: async () => undefined }

export class StepReader {
  readonly #store: ChunkStore
  readonly #extents: SoundExtents
  readonly #notes: string[]

  /** @param notes get what cannot be done, and why */
  constructor(store: ChunkStore, aheadBytes: number, notes: string[]) {
    this.#store = store
    this.#extents = new SoundExtents(store, aheadBytes)
    this.#notes = notes
  }

  /** Resolves when all was read; what is left is done by another thread, whatever this one does meanwhile. */
  async begin(steps: readonly CopyStep[]): Promise<ReadSteps> {
    const asked: Asked[] = []
    let next = 0
    const readSome = async (): Promise<void> => {
      for (let at = next++; at < steps.length; at = next++) {
        asked[at] = await this.#begin(steps[at] as CopyStep).catch((error: unknown) => {
          next = steps.length
          throw error
        })
      }
    }
    // Settled, all of them: nobody is still reading when this fails.
    for (const result of await Promise.allSettled(Array.from({ length: READS_AT_ONCE }, readSome)))
      if (result.status === 'rejected') throw result.reason
    return {
      checked: async () => {
        const found: CheckedStep[] = []
        for (const each of asked) {
          if (each.note !== undefined) this.#notes.push(each.note)
          const checked = await each.checked()
          if (checked) found.push(checked)
        }
        return found
      },
    }
  }

  /** To be called in any case. */
  stop(): Promise<void> {
    return this.#extents.stop()
  }

  async #begin(step: CopyStep): Promise<Asked> {
    const { eid, add } = step
    try {
      if (add.length === 0) return await this.#isKept(step)
      const coming = await this.#extents.begin(eid)
      return coming ? { checked: async () => ({ step, extent: await coming.extent }) } : NOTHING
    } catch (error) {
      if (!isVarveError(error, 'CORRUPT_EXTENT')) throw error
      return leftAlone(eid, error.message)
    }
  }

  /** Whether every copy that stays is what it should be. */
  async #isKept(step: CopyStep): Promise<Asked> {
    const { group } = this.#store
    const { eid, drop } = step
    const record = group.catalog.extent(eid)
    const staying = group.catalog.copies(eid).filter((pv) => !drop.includes(pv) && !group.absent.has(pv))
    if (!record || staying.length === 0) return NOTHING
    for (const pv of staying) {
      const extent = await group.requireVolume(pv).read(eid)
      if (extent?.checksum.equals(record.checksum)) continue
      return leftAlone(eid, `the copy on volume ${pv} is not what it should be`)
    }
    return { checked: async () => ({ step, extent: undefined }) }
  }
}

function leftAlone(eid: number, why: string): Asked {
  return { note: `extent ${eid} was left where it is: ${why}`, checked: async () => undefined }
}
