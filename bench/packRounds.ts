/**
 * Every version of a corpus committed in turn, and then the store made as small as its tool can make it: how long that takes,
 * how small it is before and after, and how quickly the newest and the oldest version come out of it.
 *
 * The tools alternate within a round, and the order moves on by one each round. Whole commands are timed, each a process; a
 * `sync` before each part leaves it nothing of what the one before wrote.
 */
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Comparison, compareTrees } from './compare.js'
import { type Corpus, type CorpusSize, readThrough, type Version } from './corpora.js'
import { type Meter, type Run, type Step, together } from './measure.js'
import { sizesOf, withoutPaths } from './storeRounds.js'
import type { PackSteps, StoreTool, ToolStore } from './tools/tool.js'

/** A store as it stands at one time. */
export interface StoreState {
  /** Lengths of its files: all of them, and of those that have contents. */
  readonly bytes: number
  readonly contentBytes: number
  readonly newest: Run
  readonly oldest: Run
}

export interface Packed extends StoreState {
  readonly packing: Run
  /** It found nothing wrong. */
  readonly verifying: Run | undefined
}

export interface Archived {
  readonly packing: Run
  readonly bytes: number
}

export interface PackRound {
  readonly commits: readonly Run[]
  /** All commits together. */
  readonly committing: Run
  readonly fresh: StoreState
  /** Undefined in tools that have no such command. */
  readonly packed: Packed | undefined
  /** Of a copy of the store as it was after the commits. */
  readonly archived: Archived | undefined
  /** All that was restored, together. */
  readonly comparison: Comparison
}

export interface PackToolRounds {
  readonly tool: string
  readonly rounds: PackRound[]
  /** Why it was left out from some round on. */
  failure: string | undefined
}

export interface PackResult {
  readonly corpus: string
  readonly size: CorpusSize
  readonly versions: readonly string[]
  readonly tools: readonly PackToolRounds[]
}

export interface PackPlan {
  readonly tools: readonly StoreTool[]
  readonly rounds: number
  readonly archive: boolean
}

export async function runPackRounds(
  corpus: Corpus,
  { tools, rounds, archive }: PackPlan,
  meter: Meter,
  workFolder: string,
  say: (line: string) => void,
): Promise<PackResult> {
  const size = readThrough(corpus)
  const results = tools.map((tool): PackToolRounds => ({ tool: tool.name, rounds: [], failure: undefined }))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < tools.length; turn++) {
      const place = (round + turn) % tools.length
      const [tool, result] = [tools[place], results[place]]
      if (tool === undefined || result === undefined || result.failure !== undefined) continue
      const head = `${corpus.name}, round ${round + 1}, ${tool.name}`
      try {
        const measured = await new OneRound(corpus, tool, meter, workFolder).run(archive)
        result.rounds.push(measured)
        say(`${head}: ${summaryOf(measured)}`)
      } catch (error) {
        // One tool that fails does not take the others' results away; the report says what happened.
        result.failure = withoutPaths(String(error instanceof Error ? error.message : error), corpus, workFolder)
        say(`${head}: FAILED: ${result.failure}`)
      }
    }
  }
  return { corpus: corpus.name, size, versions: corpus.versions.map(({ name }) => name), tools: results }
}

class OneRound {
  private readonly folder: string
  private readonly home: string
  private readonly copy: string
  private readonly target: string
  private differences = 0
  private readonly named: string[] = []

  constructor(
    private readonly corpus: Corpus,
    private readonly tool: StoreTool,
    private readonly meter: Meter,
    workFolder: string,
  ) {
    this.folder = join(workFolder, 'round')
    this.home = join(this.folder, tool.name)
    this.copy = join(this.folder, 'copy')
    this.target = join(this.folder, 'restored')
  }

