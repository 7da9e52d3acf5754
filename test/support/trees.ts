/** File trees on a disk, built from values and read back as values that `toEqual` compares. */
import { createHash } from 'node:crypto'
import {
  chmodSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'

/** Names are byte strings: one character a byte. */
export type DiskNode =
  | {
      readonly kind: 'file'
      /** What `toEqual` compares: the bytes of a short file, size and hash of a long one. */
      readonly content: string
      /** Not enumerable: comparing long buffers byte by byte takes seconds. */
      readonly bytes: Buffer
      readonly mode: number
      readonly mtimeNs: bigint
    }
  | { readonly kind: 'symlink'; readonly target: Buffer; readonly mtimeNs: bigint }
  | {
      readonly kind: 'directory'
      readonly entries: ReadonlyMap<string, DiskNode>
      readonly mode: number
      readonly mtimeNs: bigint
    }

export interface NodeOptions {
  readonly mode?: number
  /** Cut to whole microseconds, because Node sets no finer times. */
  readonly mtimeNs?: bigint
}

/** 2023-11-14 22:13:20.123456 UTC. */
const SOME_TIME_NS = 1_700_000_000_123_456_000n

export function file(bytes: string | Uint8Array, options: NodeOptions = {}): DiskNode {
  return fileNode(Buffer.from(bytes), options.mode ?? 0o644, timeOf(options))
}

function fileNode(bytes: Buffer, mode: number, mtimeNs: bigint): DiskNode {
  const content =
    bytes.length <= SHOWN_BYTES_MAX
      ? bytes.toString('latin1')
      : `${bytes.length} bytes, sha256 ${createHash('sha256').update(bytes).digest('hex')}`
  const node = { kind: 'file' as const, content, bytes, mode, mtimeNs }
  return Object.defineProperty(node, 'bytes', { enumerable: false })
}

const SHOWN_BYTES_MAX = 4096

export function symlink(target: string | Uint8Array, options: NodeOptions = {}): DiskNode {
  return { kind: 'symlink', target: Buffer.from(target), mtimeNs: timeOf(options) }
}

export function directory(
  entries: Readonly<Record<string, DiskNode>> | ReadonlyMap<string, DiskNode> = {},
  options: NodeOptions = {},
): DiskNode {
  const byName = entries instanceof Map ? entries : new Map(Object.entries(entries))
  return {
    kind: 'directory',
    entries: new Map([...byName].sort(([a], [b]) => (a < b ? -1 : 1))),
    mode: options.mode ?? 0o755,
    mtimeNs: timeOf(options),
  }
}

function timeOf({ mtimeNs = SOME_TIME_NS }: NodeOptions): bigint {
  return mtimeNs - (mtimeNs % 1000n)
}

/** `path` must not be there. */
export function makeTree(path: string | Buffer, node: DiskNode): void {
  const at = Buffer.from(path)
  if (node.kind === 'symlink') {
    symlinkSync(node.target, at)
    lutimesSync(at, secondsOf(node.mtimeNs), secondsOf(node.mtimeNs))
    return
  }
  if (node.kind === 'file') writeFileSync(at, node.bytes, { flag: 'wx' })
  else {
    mkdirSync(at)
    for (const [name, child] of node.entries) makeTree(pathIn(at, name), child)
  }
  chmodSync(at, node.mode)
  utimesSync(at, secondsOf(node.mtimeNs), secondsOf(node.mtimeNs))
}

export function readTree(path: string | Buffer): DiskNode {
  const at = Buffer.from(path)
  const stat = lstatSync(at, { bigint: true })
  const { mtimeNs } = stat
  const mode = Number(stat.mode & 0o7777n)
  if (stat.isSymbolicLink()) return { kind: 'symlink', target: readlinkSync(at, { encoding: 'buffer' }), mtimeNs }
  if (stat.isFile()) return fileNode(readFileSync(at), mode, mtimeNs)
  if (!stat.isDirectory()) throw new Error(`${path} is none of a tree`)
  const names = readdirSync(at, { encoding: 'buffer' }).map((name) => name.toString('latin1'))
  const entries = new Map(names.sort().map((name) => [name, readTree(pathIn(at, name))]))
  return { kind: 'directory', entries, mode, mtimeNs }
}

/** The paths below a folder, byte strings, in order. */
export function pathsBelow(path: string | Buffer): string[] {
  return pathsOf(readTree(path), '')
}

function pathsOf(node: DiskNode, prefix: string): string[] {
  if (node.kind !== 'directory') return []
  return [...node.entries].flatMap(([name, child]) => [`${prefix}${name}`, ...pathsOf(child, `${prefix}${name}/`)])
}

function pathIn(folder: Buffer, name: string): Buffer {
  return Buffer.concat([folder, Buffer.from('/'), Buffer.from(name, 'latin1')])
}

/** Half a microsecond more than wanted, because Node cuts it off; text, because Node takes negative numbers for now. */
function secondsOf(timeNs: bigint): string {
  const half = timeNs < 0n ? -500n : 500n
  return String(Number((timeNs + half) / 1_000_000_000n) + Number((timeNs + half) % 1_000_000_000n) / 1e9)
}
