/**
 * What is recorded of files and directories beside their content, as nodes of a Merkle sequence that runs
 * parallel to the directory's.
 *
 *   leaf      00 ‖ entry+
 *   entry     name blob ‖ present u8 ‖ [mtime] ‖ [mode] ‖ [owner] ‖ [xattrs] ‖ [below] ‖ [link]
 *   present   bit 0 mtime, 1 mode, 2 owner, 3 xattrs, 4 below, 5 link; rest 0
 *   mtime     seconds zigzag ‖ nanoseconds varint, 0 … 999,999,999
 *   mode      varint, 0 … 0o7777
 *   owner     uid varint ‖ gid varint, each 0 … 2^32 - 1
 *   xattrs    count varint ‖ (name blob ‖ value blob)*, names strictly growing
 *   below     content, not empty
 *   link      8 bytes; never beside below, or under the empty name
 *   inner     level u8, 1 … 60 ‖ (last name blob ‖ id 32 ‖ entries varint)+
 *
 * The empty name is the directory itself and sorts first. No xattrs and unrecorded xattrs are two things.
 */
import type { Hash } from '../base/hash.js'
import { XATTR_NAME_BYTES_MAX, XATTR_VALUE_BYTES_MAX, XATTRS_BYTES_MAX } from '../base/limits.js'
import type { ByteName } from '../base/names.js'
import { ByteReader, ByteWriter, ZIGZAG_MAX, ZIGZAG_MIN } from './bytes.js'
import { type Content, contentUseProblem, decodeContent, EMPTY_CONTENT, encodeContent, skipContent } from './content.js'
import type { LeafEntries } from './leaves.js'
import { decodeLevel, encodeLevel, entriesProblem } from './node.js'
import { isCount, nameProblem, orderProblem, type Problem, problem, refuseDecoded, refuseToEncode } from './rules.js'

/** What is recorded of a file or directory beside its content. Absent = not recorded. */
export interface Attributes {
  /** Nanoseconds since the epoch. */
  readonly mtimeNs?: bigint
  /** `mode & 0o7777`. */
  readonly mode?: number
  readonly owner?: { readonly uid: number; readonly gid: number }
  readonly xattrs?: readonly ExtendedAttribute[]
  /** The same 16 lower-case hex digits on all hard links of one file in a tree. They mean nothing else. */
  readonly linkGroup?: string
}

export interface ExtendedAttribute {
  readonly name: ByteName
  readonly value: Buffer
}

/** One entry of a directory's attribute sequence, sorted by name. `.` of the directory itself has the empty name. */
export interface AttributesEntry {
  readonly name: ByteName
  readonly attributes: Attributes
  /** Directories only: the attribute sequence of what lies below. */
  readonly below: Content
}

/** One entry of an attribute sequence's inner node. */
export interface AttributesChild {
  readonly id: Hash
  readonly lastName: ByteName
  readonly entries: number
}

export type AttributesNode =
  | { readonly level: 0; readonly entries: AttributesEntry[] }
  | { readonly level: number; readonly children: AttributesChild[] }

const WHAT = 'an attributes node'
const MTIME_BIT = 1
const MODE_BIT = 2
const OWNER_BIT = 4
const XATTRS_BIT = 8
const BELOW_BIT = 16
const LINK_BIT = 32
const PRESENT_MAX = 63

const NS_PER_SECOND = 1_000_000_000n
const TIME_MIN_NS = BigInt(ZIGZAG_MIN) * NS_PER_SECOND
const TIME_MAX_NS = BigInt(ZIGZAG_MAX) * NS_PER_SECOND + NS_PER_SECOND - 1n
const MODE_MAX = 0o7777
const OWNER_MAX = 0xffff_ffff
const LINK_GROUP_BYTES = 8
const LINK_GROUP_PATTERN = /^[0-9a-f]{16}$/

/** @throws {VarveError} `INVALID_PATH` for names that cannot be, `INVALID_ARGUMENT`, `LIMIT_EXCEEDED` */
export function encodeAttributesLeaf(entries: readonly AttributesEntry[]): Buffer {
  refuseToEncode(WHAT, leafProblem(entries))
  const writer = new ByteWriter(1 + 40 * entries.length)
  encodeLevel(writer, 0)
  for (const entry of entries) encodeEntry(writer, entry)
  return writer.finish()
}

/** @throws {VarveError} as `encodeAttributesLeaf` */
export function encodeAttributesInner(level: number, children: readonly AttributesChild[]): Buffer {
  refuseToEncode(WHAT, innerProblem(children))
  const writer = new ByteWriter(1 + 64 * children.length)
  encodeLevel(writer, level, 1)
  for (const child of children) writer.name(child.lastName).hash(child.id).varint(child.entries)
  return writer.finish()
}

