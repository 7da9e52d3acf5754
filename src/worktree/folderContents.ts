/**
 * Contents of a working folder that are not in the store, to be compared with those that are: what moved, and how many
 * bytes really changed.
 *
 * Of a short file all is kept in memory as if it were stored, of a longer one only which chunks it has. A file is read when
 * it is to be compared; one that is another by then has nothing to compare.
 */
import type { FileSystem } from '../base/filesystem.js'
import type { Hash } from '../base/hash.js'
import type { ByteName } from '../base/names.js'
import { MIB } from '../base/units.js'
import { KIND, type Kind } from '../format/kinds.js'
import { type ChangedBytes, changedBytes } from '../history/contentDiff.js'
import { IdsOnly } from '../history/idsOnly.js'
import { type MovedChange, withRenames } from '../history/renames.js'
import type { TreeChange } from '../history/treeDiff.js'
import { diskPathOf } from './diskPath.js'
import { FileReader, READ_ALL } from './fileReader.js'
import { ReadFailure } from './readFailure.js'

/** Above it the chunks of a content are compared, not its lines. */
const KEPT_BYTES_MAX = MIB
/** Read at most to find renames; beyond it only the same content is one. */
const MOVED_BYTES_IN_ALL = 128 * MIB

/** Keeps what is put, so that it can be compared as if it were stored. */
class KeptObjects extends IdsOnly {
  readonly #kept = new Map<string, Buffer>()
  /** Whether chunks are kept, too. */
  keepsChunks = true

  override async put(kind: Kind, bytes: Uint8Array): Promise<Hash> {
    const id = await super.put(kind, bytes)
    if (kind !== KIND.chunk || this.keepsChunks) this.#kept.set(`${kind} ${id}`, Buffer.from(bytes))
    return id
  }

  override async get(kind: Kind, id: Hash): Promise<Buffer> {
    return this.#kept.get(`${kind} ${id}`) ?? super.get(kind, id)
  }

  override async *getMany(
    kind: Kind,
    batches: AsyncIterable<readonly Hash[]> | Iterable<readonly Hash[]>,
  ): AsyncGenerator<readonly Buffer[]> {
    for await (const ids of batches) yield await Promise.all(ids.map((id) => this.get(kind, id)))
  }

  override readAhead(kind: Kind, ids: readonly Hash[]): void {
    super.readAhead(
      kind,
      ids.filter((id) => !this.#kept.has(`${kind} ${id}`)),
    )
  }
}

export class FolderContents {
  readonly #kept: KeptObjects
  readonly #files: FileReader
  readonly #root: Buffer
  readonly #signal: AbortSignal | undefined
  readonly #isHeld = new Map<ByteName, boolean>()

  /** @param ids What an `IdsOnly` is made of. */
  constructor(
    ids: ConstructorParameters<typeof IdsOnly>,
    fs: FileSystem,
    root: Buffer,
    signal: AbortSignal | undefined,
  ) {
    this.#kept = new KeptObjects(...ids)
    this.#files = new FileReader(fs, this.#kept, signal)
    this.#root = root
    this.#signal = signal
  }

  /** The same changes, with renames as one change at the new path. */
  async withRenames(changes: readonly TreeChange[]): Promise<MovedChange[]> {
    let bytesLeft = MOVED_BYTES_IN_ALL
    const prepare = async (change: TreeChange): Promise<boolean> => {
      if (this.#isHeld.has(change.path)) return this.#hold(change)
      const sizeBytes = change.after?.content.size ?? 0
      if (sizeBytes > bytesLeft) return false
      bytesLeft -= sizeBytes
      return this.#hold(change)
    }
    const moved: MovedChange[] = []
    for await (const change of withRenames(this.#kept, changes, { signal: this.#signal, prepare })) moved.push(change)
    return moved
  }

  /** Of a file before and after; `undefined` where that cannot be told. */
  async changedBytes(change: MovedChange): Promise<ChangedBytes | undefined> {
    const { before, after } = change
    if (before?.kind !== 'file' || after?.kind !== 'file') return undefined
    return (await this.#hold(change)) ? changedBytes(this.#kept, before.content, after.content) : undefined
  }

  async #hold(change: TreeChange): Promise<boolean> {
    const isHeld = this.#isHeld.get(change.path) ?? (await this.#read(change))
    this.#isHeld.set(change.path, isHeld)
    return isHeld
  }

  async #read({ path, after }: TreeChange): Promise<boolean> {
    if (after?.kind !== 'file') return false
    this.#kept.keepsChunks = after.content.size <= KEPT_BYTES_MAX
    try {
      return (await this.#files.storeFile(diskPathOf(this.#root, path), READ_ALL))?.content.id === after.content.id
    } catch (error) {
      if (error instanceof ReadFailure) return false
      throw error
    }
  }
}
