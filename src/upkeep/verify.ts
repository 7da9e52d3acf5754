/**
 * The one verify engine: is everything that the store promises still there, and still true?
 *
 * Three passes. Volumes: each file's structure. Extents: every visible copy is read, its checksum compared, its frame
 * decoded, every chunk hashed, and its row in the chunk table compared (skipped when `quick`). Graph: from every ref
 * through all history, every object decodes to what its entry said of it and every chunk has a place. Damage does not
 * stop it: problems are gathered, and those of contents name the files they touch.
 */
import { type ErrorCode, isVarveError, VarveError } from '../base/errors.js'
import { type Hash, shortHash } from '../base/hash.js'
import { type ByteName, joinNames, nameToText, ROOT_NAME } from '../base/names.js'
import { throwIfCancelled, type WorkOptions } from '../base/progress.js'
import { type ChunkStore, describeKind } from '../cas/chunkStore.js'
import { decodeFrame } from '../codec/compressor.js'
import { KIND, type Kind } from '../format/kinds.js'
import { type Link, linksOf } from '../history/links.js'
import type { ExtentRecord } from '../volume/catalog.js'
import { listLeases } from '../volume/lease.js'
import type { PhysicalVolume, StoredExtent } from '../volume/physicalVolume.js'

export interface VerifyOptions extends WorkOptions {
  /** Look at structure and reachability only; do not read file contents. */
  readonly quick?: boolean | undefined
}

export interface VerifyProblem {
  readonly code: string
  readonly message: string
  /** UUID of the volume. */
  readonly pv?: string | undefined
  readonly extent?: number | undefined
  readonly id?: string | undefined
  /** Files that need what is damaged, as `REF:PATH`; at most 20. */
  readonly paths?: readonly string[] | undefined
}

export interface VerifyReport {
  readonly ok: boolean
  readonly checked: {
    readonly volumes: number
    readonly extents: number
    readonly chunks: number
    readonly commits: number
    readonly objects: number
    /** Raw bytes hashed. */
    readonly bytes: number
  }
  readonly problems: readonly VerifyProblem[]
  /** Not damage: leases, of living writers or killed ones. */
  readonly notes: readonly string[]
}

/** A ref's name for people, and where it points. */
export interface VerifyRoot {
  readonly name: string
  readonly id: Hash
}

const MAX_PATHS = 20
const LOOKUP_BATCH = 500
const NO_FINDING: ReadonlySet<ErrorCode> = new Set(['CANCELLED', 'STORE_LOCKED', 'STORAGE_FULL', 'STORAGE_DENIED'])

const NONE = { has: () => false }

/** @param pruned commits that have no files any more, and need none */
export async function verifyStore(
  store: ChunkStore,
  roots: () => readonly VerifyRoot[],
  /** Reads every other checked row of the catalog; throws on the first that does not match. */
  checkRows: readonly (() => void)[],
  options: VerifyOptions = {},
  pruned: { has(id: Hash): boolean } = NONE,
): Promise<VerifyReport> {
  return new Verification(store, pruned, options).run(roots, checkRows)
}

class Verification {
  private readonly problems: VerifyProblem[] = []
  private readonly notes: string[] = []
  private readonly checked = { volumes: 0, extents: 0, chunks: 0, commits: 0, objects: 0, bytes: 0 }
  /** Chunks and objects that cannot be read, for naming the files they belong to. */
  /** Nothing bad at or below them. */
  private readonly sound = new Set<Hash>()
  private readonly walks = new Map<Hash, number>()
  private extentsTotal: number | undefined
  private readonly bad = new Map<Hash, VerifyProblem[]>()

  constructor(
    private readonly store: ChunkStore,
    private readonly pruned: { has(id: Hash): boolean },
    private readonly options: VerifyOptions,
  ) {}

  async run(roots: () => readonly VerifyRoot[], checkRows: readonly (() => void)[]): Promise<VerifyReport> {
    await this.checkVolumes()
    for (const check of checkRows) this.attempt(check)
    await this.checkExtents()
    let tips: readonly VerifyRoot[] = []
    this.attempt(() => {
      tips = roots()
    })
    await this.checkGraph(tips)
    this.attempt(() => this.noteLeases())
    const problems = this.bad.size > 0 ? await this.withPaths(tips) : this.problems
    return { ok: problems.length === 0, checked: this.checked, problems, notes: this.notes }
  }

  private noteLeases(): void {
    for (const { kind, host, pid, startedMs } of listLeases(this.store.group.catalog)) {
      const since = new Date(startedMs).toISOString()
      this.notes.push(`a ${kind} holds a lease: process ${pid} on ${host}, since ${since}`)
    }
  }

  private attempt(check: () => void): void {
    try {
      check()
    } catch (error) {
      this.report(error)
    }
  }

