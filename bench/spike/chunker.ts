import { closeSync, openSync, readSync } from 'node:fs'
import { get_chunks } from 'fastcdc-wasm'
import { type ChunkSizes, MiB } from './config.ts'

/** Chunks of one window: `cuts` are boundaries in `bytes`, the first and the last included. */
export interface Window {
  bytes: Buffer
  cuts: number[]
}

const window = Buffer.alloc(16 * MiB)

/** Windows of a file. The bytes are only valid until the next one is asked for. */
export function* windows(path: string, sizes: ChunkSizes): Generator<Window> {
  const file = openSync(path, 'r')
  try {
    let fill = 0
    for (let ended = false; !ended; ) {
      while (fill < window.length && !ended) {
        const got = readSync(file, window, fill, window.length - fill, null)
        ended = got === 0
        fill += got
      }
      if (fill === 0) return
      const bytes = window.subarray(0, fill)
      const cuts = accepted(bytes, sizes, ended)
      yield { bytes, cuts }
      const used = cuts[cuts.length - 1] ?? 0
      window.copyWithin(0, used, fill)
      fill -= used
    }
  } finally {
    closeSync(file)
  }
}

/** Chunks of bytes that are wholly in memory. */
export function wholeCuts(bytes: Buffer, sizes: ChunkSizes): number[] {
  return bytes.length === 0 ? [0] : accepted(bytes, sizes, true)
}

function accepted(bytes: Buffer, sizes: ChunkSizes, last: boolean): number[] {
  const all = bytes.length <= sizes.min ? [0, bytes.length] : [...get_chunks(bytes, sizes.min, sizes.avg, sizes.max)]
  if (last) return all
  // A cut depends on nothing behind the window only if `max` bytes remained where its chunk starts.
  return all.filter((_, i) => i === 0 || (all[i - 1] ?? 0) + sizes.max <= bytes.length)
}
