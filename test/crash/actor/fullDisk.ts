/** Runs out of disk for real, looks at what is left of the store, makes room, and does the same again. */
import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MIB } from '../../../src/base/units.js'
import { isVarveError, Repository } from '../../../src/index.js'
import { noise } from '../support/chance.js'
import { logOf } from '../support/history.js'
import { PRLIMIT, SMALL_DISK_MIB, type SmallDisk } from '../support/smallDisk.js'
import { createSpread, STORE_NAME } from '../support/stores.js'
import { gather } from '../support/survey.js'
import { say } from './say.js'

/** What the test that started this holds against what must be. */
export interface FullDiskReport {
  /** How the first thing that found no room ended. */
  readonly failedWith: string
  readonly committedBefore: number
  /** Everything below is of the full disk, when not one byte is left. */
  readonly logHolds: boolean
  readonly readsBack: boolean
  readonly verifyOk: boolean
  /** How small things ended. */
  readonly tag: string
  readonly extend: string
  readonly reopened: string
  /** The same again, when there was room. */
  readonly again: string
  readonly logHoldsAfter: boolean
  readonly readsBackAfter: boolean
  readonly verifyOkAfter: boolean
}

export interface ExportReport {
  readonly failedWith: string
  /** Files of the export that was cut short and do not hold what they should. */
  readonly halfFiles: readonly string[]
  readonly again: string
  readonly wrongAfter: readonly string[]
}

type Way = 'drafts' | 'folders' | 'export'
type Where = 'store' | 'volume'

const BRANCH = 'main'

export async function fillDisk(kind = '', way = '', where = '', pvs = '', small = '', roomy = ''): Promise<void> {
  const disk = new Disk(kind as SmallDisk['kind'], small)
  const report =
    way === 'export'
      ? await exportUntilFull(disk, small, roomy)
      : await commitUntilFull(disk, way as Way, where as Where, Number(pvs), small, roomy)
  say(JSON.stringify(report))
}

class Disk {
  private readonly filler: string

  constructor(
    private readonly kind: SmallDisk['kind'],
    folder: string,
  ) {
    this.filler = join(folder, 'filler')
  }

  /** Leaves so much, more or less. */
  leave(roomBytes: number): void {
    if (this.kind === 'limited') this.limit(String(roomBytes))
    else writeFileSync(this.filler, Buffer.alloc(SMALL_DISK_MIB * MIB - roomBytes))
  }

  /** Takes every byte that is left. */
  fillUp(): void {
    if (this.kind === 'limited') return
    for (const sizeBytes of [MIB / 4, 4096, 1]) {
      try {
        for (;;) appendFileSync(this.filler, Buffer.alloc(sizeBytes))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      }
    }
  }

  makeRoom(): void {
    if (this.kind === 'limited') this.limit('unlimited')
    else rmSync(this.filler, { force: true })
  }

  private limit(soft: string): void {
    const { status, stderr } = spawnSync(PRLIMIT, ['--pid', String(process.pid), `--fsize=${soft}:unlimited`])
    if (status !== 0) throw new Error(`prlimit: ${stderr}`)
  }
}

async function outcomeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work()
    return 'done'
  } catch (error) {
    if (isVarveError(error)) return error.code
    throw error
  }
}

function bytesOf(index: number): Buffer {
  return noise(`full disk ${index}`, 300_000)
}

