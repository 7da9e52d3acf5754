/** A catalog in a fresh folder, a clock that is set by hand, and ids. */
import type { Clock } from '../../src/base/clock.js'
import { type Hash, parseHash } from '../../src/base/hash.js'
import { Refs } from '../../src/refs/refs.js'
import type { Catalog } from '../../src/volume/catalog.js'
import { createGroup } from '../support/groups.js'

export const START_MS = Date.UTC(2026, 2, 1, 12)

export class HandClock implements Clock {
  ms = START_MS
  zone = 0

  nowMs(): number {
    return this.ms
  }

  zoneMinutes(): number {
    return this.zone
  }
}

export async function openRefs(): Promise<{ refs: Refs; catalog: Catalog; clock: HandClock }> {
  const { group } = await createGroup({ volumes: 1 })
  const clock = new HandClock()
  return { refs: new Refs(group.catalog, clock), catalog: group.catalog, clock }
}

export function idOf(digit: string): Hash {
  return parseHash(digit.repeat(64))
}

export const LOG = { operation: 'commit', message: 'a message', who: 'Ada' }
