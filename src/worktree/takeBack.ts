/**
 * Taking back what was made for something that then failed.
 *
 * Nothing here fails: what made us give up is the better message. Symlinks are removed, never followed.
 */
import { dirname } from 'node:path'
import type { FileSystem } from '../base/filesystem.js'
import { diskPathOf } from './diskPath.js'

/** A folder and those above it, as far as they are yet to be made; the inner ones first. */
export function missingFolders(fs: FileSystem, folder: string): readonly string[] {
  const missing: string[] = []
  for (let path = folder; attempt(() => fs.lstat(Buffer.from(path))) === undefined; path = dirname(path)) {
    if (path === dirname(path)) break
    missing.push(path)
  }
  return missing
}

/** Folders, as far as they are empty. */
export function removeEmpty(fs: FileSystem, ...paths: readonly string[]): void {
  for (const path of paths) attempt(() => fs.rmdir(Buffer.from(path)))
}

/** All that is in a folder that was empty when the work began. */
export function removeContents(fs: FileSystem, folder: Buffer): void {
  const entries = attempt(() => fs.list(folder)) ?? []
  for (const { name, type } of entries) {
    const path = diskPathOf(folder, name)
    if (type === 'directory') removeContents(fs, path)
    attempt(() => (type === 'directory' ? fs.rmdir(path) : fs.unlink(path)))
  }
}

function attempt<T>(body: () => T): T | undefined {
  try {
    return body()
  } catch {
    return undefined
  }
}
