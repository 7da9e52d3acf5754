/** Reads file contents, from any byte on. */
import { constants } from 'node:buffer'
import { CorruptionError, VarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import { formatSize } from '../base/units.js'
import type { ObjectReader } from '../cas/objects.js'
import { type Content, SHAPE_CHUNK } from '../format/content.js'
import { KIND } from '../format/kinds.js'
import { checkLength, type PlacedRun, readChunk, runsFrom } from './contentChunks.js'

/**
 * The bytes from `offset` on, `length` of them or as many as there are. Buffers may be shared with a cache: they are
 * not to be modified. A run of equal chunks is read once and given out again and again.
 * @throws {VarveError} `INVALID_ARGUMENT` when offset or length is not a whole number from 0 on
 */
export async function* readContent(
  reader: ObjectReader,
  content: Content,
  offset = 0,
  length = Number.MAX_SAFE_INTEGER,
): AsyncGenerator<Buffer> {
  for await (const pieces of readPieces(reader, content, offset, length)) yield* pieces
}

/** As `readContent`, several buffers at a step: a step costs about what hashing a small chunk does. */
export async function* readPieces(
  reader: ObjectReader,
  content: Content,
  offset = 0,
  length = Number.MAX_SAFE_INTEGER,
): AsyncGenerator<Iterable<Buffer>> {
  requireCount('offset', offset)
  requireCount('length', length)
  const end = Math.min(content.size, offset + length)
  // `getMany` asks for more ids than it has given bytes for; what is on its way waits here.
  const awaited: PlacedRun[] = []
  async function* ids(): AsyncGenerator<Hash[]> {
    for await (const runs of runsFrom(reader, content, offset)) {
      const wanted = runs.filter(({ start }) => start < end)
      for (const run of wanted) awaited.push(run)
      yield wanted.map(({ id }) => id)
      if (wanted.length < runs.length) return
    }
  }
  if (offset >= end) return
  if (content.shape === SHAPE_CHUNK) {
    yield [(await readChunk(reader, content.id, content.size)).subarray(offset, end)]
    return
  }
  for await (const chunks of reader.getMany(KIND.chunk, ids())) {
    yield partsOf(chunks, awaited.splice(0, chunks.length), offset, end)
  }
}

/** The bytes of these runs, as far as they lie between `from` and `end`. */
function* partsOf(chunks: readonly Buffer[], runs: readonly PlacedRun[], from: number, end: number): Generator<Buffer> {
  for (const [index, run] of runs.entries()) {
    const chunk = checkLength(chunks[index] ?? Buffer.alloc(0), run.id, run.length)
    const runEnd = Math.min(run.end, end)
    for (let position = Math.max(run.start, from); position < runEnd; ) {
      const start = (position - run.start) % run.length
      const part = chunk.subarray(start, start + runEnd - position)
      yield part
      position += part.length
    }
  }
}

/**
 * All bytes at once, as a copy that is the caller's.
 * @throws {VarveError} `LIMIT_EXCEEDED` when they are more than a buffer holds
 */
export async function readWhole(reader: ObjectReader, content: Content): Promise<Buffer> {
  if (content.size > constants.MAX_LENGTH) {
    throw new VarveError('LIMIT_EXCEEDED', `${formatSize(content.size)} do not fit into one buffer`, {
      expected: `at most ${constants.MAX_LENGTH} bytes`,
      actual: content.size,
      hint: 'Read it as a stream or in ranges.',
    })
  }
  const whole = Buffer.allocUnsafe(content.size)
  let position = 0
  for await (const pieces of readPieces(reader, content)) {
    for (const part of pieces) {
      whole.set(part, position)
      position += part.length
    }
  }
  if (position < whole.length) {
    throw new CorruptionError('CORRUPT_OBJECT', 'a content ends before its size says', {
      expected: whole.length,
      actual: position,
    })
  }
  return whole
}

export function requireCount(what: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return
  throw new VarveError('INVALID_ARGUMENT', `${what} must be a whole number of bytes`, {
    expected: 'a whole number from 0 on',
    actual: value,
  })
}
