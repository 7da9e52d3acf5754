/**
 * What the roots of gc reach, found in one of two ways: by a walk of everything, or from the sets that were kept of histories.
 *
 * A walk reads every object that is needed and trusts nothing, so nothing is dropped that it found. Sets take a moment where a
 * walk takes minutes; they say what may be condemned, which anything can revive.
 */
import { CorruptionError, isVarveError, VarveError } from '../base/errors.js'
import { type Hash, shortHash } from '../base/hash.js'
import { throwIfCancelled } from '../base/progress.js'
import { type ChunkStore, describeKind } from '../cas/chunkStore.js'
import { BITMAP_ID_MAX, Bitmap } from '../codec/bitmap.js'
import { KIND } from '../format/kinds.js'
import type { Link } from '../history/links.js'
import { reachable } from '../history/reach.js'
import type { PrunedCommits } from '../refs/pruned.js'
import type { Refs } from '../refs/refs.js'
import type { Worktrees } from '../refs/worktrees.js'
import type { ChunkLocation } from '../volume/physicalVolume.js'
import { type GcRoot, gcRoots, linkOfRoot } from './gcRoots.js'
import { HistoryBitmaps } from './historyBitmaps.js'
import { LiveIds } from './liveIds.js'

export interface MarkContext {
  readonly store: ChunkStore
  readonly refs: Refs
  readonly worktrees: Worktrees
  readonly pruned: PrunedCommits
}

export interface MarkOptions {
  /** The first entry of the reflog that keeps anything. */
  readonly reflogFrom: number
  readonly signal?: AbortSignal | undefined
  /** Told now and then, and waited for. @param readBytes since the last time */
  onMarked(current: string, itemsDone: number, readBytes: number): Promise<void>
}

/** A row of a chunk table, as far as it matters here. */
type Row = Pick<ChunkLocation, 'hash' | 'chunkId'>

export abstract class Marking {
  protected readonly context: MarkContext
  protected readonly options: MarkOptions
  #stamp = ''

  constructor(context: MarkContext, options: MarkOptions) {
    this.context = context
    this.options = options
  }

  /** Of the roots that were marked (`rootsStamp`). */
  get stamp(): string {
    return this.#stamp
  }

  /**
   * Marks everything that the roots reach now and that was not marked before.
   * @throws as `reachable`, with the root that needs it
   */
  async update(): Promise<void> {
    const { store, refs, worktrees } = this.context
    const { roots, stamp } = gcRoots(store.group.catalog, refs, worktrees, this.options.reflogFrom)
    this.#stamp = stamp
    await this.prepare(roots)
    for (const root of roots) {
      throwIfCancelled(this.options.signal)
      try {
        const link = await linkOfRoot(store, root)
        if (link) await this.mark(link, root.name)
      } catch (error) {
        throw withRoot(error, root.name)
      }
    }
  }

  abstract has(row: Row): boolean

  /** Told of all roots before each is marked. */
  protected async prepare(_roots: readonly GcRoot[]): Promise<void> {
    // Most have nothing to prepare.
  }

  /** All that is at and below it, a commit with its history. */
  protected abstract mark(link: Link, name: string): Promise<void>
}

export class WalkedMarking extends Marking {
  readonly #ids = new LiveIds()
  #marked = 0
  #readBytes = 0

  has({ hash }: Row): boolean {
    return this.#ids.has(hash)
  }

  /** As `has`; remembers that it was asked for. */
  find({ hash }: Row): boolean {
    return this.#ids.find(hash)
  }

  hasId(id: Hash): boolean {
    return this.#ids.has(id)
  }

