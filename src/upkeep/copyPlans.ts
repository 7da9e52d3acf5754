/** Which copies of extents are to come to which volumes, and which are to go (placeCopies.ts does it). */
import { VarveError } from '../base/errors.js'
import type { LogicalVolumeLayout, PhysicalVolumeLayout } from '../format/layout.js'
import { type UsedBy, usesOf } from '../volume/extentUses.js'
import { copiesFor, fewestFirst, isItsOwn, numberOf, ownTiers, policiesOf } from '../volume/placement.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'

/** Of one extent. First all of `add` are there, then all of `drop` go. */
export interface CopyStep {
  readonly eid: number
  readonly storedBytes: number
  readonly rawBytes: number
  readonly add: readonly number[]
  readonly drop: readonly number[]
  /** Logical volumes that used it when this was planned. */
  readonly usedBy: UsedBy
}

/**
 * Each copy on the volume goes to the one that holds least, and has none of it yet: one that those may use as well that use the copy, where
 * there is such. Else it goes all the same, and lacks.
 * @param to numbers of the volumes that may take them. Default: all others that are allocatable; of a tier, those of that tier.
 * @throws {VarveError} `VG_FULL`
 */
export function planMove(group: VolumeGroup, from: number, to?: readonly number[]): CopyStep[] {
  const others = group.layout.physicalVolumes.filter(
    ({ number, allocatable }) =>
      number !== from && !group.absent.has(number) && (to === undefined ? allocatable : to.includes(number)),
  )
  const candidates = to === undefined ? others.filter(({ number }) => isInTierOf(group, from, number)) : others
  const otherTier =
    candidates.length < others.length ? ` To leave its tier, name volumes to go to: \`${MOVE_TO}\`.` : ''
  const room = new Room(group, candidates, `${MORE_ROOM}${otherTier}`)
  const asking = askingOf(group, group.layout.logicalVolumes)
  const steps: CopyStep[] = []
  group.catalog.eachExtent(({ record: { eid, storedBytes, rawBytes }, pvs }) => {
    if (!pvs.includes(from)) return
    const usedBy = usesOf(group.catalog, eid)
    const asked = asking(usedBy)
    const kept = candidates.map(({ number }) => number).filter((number) => mayGo(asked, from, number))
    const isKept = room.emptiestWithRoom(storedBytes, pvs, kept) !== undefined
    const add = [room.take(eid, storedBytes, pvs, isKept ? kept : undefined)]
    steps.push({ eid, storedBytes, rawBytes, add, drop: [from], usedBy })
  })
  return steps
}

/** Whether what is in a tier with the one volume is so with the other. */
function isInTierOf({ layout }: VolumeGroup, from: number, to: number): boolean {
  return layout.logicalVolumes.every((policy) => {
    const tier = ownTiers(policy, layout.physicalVolumes).find((each) => each.some(({ number }) => number === from))
    return !policy.tiers || !tier || tier.some(({ number }) => number === to)
  })
}

/**
 * What lies otherwise than logical volumes want it: too few copies, too many, or on volumes that are not their own. What several of them use
 * has what each of them asks for. Copies on volumes that are not there do not count, and are left alone: they may come back.
 *
 * Where there are tiers, copies stay in the one where most are, and those that lack come there, unless it has no room. What is in neither
 * goes to the slow one: it was not used as far as is known.
 *
 * What others are compressed against gets copies before them, and loses them after them: it never has fewer than they.
 * @param logicalVolumes as they are to be
 * @param only of what this one uses. Default: of everything
 * @param usedBy which of them use an extent. Default: as the catalog has it
 * @throws {VarveError} `VG_FULL`
 */
