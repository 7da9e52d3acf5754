/** What one run of the spike varies. Everything else is held equal. */
export interface Config {
  /** Average chunk size in bytes; min is a quarter, max eight times, at most a quarter of an extent. */
  avg: number
  /** Raw bytes an extent holds at most. */
  extent: number
  page: number
  journal: 'WAL' | 'TRUNCATE'
  /** Compress an extent with the chunks it replaces as dictionary. */
  bases: boolean
  codec: 'zstd' | 'lz4'
  /** Average entries of a manifest node. */
  fanout: number
  /** Payload in a file of its own, the catalog in a 4 KiB WAL file beside it. */
  split: boolean
  /** `whole`: the write lock is held from the first lookup on. `late`: rows wait in memory, the lock is short. */
  hold: 'whole' | 'late'
  /** May SQLite write dirty pages before the commit? In rollback mode that locks readers out early. */
  spill: boolean
}

export const KiB = 1024
export const MiB = 1024 * KiB

export const defaults: Config = {
  avg: 16 * KiB,
  extent: MiB,
  page: 4 * KiB,
  journal: 'WAL',
  bases: false,
  codec: 'zstd',
  fanout: 64,
  split: false,
  hold: 'whole',
  spill: true,
}

/** Raw new bytes after which a long commit publishes a batch. */
export const batchBytes = 64 * MiB
export const maxDepth = 3
export const maxDecode = 16 * MiB

export interface ChunkSizes {
  min: number
  avg: number
  max: number
}

export function chunkSizes(config: Config): ChunkSizes {
  return { min: config.avg / 4, avg: config.avg, max: Math.min(config.avg * 8, config.extent / 4) }
}

export function parseConfig(json: string): Config {
  return { ...defaults, ...(JSON.parse(json) as Partial<Config>) }
}

/** A short name of what differs from the defaults' axes, for tables. */
export function label(c: Config): string {
  const parts = [`c${c.avg / KiB}`, `e${c.extent / KiB}`, `p${c.page / KiB}`, c.journal]
  if (c.bases) parts.push('bases')
  if (c.codec !== 'zstd') parts.push(c.codec)
  if (c.fanout !== 64) parts.push(`f${c.fanout}`)
  if (c.split) parts.push('split')
  if (c.hold !== 'whole') parts.push(c.hold)
  if (!c.spill) parts.push('nospill')
  return parts.join(' ')
}
