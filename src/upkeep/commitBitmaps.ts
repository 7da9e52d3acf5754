/**
 * Which chunks and objects each commit needs, as sets of their numbers: made when they are first asked for, and kept.
 *
 * Model: the set of a commit is all below it but its parents. It is put together from the sets of directories, of which those
 * that the commit shares with the one before are at hand: so a commit costs what it changed. A chunk that is stored twice counts
 * by its lowest number, which stays when extents are rewritten. Kept is the difference (xor) to the first parent's set, and
 * every so often the whole.
 *
 * They save time, and are never what anything is dropped by: gc walks. One that is damaged, or hangs on one that is, is made anew.
 */
import { isVarveError, VarveError } from '../base/errors.js'
import { type Hash, hashToBytes } from '../base/hash.js'
import { throwIfCancelled } from '../base/progress.js'
import type { ChunkStore } from '../cas/chunkStore.js'
import { BITMAP_ID_MAX, Bitmap } from '../codec/bitmap.js'
import { rowCheck, rowMatches } from '../format/check.js'
import { KIND } from '../format/kinds.js'
import { readCommit } from '../history/commits.js'
import { type Link, linksOf } from '../history/links.js'
import type { CatalogTransaction } from '../volume/catalog.js'
import { commitOfKey } from './historyBitmaps.js'

/** Differences in a row before a whole one is kept. */
const CHAIN_MAX = 16
/** Sets that are written in one transaction. */
const ROWS_PER_WRITE = 200

interface BitmapRow {
  base: Buffer | null
  bytes: Buffer
  row_check: number
}

interface KeptRow {
  readonly id: Hash
  readonly base: Hash | undefined
  readonly bytes: Buffer
}

export class CommitBitmaps {
  readonly #store: ChunkStore
  readonly #pruned: { has(id: Hash): boolean }
  /** Of objects below the commit at hand, and below the one before it. */
  #current = new Map<Hash, Bitmap>()
  #previous = new Map<Hash, Bitmap>()
  /** Of the commit that was asked for last. */
  #last: { readonly id: Hash; readonly bitmap: Bitmap; readonly chain: number } | undefined
  #unwritten: KeptRow[] = []

  constructor(store: ChunkStore, pruned: { has(id: Hash): boolean }) {
    this.#store = store
    this.#pruned = pruned
  }