  /** Nothing is dropped from a store in which something is missing already. @throws {CorruptionError} `MISSING_CHUNK` */
  async requireFound(): Promise<void> {
    const { store } = this.context
    const unseen = [...this.#ids.missing()]
    // What came while the tables were looked through.
    const found = await store.find(unseen)
    const missing = unseen.filter((id) => !found.has(id))
    const [first] = missing
    if (first === undefined) return
    throw new CorruptionError(
      'MISSING_CHUNK',
      `gc dropped nothing: ${missing.length} of the chunks that are still needed are in no chunk table, the first ${shortHash(first)}`,
      { id: first, path: store.group.catalog.path, hint: 'Run `varve verify` to see what is hit.' },
    )
  }

  protected async mark(root: Link, name: string): Promise<void> {
    const { store, pruned } = this.context
    const { signal, onMarked } = this.options
    const found = reachable(store.originals, [root], { parents: true, pruned, seen: this.#ids, signal })
    for await (const { kind, length } of found) {
      this.#marked++
      // Chunks are known by their names alone.
      if (kind !== KIND.chunk) this.#readBytes += length
      if (this.#marked % 1000 !== 0) continue
      await onMarked(`marking ${describeKind(kind)}s of ${name}`, this.#marked, this.#readBytes)
      this.#readBytes = 0
    }
  }
}

export class KeptMarking extends Marking {
  readonly #live = Bitmap.of(new Uint32Array())
  readonly #keeps: boolean
  readonly #known = new Set<Hash>()
  #sets: HistoryBitmaps | undefined
  #readObjects = 0
  #readBytes = 0

  /** @param keeps whether sets that have to be made are kept for the next time */
  constructor(context: MarkContext, options: MarkOptions, keeps: boolean) {
    super(context, options)
    this.#keeps = keeps
  }

  override async update(): Promise<void> {
    const isFirst = this.#sets === undefined
    const { store, pruned } = this.context
    const { signal } = this.options
    const onRead = (bytes: number): Promise<void> => this.#read(bytes)
    this.#sets = new HistoryBitmaps(store, pruned, { keeps: this.#keeps, signal, onRead })
    await super.update()
    this.#sets.write(isFirst)
  }

  /** What has a number that sets do not hold is left to the walk. */
  has({ chunkId }: Row): boolean {
    return chunkId > BITMAP_ID_MAX || this.#live.has(chunkId)
  }

  /**
   * Of rows that are not marked, those of which no other copy is: a chunk may have been stored again since a set was made, under
   * another number.
   */
  async unmarked<T extends Row>(rows: readonly T[]): Promise<T[]> {
    const alive = new Set<Hash>()
    for (const row of await this.context.store.group.lookup(rows.map(({ hash }) => hash))) {
      if (this.has(row)) alive.add(row.hash)
    }
    for (const { hash, chunkId } of rows) if (alive.has(hash)) this.#live.add(chunkId)
    return rows.filter(({ hash }) => !alive.has(hash))
  }

  /** Whether they say what a walk says. @param doubted rows of which they did not */
  async agreesWith(walked: WalkedMarking, doubted: readonly ChunkLocation[]): Promise<boolean> {
    const differs = (row: ChunkLocation): boolean => row.chunkId <= BITMAP_ID_MAX && walked.has(row) !== this.has(row)
    const rows = doubted.filter(differs)
    const missed = await this.unmarked(rows.filter((row) => walked.has(row)))
    return missed.length === 0 && rows.every((row) => walked.has(row))
  }

  protected override async prepare(roots: readonly GcRoot[]): Promise<void> {
    await this.#sets?.expect(roots.map(({ id }) => id).filter((id) => !this.#known.has(id)))
  }

  protected async mark(root: Link): Promise<void> {
    if (this.#known.has(root.id)) return
    await this.#sets?.addTo(this.#live, root)
    this.#known.add(root.id)
  }

  async #read(bytes: number): Promise<void> {
    this.#readObjects++
    this.#readBytes += bytes
    if (this.#readObjects % 1000 !== 0) return
    await this.options.onMarked('making sets of what histories need', this.#readObjects, this.#readBytes)
    this.#readBytes = 0
  }
}

/** Says what needs it, and that nothing was dropped. */
function withRoot(error: unknown, name: string): unknown {
  if (!isVarveError(error) || error.code === 'CANCELLED') return error
  const make = error instanceof CorruptionError ? CorruptionError : VarveError
  const { code, message, details, hint = 'Run `varve verify` to see what is hit.' } = error
  return new make(code, `gc dropped nothing: ${message} (needed by ${name})`, { ...details, hint, cause: error })
}
