import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The version in varve's package.json: the first one above this file, which lies deeper once it is built. */
export function readVersion(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const found = tryReadPackage(join(folder, 'package.json'))
    if (found?.name === 'varve' && found.version !== undefined) return found.version
    if (folder === dirname(folder)) return 'unknown'
  }
}

function tryReadPackage(file: string): { name?: string; version?: string } | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string }
  } catch {
    return undefined
  }
}
