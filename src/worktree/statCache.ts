/**
 * What the files of a working folder were when their contents were last read: a file that still looks the same is not
 * opened again. A file of its own, which may be deleted at any time; one that is damaged, or another store's, is none.
 *
 * A directory that was neither changed nor replaced since it was listed has the same entries, so it is not listed again.
 * That takes a file system that gives a directory a new time whenever an entry comes or goes: it is tried out each time.
 * (Mercurial's dirstate does the same.)
 *
 * It also remembers of which tree it was seen that an entry is in the folder as the tree has it. As long as the folder
 * stands at that tree, such an entry needs nothing but a look at the disk: no object of the store is opened for it. Nor is
 * the commit that has the tree, if the cache knows which one it is.
 *
 * Git's rule for files that were changed within the same tick of the clock in which they were read ("racy clean"): the
 * entry of a file whose times are not older than the moment at which reading began is not kept. It is read again the next
 * time, when the clock has gone on. A clock that was set back costs reading, never a change that is missed.
 *
 *   magic "varveST3" ‖ byte order u8 ‖ store UUID blob ‖ commit blob ‖ tree blob ‖ directory*
 *                ‖ crc32 u32 (over all that comes before)
 *   commit       empty, or id ‖ files of its tree varint
 *   directory    path blob ‖ entries blob
 *   entries      flags u8 ‖ count varint ‖ names blob, ascending, separated by "/" ‖ count × kind u8
 *                ‖ count × integers ‖ [integers of the directory] ‖ count × doubles ‖ count × content
 *                                                                                     decoded when it is looked at
 *   flags        bit 0: all that the tree has here, as the tree has it; bit 1: all that is here, with the integers
 *   kind         bits 0–1: 0 file, 1 symlink, 2 directory; bit 2: as the tree has it
 *   integers     mtime, ctime (nanoseconds), ino, dev; 8 bytes each, as doubles in the byte order of the machine
 *   doubles      size, mode, uid, gid
 */
import { endianness } from 'node:os'
import * as zlib from 'node:zlib'
import type { DirectoryEntry, EntryType, FileStat } from '../base/filesystem.js'
import { HASH_BYTES, type Hash, hashToBytes } from '../base/hash.js'
import { type ByteName, nameFromBytes, nameToBytes } from '../base/names.js'
import { KIB } from '../base/units.js'
import { ByteReader, ByteWriter } from '../format/bytes.js'
import { type Content, decodeContent, encodeContent } from '../format/content.js'
import type { TreeRoot } from '../history/entries.js'

const MAGIC = Buffer.from('varveST3', 'latin1')
const CHECK_BYTES = 4
/** Numbers of an entry: so many integers, and as many doubles. */
const INTEGERS = 4
const ROW_BYTES = INTEGERS * 8
const WHAT = 'a stat cache'
const ORDER = endianness() === 'LE' ? 0 : 1
const NAME_SEPARATOR = '/'
const NOTHING_KNOWN = Buffer.alloc(0)

const KINDS: readonly EntryType[] = ['file', 'symlink', 'directory']
const KIND_BITS = 0b011
const AS_IN_TREE = 0b100
const IS_WHOLE = 0b01
const IS_LISTED = 0b10

/** By the clock that gives files their times. */
export interface DiskClock {
  readonly nowNs: bigint
  /** Of the file system on which directories get a new time whenever an entry comes or goes; `undefined`: they do not. */
  readonly listsByTime: bigint | undefined
}

export class StatCache {
  static readonly empty = new StatCache(NOTHING_KNOWN, undefined, new Map())
  #last: { readonly path: ByteName; readonly directory: StatCacheDirectory } | undefined

  /** @param directories The entries of each, encoded. */
  private constructor(
    private readonly commit: Buffer,
    private readonly tree: Buffer | undefined,
    private readonly directories: ReadonlyMap<ByteName, Buffer>,
  ) {}

  /** @param bytes As `StatCacheBuilder.finish` made them; anything else is an empty cache. */
  static decode(bytes: Uint8Array | undefined, store: string): StatCache {
    if (bytes === undefined || bytes.length < MAGIC.length + 1 + CHECK_BYTES) return StatCache.empty
    const end = bytes.length - CHECK_BYTES
    const body = Buffer.from(bytes.buffer, bytes.byteOffset, end)
    const check = Buffer.from(bytes.buffer, bytes.byteOffset + end, CHECK_BYTES).readUInt32LE()
    if (!body.subarray(0, MAGIC.length).equals(MAGIC) || zlib.crc32(body) !== check) return StatCache.empty
    const reader = new ByteReader(body.subarray(MAGIC.length), WHAT)
    if (reader.u8() !== ORDER || reader.blob().toString('utf8') !== store) return StatCache.empty
    const commit = reader.blob()
    const tree = reader.blob()
    const directories = new Map<ByteName, Buffer>()
    while (reader.remaining > 0) {
      const path = nameFromBytes(reader.blob())
      directories.set(path, reader.blob())
    }
    return new StatCache(commit, tree, directories)
  }

