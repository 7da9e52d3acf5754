/** Working folders for tests of what is done to their files. */
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { FileSystem } from '../../src/base/filesystem.js'
import { type CleanResult, WorkingFolder } from '../../src/index.js'
import { VOLUMES } from '../support/groups.js'
import { tempFolder } from '../support/tempFolder.js'
import { type Hook, hooked } from '../worktree/faultyFileSystem.js'

export type Files = Readonly<Record<string, string>>

/** A working folder that has committed these files; one whose name ends in `/` is an empty directory. */
export async function committed(files: Files): Promise<{ folder: WorkingFolder; dir: string }> {
  const dir = join(tempFolder(), 'work')
  const folder = await WorkingFolder.init(dir)
  onTestFinished(() => folder.close())
  for (let number = 1; number < VOLUMES; number++)
    await folder.repository.extendVolumeGroup(join(dir, '..', `pv${number}.varve`))
  if (VOLUMES > 1) await folder.repository.convertLogicalVolume('default', { type: 'striped' })
  write(dir, files)
  await folder.commit({ message: 'First', allowEmpty: true })
  return { folder, dir }
}

export function write(dir: string, files: Files): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(dir, path, path.endsWith('/') ? '' : '..'), { recursive: true })
    if (!path.endsWith('/')) writeFileSync(join(dir, path), text)
  }
}

/** Everything in the folder but its state: files with their texts, symlinks, and directories that are empty. */
export function filesIn(dir: string, below = ''): Record<string, string> {
  const found: Record<string, string> = {}
  for (const entry of readdirSync(join(dir, below), { withFileTypes: true })) {
    const path = `${below}${entry.name}`
    if (path === '.varve') continue
    if (entry.isDirectory()) {
      const inside = filesIn(dir, `${path}/`)
      Object.assign(found, Object.keys(inside).length === 0 ? { [`${path}/`]: '' } : inside)
    } else if (entry.isSymbolicLink()) found[path] = `-> ${readlinkSync(join(dir, path))}`
    else found[path] = entry.isFile() ? readFileSync(join(dir, path), 'utf8') : 'other'
  }
  return found
}

/** The same folder, opened once more over another file system. */
export async function over(folder: WorkingFolder, fileSystem: FileSystem | Hook): Promise<WorkingFolder> {
  await folder.close()
  const opened = await WorkingFolder.open(folder.path, {
    fileSystem: typeof fileSystem === 'function' ? hooked(fileSystem) : fileSystem,
  })
  onTestFinished(() => opened.close())
  return opened
}

export function pathsOf({ paths }: { readonly paths: readonly { readonly path: string; kind?: string }[] }): string[] {
  return paths.map(({ path, kind }) => (kind === 'directory' ? `${path}/` : path))
}

export function keptOf({ kept }: CleanResult): string[] {
  return kept.map(({ path, reason }) => `${path}: ${reason}`)
}

export async function changesOf(folder: WorkingFolder): Promise<string[]> {
  return (await folder.status()).changes.map(({ kind, path }) => `${kind} ${path}`)
}
