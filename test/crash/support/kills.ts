/**
 * kill -9 at random moments: of commits, and of adding volumes.
 *
 * After each kill the store is opened as the next command would, and must be whole: verify finds nothing, every
 * acknowledged commit is in the log and reads back, the branch is at the last of them or at one later commit that is
 * whole. The next large writer sweeps what the killed one left. Then the next process is killed on the same store.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isVarveError, Repository } from '../../../src/index.js'
import { writeFolder } from '../actor/commit.js'
import type { Actor, Stage } from './actor.js'
import { Chance, squeezableNoise } from './chance.js'
import { BRANCHES, ExpectedHistory, logOf } from './history.js'
import { isBigRound, type Plan, plannedStep, stepOfMessage } from './plan.js'
import { createSpread, leftoversOf, STORE_NAME } from './stores.js'

export interface KillOptions {
  readonly stage: Stage
  /** An empty folder. */
  readonly folder: string
  readonly pvs: number
  readonly kills: number
  readonly seed: string
  readonly bigEvery: number
  /** A fresh store every so many kills, so that looking through all of it stays quick. */
  readonly freshEvery: number
  readonly onRound?: (round: number, report: KillReport) => void
}

export interface KillReport {
  kills: number
  acknowledged: number
  /** Commits that were whole though nobody was told any more. */
  wholeUntold: number
  /** Kills that left a lease behind: the writer was at work on more than one transaction. */
  leftLeases: number
  /** Extents that killed writers left in the volumes, never visible, and that were swept. */
  sweptExtents: number
  /** Empty when all is well; the run stops at the first round with any. */
  readonly problems: string[]
}

export async function killCommits(options: KillOptions): Promise<KillReport> {
  const report = { kills: 0, acknowledged: 0, wholeUntold: 0, leftLeases: 0, sweptExtents: 0, problems: [] }
  for (let first = 0; first < options.kills && report.problems.length === 0; first += options.freshEvery) {
    const folder = join(options.folder, `commits-${first}`)
    mkdirSync(folder)
    const run = new KillRun(options, report, folder)
    await run.rounds(first, Math.min(options.kills, first + options.freshEvery))
    if (report.problems.length === 0) rmSync(folder, { recursive: true, force: true })
  }
  return report
}

class KillRun {
  private readonly history = new ExpectedHistory()
  private readonly store: string
  private readonly source: string
  private readonly plan: Plan
  /** By the process that was killed last. */
  private acknowledged: { branch: string; step: number; id: string }[] = []

  constructor(
    private readonly options: KillOptions,
    private readonly report: KillReport,
    private readonly folder: string,
  ) {
    this.store = join(folder, STORE_NAME)
    this.source = join(folder, 'source')
    this.plan = { seed: options.seed, bigEvery: options.bigEvery }
  }

  async rounds(first: number, end: number): Promise<void> {
    const repo = await createSpread(this.folder, this.options.pvs)
    await repo.close()
    for (let round = first; round < end && this.report.problems.length === 0; round++) {
      await this.killOnce(round)
      await this.lookAt(round)
      await this.sweep(round)
      this.report.kills++
      this.options.onRound?.(round, this.report)
    }
    if (this.report.problems.length > 0) return
    const after = await Repository.open(this.store)
    this.report.problems.push(...(await this.history.differences(after, this.history.ids)))
    await after.close()
  }

  private async killOnce(round: number): Promise<void> {
    const { stage, seed, bigEvery } = this.options
    const actor = stage.enter('commit', [this.store, seed, String(bigEvery), String(round), this.source])
    await actor.hearAbout('ready')
    await waitForTheMoment(actor, new Chance(seed, 'kill', round), isBigRound(this.plan, round))
    actor.kill()
    const { signal, stderr } = await actor.ended
    if (signal !== 'SIGKILL') this.problem(round, `the committing process failed by itself: ${stderr}`)
    this.acknowledged = actor.said.flatMap((line) => {
      const match = /^ack (\S+) (\d+) ([0-9a-f]{64})$/.exec(line)
      return match ? [{ branch: match[1] as string, step: Number(match[2]), id: match[3] as string }] : []
    })
    this.report.acknowledged += this.acknowledged.length
  }

