/**
 * kill -9 while a store is tidied: commits, deletions, prune and gc, at random moments and at chosen points of gc; now and
 * then while another process commits, which lives on.
 *
 * After each kill the store is opened as the next command would, and must be whole: verify finds nothing, every branch is where
 * the plan has it, and all that it reaches reads back. The next gc ends well, though others may commit meanwhile, clears away
 * what the killed one left, and gives back the space of what no branch needs. Then the next process is killed on the same store.
 */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MIB } from '../../../src/base/units.js'
import { Repository } from '../../../src/index.js'
import { EXTENT_CLASS } from '../../../src/volume/physicalVolume.js'
import type { Actor, Stage } from './actor.js'
import { Chance } from './chance.js'
import { GcHistory } from './gcHistory.js'
import { besideStep, type CommitStep, clockOf, MAIN_BRANCH, plannedGcStep } from './gcPlan.js'
import { logOf } from './history.js'
import { createSpread, leftoversOf, STORE_NAME } from './stores.js'

export interface GcKillOptions {
  readonly stage: Stage
  /** An empty folder. */
  readonly folder: string
  readonly pvs: number
  readonly kills: number
  readonly seed: string
  /** A fresh store every so many kills, so that looking through all of it stays quick. */
  readonly freshEvery: number
  readonly onRound?: (round: number, report: GcKillReport) => void
}

export interface GcKillReport {
  kills: number
  /** Steps. */
  acknowledged: number
  /** Steps that were done, whole, though nobody was told any more. */
  wholeUntold: number
  /** Kills by what the process was doing: a phase of gc, or another step. */
  readonly moments: Map<string, number>
  /** Commits of processes that went on meanwhile. */
  beside: number
  /** Kills that left a lease behind. */
  leftLeases: number
  /** Extents that no catalog row named, and that were swept. */
  sweptExtents: number
  /** Deleted branches that were brought back before gc took them. */
  broughtBack: number
  /** Times that one more gc found something still to be done. */
  secondRuns: number
  /** Empty when all is well; the run stops at the first round with any. */
  readonly problems: string[]
}

/** As the process tells them; those that matter most come more often. */
const GC_PHASES = [
  'starting',
  ...['condemning', 'condemning'],
  ...['dropping', 'dropping', 'dropping'],
  ...['rewriting', 'rewriting', 'rewriting'],
  ...['giving back', 'giving back'],
  ...['packing', 'packing', 'packing'],
]

/** The part of an extent that may be dead before it is rewritten. */
const WASTE = 0.05
/** What files have beside extents: ends of pages, tables, free pages below what is given back. */
const ROOM_FACTOR = 1.05
const ROOM_BYTES = MIB / 2
const BESIDE_SHARE = 0.4
/** Rounds after which all that is dead goes; after the others the grace period goes on. */
const ALL_SHARE = 0.7
/** Of a phase: at one of so many first marks the process is killed. */
const MARKS = 10
const PACKING_MARKS = 30
/** What something is compressed against is of no use once that is written anew without it: so it may go on, as deep as bases go. */
const RUNS_MAX = 9
/** Of a process, before it is killed wherever it is. */
const STEPS_MAX = 24

export async function killGcs(options: GcKillOptions): Promise<GcKillReport> {
  const report: GcKillReport = {
    kills: 0,
    acknowledged: 0,
    wholeUntold: 0,
    moments: new Map(),
    beside: 0,
    leftLeases: 0,
    sweptExtents: 0,
    broughtBack: 0,
    secondRuns: 0,
    problems: [],
  }
  for (let first = 0; first < options.kills && report.problems.length === 0; first += options.freshEvery) {
    const folder = join(options.folder, `gc-${first}`)
    mkdirSync(folder)
    const run = new GcKillRun(options, report, folder)
    await run.rounds(first, Math.min(options.kills, first + options.freshEvery))
    if (report.problems.length === 0) rmSync(folder, { recursive: true, force: true })
  }
  return report
}

class GcKillRun {
  private readonly history = new GcHistory()
  private readonly store: string

