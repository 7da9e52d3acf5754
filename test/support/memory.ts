import { statfsSync } from 'node:fs'

/** Where Linux has memory that looks like a folder. */
const MEMORY = '/dev/shm'

/** @returns a folder in memory that has so much room; `undefined` where there is none: containers have 64 MiB unless they are given more */
export function memoryWith(roomBytes: number): string | undefined {
  try {
    const { bavail, bsize } = statfsSync(MEMORY)
    return bavail * bsize >= roomBytes ? MEMORY : undefined
  } catch {
    return undefined
  }
}