  private async lookAt(round: number): Promise<void> {
    const repo = await Repository.open(this.store)
    try {
      const { problems } = await repo.verify()
      for (const { message } of problems) this.problem(round, `verify: ${message}`)
      const fresh: string[] = []
      for (const { branch, step, id } of this.acknowledged) {
        this.history.add(id, plannedStep(this.plan, round, step))
        if (!fresh.includes(id)) fresh.push(id)
        if (branch !== plannedStep(this.plan, round, step).branch) this.problem(round, `step ${step} on ${branch}`)
      }
      const untold: string[] = []
      for (const branch of BRANCHES) {
        const log = await logOf(repo, branch)
        const expected = this.history.log(branch)
        const missing = expected.filter((id, index) => log[index]?.id !== id)
        for (const id of missing) this.problem(round, `${branch}: acknowledged commit ${id} is not where it was`)
        for (const { id, message } of log.slice(expected.length)) {
          const planned = stepOfMessage(message)
          if (planned?.round !== round || planned.step !== this.acknowledged.length) {
            this.problem(round, `${branch}: commit ${id}, ${message}, should not be there`)
            continue
          }
          this.history.add(id, plannedStep(this.plan, round, planned.step))
          untold.push(id)
        }
        const [latest] = await repo.reflog(branch, { limit: 1 })
        if (latest?.new !== log.at(-1)?.id) this.problem(round, `${branch}: its reflog ends at ${latest?.new}`)
      }
      if (untold.length > 1) this.problem(round, `${untold.length} commits that nobody was told of`)
      this.report.wholeUntold += untold.length
      for (const text of await this.history.differences(repo, [...fresh, ...untold])) this.problem(round, text)
    } finally {
      await repo.close()
    }
  }

  /** The next large writer clears away what was left. */
  private async sweep(round: number): Promise<void> {
    const before = await leftoversOf(this.store)
    if (before.leases > 0) this.report.leftLeases++
    this.report.sweptExtents += before.invisibleExtents
    const repo = await Repository.open(this.store)
    writeFolder(this.source, [{ path: 'sweep.bin', bytes: squeezableNoise(`sweep:${round}`, 2_000_000) }])
    await repo.commitFrom(this.source, { branch: 'sweeps', message: `after round ${round}` })
    await repo.close()
    const after = await leftoversOf(this.store)
    for (const [what, count] of Object.entries(after)) {
      if (count > 0) this.problem(round, `${count} ${what} are left after the next large writer`)
    }
  }

  private problem(round: number, text: string): void {
    this.report.problems.push(`round ${round}: ${text}`)
  }
}

/** At any time; or just as something is published; or just after something was acknowledged. */
async function waitForTheMoment(actor: Actor, chance: Chance, isBig: boolean): Promise<void> {
  const way = isBig ? 'time' : chance.pick(['time', 'publishing', 'ack'] as const)
  if (way === 'time') return sleep(chance.below(isBig ? 2500 : 500))
  for (let left = chance.between(1, 3); left > 0; left--) await actor.hearAbout(way)
  await sleep(chance.below(15))
}

export interface ExtendReport {
  kills: number
  added: number
  /** Files that were made and that no layout names. */
  strayFiles: number
  readonly problems: string[]
}

/** kill -9 while volumes are added. */
export async function killExtends(
  options: Pick<KillOptions, 'stage' | 'folder' | 'pvs' | 'kills' | 'seed'>,
): Promise<ExtendReport> {
  const { stage, kills, seed, pvs } = options
  const report: ExtendReport = { kills: 0, added: 0, strayFiles: 0, problems: [] }
  const folder = join(options.folder, 'extends')
  mkdirSync(folder)
  const store = join(folder, STORE_NAME)
  const source = join(folder, 'source')
  const repo = await createSpread(folder, pvs)
  await repo.close()
  let volumes = pvs
  for (let round = 0; round < kills && report.problems.length === 0; round++) {
    const chance = new Chance(seed, 'extend', round)
    const actor = stage.enter('extend', [store, folder, String(round)])
    await actor.hearAbout('ready')
    await sleep(chance.below(120))
    actor.kill()
    const { signal, stderr } = await actor.ended
    if (signal !== 'SIGKILL') report.problems.push(`the extending process failed by itself: ${stderr}`)
    const told = actor.said.filter((line) => line.startsWith('ack ')).length

    await using after = await Repository.open(store)
    const group = await after.volumeGroup()
    const added = group.physicalVolumes.length - volumes
    if (added !== told && added !== told + 1) {
      report.problems.push(`round ${round}: ${told} volumes acknowledged, ${added} there`)
    }
    volumes = group.physicalVolumes.length
    const { problems } = await after.verify()
    for (const { message } of problems) report.problems.push(`round ${round}: verify: ${message}`)

    const bytes = squeezableNoise(`${seed}:extended:${round}`, 1_500_000)
    writeFolder(source, [{ path: `${round}.bin`, bytes }])
    await after.commitFrom(source, { branch: 'main', message: `after round ${round}` })
    if (!(await (await after.at('main')).read(`${round}.bin`)).equals(bytes)) {
      report.problems.push(`round ${round}: what was committed afterwards does not read back`)
    }
    // The file that was being made when the process died, if nothing names it: in the way, and said to be.
    const next = join(folder, `pv-${round}-${added}.varve`)
    try {
      await after.extendVolumeGroup(next)
    } catch (error) {
      if (!isVarveError(error, 'ALREADY_EXISTS')) throw error
      report.strayFiles++
      for (const suffix of ['', '-journal']) rmSync(next + suffix, { force: true })
      await after.extendVolumeGroup(next)
    }
    volumes++
    report.kills++
    report.added += added
  }
  return report
}
