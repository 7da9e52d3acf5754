/**
 * Doctor: what should be done about a store, and how, from a few cheap looks. Nothing is read back (that is scrub and verify), and
 * nothing is changed.
 */
import { hostname } from 'node:os'
import { dirname, resolve } from 'node:path'
import type { Clock } from '../base/clock.js'
import { isVarveError, type VarveError } from '../base/errors.js'
import { DAY_MS, formatSize, MIB } from '../base/units.js'
import { isAnyCondemned } from '../cas/condemned.js'
import { adoptingRefs, type BranchVolumes } from '../refs/branchVolumes.js'
import type { PrunedCommits } from '../refs/pruned.js'
import { shortRef } from '../refs/refName.js'
import { type DiskSpace, diskSpace } from '../volume/diskSpace.js'
import { groupExported } from '../volume/exported.js'
import { knowsUses } from '../volume/extentUses.js'
import { isProcessAlive, listLeases } from '../volume/lease.js'
import { EXTENT_CLASS } from '../volume/physicalVolume.js'
import { copiesFor, mostCopies, numberOf, ownTiers } from '../volume/placement.js'
import { describeFilling, fillings } from '../volume/space.js'
import { UpkeepState } from '../volume/upkeepState.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'
import { ErasureState } from './eraseState.js'
import { failedGc, readLastGc } from './lastGc.js'
import { tieringDue } from './logicalVolumeTiers.js'
import { scrubStatus } from './scrubState.js'

/** What a finding is about; for programs. */
export type DoctorTopic =
  | 'damage'
  | 'erasure'
  | 'exported'
  | 'volume-missing'
  | 'copies-lacking'
  | 'tiers-due'
  | 'scrub-due'
  | 'gc-due'
  | 'lease'
  | 'volume-full'
  | 'space-low'
  | 'disk-full'
  | 'format'
  | 'one-copy'
  | 'folder'

export interface DoctorFinding {
  readonly topic: DoctorTopic
  /** What is the matter. */
  readonly message: string
  /** What to do about it. */
  readonly advice: string
  /** The file or folder it is about. */
  readonly path?: string | undefined
}

export interface DoctorReport {
  /** Whether nothing is to be done. */
  readonly ok: boolean
  readonly findings: readonly DoctorFinding[]
}

/** How a working folder of the store is. */
export interface FolderHealth {
  readonly path: string
  readonly state: 'fine' | 'gone' | 'interrupted' | 'unreadable'
  /** Of an unreadable one. */
  readonly why?: string | undefined
}

export interface DoctorContext {
  readonly group: VolumeGroup
  readonly pruned: PrunedCommits
  readonly clock: Clock
  readonly branchVolumes: BranchVolumes
  /** From which part of its size on something is said to be nearly full: 0 to 1. */
  readonly fullPart: number
  readonly folders: () => readonly FolderHealth[]
  /** Default: asks the system. */
  readonly diskSpace?: ((path: string) => DiskSpace | undefined) | undefined
}

const SCRUB_EVERY_MS = 30 * DAY_MS
/** Days of grace are counted by the runs of gc, two at most each. */
const GC_EVERY_MS = 7 * DAY_MS
/** A command that takes longer is rather one that was killed. */
const LEASE_IS_OLD_MS = 7 * DAY_MS
/** The part of a volume, or of a disk, that should stay free. */
const FREE_PART_MIN = 0.05
const MORE_ROOM = 'Add a volume with `varve vg extend FILE`, or raise a limit with `varve pv resize PV SIZE`.'
/** Of a large disk, a small part is a lot. */
const FREE_BYTES_ENOUGH = 20 * 1024 * MIB
/** What is worth a second copy. */
const ONE_COPY_BYTES_MAX = 100 * 1024 * MIB

export function examine(context: DoctorContext): DoctorReport {
  const findings: DoctorFinding[] = []
  const looks = [
    exported,
    missingVolumes,
    lackingCopies,
    adopting,
    tiersDue,
    unfinishedErasure,
    lastScrub,
    garbage,
    leases,
    fullVolumes,
    filling,
    fullDisks,
    oldFormat,
    oneCopy,
    folders,
  ]
  for (const look of looks) {
    try {
      findings.push(...look(context))
    } catch (error) {
      // What keeps us from looking is a finding too. Only a fault of the program is none.
      if (!isVarveError(error)) throw error
      findings.push(unreadable(error))
    }
  }
  return { ok: findings.length === 0, findings }
}