export function planPolicies(
  group: VolumeGroup,
  logicalVolumes: readonly LogicalVolumeLayout[],
  only?: LogicalVolumeLayout,
  usedBy = (eid: number): UsedBy => usesOf(group.catalog, eid),
): CopyStep[] {
  const room = new Room(
    group,
    group.layout.physicalVolumes.filter(({ number, allocatable }) => allocatable && !group.absent.has(number)),
  )
  const asking = askingOf(group, logicalVolumes)
  const more: CopyStep[] = []
  const less: CopyStep[] = []
  group.catalog.eachExtent(({ record, pvs }) => {
    const { eid, storedBytes, rawBytes } = record
    const lvs = usedBy(eid)
    if (only && !lvs.includes(numberOf(only))) return
    const staying: number[] = []
    const add: number[] = []
    for (const { policy, tiers } of asking(lvs)) {
      const copies = copiesFor(policy, record.class)
      const held = (tier: readonly number[]): number => [...pvs, ...add].filter((pv) => tier.includes(pv)).length
      const mostFirst = tiers.toReversed().sort((a, b) => held(b) - held(a))
      const roomy = mostFirst.find((tier) => room.hasRoomFor(copies - held(tier), storedBytes, [...pvs, ...add], tier))
      const tier = roomy ?? mostFirst[0] ?? []
      const lacking = () => copies - [...staying, ...add].filter((pv) => tier.includes(pv)).length
      const others = pvs.filter((pv) => tier.includes(pv) && !staying.includes(pv))
      staying.push(...room.emptiest(others).slice(0, Math.max(0, lacking())))
      while (lacking() > 0) add.push(room.take(eid, storedBytes, [...pvs, ...add], tier))
    }
    const drop = pvs.filter((pv) => !staying.includes(pv) && !group.absent.has(pv))
    const step = { eid, storedBytes, rawBytes, add, drop, usedBy: lvs }
    if (add.length > 0) more.push(step)
    else if (drop.length > 0) less.push(step)
  })
  return [...more, ...less.reverse()]
}

/** Differences of stored bytes that are no reason to move anything. */
const EVEN_PART = 0.02

/** Passes over all extents, of which each leaves less to do. */
const PASSES_MOST = 8

/** Copies go from the volumes that hold most to those that hold least, among those that take new extents. */
export function planBalance(group: VolumeGroup): CopyStep[] {
  const candidates = group.layout.physicalVolumes.filter(
    ({ number, allocatable }) => allocatable && !group.absent.has(number),
  )
  const numbers = new Set(candidates.map(({ number }) => number))
  const room = new Room(group, candidates)
  const asking = askingOf(group, group.layout.logicalVolumes)
  const extents: {
    readonly eid: number
    readonly storedBytes: number
    readonly rawBytes: number
    readonly were: readonly number[]
    readonly usedBy: UsedBy
    /** Whether it may go from one volume to another: all that use it have as many copies of their own as before. */
    readonly may: (from: number, to: number) => boolean
    pvs: number[]
  }[] = []
  group.catalog.eachExtent(({ record: { eid, storedBytes, rawBytes }, pvs }) => {
    const usedBy = usesOf(group.catalog, eid)
    const asked = asking(usedBy)
    const may = (from: number, to: number) => mayGo(asked, from, to)
    extents.push({ eid, storedBytes, rawBytes, were: pvs, usedBy, may, pvs: [...pvs] })
  })
  // Large ones first: with the small ones the rest is evened out.
  extents.sort((a, b) => b.storedBytes - a.storedBytes || a.eid - b.eid)
  for (let pass = 0, isMoved = true; isMoved && pass < PASSES_MOST; pass++) {
    isMoved = false
    for (const extent of extents) {
      const { storedBytes, pvs, may } = extent
      const from = room.fullest(pvs.filter((pv) => numbers.has(pv)))
      if (from === undefined) continue
      const among = [...numbers].filter((pv) => may(from, pv))
      const to = room.emptiestWithRoom(storedBytes, pvs, among)
      if (to === undefined) continue
      if (room.used(from) - room.used(to) <= Math.max(2 * storedBytes, EVEN_PART * room.used(from))) continue
      room.move(from, to, storedBytes)
      extent.pvs = [...pvs.filter((pv) => pv !== from), to]
      isMoved = true
    }
  }
  return extents.flatMap(({ eid, storedBytes, rawBytes, were, usedBy, pvs }) => {
    const add = pvs.filter((pv) => !were.includes(pv))
    const drop = were.filter((pv) => !pvs.includes(pv))
    return add.length > 0 ? [{ eid, storedBytes, rawBytes, add, drop, usedBy }] : []
  })
}

/** Copies that are asked for and not there. */
export function countLacking(group: VolumeGroup, policy: LogicalVolumeLayout): number {
  const tiers = tiersFor(group, policy)
  let lacking = 0
  group.catalog.eachExtent(({ record, pvs }) => {
    if (!usesOf(group.catalog, record.eid).includes(numberOf(policy))) return
    const most = Math.max(...tiers.map((tier) => pvs.filter((pv) => tier.includes(pv)).length))
    lacking += Math.max(0, copiesFor(policy, record.class) - most)
  })
  return lacking
}

/** Whether a copy on a volume is one that a logical volume asks for. */
function countsFor({ absent, layout }: VolumeGroup, policy: LogicalVolumeLayout): (pv: number) => boolean {
  const own = layout.physicalVolumes.filter((volume) => isItsOwn(policy, volume)).map(({ number }) => number)
  return (pv) => !absent.has(pv) && own.includes(pv)
}

