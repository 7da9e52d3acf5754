import { setTimeout as sleep } from 'node:timers/promises'
import { isVarveError, Repository } from '../../../src/index.js'
import type { CatalogTransaction } from '../../../src/volume/catalog.js'
import type { Durability } from '../../../src/volume/sqlite.js'
import {
  besideStep,
  type CommitStep,
  clockOf,
  deletable,
  type GcStep,
  MAIN_BRANCH,
  plannedGcStep,
} from '../support/gcPlan.js'
import { writeFolder } from './commit.js'
import { listen, say } from './say.js'

/** Between two commits of the process beside. */
const PAUSE_MS = 60

/**
 * Commits, deletes, thins out and tidies, one planned step after the other, and says so before and after each.
 * @param haltPhase a phase of gc in which it stands still until it is killed, at its mark number `haltAt`; '' for none
 */
export async function gcUntilKilled(
  store = '',
  seed = '',
  round = '',
  folder = '',
  haltPhase = '',
  haltAt = '',
): Promise<void> {
  let leaptDays = 0
  const repo = await Repository.open(store, { clock: clockOf(Number(round), () => leaptDays) })
  const narrator = new GcNarrator(repo, haltPhase, Number(haltAt))
  let deleted: string | undefined
  say('ready')
  for (let step = 0; ; step++) {
    const planned = plannedGcStep(seed, Number(round), step)
    say(`begin ${step} ${planned.kind}`)
    if (planned.kind === 'gc') leaptDays += planned.leapDays
    const result = await take(repo, planned, { round: Number(round), folder, deleted, narrator })
    if (result.startsWith('delete ')) deleted = result.split(' ')[2]
    say(`ack ${step} ${result}`)
  }
}

interface Surroundings {
  readonly round: number
  readonly folder: string
  /** What the branch pointed at that was deleted last. */
  readonly deleted: string | undefined
  readonly narrator: GcNarrator
}

async function take(
  repo: Repository,
  step: GcStep,
  { round, folder, deleted, narrator }: Surroundings,
): Promise<string> {
  switch (step.kind) {
    case 'draft':
    case 'folder':
      return `${step.kind} ${step.branch} ${await commit(repo, step, folder)}`
    case 'fork':
      return unless(['UNKNOWN_REVISION', 'PRUNED'], 'skip', async () => {
        const target = await repo.resolve(`${MAIN_BRANCH}~${step.back}`)
        await repo.createBranch(step.branch, target)
        return `fork ${step.branch} ${target}`
      })
    case 'delete': {
      const names = deletable(
        (await repo.branches()).map((branch) => branch.name),
        round,
      )
      const name = names[Math.floor(step.place * names.length)]
      if (name === undefined) return 'skip'
      const target = await repo.resolve(name)
      await repo.deleteBranch(name)
      return `delete ${name} ${target}`
    }
    case 'undelete':
      if (deleted === undefined) return 'skip'
      return unless(['UNKNOWN_REVISION', 'MISSING_CHUNK', 'PRUNED'], 'gone', async () => {
        await repo.createBranch(step.branch, deleted)
        return `undelete ${step.branch} ${deleted}`
      })
    case 'prune':
      // The process beside this one moves a branch now and then; what was not there yet cannot be thinned out.
      return unless(['REF_CONFLICT', 'INVALID_ARGUMENT'], 'skip', async () => {
        const { pruned } = await repo.prune({ keepLast: step.keepLast, branches: [MAIN_BRANCH] })
        return `prune ${pruned.join(',')}`
      })
    case 'pack':
      return unless(['STORE_LOCKED'], 'skip', async () => {
        const { isPacked } = await narrator.during((onProgress) => repo.pack({ onProgress }), 'packing')
        return `pack ${isPacked}`
      })
    case 'gc': {
      await repo.config.set('gc-grace', step.grace)
      const { dropped, rewritten, returnedBytes } = await narrator.during((onProgress) =>
        repo.gc({ now: step.now, onProgress }),
      )
      return `gc ${dropped.extents} ${rewritten.extents} ${returnedBytes}`
    }
  }
}

async function commit(repo: Repository, { kind, branch, message, files }: CommitStep, folder: string): Promise<string> {
  if (kind === 'folder') {
    writeFolder(folder, files)
    const { commit: made } = await repo.commitFrom(folder, { branch, message, allowEmpty: true })
    return made?.id ?? ''
  }
  const draft = await repo.draft(branch)
  try {
    for (const file of files) await draft.write(file.path, file.bytes)
    return (await draft.commit({ message, allowEmpty: true })).id
  } catch (error) {
    await draft.abandon()
    throw error
  }
}

