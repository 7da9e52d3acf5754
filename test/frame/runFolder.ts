/**
 * Before all tests: one folder for whatever they write, which is gone when the run ends. It lies in memory where the system has
 * enough of that: stores sync all the time, and what a process wrote is there after it was killed, whether it was synced or not.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryWith } from '../support/memory.js'

/** Many times what tests that run at the same time have. */
const ROOM_BYTES = 2 * 1024 ** 3
/** Where the system has its temporary files. */
const DISK = 'VARVE_TEST_DISK'

export function setup(): (() => void) | undefined {
  // Each project of vitest asks for it, and the first one makes it for all.
  if (process.env[DISK] !== undefined) return undefined
  const disk = tmpdir()
  const folder = mkdtempSync(join(memoryWith(ROOM_BYTES) ?? disk, 'varve-tests-'))
  // Some tests are somebody else for a while.
  chmodSync(folder, 0o755)
  process.env[DISK] = disk
  // Each system looks at another one.
  for (const name of ['TMPDIR', 'TEMP', 'TMP']) process.env[name] = folder
  return () => rmSync(folder, { recursive: true, force: true })
}

export function diskFolderOfRun(): string {
  return process.env[DISK] ?? tmpdir()
}