  async run(archive: boolean): Promise<PackRound> {
    rmSync(this.folder, { recursive: true, force: true })
    mkdirSync(this.home, { recursive: true })
    try {
      const store = this.tool.storeIn(this.home)
      const { packing } = store
      if (!packing) throw new Error(`how ${this.tool.name} packs is not known here`)
      const commits = await this.commitAll(store)
      const [freshBytes, freshContentBytes] = bytesOf(store, packing)
      const archives = archive && packing.archive !== undefined
      if (archives) cpSync(this.home, this.copy, { recursive: true, preserveTimestamps: true })
      const oldest = packing.oldestIn(this.meter.ask(packing.list) ?? '')
      if (oldest === '') throw new Error(`${this.tool.name} does not tell its oldest version`)
      const fresh = { bytes: freshBytes, contentBytes: freshContentBytes, ...(await this.restoreBoth(store, oldest)) }
      const packed = packing.pack && (await this.packed(store, packing, packing.pack, oldest))
      const archived = archives ? await this.archived() : undefined
      const comparison = { differences: this.differences, named: this.named }
      return { commits, committing: together(commits), fresh, packed, archived, comparison }
    } finally {
      rmSync(this.folder, { recursive: true, force: true })
    }
  }

  private async commitAll(store: ToolStore): Promise<Run[]> {
    await this.meter.runAll(store.init)
    await this.settle()
    const commits: Run[] = []
    for (const [index, { folder }] of this.corpus.versions.entries()) {
      commits.push(await this.meter.runAll(store.commit(folder, `version-${index + 1}`)))
    }
    return commits
  }

  private async packed(store: ToolStore, steps: PackSteps, pack: readonly Step[], oldest: string): Promise<Packed> {
    await this.settle()
    const packing = await this.meter.runAll(pack)
    const [bytes, contentBytes] = bytesOf(store, steps)
    const restores = await this.restoreBoth(store, oldest)
    const verifying = steps.verify && (await this.meter.run(steps.verify))
    return { packing, bytes, contentBytes, ...restores, verifying }
  }

  private async archived(): Promise<Archived> {
    const store = this.tool.storeIn(this.copy)
    await this.settle()
    const packing = await this.meter.runAll(store.packing?.archive ?? [])
    const [bytes] = sizesOf(store.storeFolder)
    // A size counts for nothing if what is in it cannot be read.
    if (store.packing?.verify) await this.meter.run(store.packing.verify)
    return { packing, bytes }
  }

  private async restoreBoth(store: ToolStore, oldest: string): Promise<Pick<StoreState, 'newest' | 'oldest'>> {
    const { versions } = this.corpus
    const last = versions.at(-1) ?? versions[0]
    const newest = await this.restore(
      store,
      last,
      store.restore(last.folder, `version-${versions.length}`, this.target),
    )
    const steps = store.packing?.restore(oldest, versions[0].folder, this.target) ?? []
    return { newest, oldest: await this.restore(store, versions[0], steps) }
  }

  private async restore(store: ToolStore, version: Version, steps: readonly Step[]): Promise<Run> {
    mkdirSync(this.target)
    await this.settle()
    const run = await this.meter.runAll(steps)
    const { differences, named } = compareTrees(version.folder, store.restoredAt(version.folder, this.target))
    this.differences += differences
    this.named.push(...named.map((difference) => `${version.name}: ${difference}`))
    rmSync(this.target, { recursive: true })
    return run
  }

  private async settle(): Promise<void> {
    await this.meter.run({ program: 'sync', args: [] })
  }
}

function bytesOf(
  { storeFolder }: ToolStore,
  { contentFolder = storeFolder }: PackSteps,
): [all: number, contents: number] {
  return [sizesOf(storeFolder)[0], sizesOf(contentFolder)[0]]
}

function summaryOf({ committing, fresh, packed, archived, comparison }: PackRound): string {
  const restores = ({ newest, oldest }: StoreState): string =>
    `newest ${newest.seconds.toFixed(2)} s, oldest ${oldest.seconds.toFixed(2)} s`
  const size = (bytes: number): string => `${(bytes / 1e6).toFixed(2)} MB`
  return [
    `commits ${committing.seconds.toFixed(2)} s, ${size(fresh.bytes)}, ${restores(fresh)}`,
    packed && `packed in ${packed.packing.seconds.toFixed(2)} s, ${size(packed.contentBytes)}, ${restores(packed)}`,
    archived && `archived in ${archived.packing.seconds.toFixed(2)} s, ${size(archived.bytes)}`,
    comparison.differences === 0 ? 'identical' : `${comparison.differences} DIFFERENCES`,
  ]
    .filter((part) => part !== undefined)
    .join('; ')
}
