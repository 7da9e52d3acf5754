/**
 * The one verify engine: is everything that the store promises still there, and still true?
 *
 * Volumes: each file's structure and layout (verifyVolumes.ts). Rows of the catalog. Extents: every visible copy
 * (verifyExtents.ts; skipped when `quick`). Chunk tables beside what the catalog says of them. Graph: all history
 * (verifyGraph.ts). Problems of contents name the files they touch (verifyPaths.ts). Scrub runs the same passes, slowly.
 */
import { VarveError } from '../base/errors.js'
import type { WorkOptions } from '../base/progress.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { listLeases } from '../volume/lease.js'
import { Findings, type HealedCopy, type VerifyCounts, type VerifyProblem } from './findings.js'
import { UpkeepState } from './upkeepState.js'
import { ExtentCheck } from './verifyExtents.js'
import { checkGraph, type PrunedIds, type VerifyRoot } from './verifyGraph.js'
import { problemsWithPaths } from './verifyPaths.js'
import { checkTables, checkVolumes } from './verifyVolumes.js'

export interface VerifyOptions extends WorkOptions {
  /** Look at structure and reachability only; do not read file contents. */
  readonly quick?: boolean | undefined
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
}

/** @throws {VarveError} `INVALID_ARGUMENT`, `STORAGE_READ_ONLY`, `STORAGE_FULL`, `STORE_LOCKED`, `CANCELLED` */
export async function verifyStore(subject: VerifySubject, options: VerifyOptions = {}): Promise<VerifyReport> {
  const { group } = subject.store
  requireSense(options)
  const heal = options.heal ?? false
  if (heal) requireWritable(subject.store)
  const findings = new Findings(options)
  const extents = new ExtentCheck(subject.store, findings, heal)
  await checkVolumes(group, findings, true)
  checkRows(subject, findings)
  await checkExtents(subject.store, extents, findings, options)
  const problems = await checkRest(subject, findings, extents, heal)
  const { checked, healed, notes } = findings
  return { ok: problems.length === 0, checked, problems, healed, notes }
}

function requireSense({ quick, subset }: VerifyOptions): void {
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
  for (const eid of part) {
    await findings.progress(`extent ${eid}`)
    findings.checked.extents++
    if (quick) extents.named(eid)
    else await extents.check(eid)
  }
}

/**
 * All that does not go extent by extent.
 * @param isKept whether what is reachable is kept from gc meanwhile
 * @param about adds what is known to be bad from elsewhere, before the files are named that need it
 */
export async function checkRest(
  { store, roots, pruned }: VerifySubject,
  findings: Findings,
  extents: ExtentCheck,
  isKept: boolean,
  about: () => Promise<void> = async () => undefined,
): Promise<readonly VerifyProblem[]> {
  const { group } = store
  await checkTables(group, findings, extents)
  const lease = isKept ? store.takeReaderLease() : undefined
  try {
    let tips: readonly VerifyRoot[] = []
    findings.attempt(() => {
      tips = roots()
    })
    await checkGraph(store, tips, pruned, findings)
    findings.attempt(() => noteLeases(store, findings, lease?.id))
    await about()
    return await problemsWithPaths(store, tips, pruned, findings)
  } finally {
    if (lease) group.catalog.write((tx) => lease.release(tx))
  }
}

function noteLeases({ group }: ChunkStore, findings: Findings, own: number | undefined): void {
  for (const { id, kind, host, pid, startedMs } of listLeases(group.catalog)) {
    if (id === own) continue
    const since = new Date(startedMs).toISOString()
    findings.notes.push(`a ${kind} holds a lease: process ${pid} on ${host}, since ${since}`)
  }
}
