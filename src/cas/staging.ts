/**
 * Extents of a batch on their way to volumes, while those that come after them are read, hashed and compressed.
 *
 * Model: each volume has a lane. Once enough waits, it is staged there, one transaction after the other; `finish` brings what is
 * left and waits for all of it; `publish` makes all of it visible. What goes to the catalog's own file waits for that.
 *
 * What failed is told by `finish` and brought by the next: until then nothing more is begun ahead. Nothing begins after `close`.
 */
import { VarveError } from '../base/errors.js'
import { MIB } from '../base/units.js'
import type { NewExtent, StagedExtents } from '../volume/physicalVolume.js'
import type { PlacedExtent } from '../volume/publishStaged.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'

/** Each transaction costs a volume several syncs: so much waits, on all volumes that have nothing to do, before they begin. */
const AHEAD_BYTES = 8 * MIB
/** For one volume at a time: the memory of whatever writes it. */
const PART_BYTES = 4 * MIB

interface Lane {
  readonly pv: number
  waiting: NewExtent[]
  /** What it is at; never fails. */
  running: Promise<void> | undefined
  /** What it has made durable, in this order. */
  staged: StagedExtents[]
}

export class Staging {
  #placed: PlacedExtent[] = []
  readonly #lanes = new Map<number, Lane>()
  #failure: { readonly error: unknown } | undefined
  #isOver = false

  constructor(private readonly group: VolumeGroup) {}

  /** Its frame must not change until it is published or dropped. */
  add(placed: PlacedExtent): void {
    this.#enter(placed)
    this.#goAhead()
  }

  /**
   * Everything that was added is durable on its volumes when resolved, but for the catalog's own (safety rule 1). What was placed on a
   * volume that was taken out of the group meanwhile is placed anew.
   * @throws what staging failed with, ahead or now; `finish` may be called again
   */
  async finish(): Promise<void> {
    await this.#settle()
    const failure = this.#failure
    this.#failure = undefined
    if (failure) throw failure.error
    await this.#placeAnew()
    const results = await Promise.allSettled([...this.#lanes.values()].map((lane) => this.#bringAll(lane)))
    // Settled, all of them: no volume is still writing when this fails.
    for (const result of results) if (result.status === 'rejected') throw result.reason
    if (this.#placed.length > 0) await this.group.followLater()
  }

  /** In the publishing transaction, which may be tried again: `published` once it is through. */
  publish(): void {
    this.#requireOpen()
    if (this.#placed.length === 0) return
    const brought = [...this.#lanes.values()].filter(({ staged }) => staged.length > 0)
    this.group.publish(
      this.#placed,
      brought.map(({ pv, staged }) => [pv, { complete: () => Math.max(...staged.map((stage) => stage.complete())) }]),
    )
  }

  published(): void {
    this.#placed = []
    this.#lanes.clear()
  }

  /**
   * Those that are compressed against what is no base any more, or lie on a volume that was taken out: nobody could read them.
   * @param isBase whether an extent is there, and as safe as it should be
   */
  lost(isBase: (eid: number) => boolean): PlacedExtent[] {
    const { group } = this
    return this.#placed.filter(
      ({ extent, pvs }) => extent.bases.some(({ eid }) => !isBase(eid)) || pvs.some((pv) => !group.volume(pv)),
    )
  }

  /** They are not published, and go from their volumes. */
  async drop(placed: readonly PlacedExtent[]): Promise<void> {
    await this.#settle()
    await this.group.dropUnpublished(placed)
    const gone = new Set(placed)
    this.#placed = this.#placed.filter((each) => !gone.has(each))
    const left = new Set(this.#placed.map(({ extent }) => extent))
    for (const lane of this.#lanes.values()) {
      lane.waiting = lane.waiting.filter((extent) => left.has(extent))
      if (!this.group.volume(lane.pv)) this.#lanes.delete(lane.pv)
    }
    // The publish writes what was staged there: without these.
    const home = this.#lanes.get(0)
    if (home) Object.assign(home, { waiting: this.#extentsOn(0), staged: [] })
  }

  /** Nothing begins any more. */
  close(): void {
    this.#isOver = true
  }

  /** Nothing is published, and nothing is under way when resolved. May be called again after it failed. */
  async abandon(): Promise<void> {
    this.close()
    await this.drop(this.#placed)
  }

  #enter(placed: PlacedExtent): void {
    this.#placed.push(placed)
    for (const pv of placed.pvs) {
      const lane = this.#lanes.get(pv) ?? { pv, waiting: [], running: undefined, staged: [] }
      this.#lanes.set(pv, lane)
      lane.waiting.push(placed.extent)
    }
  }

  #extentsOn(pv: number): NewExtent[] {
    return this.#placed.filter(({ pvs }) => pvs.includes(pv)).map(({ extent }) => extent)
  }

  #goAhead(): void {
    if (this.#failure || this.#isOver) return
    const free = [...this.#lanes.values()].filter(
      ({ pv, running, waiting }) => pv !== 0 && !running && waiting.length > 0 && this.group.volume(pv),
    )
    if (free.reduce((sum, { waiting }) => sum + bytesOf(waiting), 0) < AHEAD_BYTES) return
    for (const lane of free) {
      this.#bringPart(lane).then(
        () => this.#goAhead(),
        (error: unknown) => {
          this.#failure ??= { error }
        },
      )
    }
  }

  /** What fails stays, and is brought the next time. */
  #bringPart(lane: Lane): Promise<void> {
    const part = lane.pv === 0 ? lane.waiting : firstPart(lane.waiting)
    const work = this.group.stageOn(lane.pv, part).then((staged) => {
      lane.staged.push(staged)
      lane.waiting = lane.waiting.slice(part.length)
    })
    const ended = (): void => {
      lane.running = undefined
    }
    lane.running = work.then(ended, ended)
    return work
  }

  async #bringAll(lane: Lane): Promise<void> {
    while (lane.waiting.length > 0) {
      this.#requireOpen()
      await this.#bringPart(lane)
    }
  }

  #requireOpen(): void {
    if (this.#isOver) throw new VarveError('INVALID_ARGUMENT', 'this writer has given up already')
  }

  /** All that is under way, and whatever that leads to. */
  async #settle(): Promise<void> {
    for (;;) {
      const running = [...this.#lanes.values()].flatMap((lane) => lane.running ?? [])
      if (running.length === 0) return
      await Promise.all(running)
    }
  }

  async #placeAnew(): Promise<void> {
    const { group } = this
    const astray = this.#placed.filter(({ pvs }) => pvs.some((pv) => !group.volume(pv)))
    if (astray.length === 0) return
    await this.drop(astray)
    for (const { extent, usedBy } of astray) {
      this.#enter({ extent, pvs: group.placement(usedBy).place(extent.class, extent.frame.length), usedBy })
    }
  }
}

function firstPart(extents: readonly NewExtent[]): NewExtent[] {
  let bytes = 0
  const end = extents.findIndex(({ frame }, index) => {
    bytes += frame.length
    return index > 0 && bytes > PART_BYTES
  })
  return extents.slice(0, end === -1 ? undefined : end)
}

function bytesOf(extents: readonly NewExtent[]): number {
  return extents.reduce((sum, { frame }) => sum + frame.length, 0)
}
