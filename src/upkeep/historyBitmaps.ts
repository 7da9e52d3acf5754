/**
 * Which chunks and objects a commit needs with all its history, as sets of their numbers: made when gc first asks, and kept.
 *
 * Model: a set is closed, so whatever is in it need not be entered. That of a commit is put together from those of its parents
 * and a walk of what is new in it; so gc costs what came since the last one. Kept are those of roots with a history of their own,
 * and along first parents one every so often, for branches that go back. A chunk that is stored twice counts by all its numbers.
 *
 * Rows lie in the table of bitmaps, under the commit's id and one byte more. They save time, and are never what anything is
 * dropped by: gc walks before it does. One that is damaged is made anew; `forgetHistories` is for whatever takes files from
 * commits that stay.
 */
import { isVarveError, VarveError } from '../base/errors.js'
import { HASH_BYTES, type Hash, hashToBytes } from '../base/hash.js'
import { throwIfCancelled } from '../base/progress.js'
import { MIB } from '../base/units.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import type { ObjectReader } from '../cas/objects.js'
import { BITMAP_ID_MAX, Bitmap } from '../codec/bitmap.js'
import { rowCheck, rowMatches } from '../format/check.js'
import { KIND } from '../format/kinds.js'
import { type Link, linksOf } from '../history/links.js'
import type { CatalogTransaction } from '../volume/catalog.js'

/** Commits along first parents, after which a set is kept. */
const KEEP_EVERY = 64
/** Links whose numbers are looked up together. */
const LOOKUP_LINKS = 512
/** What of a side branch is walked each time. */
const FEW_COMMITS = 16
const SETS_PER_WRITE = 64
const BYTES_PER_WRITE = 8 * MIB
/** What follows the id in the key of a row: 'h' of a root, 's' along the way. */
const ROOT_MARK = 0x68
const STEP_MARK = 0x73
const KEY_BYTES = HASH_BYTES + 1

/** Commits whose files are gone. */
export interface PrunedView {
  has(id: Hash): boolean
  /** Another whenever one was added. */
  readonly stamp: string
}

interface Frame {
  readonly id: Hash
  readonly parents: readonly Hash[]
  /** The next parent to enter. */
  next: number
  /** Reached by first parents alone: all that was finished by then is its history. */
  readonly isTrunk: boolean
}

interface UnwrittenSet {
  readonly id: Hash
  readonly mark: number
  readonly bytes: Buffer
}

export interface HistoryBitmapsOptions {
  /** Whether sets that have to be made are kept for the next time. Default `false`. */
  readonly keeps?: boolean | undefined
  readonly signal?: AbortSignal | undefined
  /** Told of the bytes of objects that were read, and waited for. */
  readonly onRead?: ((bytes: number) => Promise<void>) | undefined
}

export class HistoryBitmaps {
  readonly #store: ChunkStore
  /** Of what is really there, whatever took its place. */
  readonly #reader: ObjectReader
  readonly #pruned: PrunedView
  readonly #options: HistoryBitmapsOptions
  readonly #stamp: string
  /** Commits whose sets were of use, or were made. */
  readonly #used = new Set<Hash>()
  readonly #rootNumbers = new Map<Hash, number[]>()
  #unwritten: UnwrittenSet[] = []
  #unwrittenBytes = 0

  constructor(store: ChunkStore, pruned: PrunedView, options: HistoryBitmapsOptions = {}) {
    this.#store = store
    this.#reader = store.originals
    this.#pruned = pruned
    this.#options = options
    this.#stamp = pruned.stamp
  }

  /** Looks up many roots at once that `addTo` is going to be given. */
  async expect(roots: readonly Hash[]): Promise<void> {
    for (let start = 0; start < roots.length; start += LOOKUP_LINKS) {
      for (const { hash, chunkId } of await this.#store.group.lookup(roots.slice(start, start + LOOKUP_LINKS))) {
        this.#rootNumbers.set(hash, [...(this.#rootNumbers.get(hash) ?? []), chunkId])
      }
    }
  }

