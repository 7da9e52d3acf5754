/** The chunk list of a content, whatever its shape, from any byte on. */
import { CorruptionError } from '../base/errors.js'
import { type Hash, shortHash } from '../base/hash.js'
import type { ObjectReader } from '../cas/objects.js'
import { type Content, SHAPE_CHUNK } from '../format/content.js'
import { KIND } from '../format/kinds.js'
import type { ManifestChild, ManifestEntry } from '../format/manifest.js'
import { MANIFEST } from './manifestFormat.js'
import { indexAt, rootOf } from './sequence.js'
import { NodeCursor, type PlacedNode } from './sequenceCursor.js'

/** A run of equal chunks, and the bytes of the file that it covers. */
export interface PlacedRun extends ManifestEntry {
  readonly start: number
  readonly end: number
}

/** Steps through the runs of a content. */
export class RunCursor {
  readonly #only: PlacedRun | undefined
  readonly #leaves: NodeCursor<ManifestEntry, ManifestEntry, ManifestChild, number> | undefined
  #leaf: PlacedNode<ManifestEntry, number> | undefined
  #index = 0

  constructor(reader: ObjectReader, content: Content) {
    if (content.shape === SHAPE_CHUNK) {
      this.#only = { id: content.id, length: content.size, repeat: 1, start: 0, end: content.size }
      return
    }
    const root = rootOf(content)
    if (root) this.#leaves = new NodeCursor(reader, MANIFEST, MANIFEST.leaf, 0, root)
  }

  /** The run that covers the byte at `offset`, `undefined` behind the end. */
  async seek(offset: number): Promise<PlacedRun | undefined> {
    if (this.#only) return offset < this.#only.end ? this.#only : undefined
    this.#leaf = await this.#leaves?.seek(offset)
    if (!this.#leaf) return undefined
    this.#index = indexAt(this.#leaf.ends, offset)
    return this.#current()
  }

  /** The run after the one that was returned last. */
  async next(): Promise<PlacedRun | undefined> {
    if (!this.#leaf) return undefined
    this.#index++
    if (this.#index >= this.#leaf.items.length) {
      this.#leaf = await this.#leaves?.next()
      this.#index = 0
    }
    return this.#current()
  }

  #current(): PlacedRun | undefined {
    const entry = this.#leaf?.items[this.#index]
    const end = this.#leaf?.ends[this.#index]
    if (!entry || end === undefined) return undefined
    return placed(entry, end)
  }

  /** The runs of the current leaf from the current one on; the next step leads to the next leaf. */
  takeLeaf(): PlacedRun[] {
    if (this.#only) return [this.#only]
    const { items = [], ends = [] } = this.#leaf ?? {}
    const runs: PlacedRun[] = []
    for (; this.#index < items.length; this.#index++) {
      const entry = items[this.#index]
      const end = ends[this.#index]
      if (entry && end !== undefined) runs.push(placed(entry, end))
    }
    return runs
  }
}

function placed({ id, length, repeat }: ManifestEntry, end: number): PlacedRun {
  return { id, length, repeat, start: end - length * repeat, end }
}

/** From the run that covers `offset` on, a leaf of the manifest at a time. */
export async function* runsFrom(reader: ObjectReader, content: Content, offset: number): AsyncGenerator<PlacedRun[]> {
  const cursor = new RunCursor(reader, content)
  for (let run = await cursor.seek(offset); run; run = await cursor.next()) yield cursor.takeLeaf()
}

export async function readChunk(reader: ObjectReader, id: Hash, length: number): Promise<Buffer> {
  return checkLength(await reader.get(KIND.chunk, id), id, length)
}

/** @throws {CorruptionError} `CORRUPT_OBJECT` when a chunk, itself intact, is not as long as its manifest says */
export function checkLength(chunk: Buffer, id: Hash, length: number): Buffer {
  if (chunk.length === length) return chunk
  throw new CorruptionError('CORRUPT_OBJECT', `chunk ${shortHash(id)} is not as long as its file's manifest says`, {
    id,
    expected: length,
    actual: chunk.length,
  })
}
