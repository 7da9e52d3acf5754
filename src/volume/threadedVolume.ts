/**
 * A volume with a file of its own whose large stages are written by a thread, so that disks that are waited for are waited for
 * together, and nothing else waits meanwhile. Everything else is done here, once the thread is done: its locks would be waited for by all.
 *
 * The thread starts with the first stage that is large enough and ends when the volume is closed. Without one, or where it died, the stage is
 * made here: what it may have brought before is found, and is the same.
 */

import { MIB } from '../base/units.js'
import { insertionOf } from './payloadTables.js'
import type { NewExtent, PhysicalVolume, StagedExtents, StageOptions } from './physicalVolume.js'
import { COUNTERS_THERE, countersText, recoveryRuns } from './recoveryRows.js'
import type { SqliteVolume } from './sqliteVolume.js'
import { type ThreadOptions, VolumeThread } from './volumeThread.js'

/** Smaller stages are over before a thread is there. Two extents, which are seldom full, are enough: a fourth of what is staged ahead. */
const START_BYTES = 1.75 * MIB
/** Once it is there. */
const THREAD_BYTES = MIB / 4
export function threadedVolume(volume: SqliteVolume, options: ThreadOptions): PhysicalVolume {
  const writer = new VolumeWriter(volume, options)
  const methods = new Map<string | symbol, unknown>([
    ['stage', writer.stage.bind(writer)],
    ['close', writer.close.bind(writer)],
  ])
  return new Proxy(volume, {
    get(target, key) {
      const known = methods.get(key)
      if (known) return known
      const value = Reflect.get(target, key) as unknown
      if (typeof value !== 'function') return value
      const waiting = async (...parameters: unknown[]): Promise<unknown> => {
        while (writer.busy !== undefined) await writer.busy
        return value.apply(target, parameters)
      }
      methods.set(key, waiting)
      return waiting
    },
    // Whoever puts something in the place of a method gets that, and not what it calls in turn.
    set(_target, key, value) {
      methods.set(key, value)
      return true
    },
  })
}

class VolumeWriter {
  /** What the thread is at; never fails. Looked at again after each wait: others waited, too. */
  busy: Promise<void> | undefined
  #thread: VolumeThread | undefined
  /** What could not start, or died, is not started again. */
  #isWithout = false

  constructor(
    private readonly volume: SqliteVolume,
    private readonly options: ThreadOptions,
  ) {}

  async stage(extents: readonly NewExtent[], publishSequence: number, options?: StageOptions): Promise<StagedExtents> {
    while (this.busy !== undefined) await this.busy
    const bytes = extents.reduce((sum, { frame }) => sum + frame.length, 0)
    const thread = options?.replaces ? undefined : this.#threadFor(bytes)
    if (thread) {
      const work = this.#stageIn(thread, extents, publishSequence, options)
      const ended = (): void => {
        this.busy = undefined
      }
      this.busy = work.then(ended, ended)
      const transactions = await work
      if (transactions !== undefined) return { complete: () => transactions }
      while (this.busy !== undefined) await this.busy
    }
    return this.volume.stage(extents, publishSequence, options)
  }

  async close(): Promise<void> {
    while (this.busy !== undefined) await this.busy
    this.#isWithout = true
    await this.#thread?.stop()
    await this.volume.close()
  }

  #threadFor(bytes: number): VolumeThread | undefined {
    if (this.#thread?.isOver) this.#isWithout = true
    if (this.#isWithout || bytes < (this.#thread ? THREAD_BYTES : START_BYTES)) return undefined
    this.#thread ??= VolumeThread.start(this.volume.location, this.options)
    return this.#thread
  }

  async #stageIn(
    thread: VolumeThread,
    extents: readonly NewExtent[],
    publishSequence: number,
    options: StageOptions | undefined,
  ): Promise<number | undefined> {
    const recovery = options?.recovery
    const transactions = await thread.transact({
      runs: extents.flatMap(insertionOf),
      also: recovery?.since && {
        query: COUNTERS_THERE,
        expected: countersText(recovery.since),
        runs: recoveryRuns(recovery),
      },
      headerCheckStart: this.volume.tables.headerCheckStart(),
      publishSequence,
    })
    // The first copy of a volume, which may not even have the tables for it.
    if (transactions !== undefined && recovery && !recovery.since) {
      await this.volume.writeRecovery(recovery, publishSequence)
    }
    return transactions
  }
}
