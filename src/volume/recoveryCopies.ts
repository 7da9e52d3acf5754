/**
 * When recovery copies follow the catalog: with the extents that are brought to a volume, in the same transaction; when the
 * group is closed; and before upkeep drops anything, on every volume (S-5: a copy must not name what went).
 *
 * A copy that could not be brought is behind, and no failure: what it is a copy of is durable.
 */
import type { Clock } from '../base/clock.js'
import { isVarveError } from '../base/errors.js'
import type { Catalog } from './catalog.js'
import type { PhysicalVolume, RecoveryRows, RecoveryState } from './physicalVolume.js'
import { recoveryRows } from './recoveryRows.js'

/** Volumes brought up to date where no extents go to any. */
const FOLLOWERS = 2
/** They are, that long after the last time, in milliseconds. */
const FOLLOW_EVERY_MS = 10_000
/** What is brought may not fit on what somebody else brought just before. */
const ATTEMPTS = 3

export class RecoveryCopies {
  private readonly known = new Map<number, RecoveryState | undefined>()
  private followedMs: number

  constructor(
    private readonly catalog: Catalog,
    private readonly clock: Clock,
  ) {
    this.followedMs = clock.nowMs()
  }

  /** For `PhysicalVolume.stage`. @returns `undefined` for what has nothing to follow */
  async rowsFor(volume: PhysicalVolume, isThorough = false): Promise<RecoveryRows | undefined> {
    if (volume.number === 0) return undefined
    if (!this.known.has(volume.number)) this.known.set(volume.number, await volume.recoveryState())
    try {
      return recoveryRows(this.catalog, this.known.get(volume.number), isThorough)
    } catch (error) {
      // Commits go on where an old row of a log is damaged.
      if (isVarveError(error, 'CORRUPT')) return undefined
      throw error
    }
  }

  /** They are durable there, unless they did not fit any more: what the volume has is looked at anew. */
  async brought(volume: PhysicalVolume, rows: RecoveryRows | undefined): Promise<void> {
    if (!rows) return
    this.known.delete(volume.number)
    this.followedMs = this.clock.nowMs()
    try {
      this.known.set(volume.number, await volume.recoveryState())
    } catch (error) {
      // Looked at the next time.
      if (!isBehind(error)) throw error
    }
  }

  /** Where extents go to the catalog's file alone, some volumes follow all the same, now and then. */
  async followLater(volumes: readonly PhysicalVolume[]): Promise<void> {
    const sinceMs = this.clock.nowMs() - this.followedMs
    if (sinceMs >= 0 && sinceMs < FOLLOW_EVERY_MS) return
    await this.follow(volumes)
  }

  /** Those that are nearest follow. */
  async follow(volumes: readonly PhysicalVolume[]): Promise<void> {
    const nearest = [...volumes]
      .filter(({ number }) => number !== 0)
      .sort((a, b) => Number(this.known.has(b.number)) - Number(this.known.has(a.number)) || a.number - b.number)
    await this.followAll(nearest.slice(0, FOLLOWERS), false)
    this.followedMs = this.clock.nowMs()
  }

  async followAll(volumes: readonly PhysicalVolume[], isThorough = true): Promise<void> {
    for (const volume of volumes) {
      try {
        await this.followWith(volume, isThorough)
      } catch (error) {
        if (!isBehind(error)) throw error
      }
    }
  }

  private async followWith(volume: PhysicalVolume, isThorough: boolean): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const rows = await this.rowsFor(volume, isThorough)
      if (!rows) return
      await volume.writeRecovery(rows, this.catalog.counter('publish_sequence'))
      await this.brought(volume, rows)
    }
  }
}

function isBehind(error: unknown): boolean {
  return isVarveError(
    error,
    'STORAGE_FULL',
    'STORAGE_READ_ONLY',
    'STORAGE_DENIED',
    'STORAGE_IO',
    'STORE_LOCKED',
    'CORRUPT',
  )
}