function unreadable(error: VarveError): DoctorFinding {
  return findingOf(error, 'damage', 'Run `varve verify` to see what is hit.')
}

function findingOf({ message, hint, details }: VarveError, topic: DoctorTopic, advice: string): DoctorFinding {
  const { path } = details
  return { topic, message, advice: hint ?? advice, ...(typeof path === 'string' ? { path } : {}) }
}

function exported({ group: { layout, catalog } }: DoctorContext): DoctorFinding[] {
  return layout.exported ? [findingOf(groupExported(layout, catalog.path), 'exported', 'Import it.')] : []
}

function missingVolumes({ group }: DoctorContext): DoctorFinding[] {
  const advice = 'Mount the disk it is on, or bring its file back.'
  return [...group.absent.values()].map((error) => {
    const { path, ...finding } = findingOf(error, 'volume-missing', advice)
    // The layout names it as seen from the catalog.
    return path === undefined ? finding : { ...finding, path: resolve(dirname(group.catalog.path), path) }
  })
}

function unfinishedErasure({ group }: DoctorContext): DoctorFinding[] {
  const note = new ErasureState(group.catalog).read()
  if (!note) return []
  const day = new Date(note.startedMs).toISOString().slice(0, 10)
  const message = `an erasure of ${day} was interrupted: what it erased may be in the files still`
  return [{ topic: 'erasure', message, advice: 'Run `varve erase --finish`.' }]
}

function lastScrub({ group, clock }: DoctorContext): DoctorFinding[] {
  const { current, last, problems } = scrubStatus(group.catalog)
  const found: DoctorFinding[] = []
  const [first] = problems
  if (first) {
    const others = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
    found.push({
      topic: 'damage',
      message: `the last scrub found damage: ${first.message}${others}`,
      advice:
        'Run `varve verify`: it names the files that are hit. What cannot be mended must come from a copy of the store, or of ' +
        'the files; `varve scrub` then says whether all is well.',
    })
  }
  // A store that was never read back is fine as long as it is new.
  const isNever = last === undefined
  const ageMs = clock.nowMs() - (last?.finishedMs ?? group.layout.createdMs)
  if (ageMs < SCRUB_EVERY_MS) return found
  const days = Math.floor(ageMs / DAY_MS)
  const what = isNever
    ? `this store is ${days} days old, and was never read back`
    : `the last scrub was ${days} days ago`
  const advice = current ? 'Go on with the one that was begun: `varve scrub`.' : 'Run `varve scrub`, monthly or so.'
  found.push({ topic: 'scrub-due', message: what, advice })
  return found
}

function garbage({ group, pruned, clock }: DoctorContext): DoctorFinding[] {
  const { catalog } = group
  const state = new UpkeepState(catalog)
  const last = readLastGc(state)
  const failed = failedGc(state)
  if (failed) {
    const day = new Date(failed.ms).toISOString().slice(0, 10)
    const message = `gc came to no end on ${day}: ${failed.problem}`
    return [
      { topic: 'gc-due', message, advice: 'Run `varve gc` to see whether that is over, and `varve verify` if not.' },
    ]
  }
  const advice = 'Run `varve gc`, daily or at least weekly.'
  const prunedSince = pruned.list().filter(({ timeMs }) => timeMs > (last?.finishedMs ?? 0)).length
  if (prunedSince > 0) {
    const message = `${prunedSince} commits lost their files to \`varve prune\`, and their space was not given back yet`
    return [{ topic: 'gc-due', message, advice }]
  }
  if (!isAnyCondemned(catalog)) return []
  const days = last && Math.floor((clock.nowMs() - last.finishedMs) / DAY_MS)
  if (last && clock.nowMs() - last.finishedMs < GC_EVERY_MS) return []
  const bytes = last ? formatSize(last.waiting.bytes) : 'what nothing needs any more'
  const since = days === undefined ? 'gc never came to its end' : `gc ran ${days} days ago`
  return [{ topic: 'gc-due', message: `${bytes} wait to be dropped, and ${since}`, advice }]
}