  /** The tree of a commit, if that is the tree that it is about. */
  treeOf(commit: Hash): TreeRoot | undefined {
    if (!this.tree || !this.commit.subarray(0, HASH_BYTES).equals(hashToBytes(commit))) return undefined
    const reader = new ByteReader(this.tree, WHAT)
    const tree = decodeContent(reader)
    const attributes = decodeContent(reader)
    return { tree, attributes, files: new ByteReader(this.commit.subarray(HASH_BYTES), WHAT).varint() }
  }

  /** Whether it remembers what is as this tree has it. */
  isAbout(tree: TreeRoot): boolean {
    return this.tree?.equals(encodeTree(tree)) ?? false
  }

  /**
   * What it says of another tree, for a folder that was brought there: all it knew, but of directories in which the trees
   * differ nothing is taken to be as in the tree.
   */
  carriedTo(tree: TreeRoot, differing: Iterable<ByteName>, store: string, commit?: Hash): Buffer {
    const isDiffering = new Set(differing)
    const directories = [...this.directories].map(([path, encoded]) => ({
      path,
      encoded: isDiffering.has(path) ? withoutTree(encoded) : encoded,
    }))
    return encodeCache(store, commit, tree, directories)
  }

  /** What is known of the entries of a directory. */
  directory(path: ByteName): StatCacheDirectory {
    if (this.#last?.path !== path) {
      this.#last = { path, directory: new StatCacheDirectory(this.directories.get(path)) }
    }
    return this.#last.directory
  }
}

export class StatCacheDirectory {
  /** Ascending. */
  readonly names: readonly ByteName[]
  /** Whether all entries that the tree has here are among these, and as the tree has them. */
  readonly isWhole: boolean
  readonly #isListed: boolean
  /** As in the file; `undefined` where nothing is known. */
  readonly encoded: Buffer | undefined
  readonly #kinds: Uint8Array
  readonly #integers: BigInt64Array
  readonly #doubles: Float64Array
  readonly #contentBytes: Buffer
  #contents: readonly Content[] | undefined

