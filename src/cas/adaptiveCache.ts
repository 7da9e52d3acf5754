/**
 * A cache that finds out by itself whether what was used lately or what is used often is worth its room: ARC, after Megiddo and
 * Modha, "ARC: A Self-Tuning, Low Overhead Replacement Cache", FAST 2003. Whoever reads once through everything there is (a
 * restore, gc) does not drive out what is asked for again and again.
 *
 * Four lists, each from what was used last to what was used longest ago: T1 holds values that were asked for once lately, T2 those
 * that were asked for more often; B1 and B2 are ghosts, keys without values of what was put out of T1 and T2. Who asks for a ghost of
 * B1 shows that T1 was too short, of B2 that T2 was, and `p`, the room that is meant for T1, moves by that.
 *
 * The paper counts pages of one size. Here every length is in bytes: those of lists are the sums of the weights in them, and
 * `p` and the capacity c are bytes. A ghost of w bytes that is asked for moves p by w times what the paper moves it by. Where the
 * paper puts out one page for one that comes, here as many go as are needed until it fits; ghosts go in the same way until T1 and
 * B1 have at most c bytes, and all four lists at most 2 c. With weights of 1 it is the paper's algorithm to the letter. Ghosts
 * are limited in number as well: of small values they would take more memory than they tell of.
 */

export interface CacheStats {
  /** Asked for, and here. */
  readonly hits: number
  /** Had to be fetched. */
  readonly misses: number
  /** Bytes of what was fetched. */
  readonly fetchedBytes: number
  /** Put out to make room. */
  readonly evictions: number
  /** Held now. */
  readonly entries: number
  readonly bytes: number
  readonly maxBytes: number
}

export interface AdaptiveCacheOptions<K, V> {
  /** Default 16,384. */
  readonly maxGhosts?: number | undefined
  /** Told of what is put out to make room. */
  readonly onEvict?: ((key: K, value: V) => void) | undefined
}

const MAX_GHOSTS = 16_384

/** In the ring of its list. */
interface Node<K, V> {
  readonly key: K
  /** `undefined` for a ghost. */
  value: V | undefined
  weight: number
  list: List<K, V>
  newer: Node<K, V>
  older: Node<K, V>
}

/** A ring around a node that is none of the list's: its `older` is what was used last, its `newer` what was used longest ago. */
class List<K, V> {
  readonly #end: Node<K, V>
  bytes = 0
  count = 0

  constructor(readonly isGhosts: boolean) {
    const end = { value: undefined, weight: 0, list: this } as unknown as Node<K, V>
    end.newer = end
    end.older = end
    this.#end = end
  }

  get oldest(): Node<K, V> | undefined {
    return this.count === 0 ? undefined : this.#end.newer
  }

  /** From what was used longest ago. */
  *keys(): Generator<K> {
    for (let node = this.#end.newer; node !== this.#end; node = node.newer) yield node.key
  }

  /** In front. */
  add(node: Node<K, V>): void {
    const end = this.#end
    node.list = this
    node.newer = end
    node.older = end.older
    end.older.newer = node
    end.older = node
    this.bytes += node.weight
    this.count++
  }

  remove(node: Node<K, V>): void {
    node.newer.older = node.older
    node.older.newer = node.newer
    this.bytes -= node.weight
    this.count--
  }
}

export class AdaptiveCache<K, V extends object> {
  readonly #nodes = new Map<K, Node<K, V>>()
  readonly #t1 = new List<K, V>(false)
  readonly #t2 = new List<K, V>(false)
  readonly #b1 = new List<K, V>(true)
  readonly #b2 = new List<K, V>(true)
  readonly #maxGhosts: number
  readonly #onEvict: AdaptiveCacheOptions<K, V>['onEvict']
  /** The bytes that are meant for T1. */
  #p = 0
  /** Bytes that something beside the cache takes of its room. */
  #reserved = 0
  #hits = 0
  #misses = 0
  #fetchedBytes = 0
  #evictions = 0

  /** @param maxBytes of all values together, with what is reserved: the sum of their weights is never more */
  constructor(
    readonly maxBytes: number,
    options: AdaptiveCacheOptions<K, V> = {},
  ) {
    this.#maxGhosts = options.maxGhosts ?? MAX_GHOSTS
    this.#onEvict = options.onEvict
  }

  get stats(): CacheStats {
    return {
      hits: this.#hits,
      misses: this.#misses,
      fetchedBytes: this.#fetchedBytes,
      evictions: this.#evictions,
      entries: this.#t1.count + this.#t2.count,
      bytes: this.bytes,
      maxBytes: this.maxBytes,
    }
  }

  get bytes(): number {
    return this.#t1.bytes + this.#t2.bytes
  }

  get ghosts(): number {
    return this.#b1.count + this.#b2.count
  }

