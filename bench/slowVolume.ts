/**
 * A volume as a disk that takes its time: it does one thing at a time, and each takes a fixed delay more. Nothing else waits
 * meanwhile, so volumes that are asked together take the time of one.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { PhysicalVolume } from '../src/volume/physicalVolume.js'

export interface Delays {
  /** For each staged transaction. */
  readonly stageMs?: number | undefined
  /** For each extent in it. */
  readonly extentMs?: number | undefined
  /** For each extent read. */
  readonly readMs?: number | undefined
}

export function slowVolume(volume: PhysicalVolume, { stageMs = 0, extentMs = 0, readMs = 0 }: Delays): PhysicalVolume {
  let turn: Promise<unknown> = Promise.resolve()
  const slowly = <T>(ms: number, body: () => Promise<T>): Promise<T> => {
    if (ms === 0) return body()
    const done = turn.then(async () => {
      await delay(ms)
      return body()
    })
    turn = done.catch(() => undefined)
    return done
  }
  const slow: Pick<PhysicalVolume, 'stage' | 'read'> = {
    stage: (extents, sequence, options) =>
      slowly(stageMs + extentMs * extents.length, () => volume.stage(extents, sequence, options)),
    read: (eid) => slowly(readMs, () => volume.read(eid)),
  }
  return new Proxy(volume, {
    get(target, key) {
      if (key === 'stage' || key === 'read') return slow[key]
      const value = Reflect.get(target, key) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
