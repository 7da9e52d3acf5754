/**
 * The one verify engine: is everything that the store promises still there, and still true?
 *
 * Volumes: each file's structure and layout (verifyVolumes.ts). Rows of the catalog. Extents: every visible copy
 * (verifyExtents.ts; skipped when `quick`, and all there is with `checksums`). Graph: all history (verifyGraph.ts). Chunk tables
 * beside what the catalog, the extents and history say of them (verifyVolumes.ts). Problems of contents name the files they touch (verifyPaths.ts). Scrub runs the same passes, slowly.
 */
import { VarveError } from '../base/errors.js'
import type { WorkOptions } from '../base/progress.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import type { Replacement } from '../refs/replacements.js'
import { listLeases } from '../volume/lease.js'
import { UpkeepState } from '../volume/upkeepState.js'
import { ErasureState } from './eraseState.js'
import { Findings, type HealedCopy, type VerifyCounts, type VerifyProblem } from './findings.js'
import { ExtentCheck } from './verifyExtents.js'
import { checkGraph, checkPlaces, type PrunedIds, type VerifyRoot } from './verifyGraph.js'
import { problemsWithPaths } from './verifyPaths.js'
import { checkReplacements } from './verifyReplacements.js'
import { checkTables, checkVolumes } from './verifyVolumes.js'

export interface VerifyOptions extends WorkOptions {
  /** Look at structure and reachability only; do not read file contents. */
  readonly quick?: boolean | undefined
  /**
   * Read all that is stored of the contents and compare it with its checksums; decode nothing, and leave out history, chunk tables
   * and SQLite's check of its files. Finds what a disk lost, about as fast as it can be read.
   */
  readonly checksums?: boolean | undefined
  /**
   * Read the contents of one part of the extents: the `index`-th (from 1) of `of`, by their numbers. The parts together are
   * all of them. Everything else is checked whole.
   */
  readonly subset?: { readonly index: number; readonly of: number } | undefined
  /**
   * Put a sound copy of an extent in the place of a damaged one. Default `false`: nothing is changed, but for what every read
   * mends as it meets it, in a store that was opened for writing.
   */
  readonly heal?: boolean | undefined
}

export interface VerifyReport {
  /** Whether all is sound, be it that some of it was healed. */
  readonly ok: boolean
  readonly checked: VerifyCounts
  readonly problems: readonly VerifyProblem[]
  /** Copies that were damaged, and are sound now (only with `heal`). */
  readonly healed: readonly HealedCopy[]
  /** Objects that are answered by others. */
  readonly replaced: number
  /** Not damage: leases, of living writers or killed ones; what gc will tidy up. */
  readonly notes: readonly string[]
}

/** What there is to verify. */
export interface VerifySubject {
  readonly store: ChunkStore
  readonly roots: () => readonly VerifyRoot[]
  /** Reads every other checked row of the catalog; throws on the first that does not match. */
  readonly checkRows: readonly (() => void)[]
  readonly pruned: PrunedIds
  /** What is answered by what. Default: nothing is. */
  readonly replacements?: () => readonly Replacement[]
}

/** @throws {VarveError} `INVALID_ARGUMENT`, `STORAGE_READ_ONLY`, `STORAGE_FULL`, `STORE_LOCKED`, `CANCELLED` */
export async function verifyStore(subject: VerifySubject, options: VerifyOptions = {}): Promise<VerifyReport> {
  const { group } = subject.store
  requireSense(options)
  const heal = options.heal ?? false
  if (heal) requireWritable(subject.store)
  const { checksums = false } = options
  const findings = new Findings(options)
  const extents = new ExtentCheck(
    subject.store,
    findings,
    heal ? group.catalog : undefined,
    checksums ? 'checksums' : 'contents',
  )
  await checkVolumes(group, findings, !checksums)
  checkRows(subject, findings)
  await checkExtents(subject.store, extents, findings, options)
  const problems = await (checksums ? nameFiles(subject, findings) : checkRest(subject, findings, extents, heal))
  const { checked, healed, notes, replaced } = findings
  return { ok: problems.length === 0, checked, problems, healed, replaced, notes }
}