/** By tier the volumes on which copies count. */
function tiersFor(group: VolumeGroup, policy: LogicalVolumeLayout): readonly (readonly number[])[] {
  const counts = countsFor(group, policy)
  return ownTiers(policy, group.layout.physicalVolumes).map((tier) =>
    tier.map(({ number }) => number).filter((number) => counts(number)),
  )
}

interface Asked {
  readonly policy: LogicalVolumeLayout
  /** By tier the volumes on which copies are what it asks for. */
  readonly tiers: readonly (readonly number[])[]
}

/** Whether a copy that goes from one volume to another is as good for all of these. */
function mayGo(asked: readonly Asked[], from: number, to: number): boolean {
  return asked.every(({ tiers }) => tiers.find((tier) => tier.includes(from))?.includes(to) ?? true)
}

/** What those ask for that use an extent: first who may use fewest volumes, since the others may be content with these. */
function askingOf(
  group: VolumeGroup,
  logicalVolumes: readonly LogicalVolumeLayout[],
): (usedBy: UsedBy) => readonly Asked[] {
  const known = new Map<string, readonly Asked[]>()
  return (usedBy) => {
    const key = usedBy.join()
    const asked =
      known.get(key) ??
      fewestFirst(group.layout, policiesOf({ logicalVolumes }, usedBy)).map((policy) => ({
        policy,
        tiers: tiersFor(group, policy),
      }))
    known.set(key, asked)
    return asked
  }
}

const MOVE_TO = 'varve pv move PV TO…'
const MORE_ROOM = 'Add a volume with `varve vg extend FILE`, or raise a limit with `varve pv resize PV SIZE`.'

/** What volumes hold, as far as it was planned. */
class Room {
  readonly #used = new Map<number, number>()
  /** What is there and what comes: what goes may still be there then. */
  readonly #most = new Map<number, number>()

  constructor(
    group: VolumeGroup,
    private readonly candidates: readonly PhysicalVolumeLayout[],
    private readonly hint = MORE_ROOM,
  ) {
    for (const { number } of group.layout.physicalVolumes) {
      const storedBytes = group.catalog.volumeUse(number)?.storedBytes ?? 0
      this.#used.set(number, storedBytes)
      this.#most.set(number, storedBytes)
    }
  }

  /**
   * The volume that holds least, and is none of those that have it.
   * @param among all that count unless given
   * @throws {VarveError} `VG_FULL`
   */
  take(eid: number, storedBytes: number, having: readonly number[], among?: readonly number[]): number {
    const best = this.emptiestWithRoom(storedBytes, having, among)
    if (best === undefined) {
      throw new VarveError('VG_FULL', `there is no room for extent ${eid} on any other volume; nothing was moved`, {
        extent: eid,
        pvs: having.map(String),
        expected: storedBytes,
        hint: this.hint,
      })
    }
    this.#comes(best, storedBytes)
    return best
  }

  move(from: number, to: number, storedBytes: number): void {
    this.#used.set(from, this.used(from) - storedBytes)
    this.#comes(to, storedBytes)
  }

  #comes(pv: number, storedBytes: number): void {
    this.#used.set(pv, this.used(pv) + storedBytes)
    this.#most.set(pv, (this.#most.get(pv) ?? 0) + storedBytes)
  }

  emptiestWithRoom(storedBytes: number, having: readonly number[], among?: readonly number[]): number | undefined {
    return this.emptiest(this.#roomy(storedBytes, having, among))[0]
  }

  hasRoomFor(copies: number, storedBytes: number, having: readonly number[], among: readonly number[]): boolean {
    return copies <= 0 || this.#roomy(storedBytes, having, among).length >= copies
  }

  #roomy(storedBytes: number, having: readonly number[], among?: readonly number[]): number[] {
    const roomy = this.candidates.filter(
      ({ number, capacityBytes }) =>
        !having.includes(number) &&
        (among?.includes(number) ?? true) &&
        (capacityBytes === null || (this.#most.get(number) ?? 0) + storedBytes <= capacityBytes),
    )
    return roomy.map(({ number }) => number)
  }

  emptiest(pvs: readonly number[]): number[] {
    return [...pvs].sort((a, b) => this.used(a) - this.used(b))
  }

  fullest(pvs: readonly number[]): number | undefined {
    return this.emptiest(pvs).at(-1)
  }

  used(pv: number): number {
    return this.#used.get(pv) ?? 0
  }
}
