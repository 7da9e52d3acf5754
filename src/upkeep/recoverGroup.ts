/**
 * A volume group whose catalog is lost: a new catalog from the volumes that are left (volume/recoverCatalog.ts), and refs, reflog and
 * working folders led to what is still there. All in one transaction; what of contents is gone, `verify` finds.
 */
import { dirname, resolve } from 'node:path'
import { type Clock, systemClock } from '../base/clock.js'
import { VarveError } from '../base/errors.js'
import { type Hash, hashFromBytes } from '../base/hash.js'
import { type Randomness, systemRandomness } from '../base/random.js'
import { noteAllAdopting } from '../refs/branchVolumes.js'
import { Properties } from '../refs/properties.js'
import { PrunedCommits } from '../refs/pruned.js'
import { shortRef } from '../refs/refName.js'
import { Refs } from '../refs/refs.js'
import { Replacements } from '../refs/replacements.js'
import { Worktrees } from '../refs/worktrees.js'
import type { Catalog } from '../volume/catalog.js'
import { statOf } from '../volume/files.js'
import { requireLost } from '../volume/lostCatalog.js'
import { type RecoveredCatalog, recoverCatalog } from '../volume/recoverCatalog.js'
import { openSurvivors, type Survivors } from '../volume/survivors.js'
import { UpkeepState } from '../volume/upkeepState.js'
import { VolumeGroup } from '../volume/volumeGroup.js'
import { type FoundCommit, nameFoundCommits } from './foundCommits.js'
import { expireReflog } from './reflogTerm.js'

export interface RecoverGroupOptions {
  /** More volumes, where the layout of the first does not lead to them. */
  readonly volumes?: readonly string[] | undefined
  /** Where the new catalog goes. Default: where the lost one was. */
  readonly to?: string | undefined
  /** Do without volumes that are not found: they are no part of the group any more. Default `false`: then it is refused. */
  readonly partial?: boolean | undefined
  /** The group was exported, and its catalog is lost all the same. Default `false`: then it is refused, for it may only have been moved. */
  readonly exported?: boolean | undefined
  /** Only say what would come back. */
  readonly dryRun?: boolean | undefined
  /** Whom the reflog names. */
  readonly who?: string | undefined
  readonly lockTimeoutMs?: number | undefined
  readonly clock?: Clock | undefined
  readonly random?: Randomness | undefined
}

/** A branch or tag that does not point where it did. */
export interface MovedRef {
  readonly name: string
  readonly kind: 'branch' | 'tag'
  /** Its commit is in no volume that is left. */
  readonly from: Hash
  /** The newest of its reflog that is there; `undefined`: none is, and it is gone. */
  readonly to: Hash | undefined
}

export interface RecoverGroupReport {
  readonly dryRun: boolean
  /** The new catalog. */
  readonly path: string
  readonly volumes: readonly { readonly number: number; readonly path: string }[]
  readonly missing: readonly { readonly number: number; readonly path: string; readonly message: string }[]
  readonly extents: number
  readonly storedBytes: number
  /** Extents that are there and of no use: their rows are damaged, or what they are decoded through is gone. */
  readonly unusableExtents: number
  /** When refs last moved, as far as is known, in milliseconds since the epoch; `undefined`: no recovery copy is left. */
  readonly asOfMs: number | undefined
  readonly branches: number
  readonly tags: number
  readonly moved: readonly MovedRef[]
  /** Branches that were made where no recovery copy is left, so that gc keeps all histories that were found. None in a dry run. */
  readonly found: readonly FoundCommit[]
}

const LOCK_TIMEOUT_MS = 10_000