  constructor(
    private readonly options: GcKillOptions,
    private readonly report: GcKillReport,
    private readonly folder: string,
  ) {
    this.store = join(folder, STORE_NAME)
  }

  async rounds(first: number, end: number): Promise<void> {
    const repo = await createSpread(this.folder, this.options.pvs)
    // Nothing but the grace period keeps what is dead.
    await repo.config.set('reflog-keep', '0')
    await repo.config.set('gc-waste', `${WASTE * 100}%`)
    await repo.close()
    for (let round = first; round < end && this.report.problems.length === 0; round++) {
      const chance = new Chance(this.options.seed, 'kill gc', round)
      const beside = chance.next() < BESIDE_SHARE ? await this.startBeside(round) : undefined
      try {
        const said = await this.killOnce(round, chance)
        await this.lookAt(round, said, beside, chance.next() < ALL_SHARE)
      } catch (error) {
        // Told with the round, by which it can be done again.
        this.problem(round, error instanceof Error ? (error.stack ?? error.message) : String(error))
      } finally {
        beside?.kill()
      }
      this.report.kills++
      this.options.onRound?.(round, this.report)
    }
  }

  private async startBeside(round: number): Promise<Actor> {
    const { stage, seed } = this.options
    const actor = stage.enter('commit-beside', [this.store, seed, String(round), join(this.folder, 'beside')])
    await actor.hearAbout('ready')
    return actor
  }

  private async killOnce(round: number, chance: Chance): Promise<readonly string[]> {
    const { stage, seed } = this.options
    const way = chance.pick(['time', 'mark', 'mark', 'halt', 'halt', 'halt'] as const)
    const phase = chance.pick(GC_PHASES)
    const number = chance.between(1, phase === 'packing' ? PACKING_MARKS : MARKS)
    const halt = way === 'halt' ? [phase, String(number)] : []
    const actor = stage.enter('gc', [this.store, seed, String(round), join(this.folder, 'source'), ...halt])
    await actor.hearAbout('ready')
    if (way === 'time') await sleep(chance.below(1500))
    else await listenFor(actor, way === 'halt' ? 'halted' : `gc ${phase}`, way === 'halt' ? 1 : number)
    if (way === 'mark') await sleep(chance.below(8))
    actor.kill()
    const { signal, stderr } = await actor.ended
    if (signal !== 'SIGKILL') this.problem(round, `the process that tidies failed by itself: ${stderr}`)
    const moment = momentOf(actor.said)
    this.report.moments.set(moment, (this.report.moments.get(moment) ?? 0) + 1)
    return actor.said
  }

  private async lookAt(round: number, said: readonly string[], beside: Actor | undefined, now: boolean): Promise<void> {
    // It stands still while all is looked at, and goes on while gc is at work.
    beside?.tell('pause')
    await beside?.hearAbout('still')
    let told = this.takeBeside(round, beside, 0)
    const acknowledged = this.takeAcknowledged(round, said)
    const repo = await Repository.open(this.store, { clock: clockOf(round, () => STEPS_MAX) })
    let allowedBytes = Number.POSITIVE_INFINITY
    try {
      // Looked at through files that were opened for writing once: before that, a journal may be waiting to be rolled back.
      const left = await leftoversOf(this.store)
      if (left.leases > 0) this.report.leftLeases++
      this.report.sweptExtents += left.invisibleExtents
      await this.takeUntold(repo, round, acknowledged)
      await this.compare(repo, round, 'after the kill')
      beside?.tell('go')
      await repo.gc({ now })
      beside?.tell('enough')
      await beside?.done()
      told += this.takeBeside(round, beside, told)
      this.report.beside += told
      await this.lookForLeftovers(repo, round)
      if (now) await this.gcAgain(repo, round)
      await this.compare(repo, round, 'after the next gc')
      if (now) allowedBytes = await this.lookForSpace(repo, round)
    } finally {
      await repo.close()
    }
    this.lookAtSizes(round, allowedBytes)
  }

  private async compare(repo: Repository, round: number, when: string): Promise<void> {
    const { problems } = await repo.verify()
    for (const { message } of problems) this.problem(round, `verify ${when}: ${message}`)
    for (const text of await this.history.differences(repo)) this.problem(round, `${when}: ${text}`)
  }

