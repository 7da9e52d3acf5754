/**
 * Scrub: the verify engine over everything, slowly if it is told so, in a round that may be interrupted anywhere and gone on with,
 * and that mends what another copy can mend.
 *
 * Extents come first, in the order of their numbers, and how far it got is written down. What is not counted by extents (tables,
 * history) follows at the end, in one go. It holds no lease while it reads extents: a slow round takes days, and gc need not wait
 * for it; what goes meanwhile is not missed. SQLite's own check of a whole file can be neither slowed down nor interrupted, and
 * is left to verify.
 */
import { isVarveError, VarveError } from '../base/errors.js'
import type { WorkOptions } from '../base/progress.js'
import { newUuid, type Randomness } from '../base/random.js'
import { MIB, MINUTE_MS } from '../base/units.js'
import { Findings, type HealedCopy, type VerifyCounts, type VerifyProblem } from './findings.js'
import { ScrubHold, type ScrubRound } from './scrubState.js'
import { type Pause, Throttle } from './throttle.js'
import { checkRest, checkRows, requireWritable, type VerifySubject } from './verify.js'
import { ExtentCheck } from './verifyExtents.js'
import { checkVolumes } from './verifyVolumes.js'

export interface ScrubOptions extends WorkOptions {
  /** Stored bytes read a second, at most. Default: as fast as it goes. */
  readonly rateBytes?: number | undefined
  /** Put a sound copy of an extent in the place of a damaged one. Default `true`; without, only what every read mends is. */
  readonly heal?: boolean | undefined
  /** Begin anew, and not where the last one was interrupted. */
  readonly restart?: boolean | undefined
}

/** Of a whole round, however often it was interrupted. */
export interface ScrubReport {
  /** Whether all is sound, be it that some of it was healed. */
  readonly ok: boolean
  readonly startedMs: number
  readonly finishedMs: number
  readonly checked: VerifyCounts
  readonly problems: readonly VerifyProblem[]
  /** Copies that were damaged, and are sound now. */
  readonly healed: readonly HealedCopy[]
  /** Not damage: leases, what gc will tidy up. */
  readonly notes: readonly string[]
}

export interface ScrubContext {
  readonly subject: VerifySubject
  readonly random: Randomness
  readonly pause?: Pause | undefined
}

const PAGE_EXTENTS = 500
/** How far it got is written down after so much, or so long. */
const SAVE_EVERY_BYTES = 64 * MIB
const SAVE_EVERY_MS = MINUTE_MS

/**
 * @throws {VarveError} `INVALID_ARGUMENT`, `STORE_LOCKED` while another is at work, `LEASE_LOST` when another took over,
 *   `STORAGE_READ_ONLY`, `STORAGE_FULL`, `CANCELLED`
 */
export async function scrubStore(context: ScrubContext, options: ScrubOptions = {}): Promise<ScrubReport> {
  const { rateBytes } = options
  if (rateBytes !== undefined && !(rateBytes > 0 && Number.isFinite(rateBytes))) {
    throw new VarveError('INVALID_ARGUMENT', `${rateBytes} bytes a second is no rate to read at`, { actual: rateBytes })
  }
  const { store } = context.subject
  const { catalog } = store.group
  requireWritable(store)
  catalog.upgrade()
  const hold = ScrubHold.take(catalog, options.restart ?? false, newUuid(context.random), store.clock.nowMs())
  return new Scrub(context, options, hold).run()
}

class Scrub {
  readonly #context: ScrubContext
  readonly #hold: ScrubHold
  readonly #findings: Findings
  readonly #extents: ExtentCheck
  readonly #throttle: Throttle
  /** What earlier sessions of the round found. */
  readonly #earlier: readonly VerifyProblem[]
  #round: ScrubRound
  /** Of what was found, so much is about extents; the rest is looked for again if the end is not reached. */
  #kept: number
  #savedMs: number
  #bytesUnsaved = 0
  #isUnsaved = false

  constructor(context: ScrubContext, options: ScrubOptions, hold: ScrubHold) {
    const { store } = context.subject
    this.#context = context
    this.#hold = hold
    this.#round = hold.round
    this.#findings = new Findings(options)
    this.#earlier = hold.found
    for (const problem of this.#earlier) this.#findings.add(problem)
    this.#kept = this.#earlier.length
    this.#findings.healed.push(...this.#round.healed)
    Object.assign(this.#findings.checked, this.#round.checked)
    this.#extents = new ExtentCheck(
      store,
      this.#findings,
      (options.heal ?? true) ? store.group.catalog : undefined,
      'rows',
    )
    this.#throttle = new Throttle(options.rateBytes, store.clock, context.pause)
    this.#savedMs = store.clock.nowMs()
  }

  async run(): Promise<ScrubReport> {
    try {
      await this.#readExtents()
      return await this.#finish()
    } catch (error) {
      this.#leave()
      throw error
    }
  }

  async #readExtents(): Promise<void> {
    const { checked } = this.#findings
    const { lastExtent } = this.#round
    this.#findings.extentsTotal = checked.extents + this.#countLeft()
    while (this.#round.nextExtent <= lastExtent) {
      const page = this.#nextPage()
      await this.#findings.progress(`extent ${page[0] ?? lastExtent}`)
      let known = this.#found
      for await (const { eid, bytes } of this.#extents.check(page, 1)) {
        checked.extents++
        this.#passed(eid + 1, bytes, this.#found > known)
        known = this.#found
        await this.#throttle.took(bytes, this.#findings.signal)
        await this.#findings.progress(`extent ${eid + 1}`)
      }
      if (page.length < PAGE_EXTENTS) break
    }
    this.#passed(lastExtent + 1, 0, true)
  }

