import { VarveError } from './errors.js'

/** One report of long work. Counts only grow within a phase. */
export interface Progress {
  readonly phase:
    | 'scan'
    | 'store'
    | 'publish'
    | 'export'
    | 'verify'
    | 'read'
    | 'gc'
    | 'erase'
    | 'defragment'
    | 'move'
    | 'pack'
  readonly itemsDone: number
  /** `undefined` while unknown. */
  readonly itemsTotal?: number | undefined
  readonly bytesDone: number
  readonly bytesTotal?: number | undefined
  /** What is being worked on, for people. */
  readonly current?: string | undefined
}

export type OnProgress = (progress: Progress) => void

/** What every long operation takes. */
export interface WorkOptions {
  /** Aborting rejects with `CANCELLED` and leaves a clean store. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: OnProgress | undefined
}

/** @throws {VarveError} `CANCELLED` once `signal` is aborted. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new VarveError('CANCELLED', 'the operation was cancelled', { cause: signal.reason })
}