  /** @param from so many of its commits are known. @returns how many more there are */
  private takeBeside(round: number, beside: Actor | undefined, from: number): number {
    const fresh = (beside?.said ?? []).filter((line) => line.startsWith('ack ')).slice(from)
    for (const line of fresh) {
      const [, step, , , id = ''] = line.split(' ')
      this.history.committed(id, besideStep(this.options.seed, round, Number(step)))
    }
    return fresh.length
  }

  /** @returns how many steps were acknowledged */
  private takeAcknowledged(round: number, said: readonly string[]): number {
    let steps = 0
    for (const line of said) {
      const match = /^ack (\d+) (\S+) ?(\S*) ?(\S*)/.exec(line)
      if (!match) continue
      const step = Number(match[1])
      if (step !== steps++) this.problem(round, `step ${step} is acknowledged out of turn`)
      const [, , result, name, id] = match as unknown as [string, string, string, string, string]
      const planned = plannedGcStep(this.options.seed, round, step)
      const isTrue = this.take(result, name, id, planned as CommitStep)
      if (!isTrue) this.problem(round, `step ${step} cannot be: ${line}`)
    }
    this.report.acknowledged += steps
    return steps
  }

  /** @returns whether it can have been so */
  private take(result: string, name: string, id: string, planned: CommitStep): boolean {
    switch (result) {
      case 'draft':
      case 'folder':
        this.history.committed(id, planned)
        return planned.branch === name
      case 'fork':
        return this.history.forked(name, id)
      case 'delete':
        return this.history.deleted(name) === id
      case 'undelete':
        this.report.broughtBack++
        return this.history.undeleted(name, id)
      case 'prune':
        return this.takePruned(name === '' ? [] : name.split(','), planned as unknown as { keepLast: number })
      default:
        return ['skip', 'gone', 'gc', 'pack'].includes(result)
    }
  }

  private takePruned(ids: readonly string[], { keepLast }: { keepLast: number }): boolean {
    const expected = this.history.prunable(keepLast)
    this.history.prune(ids)
    return [...ids].sort().join() === [...expected].sort().join()
  }

  /** The step that the process was killed in is done, whole, or not begun. */
  private async takeUntold(repo: Repository, round: number, step: number): Promise<void> {
    const planned = plannedGcStep(this.options.seed, round, step)
    const { history } = this
    const there = new Map((await repo.branches()).map(({ name, target }) => [name, target as string]))
    let isDone = false
    if (planned.kind === 'draft' || planned.kind === 'folder') {
      const [tip, ...more] = (await logOf(repo, planned.branch)).slice(history.chain(planned.branch).length)
      isDone = tip?.message === planned.message && more.length === 0
      if (tip && isDone) history.committed(tip.id, planned)
    } else if (planned.kind === 'fork' || planned.kind === 'undelete') {
      const id = there.get(planned.branch)
      isDone = id !== undefined
      if (id !== undefined) history[planned.kind === 'fork' ? 'forked' : 'undeleted'](planned.branch, id)
    } else if (planned.kind === 'delete') {
      const gone = history.branches.filter((name) => !there.has(name))
      isDone = gone.length === 1 && gone[0] !== MAIN_BRANCH
      if (isDone) history.deleted(gone[0] as string)
    } else if (planned.kind === 'prune') {
      const ids = history.prunable(planned.keepLast)
      const pruned = new Set<string>(repo.parts.pruned.list().map(({ id }) => id))
      isDone = ids.length > 0 && ids.some((id) => pruned.has(id))
      // All of them: what is not pruned then is a difference.
      if (isDone) history.prune(ids)
    }
    if (isDone) this.report.wholeUntold++
  }

  /** Until nothing is left to do. */
  private async gcAgain(repo: Repository, round: number): Promise<void> {
    for (let run = 0; run < RUNS_MAX; run++) {
      const { condemned, waiting, dropped, rewritten, notes } = await repo.gc({ now: true })
      for (const note of notes) this.problem(round, `gc, with nobody else at work: ${note}`)
      if (condemned.chunks + waiting.chunks + dropped.extents + rewritten.extents === 0) return
      this.report.secondRuns++
    }
    this.problem(round, 'gc after gc finds something still to be done')
  }

