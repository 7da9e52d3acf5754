/** What stores and their files are opened in: clock, randomness, locks. */
import { type Clock, systemClock } from './base/clock.js'
import { VarveError } from './base/errors.js'
import type { FileSystem } from './base/filesystem.js'
import { type Randomness, systemRandomness } from './base/random.js'
import type { OpenGroupOptions } from './volume/groupOptions.js'

export interface EnvironmentOptions {
  /**
   * `full` (default): a commit, branch or tag is on the disk when its call resolves. `normal`: it is whole, in its place in the
   * order and visible to everybody, and on the disk after the next `sync` or `close`; a killed process loses nothing, a
   * power failure the newest commits, all of them from some commit on. In a group of several volumes `normal` is as `full`.
   */
  readonly durability?: 'full' | 'normal' | undefined
  /** How long a lock that another process holds is waited for, in milliseconds. Default 10,000. */
  readonly lockTimeoutMs?: number | undefined
  /** Memory for decoded extents, in bytes. Default 16 MiB. */
  readonly cacheBytes?: number | undefined
  readonly clock?: Clock | undefined
  readonly random?: Randomness | undefined
  readonly fileSystem?: FileSystem | undefined
}

const LOCK_TIMEOUT_MS = 10_000

export function groupOptions(options: EnvironmentOptions): OpenGroupOptions {
  const { durability = 'full' } = options
  if (durability !== 'full' && durability !== 'normal') {
    throw new VarveError('INVALID_ARGUMENT', `there is no durability ${JSON.stringify(durability)}`, {
      expected: ['full', 'normal'],
      actual: durability,
    })
  }
  return {
    durability,
    clock: options.clock ?? systemClock,
    random: options.random ?? systemRandomness,
    lockTimeoutMs: options.lockTimeoutMs ?? LOCK_TIMEOUT_MS,
  }
}
