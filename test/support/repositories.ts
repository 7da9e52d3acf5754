/** Repositories for tests, on one file or striped over three volumes (VARVE_TEST_PVS). */
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type CreateOptions, type OpenOptions, Repository } from '../../src/repository.js'
import { VOLUMES } from './groups.js'
import { tempFolder } from './tempFolder.js'

export async function createRepository(
  options: CreateOptions = {},
): Promise<{ repo: Repository; folder: string; path: string }> {
  const folder = tempFolder()
  const path = join(folder, 'store.varve')
  const repo = await Repository.create(path, options)
  for (let number = 1; number < VOLUMES; number++) await repo.extendVolumeGroup(join(folder, `pv${number}.varve`))
  if (VOLUMES > 1) await repo.convertLogicalVolume('default', { type: 'striped' })
  onTestFinished(() => repo.close().catch(() => undefined))
  return { repo, folder, path }
}

export async function openRepository(path: string, options: OpenOptions = {}): Promise<Repository> {
  const repo = await Repository.open(path, options)
  onTestFinished(() => repo.close().catch(() => undefined))
  return repo
}

/** Commits texts by path; `null` removes. */
export async function commitFiles(
  repo: Repository,
  files: Readonly<Record<string, string | Buffer | null>>,
  message = 'a commit',
  branch = 'main',
): Promise<string> {
  const draft = await repo.draft(branch)
  for (const [path, content] of Object.entries(files)) {
    if (content === null) await draft.remove(path)
    else await draft.write(path, content)
  }
  return (await draft.commit({ message, author: 'Test <test@example.org>' })).id
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
