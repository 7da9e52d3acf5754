/** Bitmaps in plain TypeScript: containers under the upper halves of their ids, which ascend. */
import { VarveError } from '../base/errors.js'
import {
  arrayContainer,
  CONTAINER_IDS,
  type Container,
  containerHas,
  containerOf,
  containerWith,
  share,
  writeIds,
} from './bitmapContainer.js'
import { decodeBitmap, encodeBitmap } from './bitmapFormat.js'
import { combine, commonSize, KEEPS, type Operation } from './bitmapOperations.js'

const ID_MAX = 0xffff_ffff
const BATCH_IDS_MAX = CONTAINER_IDS
/** Above all keys: where one of two bitmaps has ended. */
const NO_KEY = CONTAINER_IDS

/** The engine of `Bitmap`, whose methods bitmap.ts describes. */
export class PlainBitmap {
  #keys: number[]
  #containers: Container[]

  private constructor(keys: number[], containers: Container[]) {
    this.#keys = keys
    this.#containers = containers
  }

  static of(ids: Uint32Array): PlainBitmap {
    const keys: number[] = []
    const containers: Container[] = []
    const ascending = isAscending(ids) ? ids : ids.slice().sort()
    for (let from = 0, to = 0; from < ascending.length; from = to) {
      const key = (ascending[from] ?? 0) >>> 16
      while (to < ascending.length && (ascending[to] ?? 0) >>> 16 === key) to++
      const container = containerOf(ascending.subarray(from, to))
      if (container === undefined) continue
      keys.push(key)
      containers.push(container)
    }
    return new PlainBitmap(keys, containers)
  }

  static deserialize(bytes: Uint8Array): PlainBitmap {
    const { keys, containers } = decodeBitmap(bytes)
    return new PlainBitmap(keys, containers)
  }

  get size(): number {
    let size = 0
    for (const container of this.#containers) size += container.size
    return size
  }

  has(id: number): boolean {
    const key = keyOf(id)
    const at = this.#placeOf(key)
    const container = this.#containers[at]
    return container !== undefined && this.#keys[at] === key && containerHas(container, id & 0xffff)
  }

  add(id: number): this {
    const key = keyOf(id)
    const at = this.#placeOf(key)
    const container = this.#containers[at]
    if (container !== undefined && this.#keys[at] === key) {
      this.#containers[at] = containerWith(container, id & 0xffff)
    } else {
      this.#keys.splice(at, 0, key)
      this.#containers.splice(at, 0, arrayContainer(Uint16Array.of(id), 1))
    }
    return this
  }

  addMany(ids: Uint32Array): this {
    return this.or(PlainBitmap.of(ids))
  }

  or(other: PlainBitmap): this {
    return this.#combine('or', other)
  }

  and(other: PlainBitmap): this {
    return this.#combine('and', other)
  }

  andNot(other: PlainBitmap): this {
    return this.#combine('andNot', other)
  }

  xor(other: PlainBitmap): this {
    return this.#combine('xor', other)
  }

  andSize(other: PlainBitmap): number {
    let size = 0
    for (let first = 0, second = 0; first < this.#keys.length && second < other.#keys.length; ) {
      const firstKey = this.#keys[first] ?? NO_KEY
      const secondKey = other.#keys[second] ?? NO_KEY
      const left = this.#containers[first]
      const right = other.#containers[second]
      if (firstKey === secondKey && left !== undefined && right !== undefined) size += commonSize(left, right)
      if (firstKey <= secondKey) first++
      if (secondKey <= firstKey) second++
    }
    return size
  }

  clone(): PlainBitmap {
    return new PlainBitmap(this.#keys.slice(), this.#containers.map(share))
  }

  *batches(): Generator<Uint32Array> {
    const keys = this.#keys
    const containers = this.#containers
    for (let from = 0, to = 0; from < containers.length; from = to) {
      let size = 0
      do size += containers[to++]?.size ?? 0
      while (to < containers.length && size + (containers[to]?.size ?? 0) <= BATCH_IDS_MAX)
      const ids = new Uint32Array(size)
      let at = 0
      for (const [index, container] of containers.slice(from, to).entries()) {
        writeIds(container, (keys[from + index] ?? 0) * CONTAINER_IDS, ids, at)
        at += container.size
      }
      yield ids
    }
  }

  serialize(): Buffer {
    return encodeBitmap({ keys: this.#keys, containers: this.#containers })
  }

  #combine(operation: Operation, other: PlainBitmap): this {
    const keeps = KEEPS[operation]
    const keys: number[] = []
    const containers: Container[] = []
    for (let first = 0, second = 0; first < this.#keys.length || second < other.#keys.length; ) {
      const firstKey = this.#keys[first] ?? NO_KEY
      const secondKey = other.#keys[second] ?? NO_KEY
      const left = firstKey <= secondKey ? this.#containers[first++] : undefined
      const right = secondKey <= firstKey ? other.#containers[second++] : undefined
      let kept: Container | undefined
      if (left === undefined) kept = right !== undefined && keeps.second ? share(right) : undefined
      else if (right === undefined) kept = keeps.first ? left : undefined
      else kept = combine(operation, left, right)
      if (kept === undefined) continue
      keys.push(Math.min(firstKey, secondKey))
      containers.push(kept)
    }
    this.#keys = keys
    this.#containers = containers
    return this
  }

  /** Where `key` is among the keys, or would be. */
  #placeOf(key: number): number {
    const keys = this.#keys
    // Ids mostly come ascending.
    if ((keys[keys.length - 1] ?? -1) < key) return keys.length
    let from = 0
    let to = keys.length
    while (from < to) {
      const middle = (from + to) >>> 1
      if ((keys[middle] ?? 0) < key) from = middle + 1
      else to = middle
    }
    return from
  }
}

function keyOf(id: number): number {
  if (id >>> 0 === id) return id >>> 16
  throw new VarveError('INVALID_ARGUMENT', 'not an id of a bitmap', { expected: `0 to ${ID_MAX}`, actual: id })
}

function isAscending(ids: Uint32Array): boolean {
  for (let index = 1; index < ids.length; index++) if ((ids[index] ?? 0) < (ids[index - 1] ?? 0)) return false
  return true
}
