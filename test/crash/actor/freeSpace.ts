/** Fills a disk to its last byte beside a store, and frees space from within: branches are deleted, gc runs. */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { KIB, MIB } from '../../../src/base/units.js'
import { isVarveError, Repository } from '../../../src/index.js'
import { noise } from '../support/chance.js'
import { say } from './say.js'

export interface FreeSpaceReport {
  /** How opening the store in the usual way ended. */
  readonly usual: string
  /** Bytes that gc gave back. */
  readonly returnedBytes: number
  readonly problems: number
  /** Whether what was kept reads back. */
  readonly readsBack: boolean
  /** How a commit ended after that. */
  readonly commit: string
}

const FILE_BYTES = 12 * MIB
const KEPT = 'kept'

export async function freeSpace(folder = ''): Promise<void> {
  const path = join(folder, 'store.varve')
  const repo = await Repository.create(path, { compression: 'none' })
  for (const name of ['gone 1', 'gone 2', KEPT]) await commit(repo, name)
  await repo.close()
  // Large enough by now to keep some room.
  await (await Repository.open(path)).close()
  fill(join(folder, 'fill'))
  const usual = await outcome(async () => (await Repository.open(path)).close())
  const freeing = await Repository.open(path, { frees: true })
  for (const name of ['gone 1', 'gone 2']) await freeing.deleteBranch(branchOf(name))
  const { returnedBytes } = await freeing.gc({ now: true })
  await freeing.close()
  const after = await Repository.open(path)
  const { problems } = await after.verify()
  const readsBack = (await (await after.at(branchOf(KEPT))).read(KEPT)).equals(noise(KEPT, FILE_BYTES))
  const committed = await outcome(() => commit(after, 'after'))
  await after.close()
  say(
    JSON.stringify({
      usual,
      returnedBytes,
      problems: problems.length,
      readsBack,
      commit: committed,
    } satisfies FreeSpaceReport),
  )
}

function branchOf(name: string): string {
  return name.replace(' ', '-')
}

async function commit(repo: Repository, name: string): Promise<void> {
  const draft = await repo.draft(branchOf(name))
  await draft.write(name, noise(name, FILE_BYTES))
  await draft.commit({ message: name, author: 'Test <test@example.org>' })
}

async function outcome(body: () => Promise<unknown>): Promise<string> {
  try {
    await body()
    return 'done'
  } catch (error) {
    if (isVarveError(error)) return error.code
    throw error
  }
}

function fill(path: string): void {
  for (let bytes = MIB; bytes >= 1; ) {
    try {
      appendFileSync(path, Buffer.alloc(bytes, 1))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      bytes = bytes > KIB ? KIB : bytes > 1 ? 1 : 0
    }
  }
}