/** @throws {CorruptionError} `CORRUPT_OBJECT` */
export function decodeAttributesNode(bytes: Uint8Array): AttributesNode {
  const reader = new ByteReader(bytes, WHAT)
  const level = decodeLevel(reader)
  if (level === 0) {
    const entries: AttributesEntry[] = []
    while (reader.remaining > 0) entries.push(decodeEntry(reader))
    refuseDecoded(reader, leafProblem(entries))
    return { level, entries }
  }
  const children: AttributesChild[] = []
  while (reader.remaining > 0) {
    const lastName = reader.name()
    children.push({ id: reader.hash(), lastName, entries: reader.varint() })
  }
  refuseDecoded(reader, innerProblem(children))
  return { level, children }
}

function encodeEntry(writer: ByteWriter, entry: AttributesEntry): void {
  const { mtimeNs, mode, owner, xattrs, linkGroup } = entry.attributes
  const present =
    (mtimeNs === undefined ? 0 : MTIME_BIT) |
    (mode === undefined ? 0 : MODE_BIT) |
    (owner === undefined ? 0 : OWNER_BIT) |
    (xattrs === undefined ? 0 : XATTRS_BIT) |
    (entry.below.shape === 0 ? 0 : BELOW_BIT) |
    (linkGroup === undefined ? 0 : LINK_BIT)
  writer.name(entry.name).u8(present)
  if (mtimeNs !== undefined) {
    const { seconds, nanoseconds } = splitTime(mtimeNs)
    writer.zigzag(seconds).varint(nanoseconds)
  }
  if (mode !== undefined) writer.varint(mode)
  if (owner !== undefined) writer.varint(owner.uid).varint(owner.gid)
  if (xattrs !== undefined) {
    writer.varint(xattrs.length)
    for (const xattr of xattrs) writer.name(xattr.name).blob(xattr.value)
  }
  if (entry.below.shape !== 0) encodeContent(writer, entry.below)
  if (linkGroup !== undefined) writer.bytes(Buffer.from(linkGroup, 'hex'))
}

function decodeEntry(reader: ByteReader): AttributesEntry {
  const name = reader.name()
  const present = reader.u8()
  if (present > PRESENT_MAX) throw reader.fail('has an entry with unknown attributes', { actual: present })
  // One by one: a tree has many of them, and spreading objects takes longer than all the rest.
  const attributes: { -readonly [Name in keyof Attributes]: Attributes[Name] } = {}
  if (present & MTIME_BIT) attributes.mtimeNs = decodeTime(reader)
  if (present & MODE_BIT) attributes.mode = reader.varint()
  if (present & OWNER_BIT) attributes.owner = { uid: reader.varint(), gid: reader.varint() }
  if (present & XATTRS_BIT) attributes.xattrs = decodeXattrs(reader)
  const below = present & BELOW_BIT ? decodeBelow(reader) : EMPTY_CONTENT
  if (present & LINK_BIT) attributes.linkGroup = reader.bytes(LINK_GROUP_BYTES).toString('hex')
  return { name, attributes, below }
}

function skipEntry(reader: ByteReader): void {
  reader.skip(reader.varint())
  const present = reader.u8()
  const numbers = (present & MTIME_BIT ? 2 : 0) + (present & MODE_BIT ? 1 : 0) + (present & OWNER_BIT ? 2 : 0)
  for (let count = 0; count < numbers; count++) reader.varint()
  const blobs = present & XATTRS_BIT ? 2 * reader.varint() : 0
  for (let count = 0; count < blobs; count++) reader.skip(reader.varint())
  if (present & BELOW_BIT) skipContent(reader)
  if (present & LINK_BIT) reader.skip(LINK_GROUP_BYTES)
}

/** For `entriesApart`. What it decodes is checked by itself, and not against what is beside it. */
export const ATTRIBUTES_LEAF: LeafEntries<AttributesEntry> = {
  reader: (bytes) => new ByteReader(bytes, WHAT),
  skip: skipEntry,
  decode: (reader) => {
    const entry = decodeEntry(reader)
    refuseDecoded(reader, entryProblem(entry))
    return entry
  },
}

function decodeBelow(reader: ByteReader): Content {
  const below = decodeContent(reader)
  if (below.shape === 0) throw reader.fail('has an entry that holds an empty sequence')
  return below
}

function decodeTime(reader: ByteReader): bigint {
  const seconds = reader.zigzag()
  const nanoseconds = reader.varint()
  if (nanoseconds >= Number(NS_PER_SECOND)) throw reader.fail('has a time with a second or more of nanoseconds')
  return BigInt(seconds) * NS_PER_SECOND + BigInt(nanoseconds)
}

