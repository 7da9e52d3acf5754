/**
 * A commit, as one object.
 *
 *   version u8 = 1 ‖ tree content ‖ files varint ‖ attributes content
 *   ‖ parents: count varint ‖ id 32 each
 *   ‖ author ‖ committer: who text ‖ time zigzag (ms) ‖ zone zigzag (minutes)
 *   ‖ message text
 *   ‖ extra headers: count varint ‖ (key text ‖ value text)*
 *   ‖ signed u8, 0 or 1 ‖ [signature blob]
 */
import { VarveError } from '../base/errors.js'
import type { Hash } from '../base/hash.js'
import {
  HEADERS_BYTES_MAX,
  HEADERS_MAX,
  MESSAGE_BYTES_MAX,
  PARENTS_MAX,
  SIGNATURE_BYTES_MAX,
  WHO_BYTES_MAX,
} from '../base/limits.js'
import { ByteReader, ByteWriter, ZIGZAG_MAX, ZIGZAG_MIN } from './bytes.js'
import { type Content, contentUseProblem, decodeContent, encodeContent } from './content.js'
import { isCount, type Problem, problem, refuseDecoded, refuseToEncode } from './rules.js'

/** Who, and when. */
export interface Signature {
  /** `Name <mail>` by custom; any text without NUL or line feed. */
  readonly who: string
  /** Milliseconds since the epoch. */
  readonly timeMs: number
  /** Minutes east of UTC, -1439 … 1439. */
  readonly zoneMinutes: number
}

export interface Commit {
  /** The root directory. */
  readonly tree: Content
  /** Files (non-directories) in the whole tree. */
  readonly files: number
  /** The root directory's attribute sequence; empty when none are recorded. */
  readonly attributes: Content
  readonly parents: readonly Hash[]
  readonly author: Signature
  readonly committer: Signature
  readonly message: string
  /** Kept for exact Git export; order matters. */
  readonly extraHeaders: readonly { readonly key: string; readonly value: string }[]
  readonly signature?: Buffer
}

const WHAT = 'a commit'
const VERSION = 1
const ZONE_MINUTES_MAX = 24 * 60 - 1
const LINE_BREAKING_PATTERN = /[\0\n]/

/** @throws {VarveError} `INVALID_ARGUMENT`, `LIMIT_EXCEEDED` */
export function encodeCommit(commit: Commit): Buffer {
  refuseToEncode(WHAT, commitProblem(commit))
  const writer = new ByteWriter(512 + commit.message.length)
  writer.u8(VERSION)
  encodeContent(writer, commit.tree)
  writer.varint(commit.files)
  encodeContent(writer, commit.attributes)
  writer.varint(commit.parents.length)
  for (const parent of commit.parents) writer.hash(parent)
  for (const { who, timeMs, zoneMinutes } of [commit.author, commit.committer]) {
    writer.text(who).zigzag(timeMs).zigzag(zoneMinutes)
  }
  writer.text(commit.message)
  writer.varint(commit.extraHeaders.length)
  for (const { key, value } of commit.extraHeaders) writer.text(key).text(value)
  writer.u8(commit.signature === undefined ? 0 : 1)
  if (commit.signature !== undefined) writer.blob(commit.signature)
  return writer.finish()
}