  private async lookForLeftovers(repo: Repository, round: number): Promise<void> {
    const { group } = repo.parts
    for (const [what, count] of Object.entries(await leftoversOf(this.store))) {
      if (count > 0) this.problem(round, `${count} ${what} are left after the next gc`)
    }
    const orphans = await group.dropOrphans()
    if (orphans > 0) this.problem(round, `${orphans} orphans are left after the next gc`)
    group.catalog.checkTotals(group.layout.physicalVolumes.map(({ number }) => number))
    for (const volume of group.volumes) {
      const held = await volume.list(0, Number.MAX_SAFE_INTEGER)
      const named = new Set<number>()
      group.catalog.eachExtent(({ record, pvs }) => {
        if (pvs.includes(volume.number)) named.add(record.eid)
      })
      if (held.length !== named.size || !held.every((eid) => named.has(eid))) {
        this.problem(round, `volume ${volume.number} holds ${held.length} extents, and the catalog names ${named.size}`)
      }
    }
  }

  /** By the plan, not by what gc thinks. @returns bytes that the store's files may have in the end */
  private async lookForSpace(repo: Repository, round: number): Promise<number> {
    const { group } = repo.parts
    const data = new Set<number>()
    const held = new Set<string>()
    let storedBytes = 0
    group.catalog.eachExtent(({ record, pvs }) => {
      storedBytes += record.storedBytes * pvs.length
      if (record.class === EXTENT_CLASS.data) data.add(record.eid)
      for (const { eid, slots } of record.bases) for (const slot of slots) held.add(`${eid}/${slot}`)
    })
    // What others are compressed against is kept for them, wanted or not.
    // Two processes may have stored the same: each chunk counts once.
    const lengths = new Map<string, number>()
    for (const volume of group.volumes) {
      for (const { hash, eid, slot, length } of await volume.chunkRows(undefined, Number.MAX_SAFE_INTEGER)) {
        if (data.has(eid) && !held.has(`${eid}/${slot}`)) lengths.set(hash, length)
      }
    }
    const keptBytes = [...lengths.values()].reduce((sum, length) => sum + length, 0)
    const { wantedBytes } = this.history
    if (keptBytes > wantedBytes / (1 - WASTE)) {
      this.problem(round, `${keptBytes} bytes of files are kept, and ${wantedBytes} wanted`)
    }
    return storedBytes * ROOM_FACTOR + group.volumes.length * ROOM_BYTES
  }

  /** Once nobody has the store open: logs and journals are part of what it takes. */
  private lookAtSizes(round: number, allowedBytes: number): void {
    const names = readdirSync(this.folder).filter((name) => name.includes('.varve'))
    const sizeBytes = names.reduce((sum, name) => sum + statSync(join(this.folder, name)).size, 0)
    if (sizeBytes > allowedBytes)
      this.problem(round, `the files are ${sizeBytes} bytes long, not at most ${allowedBytes}`)
  }

  private problem(round: number, text: string): void {
    this.report.problems.push(`round ${round}: ${text}`)
  }
}

/** Until a line has begun so, so many times, or the process has done more than should be needed for it. */
async function listenFor(actor: Actor, beginning: string, times: number): Promise<void> {
  let steps = 0
  for (let left = times; left > 0 && steps < STEPS_MAX; ) {
    const line = await actor.hear()
    if (line === undefined) return
    if (line.startsWith(beginning)) left--
    if (line.startsWith('ack ')) steps++
  }
}

/** What a process was doing when it was killed. */
function momentOf(said: readonly string[]): string {
  const began = said.findLastIndex((line) => line.startsWith('begin '))
  if (said.slice(began + 1).some((line) => line.startsWith('ack '))) return 'between steps'
  const kind = said[began]?.split(' ')[2] ?? 'opening'
  if (kind !== 'gc') return kind
  const last = said.slice(began).findLast((line) => line.startsWith('gc ')) ?? 'gc starting:'
  return last.slice(0, last.indexOf(':'))
}
