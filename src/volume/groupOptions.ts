/** How a volume group is opened. */
import type { Clock } from '../base/clock.js'
import type { Randomness } from '../base/random.js'
import type { IsAlive } from './lease.js'
import type { PhysicalVolume } from './physicalVolume.js'

export interface GroupEnvironment {
  readonly clock: Clock
  readonly random: Randomness
  readonly lockTimeoutMs: number
  readonly isAlive?: IsAlive
}

export interface OpenGroupOptions extends GroupEnvironment {
  /** See `writeRefs`. Default `full`. */
  readonly durability?: 'full' | 'normal'
  readonly readOnly?: boolean
  /** Open although volumes are missing or refused: for looking at the layout, and for rescue. */
  readonly partial?: boolean
  /** For work that frees space: on a full disk it gets the room that is kept for that, and works in small steps. */
  readonly frees?: boolean
  /** Whether large stages are written by threads, on volumes with files of their own. Default: true. */
  readonly threads?: boolean
  /** See `ThreadOptions`. */
  readonly driver?: string
  /** Wraps each volume as it is opened: for simulations and fault injection. */
  readonly wrapVolume?: (volume: PhysicalVolume) => PhysicalVolume
}