async function commitUntilFull(
  disk: Disk,
  way: Way,
  where: Where,
  pvs: number,
  small: string,
  roomy: string,
): Promise<FullDiskReport> {
  disk.leave(where === 'store' ? 5 * MIB : 2 * MIB)
  const folder = where === 'store' ? small : roomy
  let repo = await createSpread(folder, where === 'store' ? pvs : 1)
  if (where === 'volume') {
    await repo.extendVolumeGroup(join(small, 'pv1.varve'))
    await repo.extendVolumeGroup(join(roomy, 'pv2.varve'))
    await repo.convertLogicalVolume('default', { type: 'striped' })
  }
  const source = join(roomy, 'source')
  const committed: string[] = []
  let again: () => Promise<string | undefined>
  let failedWith: string
  do {
    again = way === 'drafts' ? await draftOf(repo, committed.length) : folderOf(repo, source, committed.length)
    failedWith = await outcomeOf(async () => committed.push((await again()) as string))
  } while (failedWith === 'done' && committed.length < 200)

  disk.fillUp()
  const full = {
    failedWith,
    committedBefore: committed.length,
    ...(await stateOf(repo, committed)),
    tag: await outcomeOf(() => repo.createTag('full', BRANCH)),
    extend: await outcomeOf(() => repo.extendVolumeGroup(join(small, 'more.varve'))),
  }
  // What could not be added is no part of the group.
  if (full.extend !== 'done')
    for (const suffix of ['', '-journal']) rmSync(join(small, `more.varve${suffix}`), { force: true })
  let reopened = 'done'
  if (way === 'folders') {
    await repo.close()
    reopened = await outcomeOf(async () => {
      repo = await Repository.open(join(folder, STORE_NAME))
    })
    if (reopened === 'done') again = folderOf(repo, source, committed.length)
  }
  disk.makeRoom()
  if (reopened !== 'done') {
    repo = await Repository.open(join(folder, STORE_NAME))
    again = folderOf(repo, source, committed.length)
  }
  const ended = await outcomeOf(async () => committed.push((await again()) as string))
  const after = await stateOf(repo, committed)
  await repo.close()
  return {
    ...full,
    reopened,
    again: ended,
    logHoldsAfter: after.logHolds,
    readsBackAfter: after.readsBack,
    verifyOkAfter: after.verifyOk,
  }
}

/** The same draft each time it is called: what failed can be done again. */
async function draftOf(repo: Repository, index: number): Promise<() => Promise<string>> {
  const draft = await repo.draft(BRANCH)
  await draft.write(`${index}.bin`, bytesOf(index))
  return async () => (await draft.commit({ message: `commit ${index}` })).id
}

/** The folder grows with each commit: 1 MiB and more is written under a lease. */
function folderOf(repo: Repository, source: string, index: number): () => Promise<string | undefined> {
  mkdirSync(source, { recursive: true })
  for (let file = 0; file <= index; file++) {
    const path = join(source, `${file}.bin`)
    if (!existsSync(path)) writeFileSync(path, bytesOf(file))
  }
  writeFileSync(join(source, 'known.bin'), Buffer.alloc(2 * MIB))
  return async () => (await repo.commitFrom(source, { branch: BRANCH, message: `commit ${index}` })).commit?.id
}

async function stateOf(
  repo: Repository,
  committed: readonly string[],
): Promise<{ logHolds: boolean; readsBack: boolean; verifyOk: boolean }> {
  const log = await logOf(repo, BRANCH)
  const logHolds = JSON.stringify(log.map(({ id }) => id)) === JSON.stringify(committed)
  let readsBack = true
  for (const [index, id] of committed.entries()) {
    const snapshot = await repo.at(id)
    // Each commit's own file, and all of them in the last.
    for (let file = id === committed.at(-1) ? 0 : index; file <= index; file++) {
      readsBack &&= (await snapshot.read(`${file}.bin`)).equals(bytesOf(file))
    }
  }
  return { logHolds, readsBack, verifyOk: (await repo.verify()).ok }
}

async function exportUntilFull(disk: Disk, small: string, roomy: string): Promise<ExportReport> {
  const repo = await createSpread(roomy, 1)
  const draft = await repo.draft(BRANCH)
  for (let index = 0; index < 12; index++) await draft.write(`files/${index}.bin`, bytesOf(index))
  await draft.write('large.bin', noise('large', 2 * MIB))
  await draft.commit({ message: 'to be exported' })
  disk.leave(MIB)
  const out = join(small, 'out')
  const failedWith = await outcomeOf(() => repo.export(BRANCH, out))
  const halfFiles = (await wrongFiles(repo, out)).filter((path) => existsSync(join(out, path)))
  rmSync(out, { recursive: true, force: true })
  disk.makeRoom()
  const again = await outcomeOf(() => repo.export(BRANCH, out))
  const wrongAfter = await wrongFiles(repo, out)
  await repo.close()
  return { failedWith, halfFiles, again, wrongAfter }
}

async function wrongFiles(repo: Repository, folder: string): Promise<string[]> {
  const snapshot = await repo.at(BRANCH)
  const wrong: string[] = []
  for (const { path, kind } of await gather(snapshot.walk())) {
    if (kind !== 'file') continue
    const there = join(folder, path)
    if (!existsSync(there) || !readFileSync(there).equals(await snapshot.read(path))) wrong.push(path)
  }
  return wrong
}
