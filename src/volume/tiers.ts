/**
 * Tiers of a logical volume: volumes with one tag are fast, those with another slow, and all copies of an extent lie in one of both.
 * What is new comes to the fast one while that has room; what goes where afterwards is planned by use (upkeep/tierPlan.ts).
 *
 * All numbers of that policy are here. Heat is a count of uses of which half is forgotten every `HALF_LIFE_MS` (heat.ts).
 */

import { VarveError } from '../base/errors.js'
import { DAY_MS } from '../base/units.js'
import type { LogicalVolumeLayout, PhysicalVolumeLayout } from '../format/layout.js'

export type Tier = 'fast' | 'slow'

export const HALF_LIFE_MS = 7 * DAY_MS
/** What is new is as hot as what was read so often just now. */
export const WRITTEN_READS = 4
/** Hot enough for the fast tier. More than one: whatever was read but once, by a scan of everything say, never is. */
export const HOT_READS = 1.5
/** Too cold for a fast tier without a capacity: about four weeks after it was written, if it was never read. */
export const COLD_READS = 0.25
/**
 * What comes up in the place of another is so many times as hot, and by so many reads. One read and more is what heat goes up and down by
 * between reads that come at regular times: so of two that are read as often, neither takes the place of the other.
 */
export const HOTTER_TIMES = 2
export const HOTTER_READS = 1
/** What was moved stays there for so long, whatever is read. */
export const REST_MS = DAY_MS

/** Parts of what the fast tier may hold. What is new goes to the slow one rather than fill it further than this. */
const FULL_PART = 0.95
/** Above this, the coldest go down … */
export const HIGH_PART = 0.85
/** … until it holds no more than this, and what comes up fits below it as well. The rest is for what is new. */
export const LOW_PART = 0.7

/** `undefined` for a volume of neither, or where there are no tiers. One with both tags is fast. */
export function tierOf(
  { tiers }: Pick<LogicalVolumeLayout, 'tiers'>,
  { tags }: Pick<PhysicalVolumeLayout, 'tags'>,
): Tier | undefined {
  if (!tiers) return undefined
  if (tags.includes(tiers.fast)) return 'fast'
  return tags.includes(tiers.slow) ? 'slow' : undefined
}

/** These volumes by tier, fast first; all of them in one where there are no tiers. */
export function tiersOf<V extends Pick<PhysicalVolumeLayout, 'tags'>>(
  policy: Pick<LogicalVolumeLayout, 'tiers'>,
  volumes: readonly V[],
): readonly (readonly V[])[] {
  if (!policy.tiers) return [volumes]
  const tiers: readonly Tier[] = ['fast', 'slow']
  return tiers.map((tier) => volumes.filter((volume) => tierOf(policy, volume) === tier))
}

/** @throws {VarveError} `INVALID_ARGUMENT` where a volume would be in both tiers */
export function requireOneTier(
  { name, tiers }: Pick<LogicalVolumeLayout, 'name' | 'tiers'>,
  volumes: readonly Pick<PhysicalVolumeLayout, 'number' | 'tags'>[],
): void {
  const both = tiers && volumes.find(({ tags }) => tags.includes(tiers.fast) && tags.includes(tiers.slow))
  if (!both) return
  throw new VarveError('INVALID_ARGUMENT', `volume ${both.number} would be in both tiers of logical volume ${name}`, {
    pv: String(both.number),
    actual: both.tags,
    hint: `Take one of the tags from it: \`varve pv change ${both.number} --deltag ${tiers.slow}\`.`,
  })
}

/** What these volumes may hold; `null` where one has no limit. */
export function capacityOf(volumes: readonly Pick<PhysicalVolumeLayout, 'capacityBytes'>[]): number | null {
  return volumes.reduce<number | null>(
    (sum, { capacityBytes }) => (sum === null || capacityBytes === null ? null : sum + capacityBytes),
    0,
  )
}

/**
 * The tier for a new extent: the one to begin with, unless it has no room, or is fast and nearly full. Where neither has room, nothing is
 * refused for a mark.
 * @param tiers as of `tiersOf`
 * @param used stored bytes
 */
export function chooseTier<V extends Pick<PhysicalVolumeLayout, 'capacityBytes'>>(
  tiers: readonly (readonly V[])[],
  first: Tier,
  copies: number,
  storedBytes: number,
  used: (volume: V) => number,
): readonly V[] {
  const [fast = [], slow] = tiers
  if (!slow) return fast
  const hasRoom = (volumes: readonly V[]): boolean =>
    volumes.filter((volume) => volume.capacityBytes === null || used(volume) + storedBytes <= volume.capacityBytes)
      .length >= copies
  const capacityBytes = capacityOf(fast)
  const usedBytes = fast.reduce((sum, volume) => sum + used(volume), copies * storedBytes)
  const isBelowMark = capacityBytes === null || usedBytes <= FULL_PART * capacityBytes
  const takesMore = isBelowMark && hasRoom(fast)
  if (first === 'fast' && takesMore) return fast
  if (hasRoom(slow)) return slow
  return takesMore || hasRoom(fast) ? fast : slow
}