/**
 * Makes the catalog of a volume group anew whose file is lost, from the volumes that are left: which extents there are and
 * where they lie; branches, tags, reflog, settings and working folders as of the last recovery copy that a volume has. The lost
 * file's own extents are gone, where no other volume has them: `Repository.verify` says what that hits. Durable when
 * resolved; interrupted anywhere, the same call again begins anew. Where no volume has a recovery copy, the last commits of all
 * histories that are found become branches (`found`).
 *
 * @param path of any volume that is left
 * @throws {VarveError} `PV_MISSING` (or why else it could not be opened) when not all volumes are found, unless `partial`; `STORE_EXISTS` where
 * the catalog would go, or when the catalog is where the volumes say, and can be read; `INVALID_ARGUMENT` for a catalog; `VG_EXPORTED`, `PATH_NOT_FOUND` for the folder of the new catalog, `STORE_NOT_FOUND`, `NOT_A_STORE`, `PV_FOREIGN`, `PV_DUPLICATE`, `FORMAT_NEWER`,
 * `STORAGE_FULL`, `STORAGE_DENIED`
 * @throws {CorruptionError} `CORRUPT` for a volume whose file is damaged
 * @example
 * ```ts
 * import { rename } from 'node:fs/promises'
 *
 * await repo.extendVolumeGroup(`${dir}/left.varve`)
 * await repo.changePhysicalVolume('0', { allocatable: false })
 * await repo.movePhysicalVolume('0')
 * await repo.close()
 * await rename(`${dir}/store.varve`, `${dir}/damaged`)
 * const { branches, asOfMs } = await recoverVolumeGroup(`${dir}/left.varve`)
 * console.log(branches, asOfMs)
 * ```
 */
export async function recoverVolumeGroup(path: string, options: RecoverGroupOptions = {}): Promise<RecoverGroupReport> {
  const environment = {
    lockTimeoutMs: options.lockTimeoutMs ?? LOCK_TIMEOUT_MS,
    random: options.random ?? systemRandomness,
  }
  const survivors = openSurvivors([path, ...(options.volumes ?? [])], environment)
  try {
    const [first] = survivors.missing
    if (first && !options.partial && !options.dryRun) throw missingError(survivors)
    const target = resolve(options.to ?? survivors.catalogPath)
    if (survivors.layout.exported && !options.exported) throw exportedError(survivors)
    requireFree(target)
    requireLost(survivors, environment)
    const { clock = systemClock, who = 'varve' } = options
    const led = new LedRefs(clock, who)
    const steps = {
      check: checkCopy,
      finish: (catalog: Catalog, has: (id: Hash) => boolean) => led.lead(catalog, has),
    }
    const recovered = recoverCatalog(options.dryRun ? ':memory:' : target, survivors, environment, steps)
    // The volumes are told where the catalog is, and know the lost one for old from then on.
    const found: FoundCommit[] = []
    if (!options.dryRun) {
      const group = await VolumeGroup.open(target, { ...environment, clock: systemClock })
      try {
        if (recovered.copyOf === undefined) found.push(...(await nameFoundCommits(group, clock, who)))
      } finally {
        await group.close()
      }
    }
    return reportOf(options.dryRun ?? false, target, survivors, recovered, led, found)
  } finally {
    for (const { database } of survivors.volumes) database.close()
  }
}

function missingError({ missing }: Survivors): VarveError {
  const [first] = missing
  const numbers = missing.map(({ number }) => number).join(', ')
  return new VarveError(first?.reason.code ?? 'PV_MISSING', first?.reason.message ?? 'a volume is missing', {
    ...first?.reason.details,
    actual: missing.map(({ path }) => path),
    hint: `Name the file where it lies now. To do without volume ${numbers} for good: --partial.`,
  })
}

function exportedError({ layout }: Survivors): VarveError {
  return new VarveError(
    'VG_EXPORTED',
    `the volume group ${layout.name} is exported: its catalog may only have been moved`,
    {
      vg: layout.vg,
      hint: 'Bring all its files here, and take it up: `varve vg import DIR`. If its catalog is lost all the same: --exported.',
    },
  )
}

function requireFree(path: string): void {
  if (!statOf(dirname(path))?.isDirectory()) {
    throw new VarveError('PATH_NOT_FOUND', `there is no folder ${dirname(path)} for the new catalog`, {
      path,
      hint: 'Make the folder, or name another place for the catalog: --to FILE.',
    })
  }
  const stat = statOf(path)
  if (!stat || (stat.isFile() && stat.size === 0)) return
  throw new VarveError('STORE_EXISTS', `${path} is there: the catalog is not lost`, {
    path,
    hint: 'If it is damaged, move it away first, and keep it until all is well.',
  })
}

