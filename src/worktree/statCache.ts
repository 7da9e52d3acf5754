/**
 * What the files of a working folder were when their contents were last read: a file that still looks the same is not
 * opened again. A file of its own, which may be deleted at any time; one that is damaged, or another store's, is none.
 *
 * Git's rule for files that were changed within the same tick of the clock in which they were read ("racy clean"): the
 * entry of a file whose times are not older than the moment at which reading began is not kept. It is read again the next
 * time, when the clock has gone on. A clock that was set back costs reading, never a change that is missed.
 *
 *   magic "varveST1" ‖ store UUID blob ‖ directory* ‖ crc32 u32 (over all that comes before)
 *   directory    path blob ‖ files blob
 *   files        file*                          decoded when the directory is looked at
 *   file         name blob ‖ type u8 (0 file, 1 symlink) ‖ mode varint ‖ uid varint ‖ gid varint ‖ size varint
 *                ‖ mtime i64 ‖ ctime i64 ‖ ino u64 ‖ dev u64 (nanoseconds; 8 bytes each, little-endian) ‖ content
 */
import * as zlib from 'node:zlib'
import type { FileStat } from '../base/filesystem.js'
import { type ByteName, nameFromBytes, nameToBytes } from '../base/names.js'
import { KIB } from '../base/units.js'
import { ByteReader, ByteWriter } from '../format/bytes.js'
import { type Content, decodeContent, encodeContent } from '../format/content.js'

const MAGIC = Buffer.from('varveST1', 'latin1')
const CHECK_BYTES = 4
/** Times, inode and device. */
const NUMBERS_BYTES = 32
const WHAT = 'a stat cache'

interface CachedFile {
  readonly type: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  readonly ino: bigint
  readonly dev: bigint
  readonly content: Content
}

const NO_FILES = Buffer.alloc(0)

export class StatCache {
  static readonly empty = new StatCache(new Map())

  /** @param directories The files of each, encoded. */
  private constructor(private readonly directories: ReadonlyMap<ByteName, Buffer>) {}

  /** @param bytes As `StatCacheBuilder.finish` made them; anything else is an empty cache. */
  static decode(bytes: Uint8Array | undefined, store: string): StatCache {
    if (bytes === undefined || bytes.length < MAGIC.length + CHECK_BYTES) return StatCache.empty
    const end = bytes.length - CHECK_BYTES
    const body = Buffer.from(bytes.buffer, bytes.byteOffset, end)
    const check = Buffer.from(bytes.buffer, bytes.byteOffset + end, CHECK_BYTES).readUInt32LE()
    if (!body.subarray(0, MAGIC.length).equals(MAGIC) || zlib.crc32(body) !== check) return StatCache.empty
    const reader = new ByteReader(body.subarray(MAGIC.length), WHAT)
    if (reader.blob().toString('utf8') !== store) return StatCache.empty
    const directories = new Map<ByteName, Buffer>()
    while (reader.remaining > 0) {
      const path = nameFromBytes(reader.blob())
      directories.set(path, reader.blob())
    }
    return new StatCache(directories)
  }

  /** What is known of the files of a directory. */
  directory(path: ByteName): StatCacheDirectory {
    return new StatCacheDirectory(decodeFiles(this.directories.get(path) ?? NO_FILES))
  }
}

export class StatCacheDirectory {
  constructor(private readonly files: ReadonlyMap<ByteName, CachedFile>) {}

  /** The content of a file or symlink that looks as it did when it was read. */
  contentOf(name: ByteName, stat: FileStat): Content | undefined {
    const cached = this.files.get(name)
    return cached && looksTheSame(cached, stat) ? cached.content : undefined
  }
}

/** Gathers what is found while a folder is walked: directories in turn, the files of each in any order. */
export class StatCacheBuilder {
  readonly #writer = new ByteWriter(64 * KIB)
  readonly #beganNs: bigint
  /** Whether it knows of any file what the cache that was asked did not know. */
  isNew = false
  readonly #open: { readonly path: ByteName; readonly files: ByteWriter }[] = []

  /** @param beganNs When reading began, by the clock that gives files their times. */
  constructor(store: string, beganNs: bigint) {
    this.#beganNs = beganNs
    this.#writer.bytes(MAGIC).blob(Buffer.from(store, 'utf8'))
  }

  enter(path: ByteName): void {
    this.#open.push({ path, files: new ByteWriter() })
  }

  leave(): void {
    const directory = this.#open.pop()
    const files = directory?.files.finish()
    if (directory && files && files.length > 0) this.#writer.blob(nameToBytes(directory.path)).blob(files)
  }

  /** A file of the directory that was entered last, as it was before its content was read. */
  add(name: ByteName, stat: FileStat, content: Content): void {
    const isRacy = stat.mtimeNs >= this.#beganNs || stat.ctimeNs >= this.#beganNs
    if (isRacy || (stat.type !== 'file' && stat.type !== 'symlink')) return
    const directory = this.#open.at(-1)
    if (directory) encodeFile(directory.files, name, stat, content)
  }

  finish(): Buffer {
    const body = this.#writer.finish()
    const check = Buffer.alloc(CHECK_BYTES)
    check.writeUInt32LE(zlib.crc32(body))
    return Buffer.concat([body, check])
  }
}

function looksTheSame(cached: CachedFile, stat: FileStat): boolean {
  return (
    cached.size === stat.size &&
    cached.mtimeNs === stat.mtimeNs &&
    cached.ctimeNs === stat.ctimeNs &&
    cached.ino === stat.ino &&
    cached.dev === stat.dev &&
    cached.mode === stat.mode &&
    cached.uid === stat.uid &&
    cached.gid === stat.gid &&
    cached.type === (stat.type === 'file' ? 0 : stat.type === 'symlink' ? 1 : -1)
  )
}

function encodeFile(writer: ByteWriter, name: ByteName, stat: FileStat, content: Content): void {
  writer.blob(nameToBytes(name)).u8(stat.type === 'file' ? 0 : 1)
  writer.varint(stat.mode).varint(stat.uid).varint(stat.gid).varint(stat.size)
  const numbers = Buffer.alloc(NUMBERS_BYTES)
  numbers.writeBigInt64LE(stat.mtimeNs, 0)
  numbers.writeBigInt64LE(stat.ctimeNs, 8)
  numbers.writeBigUInt64LE(BigInt.asUintN(64, stat.ino), 16)
  numbers.writeBigUInt64LE(BigInt.asUintN(64, stat.dev), 24)
  writer.bytes(numbers)
  encodeContent(writer, content)
}

function decodeFiles(bytes: Buffer): Map<ByteName, CachedFile> {
  const files = new Map<ByteName, CachedFile>()
  const reader = new ByteReader(bytes, WHAT)
  while (reader.remaining > 0) {
    const name = nameFromBytes(reader.blob())
    const type = reader.u8()
    const [mode, uid, gid, size] = [reader.varint(), reader.varint(), reader.varint(), reader.varint()]
    const numbers = reader.bytes(NUMBERS_BYTES)
    files.set(name, {
      type,
      mode,
      uid,
      gid,
      size,
      mtimeNs: numbers.readBigInt64LE(0),
      ctimeNs: numbers.readBigInt64LE(8),
      ino: numbers.readBigUInt64LE(16),
      dev: numbers.readBigUInt64LE(24),
      content: decodeContent(reader),
    })
  }
  return files
}