  private report(error: unknown, id?: Hash): VerifyProblem {
    // Only damage is a finding. A full disk, a lock, a cancelled run, or a fault of the program ends the run.
    if (!isVarveError(error) || NO_FINDING.has(error.code)) throw error
    const { pv, extent } = error.details
    const problem: VerifyProblem = {
      code: error.code,
      message: error.message,
      ...(typeof pv === 'string' ? { pv } : {}),
      ...(typeof extent === 'number' ? { extent } : {}),
      ...(id === undefined ? {} : { id }),
    }
    const known = id !== undefined && this.bad.get(id)?.some((other) => other.code === problem.code)
    if (known) return problem
    this.problems.push(problem)
    if (id !== undefined) this.bad.set(id, [...(this.bad.get(id) ?? []), problem])
    return problem
  }

  private progress(current: string): void {
    throwIfCancelled(this.options.signal)
    this.options.onProgress?.({
      phase: 'verify',
      itemsDone: this.checked.extents,
      itemsTotal: this.extentsTotal,
      bytesDone: this.checked.bytes,
      current,
    })
  }

  private async checkVolumes(): Promise<void> {
    const { group } = this.store
    for (const absent of group.absent.values()) this.report(absent)
    for (const volume of group.volumes) {
      this.checked.volumes++
      this.progress(volume.location)
      try {
        for (const text of await volume.integrityProblems()) {
          this.report(new VarveError('CORRUPT', `${volume.location}: ${text}`, { pv: volume.uuid }))
        }
        await volume.state()
        await volume.layout()
      } catch (error) {
        this.report(error)
      }
    }
  }

  private async checkExtents(): Promise<void> {
    const { catalog } = this.store.group
    let eids: number[] = []
    this.attempt(() => {
      const stray = catalog.get<{ eid: number }>(
        'SELECT eid FROM copy WHERE eid NOT IN (SELECT eid FROM extent) LIMIT 1',
      )
      if (stray) throw catalog.damaged('copy', String(stray.eid))
    })
    this.attempt(() => {
      eids = catalog.all<{ eid: number }>('SELECT eid FROM extent ORDER BY eid').map((row) => row.eid)
    })
    this.extentsTotal = eids.length
    for (const eid of eids) {
      this.progress(`extent ${eid}`)
      this.checked.extents++
      try {
        const record = catalog.extent(eid)
        // Gone since the list was made: gc is at work.
        if (!record) continue
        const copies = catalog.copies(eid)
        if (copies.length === 0) {
          this.report(
            new VarveError('CORRUPT_CATALOG', `the catalog names no volume for extent ${eid}`, { extent: eid }),
          )
        }
        if (!this.options.quick) for (const pv of copies) await this.checkCopy(record, pv)
      } catch (error) {
        this.report(error)
      }
    }
  }

  private async checkCopy(record: ExtentRecord, pv: number): Promise<void> {
    const volume = this.store.group.volume(pv)
    // An absent volume was reported as a whole, one outside the layout with the totals.
    if (!volume) return
    const details = { extent: record.eid, pv: volume.uuid }
    let extent: StoredExtent | undefined
    try {
      extent = await volume.read(record.eid)
      if (!extent) throw new VarveError('CORRUPT_EXTENT', `extent ${record.eid} is not in ${volume.location}`, details)
      if (!extent.checksum.equals(record.checksum) || extent.rawBytes !== record.rawBytes) {
        throw new VarveError(
          'CORRUPT_EXTENT',
          `extent ${record.eid} in ${volume.location} is not the one the catalog names`,
          details,
        )
      }
      await this.checkChunks(extent, volume)
    } catch (error) {
      this.report(isVarveError(error) && error.details.pv === undefined ? relocated(error, volume) : error)
      await this.markBad(record.eid, volume)
    }
  }

  private async checkChunks(extent: StoredExtent, volume: PhysicalVolume): Promise<void> {
    const raw = decodeFrame(extent.codec, extent.frame, extent.rawBytes)
    const ids: Hash[] = []
    let offset = 0
    for (const slot of extent.slots) {
      ids.push(this.store.hasher.id(slot.kind, raw.subarray(offset, offset + slot.length)))
      offset += slot.length
    }
    const rows = await volume.lookup(ids)
    const rowAt = new Map(rows.filter((row) => row.eid === extent.eid).map((row) => [row.slot, row]))
    for (const [index, slot] of extent.slots.entries()) {
      const row = rowAt.get(index)
      const id = ids[index] as Hash
      if (row?.hash !== id || row.length !== slot.length || row.chunkId !== slot.chunkId) {
        this.report(
          new VarveError(
            'CORRUPT_CHUNK',
            `slot ${index} of extent ${extent.eid} in ${volume.location}: the chunk table does not name ${shortHash(id)} there`,
            { extent: extent.eid, pv: volume.uuid, id },
          ),
          id,
        )
      }
    }
    this.checked.chunks += extent.slots.length
    this.checked.bytes += extent.rawBytes
  }