function decodeXattrs(reader: ByteReader): ExtendedAttribute[] {
  const count = reader.varint()
  // Each takes three bytes at least: a count that cannot be true is refused before anything is read for it.
  if (count * 3 > reader.remaining) throw reader.fail('is cut short', { expected: count, actual: reader.remaining })
  const xattrs: ExtendedAttribute[] = []
  // Copied, so that an entry that is kept does not keep the whole node.
  for (let index = 0; index < count; index++) xattrs.push({ name: reader.name(), value: Buffer.from(reader.blob()) })
  return xattrs
}

/** Seconds rounded down, so that nanoseconds are never negative. */
function splitTime(timeNs: bigint): { seconds: number; nanoseconds: number } {
  const nanoseconds = ((timeNs % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND
  return { seconds: Number((timeNs - nanoseconds) / NS_PER_SECOND), nanoseconds: Number(nanoseconds) }
}

function leafProblem(entries: readonly AttributesEntry[]): Problem | undefined {
  let previous: ByteName | undefined
  for (const entry of entries) {
    const found = orderProblem(previous, entry.name) ?? entryProblem(entry)
    if (found) return found
    previous = entry.name
  }
  return entriesProblem(entries)
}

function entryProblem(entry: AttributesEntry): Problem | undefined {
  return (
    (entry.name === '' ? undefined : nameProblem(entry.name)) ??
    attributesProblem(entry.attributes) ??
    contentUseProblem(entry.below, 'sequence') ??
    linkProblem(entry)
  )
}

/** Some file systems keep times that are farther away than 2^52 seconds. */
export function isRecordableTime(timeNs: bigint): boolean {
  return timeNs >= TIME_MIN_NS && timeNs <= TIME_MAX_NS
}

function attributesProblem({ mtimeNs, mode, owner, xattrs }: Attributes): Problem | undefined {
  if (mtimeNs !== undefined) {
    if (!isRecordableTime(mtimeNs)) return problem(`has the impossible time ${mtimeNs} ns`)
  }
  if (mode !== undefined && !(isCount(mode) && mode <= MODE_MAX)) return problem(`has the impossible mode ${mode}`)
  if (owner !== undefined && !(isOwnerId(owner.uid) && isOwnerId(owner.gid))) {
    return problem(`has the impossible owner ${owner.uid}:${owner.gid}`)
  }
  return xattrs === undefined ? undefined : xattrsProblem(xattrs)
}

/** Directories have one name, and need not say whether it is the only one. */
function linkProblem({ name, attributes: { linkGroup }, below }: AttributesEntry): Problem | undefined {
  if (linkGroup === undefined) return undefined
  if (!LINK_GROUP_PATTERN.test(linkGroup)) return problem(`has the impossible link group ${JSON.stringify(linkGroup)}`)
  return name === '' || below.shape !== 0 ? problem('has a directory in a link group') : undefined
}

function isOwnerId(id: number): boolean {
  return isCount(id) && id <= OWNER_MAX
}

function xattrsProblem(xattrs: readonly ExtendedAttribute[]): Problem | undefined {
  let previous: ByteName | undefined
  let bytes = 0
  for (const { name, value } of xattrs) {
    if (name === '' || name.includes('\0')) return problem('has an extended attribute without a proper name')
    if (name.length > XATTR_NAME_BYTES_MAX || value.length > XATTR_VALUE_BYTES_MAX) {
      return problem(`has an extended attribute ${JSON.stringify(name)} that is too long`, 'LIMIT_EXCEEDED')
    }
    if (previous !== undefined && previous >= name) {
      return problem(`has extended attributes out of order at ${JSON.stringify(name)}`)
    }
    previous = name
    bytes += name.length + value.length
  }
  return bytes > XATTRS_BYTES_MAX
    ? problem(`has more than ${XATTRS_BYTES_MAX} bytes of extended attributes on one file`, 'LIMIT_EXCEEDED')
    : undefined
}

function innerProblem(children: readonly AttributesChild[]): Problem | undefined {
  let previous: ByteName | undefined
  let total = 0
  for (const { lastName, entries } of children) {
    const found = (lastName === '' ? undefined : nameProblem(lastName)) ?? orderProblem(previous, lastName)
    if (found) return found
    previous = lastName
    if (!isCount(entries) || entries === 0) return problem(`has a child with ${entries} entries`)
    total += entries
    if (!isCount(total)) return problem('has totals above 2^53 - 1')
  }
  return entriesProblem(children)
}
