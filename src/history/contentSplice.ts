/**
 * Edits file contents: what `writeAt`, `append` and `truncate` do. The result is that of writing the whole edited
 * file, for the price of the chunks around the edit.
 *
 * Why that is exact: the chunker starts afresh at each cut, and where it cuts depends on nothing behind the cut. So
 * the chunks that end at or before the edit stand. From the start of the chunk that holds the edit's first byte on,
 * the new file is chunked until a cut behind the edit falls on a cut of the old file: from there on the old chunks
 * stand too. An edit at the end begins with the last chunk, which the end of the file may have cut.
 *
 * Why runs are cheap: where a chunk lies wholly in a run of repeated bytes and is as long as the period or a
 * multiple of it, the bytes behind it are the same again, and so are the chunks, for as long as the run lasts.
 * So a gap of terabytes before an appended byte costs a few chunks.
 */
import { MIB } from '../base/units.js'
import type { ObjectWriter } from '../cas/objects.js'
import { chunkWhole } from '../codec/chunker.js'
import { type Content, EMPTY_CONTENT } from '../format/content.js'
import { KIND } from '../format/kinds.js'
import type { ManifestEntry } from '../format/manifest.js'
import { type PlacedRun, RunCursor, readChunk, runsFrom } from './contentChunks.js'
import { requireCount } from './contentRead.js'
import { once, type SegmentBytes, Segments, zeros } from './contentSegments.js'
import { ContentBuilder } from './contentWrite.js'
import { MANIFEST } from './manifestFormat.js'
import { contentOf, rootOf } from './sequence.js'
import { spliceSequence } from './sequenceSplice.js'

const WINDOW_BYTES_MAX = MIB

/**
 * Writes `bytes` over what is at `offset`, beyond the end where they reach it. A gap between the end and `offset` is
 * filled with zeros. No bytes change nothing, as in POSIX.
 * @throws {VarveError} `INVALID_ARGUMENT`
 */
export async function spliceContent(
  writer: ObjectWriter,
  content: Content,
  offset: number,
  bytes: Uint8Array,
): Promise<Content> {
  requireCount('offset', offset)
  requireCount('the size after writing', offset + bytes.length)
  if (bytes.length === 0) return content
  const inserted = [once(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))]
  if (offset > content.size) inserted.unshift(zeros(offset - content.size))
  const at = Math.min(offset, content.size)
  return edit(writer, content, { at, inserted, resume: Math.min(offset + bytes.length, content.size) })
}

/**
 * Cuts off what is behind `size`, or adds zeros up to it.
 * @throws {VarveError} `INVALID_ARGUMENT`
 */
export async function truncateContent(writer: ObjectWriter, content: Content, size: number): Promise<Content> {
  requireCount('size', size)
  if (size === content.size) return content
  if (size === 0) return EMPTY_CONTENT
  const resume = content.size
  if (size < content.size) return edit(writer, content, { at: size, inserted: [], resume })
  return edit(writer, content, { at: resume, inserted: [zeros(size - resume)], resume })
}

/** The new file is the old one up to `at`, then what is inserted, then the old one from `resume` on. It is not empty. */
interface Edit {
  readonly at: number
  readonly inserted: readonly SegmentBytes[]
  readonly resume: number
}

/** The chunks of the old file from `from` to `to` give way to `entries`. */
interface Rechunked {
  readonly from: number
  readonly to: number
  readonly entries: readonly ManifestEntry[]
}

async function edit(writer: ObjectWriter, content: Content, change: Edit): Promise<Content> {
  const cursor = new RunCursor(writer, content)
  const { from, to, entries } = await joinNeighbours(cursor, await rechunk(writer, cursor, content, change))
  const root = from === 0 && to === content.size ? undefined : rootOf(content)
  if (root) return contentOf(MANIFEST, await spliceSequence(writer, MANIFEST, root, [{ from, to, items: entries }]))
  const builder = new ContentBuilder(writer)
  for (const { id, length, repeat } of entries) await builder.append(id, length, repeat)
  return builder.finish()
}