  /** What the chunk table says was in a damaged extent. */
  private async markBad(eid: number, volume: PhysicalVolume): Promise<void> {
    const problem = this.problems.at(-1)
    if (!problem) return
    try {
      for (const id of await volume.chunksOf(eid)) this.bad.set(id, [...(this.bad.get(id) ?? []), problem])
    } catch (error) {
      this.report(error)
    }
  }

  private async checkGraph(tips: readonly VerifyRoot[]): Promise<void> {
    const seen = new Set<Hash>()
    const stack: Link[] = tips.map(({ id }) => ({ kind: KIND.commit, id }))
    let chunks: Link[] = []
    const flush = async (): Promise<void> => {
      const batch = chunks
      chunks = []
      try {
        const found = await this.store.find(batch.map(({ id }) => id))
        for (const { id, sizeBytes } of batch) {
          const length = found.get(id)?.length
          if (length === undefined || length !== sizeBytes) {
            const says = length === undefined ? 'is in no volume' : `has ${length} bytes instead of ${sizeBytes}`
            this.report(new VarveError('MISSING_CHUNK', `chunk ${shortHash(id)} ${says}`), id)
          }
        }
      } catch (error) {
        this.report(error)
      }
    }
    for (let link = stack.pop(); link; link = stack.pop()) {
      if (seen.has(link.id)) continue
      seen.add(link.id)
      if (link.kind === KIND.chunk) {
        chunks.push(link)
        if (chunks.length === LOOKUP_BATCH) await flush()
        continue
      }
      this.checked.objects++
      if (link.kind === KIND.commit) this.checked.commits++
      if (this.checked.objects % 256 === 0) this.progress(`${describeKind(link.kind)} ${shortHash(link.id)}`)
      try {
        stack.push(...this.needed(link, linksOf(link, await this.store.get(link.kind, link.id))))
      } catch (error) {
        this.report(error, link.id)
      }
    }
    await flush()
  }

  /** Walks the trees of the refs again and names the files that need something bad. */
  private async withPaths(tips: readonly VerifyRoot[]): Promise<VerifyProblem[]> {
    const paths = new Map<VerifyProblem, Set<string>>()
    for (const { name, id } of tips) {
      await this.findPaths({ kind: KIND.commit, id }, ROOT_NAME, (bad, path) => {
        for (const problem of bad) {
          const named = paths.get(problem) ?? new Set()
          if (named.size < MAX_PATHS) named.add(`${name}:${nameToText(path)}`)
          paths.set(problem, named)
        }
      })
    }
    return this.problems.map((problem) => {
      const named = paths.get(problem)
      return named ? { ...problem, paths: [...named].sort() } : problem
    })
  }

  /** @returns whether anything bad lies at or below the link. */
  private async findPaths(
    link: Link,
    path: ByteName,
    found: (bad: readonly VerifyProblem[], path: ByteName) => void,
  ): Promise<boolean> {
    throwIfCancelled(this.options.signal)
    if (this.sound.has(link.id)) return false
    // A subtree that is shared is walked for each of its paths, but not for more than are named.
    const walks = (this.walks.get(link.id) ?? 0) + 1
    if (walks > MAX_PATHS) return true
    this.walks.set(link.id, walks)
    const bad = this.bad.get(link.id)
    if (bad) found(bad, path)
    let any = bad !== undefined
    for (const next of link.kind === KIND.chunk ? [] : await this.linksBelow(link)) {
      if (!followed(link.kind, next.kind)) continue
      const below = await this.findPaths(next, next.name === undefined ? path : joinNames(path, next.name), found)
      any = any || below
    }
    if (!any) this.sound.add(link.id)
    return any
  }

  /** Of a commit without files, its parents alone. */
  private needed({ kind, id }: Link, links: Link[]): Link[] {
    return kind === KIND.commit && this.pruned.has(id) ? links.filter((below) => below.kind === KIND.commit) : links
  }

  private async linksBelow(link: Link): Promise<Link[]> {
    try {
      return this.needed(link, linksOf(link, await this.store.get(link.kind, link.id)))
    } catch (error) {
      // Reported when the graph was checked.
      if (isVarveError(error)) return []
      throw error
    }
  }
}

/** Only the tree of the ref itself: its history has its own refs, or its files are the same. */
function followed(from: Kind, to: Kind): boolean {
  return !(from === KIND.commit && to === KIND.commit)
}

function relocated(error: VarveError, volume: PhysicalVolume): VarveError {
  return new VarveError(error.code, error.message, { ...error.details, pv: volume.uuid, cause: error })
}