  /**
   * Adds all that a commit with its history needs, or another object, to `live`, which must be closed: nothing is done for what
   * is in it.
   *
   * @throws {VarveError} `CANCELLED`, `MISSING_CHUNK`, `SNAPSHOT_GONE`; `LIMIT_EXCEEDED` for numbers that sets do not hold
   * @throws {CorruptionError} when an object is damaged
   */
  async addTo(live: Bitmap, root: Link): Promise<void> {
    if (root.kind !== KIND.commit) return this.#addBelow(live, [root])
    if (await this.#isIn(live, root.id)) return
    // What hangs on the side of a history, as tags do, is walked each time: sets of their own would be many.
    const few = live.size > 0 ? await this.#fewBeside(live, root.id) : undefined
    if (!few) live.or(await this.#historyOf(root.id))
    else for (const id of few) await this.#addCommit(live, id)
  }

  /**
   * Keeps what was made, if the store can be written to, and no commit lost its files meanwhile.
   * @param forgetsUnused once all roots were added: the sets of former ones go
   */
  write(forgetsUnused = false): void {
    const sets = this.#unwritten
    this.#unwritten = []
    this.#unwrittenBytes = 0
    const { group } = this.#store
    const unused = forgetsUnused && this.#options.keeps ? this.#unusedKeys() : []
    if (sets.length + unused.length === 0 || group.readOnly) return
    try {
      group.catalog.write((tx) => {
        for (const key of unused) tx.run('DELETE FROM bitmap WHERE commit_id = ?', key)
        if (this.#pruned.stamp !== this.#stamp) return
        for (const { id, mark, bytes } of sets) {
          const key = keyOf(id, mark)
          tx.run(
            'INSERT OR REPLACE INTO bitmap (commit_id, base, bytes, row_check) VALUES (?, NULL, ?, ?)',
            key,
            bytes,
            rowCheck(key, null, bytes),
          )
        }
      })
    } catch (error) {
      // They only save time: on a full disk whoever asked is answered all the same.
      if (!isVarveError(error, 'STORAGE_FULL')) throw error
    }
  }

  /** Of sets of roots that were of no use. */
  #unusedKeys(): Buffer[] {
    const rows = this.#store.group.catalog.all<{ commit_id: Buffer }>(
      'SELECT commit_id FROM bitmap WHERE length(commit_id) = ?',
      KEY_BYTES,
    )
    const keys = rows.map(({ commit_id: key }) => key)
    return keys.filter((key) => key.at(-1) === ROOT_MARK && !this.#used.has(commitOfKey(key.toString('hex'))))
  }

  /** Commits of a root's history that are not in `live`; `undefined` if these are many. */
  async #fewBeside(live: Bitmap, root: Hash): Promise<Hash[] | undefined> {
    const found: Hash[] = []
    const seen = new Set([root])
    const pending = [root]
    for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
      if (await this.#isIn(live, id)) continue
      const known = this.#read(id)
      if (known) {
        live.or(known)
        continue
      }
      found.push(id)
      if (found.length > FEW_COMMITS) return undefined
      for (const parent of await this.#parentsOf(id)) {
        if (!seen.has(parent)) pending.push(parent)
        seen.add(parent)
      }
    }
    return found
  }

  /** Depth first, so that parents come before children. */
  async #historyOf(root: Hash): Promise<Bitmap> {
    const set = Bitmap.of(new Uint32Array())
    const kept = this.#read(root)
    if (kept) return kept
    const stack: Frame[] = []
    const enter = async (id: Hash, isTrunk: boolean): Promise<void> => {
      if (await this.#isIn(set, id)) return
      const known = this.#read(id)
      if (known) set.or(known)
      else stack.push({ id, parents: await this.#parentsOf(id), next: 0, isTrunk })
    }
    await enter(root, true)
    let sinceKept = 0
    for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
      const parent = frame.parents[frame.next]
      if (parent !== undefined) {
        frame.next++
        await enter(parent, frame.isTrunk && frame.next === 1)
        continue
      }
      stack.pop()
      await this.#addCommit(set, frame.id)
      sinceKept++
      if (frame.id === root) this.#keep(root, ROOT_MARK, set)
      else if (frame.isTrunk && sinceKept >= KEEP_EVERY) {
        this.#keep(frame.id, STEP_MARK, set)
        sinceKept = 0
      }
    }
    return set
  }

  #keep(id: Hash, mark: number, set: Bitmap): void {
    if (!this.#options.keeps) return
    const bytes = set.serialize()
    this.#used.add(id)
    this.#unwritten.push({ id, mark, bytes })
    this.#unwrittenBytes += bytes.length
    // So that one who is interrupted again and again comes to an end.
    if (this.#unwritten.length >= SETS_PER_WRITE || this.#unwrittenBytes >= BYTES_PER_WRITE) this.write()
  }

  async #parentsOf(id: Hash): Promise<Hash[]> {
    const links = linksOf({ kind: KIND.commit, id }, await this.#object({ kind: KIND.commit, id }))
    return links.filter(({ kind }) => kind === KIND.commit).map((link) => link.id)
  }

  async #object({ kind, id }: Link): Promise<Buffer> {
    throwIfCancelled(this.#options.signal)
    const bytes = await this.#reader.get(kind, id)
    await this.#options.onRead?.(bytes.length)
    return bytes
  }

  async #isIn(set: Bitmap, id: Hash): Promise<boolean> {
    const numbers = this.#rootNumbers.get(id) ?? (await this.#numbersOf([id])).get(id) ?? []
    return numbers.some((number) => number <= BITMAP_ID_MAX && set.has(number))
  }

  /** A commit and all below it but its parents. */
  async #addCommit(set: Bitmap, id: Hash): Promise<void> {
    const links = linksOf({ kind: KIND.commit, id }, await this.#object({ kind: KIND.commit, id }))
    for (const number of (await this.#numbersOf([id])).get(id) ?? []) set.add(number)
    const files = links.filter(({ kind }) => kind !== KIND.commit)
    if (!this.#pruned.has(id)) await this.#addBelow(set, files)
  }

  /** Links and all below them, as far as they are not in the set. */
  async #addBelow(set: Bitmap, links: readonly Link[]): Promise<void> {
    const pending = [...links].reverse()
    while (pending.length > 0) {
      // The last ones first, so that few wait, and neighbours in the store are read in a row.
      const entered = await this.#added(set, pending.splice(-LOOKUP_LINKS).reverse())
      for (const kind of [KIND.manifest, KIND.tree, KIND.attributes]) {
        const ids = entered.filter((link) => link.kind === kind).map((link) => link.id)
        if (ids.length > 1) this.#reader.readAhead(kind, ids)
      }
      const below: Link[] = []
      for (const link of entered) below.push(...linksOf(link, await this.#object(link)))
      for (let index = below.length - 1; index >= 0; index--) pending.push(below[index] as Link)
    }
  }

  /** @returns of these, the objects that were not in the set, and are now */
  async #added(set: Bitmap, links: readonly Link[]): Promise<Link[]> {
    const numbers = await this.#numbersOf(links.map(({ id }) => id))
    const entered: Link[] = []
    for (const link of links) {
      const own = numbers.get(link.id) ?? []
      const isNew = !own.some((number) => set.has(number))
      for (const number of own) set.add(number)
      if (isNew && link.kind !== KIND.chunk) entered.push(link)
    }
    return entered
  }

  /** All numbers under which each is stored. @throws {VarveError} `MISSING_CHUNK`, `LIMIT_EXCEEDED` */
  async #numbersOf(ids: readonly Hash[]): Promise<Map<Hash, number[]>> {
    const numbers = new Map<Hash, number[]>()
    for (const { hash, chunkId } of await this.#store.group.lookup(ids)) {
      const known = numbers.get(hash)
      if (known) known.push(chunkId)
      else numbers.set(hash, [chunkId])
      if (chunkId > BITMAP_ID_MAX) {
        throw new VarveError('LIMIT_EXCEEDED', `chunk number ${chunkId} is more than a set holds`, {
          id: hash,
          actual: chunkId,
        })
      }
    }
    const missing = ids.find((id) => !numbers.has(id))
    if (missing !== undefined) {
      throw new VarveError('MISSING_CHUNK', `${missing} is in no volume of the group`, { id: missing })
    }
    return numbers
  }

  /** As it was kept; `undefined` if it was not, or is damaged. */
  #read(id: Hash): Bitmap | undefined {
    const unwritten = this.#unwritten.find((set) => set.id === id)
    if (unwritten) return Bitmap.deserialize(unwritten.bytes)
    for (const key of [keyOf(id, ROOT_MARK), keyOf(id, STEP_MARK)]) {
      const row = this.#store.group.catalog.get<{ bytes: Buffer; row_check: number }>(
        'SELECT bytes, row_check FROM bitmap WHERE commit_id = ?',
        key,
      )
      if (!row || !rowMatches(row.row_check, key, null, row.bytes)) continue
      try {
        const set = Bitmap.deserialize(row.bytes)
        this.#used.add(id)
        return set
      } catch (error) {
        if (!isVarveError(error, 'CORRUPT_OBJECT')) throw error
      }
    }
    return undefined
  }
}

/** Whose set a row of the table is, by its key in hex: of a commit alone, or of its history. */
export function commitOfKey(key: string): Hash {
  return key.slice(0, 2 * HASH_BYTES) as Hash
}

/** In an open transaction: all are made anew when they are asked for. */
export function forgetHistories(tx: CatalogTransaction): void {
  tx.run('DELETE FROM bitmap WHERE length(commit_id) = ?', KEY_BYTES)
}

function keyOf(id: Hash, mark: number): Buffer {
  return Buffer.concat([hashToBytes(id), Buffer.of(mark)])
}
