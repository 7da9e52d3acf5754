import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** Where Linux has memory that looks like a folder. */
const MEMORY = '/dev/shm'
/** Some ten stores of a test, each of a MiB or two; containers have 64 MiB unless they are given more. */
const MEMORY_BYTES = 48 * 1024 * 1024

/** A folder that is gone when the test ends. */
export function tempFolder(): string {
  return folderIn(tmpdir())
}

/**
 * As `tempFolder`, in memory where the system has enough of that. For tests that sync or rename all the time, and would find the same
 * on a disk: what a process wrote is there after it was killed, whether it was synced or not.
 */
export function memoryFolder(): string {
  return folderIn(hasMemory() ? MEMORY : tmpdir())
}

function folderIn(parent: string): string {
  const folder = mkdtempSync(join(parent, 'varve-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function hasMemory(): boolean {
  try {
    const { bavail, bsize } = statfsSync(MEMORY)
    return bavail * bsize >= MEMORY_BYTES
  } catch {
    return false
  }
}
