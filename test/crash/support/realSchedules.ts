/**
 * Schedules of processes that are really there, on real files: writers, a collector of garbage, one that moves refs and thins out
 * history, readers. One or two are killed, by themselves at an edge of a transaction or from outside at any time; others sleep.
 *
 * Afterwards the store is opened as the next command would, and must be whole: verify finds nothing, each commit that was
 * acknowledged is in the reflog, and what a branch or tag reaches reads back byte for byte, before and after gc has done all that
 * is left to do. Where the reflog keeps all, so does every commit that ever was acknowledged.
 *
 * A seed gives the same parts, and the same edges to die at; what the processes of one schedule meet is up to the machine.
 */
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Repository } from '../../../src/index.js'
import type { Actor, Stage } from './actor.js'
import { Chance } from './chance.js'
import { BRANCHES, bytesOf, clockAhead, type Part, planCommit, type Role } from './realPlan.js'
import { RealRecord } from './realRecord.js'
import { createSpread, STORE_NAME } from './stores.js'

export interface RealOptions {
  readonly stage: Stage
  /** An empty folder. */
  readonly folder: string
  readonly pvs: number
  readonly schedules: number
  /** The number of the first. */
  readonly first?: number | undefined
  readonly seed: string
  readonly onSchedule?: (number: number, report: RealReport) => void
}

export interface RealReport {
  schedules: number
  kills: number
  acknowledged: number
  /** Commits that were whole though nobody was told any more. */
  wholeUntold: number
  /** Runs of gc that dropped or rewrote something while others were at work. */
  collections: number
  /** Branches that were brought back from the reflog. */
  revived: number
  reads: number
  /** Empty when all is well; the run stops at the first schedule with any. */
  readonly problems: string[]
}

/** How long a schedule keeps what: the reflog, and after that the grace period. */
const TERMS = [
  { name: 'patient', isPatient: true, settings: { 'reflog-keep': '90d', 'gc-grace': '1d' } },
  { name: 'brisk', isPatient: false, settings: { 'reflog-keep': '0', 'gc-grace': '0' } },
  { name: 'graceful', isPatient: false, settings: { 'reflog-keep': '2d', 'gc-grace': '2d' } },
] as const
type Terms = (typeof TERMS)[number]

const CASTS: readonly (readonly Role[])[] = [
  ['writer', 'collector', 'mover'],
  ['writer', 'collector', 'mover', 'reader'],
  ['writer', 'writer', 'collector', 'mover'],
  ['writer', 'collector', 'collector', 'reader'],
]
const STEPS: Readonly<Record<Role, number>> = { writer: 8, collector: 4, mover: 8, reader: 6 }
/** A process dies at one of so many first edges, mostly before its work is done. */
const EDGES = 60
/** Longer than most parts take. */
const MOMENT_MS = 250
const NAP_MS = 60
/** Nobody is at work for so long. */
const STUCK_MS = 60_000

export async function playRealSchedules(options: RealOptions): Promise<RealReport> {
  const theatre = new Theatre(options)
  try {
    await theatre.prepare()
    const { first = 1, schedules } = options
    for (let number = first; number < first + schedules && theatre.report.problems.length === 0; number++) {
      await theatre.play(number)
      options.onSchedule?.(number, theatre.report)
    }
    return theatre.report
  } finally {
    theatre.close()
  }
}

interface Beginning {
  readonly terms: Terms
  readonly folder: string
  readonly record: RealRecord
}

class Theatre {
  readonly report: RealReport = {
    schedules: 0,
    kills: 0,
    acknowledged: 0,
    wholeUntold: 0,
    collections: 0,
    revived: 0,
    reads: 0,
    problems: [],
  }
  readonly #options: RealOptions
  readonly #beginnings: Beginning[] = []
  /** Waiting for a part. */
  #idle: Actor[] = []
  readonly #all = new Set<Actor>()

  constructor(options: RealOptions) {
    this.#options = options
  }

