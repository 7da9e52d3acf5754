/** Stores that are about to be packed, and all that can be read of them. */
import { createHash } from 'node:crypto'
import type { CreateOptions, Repository } from '../../src/repository.js'
import { pseudoRandom, pseudoText } from '../codec/inputs.js'
import { collect, commitFiles, createRepository } from '../support/repositories.js'

/** Many extents of few chunks. */
export const SMALL: CreateOptions = { chunkBytes: 1024, extentBytes: 65_536 }

/** Some bytes of it replaced, taken out and put in. */
export function edited(content: Buffer, seed: number): Buffer {
  const random = pseudoRandom(16, seed + 1)
  const at = random.readUInt32LE(0) % content.length
  const put = pseudoText(random.readUInt32LE(4) % 400, seed + 2)
  return Buffer.concat([content.subarray(0, at), put, content.subarray(at + (random.readUInt32LE(8) % 300))])
}

/**
 * Each commit changes a few places in each of some files, one of which does not compress alone; now and then one is renamed, copied or
 * taken away, and comes back.
 */
export async function fill(repo: Repository, rounds: number): Promise<void> {
  const files = Array.from({ length: 6 }, (_, index) =>
    index === 0 ? pseudoRandom(60_000, 99) : pseudoText(9000 + 4000 * index, index + 1),
  )
  for (let round = 0; round < rounds; round++) {
    const changes: Record<string, Buffer | null> = {}
    for (const [index, file] of files.entries()) {
      files[index] = edited(edited(file, 100 * round + index), 7919 * round + index)
      changes[`d${index % 2}/f${index}`] = files[index]
    }
    if (round % 4 === 1) Object.assign(changes, { 'd0/f0': null, 'moved/elsewhere.bin': files[0] })
    if (round % 4 === 3) Object.assign(changes, { 'd1/f1': null, 'copy.txt': files[2] })
    await commitFiles(repo, changes, `${round}`)
  }
}

export async function filledStore(rounds = 8, options: CreateOptions = SMALL) {
  const store = await createRepository(options)
  await fill(store.repo, rounds)
  return store
}

/** Branches, tags, reflog, and of each commit what it says of itself and all files; damage shows as its code. */
export async function everythingIn(repo: Repository) {
  const branches = await repo.branches()
  const tags = await repo.tags()
  const commits = new Map<string, unknown>()
  for (const { target } of [...branches, ...tags]) {
    if (commits.has(target)) continue
    for await (const commit of repo.log({ from: target })) {
      if (commits.has(commit.id)) break
      commits.set(commit.id, { ...commit, files: commit.pruned ? undefined : await filesOf(repo, commit.id) })
    }
  }
  return { branches, tags, reflog: await repo.reflog(), commits }
}

async function filesOf(repo: Repository, id: string): Promise<Record<string, string>> {
  const snapshot = await repo.at(id)
  const files: Record<string, string> = {}
  for (const { path, kind } of await collect(snapshot.walk())) {
    if (kind === 'file')
      files[path] = createHash('sha256')
        .update(await snapshot.read(path))
        .digest('hex')
  }
  return files
}

/** Of all chunks and objects, each once. */
export async function chunkNumbers({ parts }: Repository): Promise<ReadonlyMap<string, ReadonlySet<number>>> {
  const numbers = new Map<string, Set<number>>()
  for (const volume of parts.group.volumes) {
    for (const { hash, eid, chunkId } of await volume.chunkRows(undefined, Number.MAX_SAFE_INTEGER)) {
      if (!parts.group.catalog.isVisible(eid)) continue
      const known = numbers.get(hash)
      if (known) known.add(chunkId)
      else numbers.set(hash, new Set([chunkId]))
    }
  }
  return numbers
}

/** Numbers of all extents, ascending; and that no volume holds others. */
export async function extentNumbers({ parts }: Repository) {
  const eids: number[] = []
  const strays: number[] = []
  parts.group.catalog.eachExtent(({ record }) => eids.push(record.eid))
  for (const volume of parts.group.volumes) {
    const held = await volume.list(0, Number.MAX_SAFE_INTEGER)
    strays.push(...held.filter((eid) => !parts.group.catalog.hasCopy(eid, volume.number)))
  }
  return { eids: eids.sort((a, b) => a - b), strays }
}