function requireSense({ quick, checksums, subset }: VerifyOptions): void {
  if (quick && checksums) {
    throw new VarveError('INVALID_ARGUMENT', 'a quick look reads no contents, whose checksums could be compared')
  }
  if (!subset) return
  const { index, of } = subset
  if (!(Number.isSafeInteger(index) && Number.isSafeInteger(of) && index >= 1 && index <= of)) {
    throw new VarveError('INVALID_ARGUMENT', `there is no part ${index} of ${of}`, {
      actual: `${index}/${of}`,
      hint: 'Parts are counted from 1: the first of three is 1/3.',
    })
  }
  if (quick) throw new VarveError('INVALID_ARGUMENT', 'a quick look reads no contents, of which there could be a part')
}

export function requireWritable({ group }: ChunkStore): void {
  if (!group.readOnly) return
  throw new VarveError('STORAGE_READ_ONLY', 'this store was opened for reading only', { path: group.catalog.path })
}

export function checkRows({ store, checkRows: checks }: VerifySubject, findings: Findings): void {
  for (const check of checks) findings.attempt(check)
  const { catalog } = store.group
  findings.attempt(() => {
    const stray = catalog.get<{ eid: number }>('SELECT eid FROM copy WHERE eid NOT IN (SELECT eid FROM extent) LIMIT 1')
    if (stray) throw catalog.damaged('copy', String(stray.eid))
  })
  if (!catalog.hasUpkeep) return
  const state = new UpkeepState(catalog)
  findings.attempt(() => {
    for (const { name } of catalog.all<{ name: string }>('SELECT name FROM upkeep')) {
      findings.attempt(() => void state.read(name))
    }
  })
}

async function checkExtents(
  { group }: ChunkStore,
  extents: ExtentCheck,
  findings: Findings,
  { quick = false, subset }: VerifyOptions,
): Promise<void> {
  let eids: number[] = []
  findings.attempt(() => {
    eids = group.catalog.all<{ eid: number }>('SELECT eid FROM extent ORDER BY eid').map((row) => row.eid)
  })
  const part = subset ? eids.filter((eid) => eid % subset.of === subset.index - 1) : eids
  findings.extentsTotal = part.length
  if (quick) {
    for (const eid of part) {
      await findings.progress(`extent ${eid}`)
      findings.checked.extents++
      extents.named(eid)
    }
    return
  }
  for await (const { eid } of extents.check(part)) {
    findings.checked.extents++
    await findings.progress(`extent ${eid}`)
  }
}

/**
 * All that does not go extent by extent.
 * @param isKept whether what is reachable is kept from gc meanwhile
 * @param about adds what is known to be bad from elsewhere, before the files are named that need it
 */
export async function checkRest(
  { store, roots, pruned, replacements }: VerifySubject,
  findings: Findings,
  extents: ExtentCheck,
  isKept: boolean,
  about: () => Promise<void> = async () => undefined,
): Promise<readonly VerifyProblem[]> {
  const { group } = store
  const lease = isKept ? store.takeReaderLease() : undefined
  try {
    let tips: readonly VerifyRoot[] = []
    let inPlace: readonly Replacement[] = []
    findings.attempt(() => {
      tips = roots()
    })
    findings.attempt(() => {
      inPlace = replacements?.() ?? []
    })
    tips = [...tips, ...(await checkReplacements(store, inPlace, findings))]
    const needed = await checkGraph(store, tips, pruned, findings)
    await checkTables(group, findings, extents, needed)
    await checkPlaces(store, needed, findings)
    findings.attempt(() => noteLeases(store, findings, lease?.id))
    findings.attempt(() => noteErasure(store, findings))
    await about()
    return await problemsWithPaths(store, tips, pruned, findings)
  } finally {
    if (lease) group.catalog.write((tx) => lease.release(tx))
  }
}

/** Of what is known to be bad; nothing is looked at where nothing is. */
async function nameFiles(
  { store, roots, pruned }: VerifySubject,
  findings: Findings,
): Promise<readonly VerifyProblem[]> {
  let tips: readonly VerifyRoot[] = []
  findings.attempt(() => {
    tips = roots()
  })
  return problemsWithPaths(store, tips, pruned, findings)
}

function noteErasure({ group }: ChunkStore, findings: Findings): void {
  if (!new ErasureState(group.catalog).read()) return
  findings.notes.push('an erasure was interrupted, and is not finished: `varve erase --finish`')
}

function noteLeases({ group }: ChunkStore, findings: Findings, own: number | undefined): void {
  for (const { id, kind, host, pid, startedMs } of listLeases(group.catalog)) {
    if (id === own) continue
    const since = new Date(startedMs).toISOString()
    findings.notes.push(`a ${kind} holds a lease: process ${pid} on ${host}, since ${since}`)
  }
}