  /**
   * The sets of some commits, in the order in which they are given: parents before children is quickest. What had to be made is
   * kept, if the store can be written to.
   *
   * @throws {VarveError} `CANCELLED`, `MISSING_CHUNK`, `SNAPSHOT_GONE`
   * @throws {CorruptionError} when an object is damaged
   */
  async *of(ids: Iterable<Hash>, signal?: AbortSignal): AsyncGenerator<{ readonly id: Hash; readonly bitmap: Bitmap }> {
    for (const id of ids) {
      throwIfCancelled(signal)
      yield { id, bitmap: await this.#bitmapOf(id) }
      if (this.#unwritten.length >= ROWS_PER_WRITE) this.#write()
    }
    this.#write()
  }

  async #bitmapOf(id: Hash): Promise<Bitmap> {
    // The object alone is left of it.
    if (this.#pruned.has(id)) return Bitmap.of(Uint32Array.of(await this.#numberOf(id)))
    const kept = this.#read(id)
    const known = kept ?? (await this.#make(id))
    this.#last = { id, ...known }
    return known.bitmap
  }

  async #make(id: Hash): Promise<{ bitmap: Bitmap; chain: number }> {
    this.#previous = this.#current
    this.#current = new Map()
    const commit = linksOf({ kind: KIND.commit, id }, await this.#store.get(KIND.commit, id))
    const bitmap = Bitmap.of(Uint32Array.of(await this.#numberOf(id)))
    for (const link of commit) if (link.kind !== KIND.commit) bitmap.or(await this.#below(link))
    const [parent] = (await readCommit(this.#store, id)).parents
    const last = this.#last
    const isNext = last !== undefined && last.id === parent && last.chain < CHAIN_MAX
    const whole = bitmap.serialize()
    const difference = isNext ? bitmap.clone().xor(last.bitmap).serialize() : whole
    const isChained = isNext && difference.length < whole.length
    this.#unwritten.push({ id, base: isChained ? last.id : undefined, bytes: isChained ? difference : whole })
    return { bitmap, chain: isChained ? last.chain + 1 : 0 }
  }

  /** An object and all below it. */
  async #below(link: Link): Promise<Bitmap> {
    const known = this.#current.get(link.id) ?? this.#previous.get(link.id)
    if (known) {
      this.#current.set(link.id, known)
      return known
    }
    const links = linksOf(link, await this.#store.get(link.kind, link.id))
    const chunks = links.filter(({ kind }) => kind === KIND.chunk)
    const bitmap = Bitmap.of(await this.#numbersOf([link, ...chunks].map(({ id }) => id)))
    for (const below of links) if (below.kind !== KIND.chunk) bitmap.or(await this.#below(below))
    this.#current.set(link.id, bitmap)
    return bitmap
  }

  async #numberOf(id: Hash): Promise<number> {
    return (await this.#numbersOf([id]))[0] as number
  }

  /** @throws {CorruptionError} `MISSING_CHUNK` */
  async #numbersOf(ids: readonly Hash[]): Promise<Uint32Array> {
    const lowest = new Map<Hash, number>()
    for (const { hash, chunkId } of await this.#store.group.lookup(ids)) {
      lowest.set(hash, Math.min(chunkId, lowest.get(hash) ?? chunkId))
    }
    const numbers = new Uint32Array(ids.length)
    for (const [index, id] of ids.entries()) {
      const number = lowest.get(id)
      if (number === undefined) throw new VarveError('MISSING_CHUNK', `${id} is in no volume of the group`, { id })
      if (number > BITMAP_ID_MAX) {
        throw new VarveError('LIMIT_EXCEEDED', `chunk number ${number} is more than a set holds`, {
          id,
          actual: number,
        })
      }
      numbers[index] = number
    }
    return numbers
  }

  /** As it was kept; `undefined` if it was not, or is of no use. */
  #read(id: Hash): { bitmap: Bitmap; chain: number } | undefined {
    if (this.#last?.id === id) return this.#last
    const row = this.#rowOf(id)
    if (!row) return undefined
    try {
      const bitmap = Bitmap.deserialize(row.bytes)
      if (row.base === undefined) return { bitmap, chain: 0 }
      const base = this.#read(row.base)
      return base && { bitmap: bitmap.xor(base.bitmap), chain: base.chain + 1 }
    } catch (error) {
      if (!isVarveError(error, 'CORRUPT_OBJECT')) throw error
      return undefined
    }
  }

  #rowOf(id: Hash): KeptRow | undefined {
    const unwritten = this.#unwritten.find((row) => row.id === id)
    if (unwritten) return unwritten
    const bytes = hashToBytes(id)
    const row = this.#store.group.catalog.get<BitmapRow>(
      'SELECT base, bytes, row_check FROM bitmap WHERE commit_id = ?',
      bytes,
    )
    if (!row || !rowMatches(row.row_check, bytes, row.base, row.bytes)) return undefined
    return { id, base: row.base === null ? undefined : (row.base.toString('hex') as Hash), bytes: row.bytes }
  }

  #write(): void {
    const rows = this.#unwritten
    this.#unwritten = []
    const { group } = this.#store
    if (rows.length === 0 || group.readOnly) return
    try {
      group.catalog.write((tx) => {
        for (const { id, base, bytes } of rows) {
          const [key, baseKey] = [hashToBytes(id), base === undefined ? null : hashToBytes(base)]
          tx.run(
            'INSERT OR REPLACE INTO bitmap (commit_id, base, bytes, row_check) VALUES (?, ?, ?, ?)',
            key,
            baseKey,
            bytes,
            rowCheck(key, baseKey, bytes),
          )
        }
      })
    } catch (error) {
      // They only save time: on a full disk whoever asked is answered all the same.
      if (!isVarveError(error, 'STORAGE_FULL')) throw error
    }
  }
}

/**
 * Drops the sets of commits that are gone, and those that hang on them: they are made anew when they are asked for. Also those of
 * their histories. In an open transaction. @returns how many were dropped
 */
export function dropBitmaps(tx: CatalogTransaction, isGone: (id: Hash) => boolean): number {
  const rows = tx.all<{ commit_id: Buffer; base: Buffer | null }>('SELECT commit_id, base FROM bitmap')
  const bases = new Map(rows.map(({ commit_id, base }) => [commit_id.toString('hex'), base?.toString('hex')]))
  const verdicts = new Map<string, boolean>()
  const goes = (key: string): boolean => {
    const known = verdicts.get(key)
    if (known !== undefined) return known
    const base = bases.get(key)
    const verdict = isGone(commitOfKey(key)) || (base !== undefined && (!bases.has(base) || goes(base)))
    verdicts.set(key, verdict)
    return verdict
  }
  const gone = [...bases.keys()].filter(goes)
  for (const key of gone) tx.run('DELETE FROM bitmap WHERE commit_id = ?', Buffer.from(key, 'hex'))
  return gone.length
}