/** @throws {VarveError} `CORRUPT_OBJECT`, or `FORMAT_NEWER` for a version that this varve does not know */
export function decodeCommit(bytes: Uint8Array): Commit {
  const reader = new ByteReader(bytes, WHAT)
  const version = reader.u8()
  if (version > VERSION) {
    throw new VarveError('FORMAT_NEWER', `a commit of version ${version} was written by a newer varve`, {
      expected: VERSION,
      actual: version,
      hint: 'Use a newer varve.',
    })
  }
  if (version !== VERSION) throw reader.fail('has version 0')
  const tree = decodeContent(reader)
  const files = reader.varint()
  const attributes = decodeContent(reader)
  const parents = decodeList(reader, PARENTS_MAX, () => reader.hash())
  const author = decodeSignature(reader)
  const committer = decodeSignature(reader)
  const message = reader.text()
  const extraHeaders = decodeList(reader, HEADERS_MAX, () => ({ key: reader.text(), value: reader.text() }))
  const signed = reader.u8()
  if (signed > 1) throw reader.fail('has an unknown signature flag', { actual: signed })
  const signature = signed === 1 ? Buffer.from(reader.blob()) : undefined
  reader.end()
  const commit: Commit = {
    tree,
    files,
    attributes,
    parents,
    author,
    committer,
    message,
    extraHeaders,
    ...(signature === undefined ? undefined : { signature }),
  }
  refuseDecoded(reader, commitProblem(commit))
  return commit
}

function decodeList<Item>(reader: ByteReader, max: number, decodeItem: () => Item): Item[] {
  const count = reader.varint()
  if (count > max) throw reader.fail(`has a list of more than ${max}`, { actual: count })
  return Array.from({ length: count }, decodeItem)
}

function decodeSignature(reader: ByteReader): Signature {
  return { who: reader.text(), timeMs: reader.zigzag(), zoneMinutes: reader.zigzag() }
}

function commitProblem(commit: Commit): Problem | undefined {
  const { tree, files, attributes, parents, message, extraHeaders, signature } = commit
  if (!isCount(files)) return problem(`has an impossible count of files, ${files}`)
  if (tree.shape === 0 && files !== 0) return problem('has an empty tree with files in it')
  if (parents.length > PARENTS_MAX) return problem(`has more than ${PARENTS_MAX} parents`, 'LIMIT_EXCEEDED')
  if (new Set(parents).size !== parents.length) return problem('names a parent twice')
  if (Buffer.byteLength(message) > MESSAGE_BYTES_MAX) {
    return problem(`has a message longer than ${MESSAGE_BYTES_MAX} bytes`, 'LIMIT_EXCEEDED')
  }
  if (signature !== undefined && signature.length > SIGNATURE_BYTES_MAX) {
    return problem(`has a signature longer than ${SIGNATURE_BYTES_MAX} bytes`, 'LIMIT_EXCEEDED')
  }
  return (
    contentUseProblem(tree, 'sequence') ??
    contentUseProblem(attributes, 'sequence') ??
    signatureProblem(commit.author) ??
    signatureProblem(commit.committer) ??
    headersProblem(extraHeaders)
  )
}

function signatureProblem({ who, timeMs, zoneMinutes }: Signature): Problem | undefined {
  if (LINE_BREAKING_PATTERN.test(who)) return problem(`has a NUL or line feed in the name ${JSON.stringify(who)}`)
  if (Buffer.byteLength(who) > WHO_BYTES_MAX) {
    return problem(`has a name longer than ${WHO_BYTES_MAX} bytes`, 'LIMIT_EXCEEDED')
  }
  if (!Number.isSafeInteger(timeMs) || timeMs < ZIGZAG_MIN || timeMs > ZIGZAG_MAX) {
    return problem(`has the impossible time ${timeMs} ms`)
  }
  return Number.isInteger(zoneMinutes) && Math.abs(zoneMinutes) <= ZONE_MINUTES_MAX
    ? undefined
    : problem(`has the impossible time zone ${zoneMinutes} minutes`)
}

function headersProblem(headers: Commit['extraHeaders']): Problem | undefined {
  if (headers.length > HEADERS_MAX) return problem(`has more than ${HEADERS_MAX} extra headers`, 'LIMIT_EXCEEDED')
  let bytes = 0
  for (const { key, value } of headers) {
    if (key === '' || LINE_BREAKING_PATTERN.test(key)) return problem('has an extra header without a proper key')
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value)
  }
  return bytes > HEADERS_BYTES_MAX
    ? problem(`has more than ${HEADERS_BYTES_MAX} bytes of extra headers`, 'LIMIT_EXCEEDED')
    : undefined
}
