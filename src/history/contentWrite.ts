/**
 * Writes file contents: nothing, one chunk, or a manifest. What is written is a pure function of the bytes and the
 * store's profile, so the same bytes have the same content whoever writes them and however they were sliced.
 */
import { VarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { throwIfCancelled } from '../base/progress.js'
import type { ObjectWriter } from '../cas/objects.js'
import { chunkStream, chunkWhole } from '../codec/chunker.js'
import { type Content, EMPTY_CONTENT, SHAPE_CHUNK, SHAPE_SEQUENCE } from '../format/content.js'
import { KIND } from '../format/kinds.js'
import type { ManifestChild, ManifestEntry } from '../format/manifest.js'
import { Lineage } from './lineage.js'
import { MANIFEST } from './manifestFormat.js'
import { contentOf } from './sequence.js'
import type { Before } from './sequenceBefore.js'
import { SequenceBuilder } from './sequenceBuilder.js'

/**
 * Memory is bounded whatever the length of a stream. Slices of a stream are only looked at until the next one is
 * asked for.
 * @param options.before what it takes the place of, and is likely to be much like
 * @throws {VarveError} `CANCELLED`
 */
export async function writeContent(
  writer: ObjectWriter,
  source: AsyncIterable<Uint8Array> | Uint8Array,
  { before, signal }: WriteContentOptions = {},
): Promise<Content> {
  const { chunker } = writer.profile
  throwIfCancelled(signal)
  if (!(source instanceof Uint8Array))
    return writeChunks(writer, chunkStream(source, chunker), await before?.(), signal)
  // No chunk but the last is shorter than `minBytes`.
  if (source.length <= chunker.minBytes) return writeChunk(writer, source, before)
  const chunks = chunkWhole(source, chunker)
  const [only] = chunks
  if (only && chunks.length === 1) return writeChunk(writer, only, before)
  return writeChunks(writer, [chunks], await before?.(), signal)
}

export interface WriteContentOptions {
  /** Of something short it is asked for only when that turned out to be new, and later. */
  readonly before?: Before | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * A symlink's target: always one chunk, wherever the chunker would cut.
 * @throws {VarveError} `INVALID_ARGUMENT` if it is empty or longer than the longest chunk
 */
export async function writeSymlinkTarget(writer: ObjectWriter, target: Uint8Array): Promise<Content> {
  const { maxBytes } = writer.profile.chunker
  if (target.length === 0 || target.length > maxBytes) {
    throw new VarveError('INVALID_ARGUMENT', `a symlink's target cannot have ${target.length} bytes`, {
      expected: `1 to ${maxBytes} bytes`,
      actual: target.length,
    })
  }
  return writeChunk(writer, target)
}

/** Collects the chunks of a file in order. Memory for one open node a level, however many they are. */
export class ContentBuilder {
  readonly #builder: SequenceBuilder<ManifestEntry, ManifestChild, number>
  /** The run that the next chunk may continue. */
  #run: ManifestEntry | undefined
  #hasEntries = false

  /** @param before what it takes the place of */
  constructor(writer: ObjectWriter, before?: Content) {
    const hasNodes = before !== undefined && before.shape >= SHAPE_SEQUENCE
    this.#builder = new SequenceBuilder(writer, MANIFEST, hasNodes ? async () => before : undefined)
  }

  /** To be awaited before the next call where it returns a promise. */
  append(id: Hash, length: number, repeat = 1): Promise<void> | undefined {
    const run = this.#run
    if (run?.id === id) {
      this.#run = { id, length, repeat: run.repeat + repeat }
      return undefined
    }
    this.#run = { id, length, repeat }
    if (!run) return undefined
    this.#hasEntries = true
    return this.#builder.append(run)
  }

  async finish(): Promise<Content> {
    const run = this.#run
    if (!run) return EMPTY_CONTENT
    if (!this.#hasEntries && run.repeat === 1) return { shape: SHAPE_CHUNK, size: run.length, id: run.id }
    await this.#builder.append(run)
    return contentOf(MANIFEST, await this.#builder.finish())
  }
}

async function writeChunk(writer: ObjectWriter, bytes: Uint8Array, before?: Before): Promise<Content> {
  if (bytes.length === 0) return EMPTY_CONTENT
  const bases = before && (() => chunksOf(writer, before, bytes.length))
  return { shape: SHAPE_CHUNK, size: bytes.length, id: await writer.put(KIND.chunk, bytes, bases) }
}

/** The first chunks of what something short takes the place of. @param length of it, in bytes */
async function chunksOf(writer: ObjectWriter, before: Before, length: number): Promise<readonly Hash[]> {
  const lineage = await Lineage.ofContent(writer, await before())
  return lineage ? lineage.next(length)() : []
}

async function writeChunks(
  writer: ObjectWriter,
  batches: AsyncIterable<readonly Buffer[]> | Iterable<readonly Buffer[]>,
  before: Content | undefined,
  signal: AbortSignal | undefined,
): Promise<Content> {
  const lineage = await Lineage.ofContent(writer, before)
  const builder = new ContentBuilder(writer, before)
  const put = async (chunk: Buffer): Promise<Hash> => {
    if (!lineage) return writer.put(KIND.chunk, chunk)
    const id = await writer.put(KIND.chunk, chunk, lineage.next(chunk.length))
    const reading = lineage.wrote({ id, length: chunk.length })
    if (reading !== undefined) await reading
    return id
  }
  const { maxBytes } = writer.profile.chunker
  // Long runs, of zeros mostly, are of the longest chunks. Comparing these with the last one saves their hashing.
  let longest: { readonly bytes: Buffer; id: Hash } | undefined
  for await (const chunks of batches) {
    for (const chunk of chunks) {
      throwIfCancelled(signal)
      if (chunk.length < maxBytes) {
        const full = builder.append(await put(chunk), chunk.length)
        if (full !== undefined) await full
        continue
      }
      if (!longest?.bytes.equals(chunk)) {
        const id = await put(chunk)
        longest ??= { bytes: Buffer.allocUnsafe(maxBytes), id }
        longest.bytes.set(chunk)
        longest.id = id
      }
      const full = builder.append(longest.id, chunk.length)
      if (full !== undefined) await full
    }
  }
  return builder.finish()
}
