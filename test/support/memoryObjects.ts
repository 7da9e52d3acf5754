/** An object store in memory that counts what is asked of it. */
import { VarveError } from '../../src/base/errors.js'
import type { Hash } from '../../src/base/hash.js'
import type { ObjectWriter } from '../../src/cas/objects.js'
import { createHasher, type Hasher } from '../../src/codec/hasher.js'
import { KIND, type Kind } from '../../src/format/kinds.js'
import { makeProfile, type ProfileOptions, type StoreProfile } from '../../src/format/profile.js'

export class MemoryObjects implements ObjectWriter {
  readonly profile: StoreProfile
  readonly #hasher: Hasher
  readonly #objects = new Map<string, Buffer>()
  /** Calls of `get`, and items of `getMany`, since the last `resetCounts`. */
  readonly gets = new Map<Kind, number>()
  /** Puts of ids that were not there. */
  readonly newPuts = new Map<Kind, number>()
  /** Raw bytes of chunks that were not there. */
  newChunkBytes = 0
  /** Ids that were announced by `readAhead`. */
  readonly announced = new Map<Kind, number>()

  constructor(profile: StoreProfile, hasher: Hasher) {
    this.profile = profile
    this.#hasher = hasher
  }

  async put(kind: Kind, bytes: Uint8Array): Promise<Hash> {
    const id = this.#hasher.id(kind, bytes)
    const key = `${kind}:${id}`
    if (!this.#objects.has(key)) {
      this.#objects.set(key, Buffer.from(bytes))
      count(this.newPuts, kind, 1)
      if (kind === KIND.chunk) this.newChunkBytes += bytes.length
    }
    return id
  }

  async get(kind: Kind, id: Hash): Promise<Buffer> {
    count(this.gets, kind, 1)
    const bytes = this.#objects.get(`${kind}:${id}`)
    if (!bytes) throw new VarveError('MISSING_CHUNK', `not in memory: ${id}`, { id })
    return bytes
  }

  async *getMany(
    kind: Kind,
    batches: AsyncIterable<readonly Hash[]> | Iterable<readonly Hash[]>,
  ): AsyncIterable<readonly Buffer[]> {
    for await (const ids of batches) for (const id of ids) yield [await this.get(kind, id)]
  }

  readAhead(kind: Kind, ids: readonly Hash[]): void {
    count(this.announced, kind, ids.length)
  }

  /** Puts `bytes` where `id` is looked up, whatever its hash: damage, or content nobody wants to compute. */
  place(kind: Kind, id: Hash, bytes: Uint8Array): void {
    this.#objects.set(`${kind}:${id}`, Buffer.from(bytes))
  }

  resetCounts(): void {
    for (const counts of [this.gets, this.newPuts, this.announced]) counts.clear()
    this.newChunkBytes = 0
  }

  /** Objects that are not chunks. */
  get newObjects(): number {
    return exceptChunks(this.newPuts)
  }

  get objectGets(): number {
    return exceptChunks(this.gets)
  }

  get newChunks(): number {
    return this.newPuts.get(KIND.chunk) ?? 0
  }

  get chunkGets(): number {
    return this.gets.get(KIND.chunk) ?? 0
  }
}

export async function createMemoryObjects(options: ProfileOptions = {}): Promise<MemoryObjects> {
  const profile = makeProfile(options)
  return new MemoryObjects(profile, await createHasher(profile.hash))
}

function count(counts: Map<Kind, number>, kind: Kind, by: number): void {
  counts.set(kind, (counts.get(kind) ?? 0) + by)
}

function exceptChunks(counts: ReadonlyMap<Kind, number>): number {
  let sum = 0
  for (const [kind, number] of counts) if (kind !== KIND.chunk) sum += number
  return sum
}