  constructor(encoded: Buffer | undefined) {
    this.encoded = encoded
    const reader = new ByteReader(encoded ?? NOTHING, WHAT)
    const flags = reader.u8()
    this.isWhole = (flags & IS_WHOLE) !== 0
    this.#isListed = (flags & IS_LISTED) !== 0
    const count = reader.varint()
    const names = reader.blob()
    this.names = count === 0 ? [] : (nameFromBytes(names).split(NAME_SEPARATOR) as ByteName[])
    this.#kinds = reader.bytes(count)
    // A copy, because numbers must begin in memory where numbers may begin.
    const rows = count + (this.#isListed ? 1 : 0)
    const numbers = new Uint8Array(reader.bytes((rows + count) * ROW_BYTES)).buffer
    this.#integers = new BigInt64Array(numbers, 0, rows * INTEGERS)
    this.#doubles = new Float64Array(numbers, rows * ROW_BYTES)
    this.#contentBytes = reader.bytes(reader.remaining)
  }

  /** What is in the directory, ascending, if it looks as it did when it was listed. */
  listing(stat: FileStat): DirectoryEntry[] | undefined {
    if (!this.isListedAs(stat)) return undefined
    return this.names.map((name, index) => ({ name, type: this.#typeOf(index) }))
  }

  isListedAs(stat: FileStat): boolean {
    return this.#isListed && this.#hasIntegers(this.names.length, stat)
  }

  indexOf(name: ByteName): number | undefined {
    const { names } = this
    let [low, high] = [0, names.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((names[middle] as ByteName) < name) low = middle + 1
      else high = middle
    }
    return names[low] === name ? low : undefined
  }

  /** Whether an entry was seen to be as the tree has it. */
  isAsInTree(index: number): boolean {
    return ((this.#kinds[index] ?? 0) & AS_IN_TREE) !== 0
  }

  isDirectory(index: number): boolean {
    return KINDS[(this.#kinds[index] ?? 0) & KIND_BITS] === 'directory'
  }

  get countAsInTree(): number {
    return this.#kinds.reduce((count, kind) => count + (kind & AS_IN_TREE ? 1 : 0), 0)
  }

  /** The content of a file or symlink that looks as it did when it was read. */
  contentOf(name: ByteName, stat: FileStat): Content | undefined {
    const index = this.indexOf(name)
    return index !== undefined && this.looksTheSame(index, stat) ? this.contentAt(index) : undefined
  }

  contentAt(index: number): Content {
    this.#contents ??= this.#decodeContents()
    return this.#contents[index] as Content
  }

  /** Of a directory only its mode and owner count: what is in it is looked at by itself. */
  looksTheSame(index: number, stat: FileStat): boolean {
    const at = index * INTEGERS
    const doubles = this.#doubles
    if (stat.type !== this.#typeOf(index)) return false
    if (doubles[at + 1] !== stat.mode || doubles[at + 2] !== stat.uid || doubles[at + 3] !== stat.gid) return false
    return stat.type === 'directory' || (doubles[at] === stat.size && this.#hasIntegers(index, stat))
  }

  #typeOf(index: number): EntryType {
    return KINDS[(this.#kinds[index] ?? 0) & KIND_BITS] ?? 'other'
  }

  #hasIntegers(row: number, stat: FileStat): boolean {
    const at = row * INTEGERS
    const integers = this.#integers
    return (
      integers[at] === stat.mtimeNs &&
      integers[at + 1] === stat.ctimeNs &&
      integers[at + 2] === BigInt.asIntN(64, stat.ino) &&
      integers[at + 3] === BigInt.asIntN(64, stat.dev)
    )
  }

  /** An entry as it is, for another cache. */
  known(index: number): KnownEntry {
    const at = index * INTEGERS
    return {
      name: this.names[index] as ByteName,
      kind: this.#kinds[index] ?? 0,
      integers: this.#integers.subarray(at, at + INTEGERS),
      doubles: this.#doubles.subarray(at, at + INTEGERS),
      content: this.contentAt(index),
    }
  }

  #decodeContents(): Content[] {
    const reader = new ByteReader(this.#contentBytes, WHAT)
    return this.names.map(() => decodeContent(reader))
  }
}

/** No entries: not whole, no names. */
const NOTHING = Buffer.from([0, 0, 0])

interface KnownEntry {
  readonly name: ByteName
  readonly kind: number
  readonly integers: BigInt64Array
  readonly doubles: Float64Array
  readonly content: Content
}

/** How a directory was when it was listed. */
export interface Listing {
  readonly stat: FileStat
  readonly count: number
}

interface BuiltDirectory {
  readonly path: ByteName
  readonly entries: KnownEntry[]
  /** Whether what was seen to be as in the tree was all kept. */
  keptAll: boolean
}

/** Gathers what is found while a folder is walked: directories in turn, the entries of each in any order. */
export class StatCacheBuilder {
  readonly #store: string
  readonly #clock: () => DiskClock | undefined
  /** `undefined` as long as nothing was read; `null`: nobody knows what time it is there, and nothing is kept. */
  #began: DiskClock | null | undefined
  readonly #open: BuiltDirectory[] = []
  readonly #done: EncodedDirectory[] = []

  /** @param clock What time it is, if that can be told. */
  constructor(store: string, clock: () => DiskClock | undefined) {
    this.#store = store
    this.#clock = clock
  }

  /** Comes before the first file is looked at whose content is going to be read. */
  begin(): void {
    if (this.#began === undefined) this.#began = this.#clock() ?? null
  }

  enter(path: ByteName): void {
    this.#open.push({ path, entries: [], keptAll: true })
  }

  /**
   * Of the directory that was entered last: a file or symlink as it was before its content was read, or a directory.
   * @param isAsInTree whether the tree has just that
   */
  add(name: ByteName, stat: FileStat, content: Content, isAsInTree: boolean): void {
    const directory = this.#open.at(-1)
    const kind = KINDS.indexOf(stat.type)
    if (!directory || kind < 0) return
    if (this.#isRacy(stat)) directory.keptAll &&= !isAsInTree
    else {
      directory.entries.push({
        name,
        kind: kind | (isAsInTree ? AS_IN_TREE : 0),
        integers: integersOf(stat),
        doubles: Float64Array.of(stat.size, stat.mode, stat.uid, stat.gid),
        content,
      })
    }
  }

  #isRacy(stat: FileStat): boolean {
    // What is compared of directories are values that cannot change unseen. What was known before anything was read is old.
    if (stat.type === 'directory' || this.#began === undefined) return false
    return this.#began === null || isYoung(stat, this.#began)
  }

  /** Whether what a directory held then can be told from its times. */
  #isSettled({ stat }: Listing): boolean {
    return !!this.#began && this.#began.listsByTime === stat.dev && !isYoung(stat, this.#began)
  }

  /** What another cache knows of an entry. */
  copy(from: StatCacheDirectory, index: number): void {
    this.#open.at(-1)?.entries.push(from.known(index))
  }

  /**
   * @param isComplete whether all entries that the tree has here were added, as the tree has them
   * @param listing kept if all that was listed was added
   * @param isKnown whether the listing comes from another cache
   */
  leave(isComplete: boolean, listing?: Listing, isKnown = false): void {
    const directory = this.#open.pop()
    if (!directory) return
    const isAll = listing?.count === directory.entries.length && (isKnown || this.#isSettled(listing))
    const encoded = encodeEntries(directory, isComplete && directory.keptAll, isAll ? listing.stat : undefined)
    this.#done.push({ path: directory.path, encoded })
  }

  /** Instead of `leave`: all is as another cache knows it. */
  leaveAs({ encoded }: StatCacheDirectory): void {
    const directory = this.#open.pop()
    if (directory && encoded) this.#done.push({ path: directory.path, encoded })
  }

  /**
   * @param tree what entries were compared with; `undefined`: some were compared with another one
   * @param commit that has this tree, where there is one
   */
  finish(tree: TreeRoot | undefined, commit?: Hash): Buffer {
    return encodeCache(this.#store, commit, tree, this.#done)
  }
}

interface EncodedDirectory {
  readonly path: ByteName
  readonly encoded: Buffer
}

function encodeCache(
  store: string,
  commit: Hash | undefined,
  tree: TreeRoot | undefined,
  directories: Iterable<EncodedDirectory>,
): Buffer {
  const writer = new ByteWriter(64 * KIB)
  writer.bytes(MAGIC).u8(ORDER).blob(Buffer.from(store, 'utf8'))
  writer.blob(commit && tree ? new ByteWriter().bytes(hashToBytes(commit)).varint(tree.files).finish() : NOTHING_KNOWN)
  writer.blob(tree === undefined ? NOTHING_KNOWN : encodeTree(tree))
  for (const { path, encoded } of directories) writer.blob(nameToBytes(path)).blob(encoded)
  const body = writer.finish()
  const check = Buffer.alloc(CHECK_BYTES)
  check.writeUInt32LE(zlib.crc32(body))
  return Buffer.concat([body, check])
}

/** The same entries, none of them as in the tree. */
function withoutTree(encoded: Buffer): Buffer {
  const changed = Buffer.from(encoded)
  changed[0] = (changed[0] ?? 0) & ~IS_WHOLE
  const reader = new ByteReader(changed.subarray(1), WHAT)
  const count = reader.varint()
  reader.blob()
  const kinds = reader.bytes(count)
  for (const [index, kind] of kinds.entries()) kinds[index] = kind & KIND_BITS
  return changed
}

/** Git's rule: it may change once more and keep its times. */
function isYoung({ mtimeNs, ctimeNs }: FileStat, { nowNs }: DiskClock): boolean {
  return mtimeNs >= nowNs || ctimeNs >= nowNs
}

/** @param listed The directory, if its entries are all that is in it. */
function encodeEntries({ entries }: BuiltDirectory, isWhole: boolean, listed: FileStat | undefined): Buffer {
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  const writer = new ByteWriter()
  const names = entries.map(({ name }) => name).join(NAME_SEPARATOR) as ByteName
  const flags = (isWhole ? IS_WHOLE : 0) | (listed ? IS_LISTED : 0)
  writer.u8(flags).varint(entries.length).blob(nameToBytes(names))
  for (const { kind } of entries) writer.u8(kind)
  for (const { integers } of entries) writer.bytes(bytesOf(integers))
  if (listed) writer.bytes(bytesOf(integersOf(listed)))
  for (const { doubles } of entries) writer.bytes(bytesOf(doubles))
  for (const { content } of entries) encodeContent(writer, content)
  return writer.finish()
}

function integersOf({ mtimeNs, ctimeNs, ino, dev }: FileStat): BigInt64Array {
  return BigInt64Array.of(mtimeNs, ctimeNs, BigInt.asIntN(64, ino), BigInt.asIntN(64, dev))
}

function bytesOf({ buffer, byteOffset, byteLength }: BigInt64Array | Float64Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength)
}

function encodeTree({ tree, attributes }: TreeRoot): Buffer {
  const writer = new ByteWriter()
  encodeContent(writer, tree)
  encodeContent(writer, attributes)
  return writer.finish()
}