function leases({ group, clock }: DoctorContext): DoctorFinding[] {
  return listLeases(group.catalog).flatMap(({ kind, host, pid, startedMs }): DoctorFinding[] => {
    const since = new Date(startedMs).toISOString().slice(0, 10)
    const isOurs = host === hostname()
    if (kind === 'swept' || (isOurs && !isProcessAlive(pid))) {
      const message = `process ${pid} on ${host} is gone, and left something half done on ${since}`
      return [{ topic: 'lease', message, advice: 'The next `varve commit` or `varve gc` clears it away.' }]
    }
    if (clock.nowMs() - startedMs < LEASE_IS_OLD_MS) return []
    const message = `a ${kind} has been at work since ${since}: process ${pid} on ${host}; gc drops nothing it might need`
    const advice = isOurs
      ? 'If it hangs, end it.'
      : `If it is gone, run \`varve gc\` on ${host}: what a process left behind, its own machine clears away.`
    return [{ topic: 'lease', message, advice }]
  })
}

/** Asked of SQLite alone: there may be millions of extents. */
function lackingCopies({ group: { catalog, layout, absent } }: DoctorContext): DoctorFinding[] {
  // Said already; it may come back.
  if (absent.size > 0) return []
  const isSeveral = knowsUses(catalog)
  return layout.logicalVolumes.flatMap((policy): DoctorFinding[] => {
    const { name } = policy
    const usable = mostCopies(
      policy,
      layout.physicalVolumes.filter(({ allocatable }) => allocatable),
    )
    // All copies lie in one tier, where there are any.
    const tiers = ownTiers(policy, layout.physicalVolumes).map((tier) =>
      JSON.stringify(tier.map(({ number }) => number)),
    )
    const inTier = '(SELECT count(*) FROM copy WHERE copy.eid = extent.eid AND pv IN (SELECT value FROM json_each(?)))'
    const { n = 0 } =
      catalog.get<{ n: number }>(
        `SELECT count(*) AS n FROM extent WHERE CASE class WHEN ${EXTENT_CLASS.object} THEN ? ELSE ? END >
           max(0, ${tiers.map(() => inTier).join(', ')})
           ${isSeveral ? 'AND EXISTS (SELECT 1 FROM lv_use WHERE lv_use.eid = extent.eid AND lv = ?)' : ''}`,
        copiesFor(policy, EXTENT_CLASS.object),
        copiesFor(policy, EXTENT_CLASS.data),
        ...tiers,
        ...(isSeveral ? [numberOf(policy)] : []),
      ) ?? {}
    if (n === 0) return []
    const extents = n === 1 ? '1 extent lies' : `${n} extents lie`
    const repair = `\`varve lv convert ${name} --repair\``
    const isRoomy = usable >= copiesFor(policy, EXTENT_CLASS.object)
    return [
      {
        topic: 'copies-lacking',
        message: `${extents} otherwise than logical volume ${name} asks for: copies lack`,
        advice: isRoomy
          ? `Run ${repair}.`
          : `There are too few volumes for it: \`varve vg extend FILE\`, and then ${repair}.`,
      },
    ]
  })
}

/** Branches that were led to what was written for others, and may not lie as they are to be kept. */
function adopting({ group: { catalog }, branchVolumes }: DoctorContext): DoctorFinding[] {
  const names = adoptingRefs(catalog).map(shortRef)
  const volumes = [...new Set(names.map((name) => branchVolumes.of(name)))]
  return volumes.map((name) => {
    const own = names.filter((each) => branchVolumes.of(each) === name)
    const first = own.slice(0, 3).join(', ')
    const all = own.length > 3 ? `${first} and ${own.length - 3} more` : first
    return {
      topic: 'copies-lacking',
      message: `${all}: led to what was written for others, and may lie otherwise than logical volume ${name} asks for`,
      advice: `Run \`varve lv convert ${name} --repair\`.`,
    }
  })
}

function filling({ group: { catalog, layout }, fullPart }: DoctorContext): DoctorFinding[] {
  const all = layout.logicalVolumes.map(numberOf)
  // Of one volume alone that is said already (`fullVolumes`).
  const isOne = layout.physicalVolumes.filter(({ allocatable }) => allocatable).length < 2
  const found = fillings(catalog, layout, all, fullPart).filter((each) => each.logicalVolume !== undefined || !isOne)
  return found.map((each) => ({
    topic: 'space-low',
    message: describeFilling(each),
    advice:
      each.logicalVolume === undefined
        ? MORE_ROOM
        : `Make it larger with \`varve lv extend ${each.logicalVolume} -V SIZE\`, or give something up with \`varve prune\` and \`varve gc\`.`,
  }))
}

