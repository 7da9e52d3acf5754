import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { diskFolderOfRun } from '../frame/runFolder.js'
import { memoryWith } from './memory.js'

/** Some ten stores of a test, each of a MiB or two. */
const SMALL_BYTES = 48 * 1024 * 1024

/** A folder that is gone when the test ends. In memory, where the system has enough of that for all tests: test/frame/runFolder.ts. */
export function tempFolder(): string {
  return folderIn(tmpdir())
}

/** As `tempFolder`, in memory where the system has enough for one test. For tests that sync or rename all the time. */
export function memoryFolder(): string {
  return folderIn(memoryWith(SMALL_BYTES) ?? tmpdir())
}

/** As `tempFolder`, and never in memory. */
export function diskFolder(): string {
  return folderIn(diskFolderOfRun())
}

function folderIn(parent: string): string {
  const folder = mkdtempSync(join(parent, 'varve-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
