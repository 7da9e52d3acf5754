/** A folder for a run, which goes when the run ends: with its children, if it is interrupted. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stopChildren } from './children.js'

/** @param parent - Undefined: the system's temporary folder. */
export async function inWorkFolder<Result>(
  parent: string | undefined,
  run: (workFolder: string) => Promise<Result>,
): Promise<Result> {
  // Real, because some tools record the path as it really is.
  const workFolder = realpathSync(mkdtempSync(join(parent ?? tmpdir(), 'varve-bench-')))
  const clean = (): void => rmSync(workFolder, { recursive: true, force: true, maxRetries: 3 })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      stopChildren()
      clean()
      process.exit(130)
    })
  }
  try {
    return await run(workFolder)
  } finally {
    clean()
  }
}