  /** Asks for it: counts as a use. */
  get(key: K): V | undefined {
    const node = this.#nodes.get(key)
    if (node?.value === undefined) return undefined
    this.#hits++
    this.#move(node, this.#t2)
    return node.value
  }

  /** Without a use. */
  peek(key: K): V | undefined {
    return this.#nodes.get(key)?.value
  }

  /** Takes so much of the room for something else, in the place of what was taken before. */
  reserve(bytes: number): void {
    this.#reserved = bytes
    this.#makeRoom(0, false)
  }

  /** Whoever asks does more than look here: whether something had to be fetched is known there. */
  countMiss(fetchedBytes: number): void {
    this.#misses++
    this.#fetchedBytes += fetchedBytes
  }

  /**
   * A use of what was not here. Of a key that is here it is another value, and no use.
   * @param weight bytes, more than 0; what is heavier than all that is not reserved is not kept
   */
  set(key: K, value: V, weight: number): void {
    const node = this.#nodes.get(key)
    if (weight > this.maxBytes - this.#reserved) this.delete(key)
    else if (node === undefined) this.#addNew(key, value, weight)
    else if (node.list.isGhosts) this.#bringBack(node, value, weight)
    else {
      node.value = value
      node.list.bytes += weight - node.weight
      node.weight = weight
      this.#makeRoom(0, false)
      this.#trimGhosts()
    }
  }

  /** As if it had never been here. */
  delete(key: K): void {
    const node = this.#nodes.get(key)
    if (node) this.#forget(node)
  }

  /** The keys of T2 and then T1, in each from what was used longest ago: for tests. */
  *keys(): Generator<K> {
    yield* this.#t2.keys()
    yield* this.#t1.keys()
  }

  /** The paper's cases II and III: a ghost is asked for. */
  #bringBack(node: Node<K, V>, value: V, weight: number): void {
    const [b1, b2] = [this.#b1, this.#b2]
    const wasOften = node.list === b2
    if (wasOften) this.#p = Math.max(this.#p - node.weight * Math.max(1, b1.bytes / b2.bytes), 0)
    else this.#p = Math.min(this.#p + node.weight * Math.max(1, b2.bytes / b1.bytes), this.maxBytes)
    node.list.remove(node)
    this.#makeRoom(weight, wasOften)
    node.value = value
    node.weight = weight
    this.#t2.add(node)
    this.#trimGhosts()
  }

  /** Its case IV: nothing is known of it. */
  #addNew(key: K, value: V, weight: number): void {
    const [t1, b1] = [this.#t1, this.#b1]
    while (t1.bytes + b1.bytes + weight > this.maxBytes) {
      // Without a ghost: those of T1 have no room left.
      const goes = b1.oldest ?? t1.oldest
      if (!goes) break
      if (goes.value !== undefined) this.#countEviction(goes)
      this.#forget(goes)
    }
    this.#makeRoom(weight, false)
    const node = { key, value, weight, list: t1 } as unknown as Node<K, V>
    this.#nodes.set(key, node)
    t1.add(node)
    this.#trimGhosts()
  }

  #makeRoom(weight: number, isForOften: boolean): void {
    while (this.bytes > 0 && this.bytes + this.#reserved + weight > this.maxBytes) this.#replace(isForOften)
  }

  /** Its REPLACE: one value becomes a ghost. @param isForOften whether a ghost of B2 is asked for */
  #replace(isForOften: boolean): void {
    const [t1, t2] = [this.#t1, this.#t2]
    const isLong = t1.bytes > this.#p || (isForOften && t1.bytes === this.#p)
    const goes = (isLong ? (t1.oldest ?? t2.oldest) : (t2.oldest ?? t1.oldest)) as Node<K, V>
    this.#countEviction(goes)
    goes.value = undefined
    this.#move(goes, goes.list === t1 ? this.#b1 : this.#b2)
  }

  /** Its bounds: |T1| + |B1| ≤ c, and all together ≤ 2 c. */
  #trimGhosts(): void {
    const [t1, t2, b1, b2] = [this.#t1, this.#t2, this.#b1, this.#b2]
    while (b1.oldest && t1.bytes + b1.bytes > this.maxBytes) this.#forget(b1.oldest)
    while (b2.oldest && t1.bytes + t2.bytes + b1.bytes + b2.bytes > 2 * this.maxBytes) this.#forget(b2.oldest)
    while (b1.count + b2.count > this.#maxGhosts) {
      const [shorter, longer] = b1.count < b2.count ? [b1, b2] : [b2, b1]
      this.#forget((longer.oldest ?? shorter.oldest) as Node<K, V>)
    }
  }

  #countEviction(node: Node<K, V>): void {
    this.#evictions++
    this.#onEvict?.(node.key, node.value as V)
  }

  #move(node: Node<K, V>, list: List<K, V>): void {
    node.list.remove(node)
    list.add(node)
  }

  #forget(node: Node<K, V>): void {
    node.list.remove(node)
    this.#nodes.delete(node.key)
  }
}