  close(): void {
    for (const actor of this.#all) actor.kill()
  }

  /** Stores with some history, of which some is condemned: schedules begin with copies of them. */
  async prepare(): Promise<void> {
    for (let index = 0; index < 4; index++) this.#enter()
    for (const terms of TERMS) {
      const folder = join(this.#options.folder, terms.name)
      mkdirSync(folder)
      const record = new RealRecord()
      const chance = new Chance('real beginning', terms.name)
      await using repo = await createSpread(folder, this.#options.pvs, { clock: clockAhead(() => -30) })
      for (const [name, value] of Object.entries(terms.settings)) await repo.config.set(name, value)
      await repo.config.set('gc-waste', '1%')
      for (let index = 0; index < 10; index++) {
        const plan = planCommit(chance, `beginning ${index}`, index === 4)
        const draft = await repo.draft(BRANCHES[index % 3] as string)
        for (const [path, content] of plan.files) await draft.write(path, bytesOf(content))
        record.tried({ ...plan, base: draft.base })
        record.acknowledged((await draft.commit({ message: plan.message, author: 'A <a@b>', allowEmpty: true })).id)
      }
      await repo.deleteBranch('b')
      await repo.gc()
      this.#beginnings.push({ terms, folder, record })
    }
  }

  async play(number: number): Promise<void> {
    const { seed, pvs } = this.#options
    const name = `schedule ${number} of seed ${seed} on ${pvs} volumes`
    const chance = new Chance(seed, 'real', number)
    const { terms, folder: from, record: before } = chance.pick(this.#beginnings)
    const folder = join(this.#options.folder, String(number))
    cpSync(from, folder, { recursive: true })
    const record = new RealRecord(before)
    const problem = (text: string): void => {
      this.report.problems.push(`${name}, ${terms.name}: ${text}`)
    }
    try {
      await this.#act(number, chance, terms, folder, record, problem)
      await this.#look(join(folder, STORE_NAME), terms, record, chance.next() < 0.5, problem)
    } catch (error) {
      problem(error instanceof Error ? (error.stack ?? error.message) : String(error))
    }
    this.report.schedules++
    if (this.report.problems.length === 0) rmSync(folder, { recursive: true, force: true })
  }

  async #act(
    number: number,
    chance: Chance,
    { isPatient }: Terms,
    folder: string,
    record: RealRecord,
    problem: (text: string) => void,
  ): Promise<void> {
    const cast = chance.pick(CASTS)
    while (this.#idle.length < cast.length) this.#enter()
    const playing = this.#idle.splice(0, cast.length)
    await Promise.all(playing.map((actor) => (actor.said.length === 0 ? actor.hearAbout('ready') : undefined)))
    const doomed = new Set([chance.below(cast.length), ...(chance.next() < 0.4 ? [chance.below(cast.length)] : [])])
    const from = playing.map((actor) => actor.said.length)
    const killed = new Set<Actor>()
    const strokes: Promise<void>[] = []
    for (const [index, role] of cast.entries()) {
      const actor = playing[index] as Actor
      const killsItself = doomed.has(index) && chance.next() < 0.6
      const part: Part = {
        seed: `${this.#options.seed}:${number}`,
        name: `${role}${index}`,
        role,
        store: join(folder, STORE_NAME),
        folder,
        steps: STEPS[role],
        isPatient,
        diesAt: killsItself ? 1 + chance.below(EDGES) : undefined,
        naps: Array.from({ length: chance.below(3) }, () => [1 + chance.below(EDGES), chance.below(NAP_MS)] as const),
      }
      const [afterMs, forMs, sleeps] = [chance.below(MOMENT_MS), chance.below(2 * NAP_MS), chance.next() < 0.3]
      actor.tell(JSON.stringify(part))
      if (doomed.has(index) && !killsItself) {
        killed.add(actor)
        strokes.push(sleep(afterMs).then(() => actor.kill()))
      } else if (sleeps) strokes.push(stopAwhile(actor, afterMs, forMs))
    }
    await Promise.all(playing.map((actor) => this.#untilDone(actor)))
    await Promise.all(strokes)
    for (const [index, actor] of playing.entries()) {
      const name = `${cast[index]}${index}`
      const isGone = killed.has(actor) || actor.isOver
      if (isGone) {
        const { code, signal, stderr } = await actor.ended
        const wasKilled = signal === 'SIGKILL' || process.platform === 'win32'
        if (!doomed.has(index) || !wasKilled) problem(`${name} ended with ${signal ?? code}: ${stderr}`)
        this.report.kills++
        this.#all.delete(actor)
        this.#enter()
      } else this.#idle.push(actor)
      this.#take(actor.said.slice(from[index]), record, (text) => problem(`${name}: ${text}`))
    }
  }

  #enter(): void {
    const actor = this.#options.stage.enter('schedule', [])
    this.#all.add(actor)
    this.#idle.push(actor)
  }

  async #untilDone(actor: Actor): Promise<void> {
    for (;;) {
      const line = await actor.hear(STUCK_MS)
      if (line === 'done') return
      if (line !== undefined) continue
      if (actor.isOver) return
      throw new Error(`an actor said nothing for ${STUCK_MS} ms after ${actor.said.at(-1)}`)
    }
  }

  /** What a process said of what it did. */
  #take(lines: readonly string[], record: RealRecord, problem: (text: string) => void): void {
    for (const line of lines) {
      const [word = '', first = '', ...rest] = line.split(' ')
      if (word === 'try') record.tried(JSON.parse(line.slice(word.length)))
      else if (word === 'ack') {
        record.acknowledged(first)
        this.report.acknowledged++
      } else if (word === 'read') {
        record.read(first, rest[0] ?? '')
        this.report.reads++
      } else if (word === 'revived') this.report.revived++
      else if (word === 'gc' && rest.some((count) => Number(count) > 0)) this.report.collections++
      else if (word === 'problem') problem(JSON.parse(line.slice(word.length)) as string)
    }
  }

  async #look(
    store: string,
    { isPatient }: Terms,
    record: RealRecord,
    now: boolean,
    problem: (text: string) => void,
  ): Promise<void> {
    // Ahead of whoever was ahead.
    await using repo = await Repository.open(store, { clock: clockAhead(() => 20) })
    const compare = async (when: string, isQuick: boolean): Promise<void> => {
      const { problems } = await repo.verify({ quick: isQuick })
      for (const { message } of problems) problem(`verify ${when}: ${message}`)
      for (const text of await record.differences(repo, isPatient)) problem(`${when}: ${text}`)
    }
    await compare('afterwards', false)
    this.report.wholeUntold += record.untold
    // What nothing keeps goes; of one that is patient only what was thinned out, or never got a name.
    await repo.gc({ now: now && !isPatient })
    await compare('after gc', true)
  }
}

/** A sleeping process, where there are such. */
async function stopAwhile(actor: Actor, afterMs: number, forMs: number): Promise<void> {
  if (process.platform === 'win32') return
  await sleep(afterMs)
  actor.signal('SIGSTOP')
  await sleep(forMs)
  actor.signal('SIGCONT')
}
