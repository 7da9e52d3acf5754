import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleCommand } from '../../cli/build/bundle.js'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
/** Inside the project, so that what is put there finds the packages; in a folder that no tool looks into. */
const BUILDS = join(PROJECT, 'node_modules/.cache/varve-test')

/** A new folder below node_modules/.cache: the caller removes it. */
export function makeBuildFolder(name: string): string {
  mkdirSync(BUILDS, { recursive: true })
  return mkdtempSync(join(BUILDS, `${name}-`))
}

export interface BuiltCommand {
  /** To be put in front of PATH: it holds `varve`. */
  readonly binFolder: string
  /** What `process.execPath` runs as varve, as an argument. */
  readonly script: string
  remove(): void
}

/**
 * The `varve` command of the sources as they are, for tests that need a process of its own. Bundled in a moment, so that
 * it starts as fast as the one that ships and dist/ need be neither there nor new.
 */
export async function buildCommand(): Promise<BuiltCommand> {
  const folder = makeBuildFolder('command')
  await bundleCommand(PROJECT, join(folder, 'cli'))
  const script = join(folder, 'cli/main.cjs')
  const binFolder = join(folder, 'bin')
  mkdirSync(binFolder)
  writeFileSync(join(binFolder, 'varve'), `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@"\n`, { mode: 0o755 })
  return { binFolder, script, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