async function rechunk(writer: ObjectWriter, cursor: RunCursor, content: Content, change: Edit): Promise<Rechunked> {
  const { at, inserted, resume } = change
  const { chunker } = writer.profile
  // The end of the file may have cut the last chunk, or does so now.
  const isAtEnd = at === content.size || inserted.length === 0
  const first = at > 0 || !isAtEnd ? await cursor.seek(isAtEnd ? at - 1 : at) : undefined
  const from = first ? first.start + floorTo((isAtEnd ? at - 1 : at) - first.start, first.length) : 0
  const segments = new Segments(from, segmentsOf(writer, content, change, first, from))
  const shift = at + inserted.reduce((sum, { bytes }) => sum + bytes, 0) - resume
  const size = content.size + shift
  const entries: ManifestEntry[] = []
  // Short at first: most edits are, and each byte behind them is one more to read.
  let windowBytes = 2 * chunker.averageBytes
  for (let position = from; position < size; ) {
    const window = await segments.window(position, windowBytes)
    windowBytes = Math.max(windowBytes, Math.min(2 * windowBytes, WINDOW_BYTES_MAX))
    const chunks = chunkWhole(window, chunker)
    // The end of the window cut the last one, unless it is the end of the file.
    if (position + window.length < size) chunks.pop()
    for (const chunk of chunks) {
      const id = await writer.put(KIND.chunk, chunk)
      const end = position + chunk.length
      const repeats = segments.isOldCut(end) ? 0 : segments.repeatsBehind(position, end)
      appendRun(entries, { id, length: chunk.length, repeat: 1 + repeats })
      position = end + repeats * chunk.length
      if (segments.isOldCut(position)) return { from, to: position - shift, entries }
      if (repeats > 0) break
    }
  }
  return { from, to: content.size, entries }
}

async function* segmentsOf(
  writer: ObjectWriter,
  content: Content,
  { at, inserted, resume }: Edit,
  first: PlacedRun | undefined,
  from: number,
): AsyncGenerator<SegmentBytes> {
  if (first && at > from) yield once((await readChunk(writer, first.id, first.length)).subarray(0, at - from))
  yield* inserted
  if (resume >= content.size) return
  for await (const runs of runsFrom(writer, content, resume)) {
    for (const run of runs) {
      const unit = await readChunk(writer, run.id, run.length)
      const start = Math.max(resume, run.start)
      yield { unit, phase: (start - run.start) % run.length, bytes: run.end - start, period: run.length, run }
    }
  }
}

/** Runs that the edit divided or made longer are entries of their own no more. */
async function joinNeighbours(cursor: RunCursor, { from, to, entries }: Rechunked): Promise<Rechunked> {
  const joined: ManifestEntry[] = []
  const left = from > 0 ? await cursor.seek(from - 1) : undefined
  const joinsLeft = left && (left.end > from || left.id === entries[0]?.id)
  if (joinsLeft) joined.push({ id: left.id, length: left.length, repeat: (from - left.start) / left.length })
  for (const entry of entries) appendRun(joined, entry)
  const right = await cursor.seek(to)
  const joinsRight = right && (right.start < to || right.id === joined.at(-1)?.id)
  if (joinsRight) appendRun(joined, { id: right.id, length: right.length, repeat: (right.end - to) / right.length })
  return { from: joinsLeft ? left.start : from, to: joinsRight ? right.end : to, entries: joined }
}

function appendRun(entries: ManifestEntry[], entry: ManifestEntry): void {
  const last = entries.at(-1)
  if (last?.id === entry.id) entries[entries.length - 1] = { ...entry, repeat: last.repeat + entry.repeat }
  else entries.push(entry)
}

function floorTo(value: number, step: number): number {
  return value - (value % step)
}