function checkCopy(catalog: Catalog): void {
  const refs = new Refs(catalog, systemClock)
  refs.list()
  refs.reflog()
  refs.operations()
  new Worktrees(catalog).list()
  new Properties(catalog).list()
  new PrunedCommits(catalog).list()
  new Replacements(catalog).list()
}

/** Refs, reflog and working folders, as they are after what they named was looked for. */
class LedRefs {
  readonly moved: MovedRef[] = []
  branches = 0
  tags = 0
  asOfMs: number | undefined

  constructor(
    private readonly clock: Clock,
    private readonly who: string,
  ) {}

  lead(catalog: Catalog, has: (id: Hash) => boolean): void {
    const { ends } = new Replacements(catalog)
    const isThere = (id: Hash): boolean => has(id) || has(ends.get(id) ?? id)
    const refs = new Refs(catalog, this.clock)
    this.asOfMs = refs.operations(1)[0]?.timeMs
    this.#moveRefs(catalog, refs, isThere)
    // Which logical volume uses what was lost with the catalog.
    catalog.write((tx) =>
      noteAllAdopting(
        catalog,
        tx,
        refs.list().map(({ name }) => name),
      ),
    )
    keepReflogFrom(catalog, isThere)
    moveFolders(catalog, refs, isThere)
    const kinds = refs.list().map(({ name }) => name.startsWith('heads/'))
    this.branches = kinds.filter((isBranch) => isBranch).length
    this.tags = kinds.length - this.branches
  }

  #moveRefs(catalog: Catalog, refs: Refs, isThere: (id: Hash) => boolean): void {
    const updates = refs
      .list()
      .filter(({ target }) => !isThere(target))
      .map(({ name, target, message }) => {
        const before = refs.reflog(name).flatMap((entry) => [entry.new, entry.old])
        const to = before.find((id) => id !== undefined && isThere(id))
        this.moved.push({
          name: shortRef(name),
          kind: name.startsWith('heads/') ? 'branch' : 'tag',
          from: target,
          to,
        })
        return { name, expected: target, target: to ?? null, message, force: true }
      })
    if (updates.length === 0) return
    const log = { operation: 'recover', message: 'what they named was lost with the catalog', who: this.who }
    catalog.write((tx) => refs.apply(tx, updates, log))
  }
}

/** Entries that name what is gone keep nothing any more: else gc would look for it for ever. */
function keepReflogFrom(catalog: Catalog, isThere: (id: Hash) => boolean): void {
  const rows = catalog.all<{ seq: number; old: Buffer | null; new: Buffer | null }>(
    'SELECT seq, old, new FROM reflog ORDER BY seq DESC',
  )
  const lost = rows.find(({ old, new: after }) =>
    [old, after].some((bytes) => bytes !== null && !isThere(hashFromBytes(bytes))),
  )
  if (lost) catalog.write((tx) => expireReflog(tx, new UpkeepState(catalog), lost.seq + 1))
}

function moveFolders(catalog: Catalog, refs: Refs, isThere: (id: Hash) => boolean): void {
  const worktrees = new Worktrees(catalog)
  for (const folder of worktrees.list()) {
    if (folder.head === undefined || isThere(folder.head)) continue
    const head = folder.branch === undefined ? undefined : refs.get(folder.branch)?.target
    catalog.write((tx) => worktrees.move(tx, folder, { ...folder, head }))
  }
}

function reportOf(
  dryRun: boolean,
  path: string,
  { volumes, missing }: Survivors,
  { extents, storedBytes, damaged, withoutBases, copyOf }: RecoveredCatalog,
  { branches, tags, moved, asOfMs }: LedRefs,
  found: readonly FoundCommit[],
): RecoverGroupReport {
  return {
    dryRun,
    path,
    volumes: volumes.map((volume) => ({ number: volume.state.number, path: volume.path })),
    missing: missing.map(({ number, path: lastPath, reason }) => ({ number, path: lastPath, message: reason.message })),
    extents,
    storedBytes,
    unusableExtents: damaged.length + withoutBases.length,
    asOfMs: copyOf === undefined ? undefined : asOfMs,
    branches: branches + found.length,
    tags,
    moved,
    found,
  }
}