function tiersDue({ group }: DoctorContext): DoctorFinding[] {
  return group.layout.logicalVolumes.flatMap((policy): DoctorFinding[] => {
    const { name, tiers } = policy
    const due = tieringDue(group, policy)
    if (!tiers || !due) return []
    const message =
      due === 'full'
        ? `the fast tier of logical volume ${name} (@${tiers.fast}) is nearly full: soon what is new goes to the slow one`
        : `a run that moved what is not used to the slow tier of logical volume ${name} (@${tiers.slow}) was interrupted`
    return [{ topic: 'tiers-due', message, advice: `Run \`varve lv tier ${name}\`, daily or so.` }]
  })
}

function fullVolumes({ group }: DoctorContext): DoctorFinding[] {
  return group.layout.physicalVolumes.flatMap(({ number, capacityBytes, allocatable }): DoctorFinding[] => {
    if (capacityBytes === null || !allocatable) return []
    const free = capacityBytes - (group.catalog.volumeUse(number)?.storedBytes ?? 0)
    if (free >= FREE_PART_MIN * capacityBytes) return []
    return [
      {
        topic: 'volume-full',
        message: `volume ${number} has ${formatSize(Math.max(0, free))} left of ${formatSize(capacityBytes)}`,
        advice: 'Add a volume with `varve vg extend FILE`, or raise the limit with `varve pv resize PV SIZE`.',
        path: group.volume(number)?.location,
      },
    ]
  })
}

function fullDisks({ group, diskSpace: ask = diskSpace }: DoctorContext): DoctorFinding[] {
  const seen = new Set<string>()
  return group.volumes.flatMap(({ location }): DoctorFinding[] => {
    const space = ask(location)
    if (!space) return []
    const { freeBytes, totalBytes } = space
    if (freeBytes >= FREE_BYTES_ENOUGH || freeBytes >= FREE_PART_MIN * totalBytes) return []
    // Several volumes on one disk: said once.
    const key = `${totalBytes} ${freeBytes}`
    if (seen.has(key)) return []
    seen.add(key)
    return [
      {
        topic: 'disk-full',
        message: `the disk of ${location} has ${formatSize(freeBytes)} left of ${formatSize(totalBytes)}`,
        advice: 'Free some space, or add a volume on another disk: `varve vg extend FILE`.',
        path: location,
      },
    ]
  })
}

function oldFormat({ group: { catalog } }: DoctorContext): DoctorFinding[] {
  if (catalog.hasUpkeep) return []
  const message = 'the store has the first format, in which gc, prune and scrub have nowhere to write'
  return [{ topic: 'format', message, advice: 'Run `varve gc` or `varve scrub`: that brings it to the newest.' }]
}

function oneCopy({ group }: DoctorContext): DoctorFinding[] {
  const isMirrored = group.layout.logicalVolumes.some(({ type }) => type === 'mirrored')
  const bytes = group.catalog.volumeUse(0)?.storedBytes ?? 0
  if (!group.isOneFile || isMirrored || bytes <= ONE_COPY_BYTES_MAX) return []
  return [
    {
      topic: 'one-copy',
      message: `${formatSize(bytes)} lie in one file, and what is damaged there cannot be mended`,
      advice: 'Keep a copy of the store on another disk.',
      path: group.catalog.path,
    },
  ]
}

function folders(context: DoctorContext): DoctorFinding[] {
  return context.folders().flatMap(({ path, state, why = '' }): DoctorFinding[] => {
    const about: Readonly<Record<FolderHealth['state'], Pick<DoctorFinding, 'message' | 'advice'> | undefined>> = {
      fine: undefined,
      gone: {
        message: `the working folder ${path} is not there`,
        advice: `Mount the disk it is on; or, if it was moved, run \`varve worktree repair\` in it; or forget it: \`varve worktree remove ${path}\`. What it stands at is kept until then.`,
      },
      interrupted: {
        message: `a switch was interrupted in the working folder ${path}`,
        advice: 'In it, go on with `varve switch --continue`, or back with `varve switch --abort`.',
      },
      unreadable: { message: `the working folder ${path} cannot be looked at: ${why}`, advice: 'Look at its disk.' },
    }
    const found = about[state]
    return found ? [{ topic: 'folder', ...found, path }] : []
  })
}