  get #found(): number {
    return this.#findings.problems.length + this.#findings.healed.length
  }

  #countLeft(): number {
    let count = 0
    this.#findings.attempt(() => {
      const { nextExtent, lastExtent } = this.#round
      const sql = 'SELECT count(*) AS n FROM extent WHERE eid BETWEEN ? AND ?'
      count = this.#catalog.get<{ n: number }>(sql, nextExtent, lastExtent)?.n ?? 0
    })
    return count
  }

  #nextPage(): number[] {
    const { nextExtent, lastExtent } = this.#round
    const eids: number[] = []
    this.#findings.attempt(() => {
      const sql = `SELECT eid FROM extent WHERE eid BETWEEN ? AND ? ORDER BY eid LIMIT ${PAGE_EXTENTS}`
      for (const { eid } of this.#catalog.all<{ eid: number }>(sql, nextExtent, lastExtent)) {
        // Rows out of order are damage too, and would be read for ever.
        if (eid < (eids.at(-1) ?? nextExtent)) throw this.#catalog.damaged('extent', String(eid))
        eids.push(eid)
      }
    })
    return eids
  }

  get #catalog() {
    return this.#context.subject.store.group.catalog
  }

  /** @param isNews whether something was found that must not be forgotten */
  #passed(nextExtent: number, bytes: number, isNews: boolean): void {
    const { clock } = this.#context.subject.store
    const { checked, healed, problems } = this.#findings
    this.#round = { ...this.#round, nextExtent, checked: { ...checked }, healed: [...healed] }
    this.#kept = problems.length
    this.#bytesUnsaved += bytes
    const nowMs = clock.nowMs()
    const isDue = this.#bytesUnsaved >= SAVE_EVERY_BYTES || Math.abs(nowMs - this.#savedMs) >= SAVE_EVERY_MS
    this.#isUnsaved ||= isNews || isDue
    if (!this.#isUnsaved) return
    try {
      this.#hold.save(this.#round, this.#keptProblems)
    } catch (error) {
      // Somebody is at a long write. It is tried again after the next extent.
      if (!isVarveError(error, 'STORE_LOCKED')) throw error
      return
    }
    this.#isUnsaved = false
    this.#savedMs = nowMs
    this.#bytesUnsaved = 0
  }

  get #keptProblems(): VerifyProblem[] {
    return this.#findings.problems.slice(0, this.#kept)
  }

  async #finish(): Promise<ScrubReport> {
    const { subject } = this.#context
    const { group, clock } = subject.store
    const { startedMs } = this.#round
    await checkVolumes(group, this.#findings, false)
    checkRows(subject, this.#findings)
    const problems = await checkRest(subject, this.#findings, this.#extents, true, () => this.#markEarlier())
    const { checked, healed, notes } = this.#findings
    const finishedMs = clock.nowMs()
    const result = { startedMs, finishedMs, checked, healed: healed.length, problems: problems.length }
    // Of a volume that was not there, nothing was found out.
    const absent = new Set(
      group.layout.physicalVolumes.filter(({ number }) => group.absent.has(number)).map(({ uuid }) => uuid),
    )
    this.#hold.finish(result, problems, ({ pv }) => pv !== undefined && absent.has(pv))
    return { ok: problems.length === 0, startedMs, finishedMs, checked, problems, healed, notes }
  }

  /** The files that need what earlier sessions found lost are named as well. */
  async #markEarlier(): Promise<void> {
    for (const problem of this.#earlier) {
      const volume = this.#context.subject.store.group.volumes.find(({ uuid }) => uuid === problem.pv)
      if (!volume || problem.extent === undefined || problem.mendable) continue
      await this.#extents.markLost(problem.extent, volume, problem)
    }
  }

  #leave(): void {
    try {
      this.#hold.leave(this.#round, this.#keptProblems)
    } catch (error) {
      // What ended the scrub is the error to tell; what was written down last is where the next goes on.
      if (!isVarveError(error)) throw error
    }
  }
}