async function unless(codes: readonly string[], otherwise: string, work: () => Promise<string>): Promise<string> {
  try {
    return await work()
  } catch (error) {
    if (isVarveError(error) && codes.includes(error.code)) return otherwise
    throw error
  }
}

/**
 * Commits to a branch of its own, without haste, until a line comes; says that it stands still, and does the same again from
 * the next line to the one after that.
 */
export async function commitBeside(store = '', seed = '', round = '', folder = ''): Promise<void> {
  const repo = await Repository.open(store, { clock: clockOf(Number(round), () => 0) })
  const orders = listen()
  say('ready')
  let step = 0
  for (let turn = 0; turn < 2; turn++) {
    if (turn > 0) await orders.next()
    let isTold = false
    const told = orders.next().then(() => {
      isTold = true
    })
    while (!isTold) {
      const planned = besideStep(seed, Number(round), step)
      // A gc that condemns page after page may be in the way for long: that is said, and the same is done again.
      const result = await unless(['STORE_LOCKED'], 'refused', () => commit(repo, planned, folder))
      if (result === 'refused') say(`refused ${step}`)
      else say(`ack ${step++} ${planned.kind} ${planned.branch} ${result}`)
      await Promise.race([told, sleep(PAUSE_MS)])
    }
    say('still')
  }
  await repo.close()
  orders.close()
}

/** Tells where a gc is, from inside: more points, and finer, than its reports of progress have. */
class GcNarrator {
  private phase: string | undefined
  private marks = 0

  constructor(
    repo: Repository,
    private readonly haltPhase: string,
    private readonly haltAt: number,
  ) {
    const { group } = repo.parts
    const { catalog } = group
    const write = catalog.write.bind(catalog)
    catalog.write = <T>(body: (tx: CatalogTransaction) => T, durability?: Durability): T => {
      this.mark('before a transaction')
      const result = write((tx) => {
        const value = body(tx)
        this.mark('in a transaction')
        return value
      }, durability)
      this.mark('after a transaction')
      return result
    }
    const eachExtent = catalog.eachExtent.bind(catalog)
    catalog.eachExtent = (visit) => {
      this.enter('condemning', ['starting'])
      eachExtent(visit)
    }
    const advance = catalog.advance.bind(catalog)
    catalog.advance = (name, by) => {
      // The lease of the writer that rewrites.
      if (name === 'next_lease') this.enter('rewriting', ['condemning', 'dropping'])
      return advance(name, by)
    }
    for (const volume of group.volumes) {
      const { chunkRowsOf, spareBytes, giveBack, stage, remove } = volume
      Object.assign(volume, {
        chunkRowsOf: (...args: Parameters<typeof chunkRowsOf>) => {
          this.enter('dropping', ['condemning'])
          return chunkRowsOf.apply(volume, args)
        },
        spareBytes: () => {
          this.enter('giving back', ['condemning', 'dropping', 'rewriting'])
          return spareBytes.apply(volume)
        },
        giveBack: this.around('giving back', (bytes: number) => giveBack.call(volume, bytes)),
        stage: this.around('staging', (...args: Parameters<typeof stage>) => stage.apply(volume, args)),
        remove: this.around('removing', (...args: Parameters<typeof remove>) => remove.apply(volume, args)),
      })
    }
  }

  async during<T>(
    work: (onProgress: (progress: { current?: string | undefined }) => void) => Promise<T>,
    phase = 'starting',
  ): Promise<T> {
    this.phase = phase
    try {
      return await work(({ current }) => this.mark(current ?? ''))
    } finally {
      this.phase = undefined
    }
  }

  private around<A extends unknown[], T>(what: string, work: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
    return async (...args) => {
      this.mark(`before ${what}`)
      const result = await work(...args)
      this.mark(`after ${what}`)
      return result
    }
  }

  private enter(phase: string, from: readonly string[]): void {
    if (this.phase === undefined || !from.includes(this.phase)) return
    this.phase = phase
    this.mark('begins')
  }

  private mark(what: string): void {
    if (this.phase === undefined) return
    say(`gc ${this.phase}: ${what}`)
    if (this.phase !== this.haltPhase || ++this.marks !== this.haltAt) return
    say('halted')
    // For good: nothing of this process runs on.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  }
}
