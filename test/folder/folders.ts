/** Working folders to try bad inputs on, with a hook before every call of the file system. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Clock } from '../../src/base/clock.js'
import { isVarveError, type OpenOptions, type VarveError, WorkingFolder } from '../../src/index.js'
import { VOLUMES } from '../support/groups.js'
import { tempFolder } from '../support/tempFolder.js'
import { type Hook, hooked } from '../worktree/faultyFileSystem.js'

export type Files = Readonly<Record<string, string>>

/** A folder at its first commit, closed. @returns Where it is. */
export async function committedFolder(files: Files, options: { readonly clock?: Clock } = {}): Promise<string> {
  const dir = join(tempFolder(), 'work')
  const folder = await WorkingFolder.init(dir, options)
  for (let number = 1; number < VOLUMES; number++) {
    await folder.repository.extendVolumeGroup(join(dir, '..', `pv${number}.varve`))
  }
  if (VOLUMES > 1) await folder.repository.convertLogicalVolume('default', { type: 'striped' })
  write(dir, files)
  await folder.commit({ message: 'First' })
  await folder.close()
  return dir
}

/** Opens a folder until the test ends. */
export async function opened(dir: string, options: OpenOptions = {}): Promise<WorkingFolder> {
  const folder = await WorkingFolder.open(dir, options)
  onTestFinished(() => folder.close())
  return folder
}

/** As `opened`, with a hook that may be changed. */
export async function openedWithHook(dir: string): Promise<{ folder: WorkingFolder; set: (hook: Hook) => void }> {
  let current: Hook = () => undefined
  const fileSystem = hooked((...call) => current(...call))
  const folder = await opened(dir, { fileSystem })
  const set = (hook: Hook) => {
    current = hook
  }
  return { folder, set }
}

export function write(dir: string, files: Files): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    writeFileSync(join(dir, path), text)
  }
}

export async function changesOf(folder: WorkingFolder): Promise<string[]> {
  return (await folder.status()).changes.map(({ kind, path }) => `${kind} ${path}`)
}

/** Paths of a commit, without directories, and their texts. */
export async function committed(folder: WorkingFolder, rev = 'HEAD'): Promise<Record<string, string>> {
  const snapshot = await folder.repository.at(rev)
  const found: Record<string, string> = {}
  for await (const { path, kind } of snapshot.walk()) {
    if (kind !== 'directory') found[path] = kind === 'file' ? (await snapshot.read(path)).toString() : 'no file'
  }
  return found
}

/** Everything in the folder but its state: paths and texts. */
export function filesIn(dir: string, below = ''): Record<string, string> {
  const found: Record<string, string> = {}
  for (const entry of readdirSync(join(dir, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (path === '.varve') continue
    if (entry.isDirectory()) Object.assign(found, filesIn(dir, path))
    else found[path] = entry.isFile() ? readFileSync(join(dir, path), 'utf8') : 'no file'
  }
  return found
}

export async function failureOf(run: Promise<unknown>): Promise<VarveError> {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!isVarveError(error)) throw error ?? new Error('it did not fail')
  return error
}

/** Long enough for the clock that gives files their times to go on, so that what was read is known for unchanged. */
export function clockGoesOn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 30))
}
