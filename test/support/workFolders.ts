/** Working folders for tests, and what is on the disk in them. */
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { FileSystem } from '../../src/base/filesystem.js'
import { WorkingFolder } from '../../src/index.js'
import { VOLUMES } from './groups.js'
import { tempFolder } from './tempFolder.js'

export interface WorkFolder {
  readonly folder: WorkingFolder
  readonly dir: string
}

/** An empty one, in a folder of its own (`around`) that holds nothing else but volumes. */
export async function newFolder(fileSystem?: FileSystem, around = tempFolder()): Promise<WorkFolder> {
  const dir = join(around, 'work')
  const folder = await WorkingFolder.init(dir, { fileSystem })
  onTestFinished(() => folder.close())
  for (let number = 1; number < VOLUMES; number++)
    await folder.repository.extendVolumeGroup(join(dir, '..', `pv${number}.varve`))
  if (VOLUMES > 1) await folder.repository.convertLogicalVolume('default', { type: 'striped' })
  return { folder, dir }
}

export function write(dir: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(dir, path, '..'), { recursive: true })
    writeFileSync(join(dir, path), text)
  }
}

/** Everything but the folder's own state. */
export function empty(dir: string): void {
  for (const name of readdirSync(dir)) if (name !== '.varve') rmSync(join(dir, name), { recursive: true })
}

/**
 * What is in a folder, less its own state: texts of files, `-> target` of symlinks, `/` for directories in which nothing
 * is.
 */
export function contentsOf(dir: string, below = ''): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name of readdirSync(join(dir, below)).sort()) {
    const path = below === '' ? name : `${below}/${name}`
    if (path === '.varve' || path === '.git') continue
    const stat = lstatSync(join(dir, path))
    if (stat.isSymbolicLink()) found[path] = `-> ${readlinkSync(join(dir, path))}`
    else if (stat.isFile()) found[path] = readFileSync(join(dir, path), 'utf8')
    else if (!stat.isDirectory()) found[path] = 'something else'
    else {
      const inside = contentsOf(dir, path)
      if (Object.keys(inside).length === 0) found[path] = '/'
      Object.assign(found, inside)
    }
  }
  return found
}

export async function changesOf(folder: WorkingFolder): Promise<string[]> {
  return (await folder.status()).changes.map(({ kind, path }) => `${kind} ${path}`)
}
