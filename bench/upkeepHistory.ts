/**
 * A store with a long history, made through the library: 1,000 commits and a million chunks in some hundred megabytes, since the
 * chunks are small. Contents are random, so that what is stored is what was written.
 *
 * Each commit overwrites stretches of some files and adds others, as a program does that keeps its data in them; so half the
 * commits given up leave extents of which a part is still needed. Every tenth replaces one file: of that, whole extents go.
 */
import { renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openBuilt } from './builtLibrary.js'
import { Seeded } from './seeded.js'

export interface HistoryPlan {
  readonly commits: number
  readonly chunks: number
}

export const FULL_HISTORY: HistoryPlan = { commits: 1000, chunks: 1_000_000 }

/** Average; the shortest are a quarter of it. */
export const CHUNK_BYTES = 512
/** What the chunker really makes of random bytes at that average, measured. */
const BYTES_PER_CHUNK = 513
const FILE_BYTES = 96 * 1024
const FILES_PER_FOLDER = 40
/** Of all chunks, those of the first commit. */
const FIRST_PART = 0.2
const OVERWRITTEN_FILES = 8
const OVERWRITTEN_PART = 0.7
/** Commits that replace a file as a whole, and touch no other. */
const SCRATCH_EVERY = 10

export interface HistoryMade {
  readonly path: string
  readonly storeBytes: number
  readonly commits: number
  readonly seconds: number
}

/** In `folder`, unless it is there already. @param say is told how far it is */
export async function makeHistory(
  folder: string,
  plan: HistoryPlan,
  say: (line: string) => void,
): Promise<HistoryMade> {
  const path = join(folder, `history-${plan.commits}-${plan.chunks}.varve`)
  const startedMs = performance.now()
  if (statSync(path, { throwIfNoEntry: false }) === undefined) await write(path, plan, say)
  const seconds = (performance.now() - startedMs) / 1000
  return { path, storeBytes: statSync(path).size, commits: plan.commits, seconds }
}

/** Under another name until it is whole. */
async function write(path: string, plan: HistoryPlan, say: (line: string) => void): Promise<void> {
  const { Repository } = await openBuilt()
  const part = `${path}.part`
  for (const ending of ['', '-wal', '-shm']) rmSync(`${part}${ending}`, { force: true })
  const repository = await Repository.create(part, { chunkBytes: CHUNK_BYTES, compression: 'none' })
  const chance = new Seeded('history')
  const files: string[] = []
  const fileAt = (index: number): string =>
    `folder-${String(Math.floor(index / FILES_PER_FOLDER)).padStart(3, '0')}/file-${String(index).padStart(5, '0')}.dat`
  const totalBytes = plan.chunks * BYTES_PER_CHUNK
  const laterBytes = Math.floor((totalBytes * (1 - FIRST_PART)) / Math.max(1, plan.commits - 1))
  const commit = async (edit: (draft: Awaited<ReturnType<typeof repository.draft>>) => Promise<void>, name: string) => {
    const draft = await repository.draft('main')
    await edit(draft)
    await draft.commit({ message: name, author: 'Bench <bench@example.org>' })
  }
  await commit(async (draft) => {
    for (let bytes = 0; bytes < totalBytes * FIRST_PART; bytes += FILE_BYTES) {
      const name = fileAt(files.length)
      files.push(name)
      await draft.write(name, chance.bytes(FILE_BYTES))
    }
  }, 'first')
  for (let number = 2; number <= plan.commits; number++) {
    await commit(async (draft) => {
      if (number % SCRATCH_EVERY === 0) {
        await draft.write('scratch.dat', chance.bytes(laterBytes))
        return
      }
      const stretch = Math.floor((laterBytes * OVERWRITTEN_PART) / OVERWRITTEN_FILES)
      for (let file = 0; file < OVERWRITTEN_FILES; file++) {
        const name = files[chance.below(files.length)] as string
        await draft.writeAt(name, chance.below(FILE_BYTES - stretch), chance.bytes(stretch))
      }
      const name = fileAt(files.length)
      files.push(name)
      await draft.write(name, chance.bytes(Math.floor(laterBytes * (1 - OVERWRITTEN_PART))))
    }, `commit ${number}`)
    if (number % 100 === 0) say(`history: ${number} of ${plan.commits} commits written`)
  }
  await repository.close()
  renameSync(part, path)
}
