/** A folder with one of every odd thing that a tree of a backup has held, and rsync, where there is one, to compare it. */
import { execFileSync } from 'node:child_process'
import {
  type BigIntStats,
  chmodSync,
  closeSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { onTestFinished } from 'vitest'
import { MIB } from '../../src/base/units.js'

export const ON_LINUX = process.platform === 'linux'
const IS_ROOT = process.getuid?.() === 0

/** The version of a program, or `undefined` where it is not installed. */
function versionOf(program: string): string | undefined {
  try {
    return /version v?([\d.]+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))?.[1]
  } catch {
    return undefined
  }
}
export const rsyncVersion = versionOf('rsync')
export const byRsync =
  rsyncVersion === undefined ? 'our own walk alone, because there is no rsync' : `rsync ${rsyncVersion}`

class OddFolder {
  readonly root: Buffer
  /** In the order in which they were made. */
  readonly #made: Buffer[] = []

  constructor(root: string) {
    this.root = Buffer.from(root)
    mkdirSync(root)
  }

  /** Names are byte strings. */
  #at(path: string): Buffer {
    return Buffer.concat([this.root, Buffer.from(`/${path}`, 'latin1')])
  }

  #new(path: string): Buffer {
    const at = this.#at(path)
    this.#made.push(at)
    return at
  }

  folder(path: string): void {
    mkdirSync(this.#new(path))
  }

  file(path: string, content: string | Buffer = path): void {
    writeFileSync(this.#new(path), content, { flag: 'wx' })
  }

  link(existing: string, path: string): void {
    linkSync(this.#at(existing), this.#new(path))
  }

  symlink(target: string, path: string): void {
    symlinkSync(Buffer.from(target, 'latin1'), this.#new(path))
  }

  /** 8 MiB, of which a few bytes are not a hole. */
  sparse(path: string): void {
    const fd = openSync(this.#new(path), 'wx')
    ftruncateSync(fd, 8 * MIB)
    writeSync(fd, 'middle', 3 * MIB + 17)
    closeSync(fd)
  }

  pipe(path: string): void {
    execFileSync('mkfifo', [this.#at(path).toString()])
  }

  async socket(path: string): Promise<void> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(this.#at(path).toString(), resolve))
    onTestFinished(() => void server.close())
  }

  chown(path: string, uid: number, gid: number): void {
    lchownSync(this.#at(path), uid, gid)
  }

  chmod(path: string, mode: number): void {
    chmodSync(this.#at(path), mode)
  }

  /** Each thing gets a time of its own, in whole microseconds; folders last, because making things changes theirs. */
  setTimes(): void {
    for (const [index, path] of [...this.#made, this.root].reverse().entries()) {
      const seconds = 1_000_000_000 + index * 100_000.5
      lutimesSync(path, seconds, seconds)
    }
  }

  /** As `touch` takes it; to the nanosecond. */
  setTime(path: string, time: string): void {
    execFileSync('touch', ['-h', '-d', time, this.#at(path).toString()])
  }
}

export async function makeOddFolder(path: string): Promise<void> {
  const odd = new OddFolder(path)
  odd.folder('empty')
  odd.folder('deep')
  odd.folder('deep/er')
  odd.folder('deep/er/empty')
  odd.file('deep/er/file')
  odd.file('nothing', '')
  odd.file('-rf', 'begins with a dash')
  odd.file(' spaces ', '')
  odd.file('back\\slash', '')
  odd.file(`${'long'.repeat(63)}`, '')
  odd.file('.hidden', '')
  odd.file('large', Buffer.alloc(3 * MIB, 'x'))
  odd.sparse('sparse')
  // Each in its own composition, which some file systems take for one.
  if (ON_LINUX) for (const name of ['\u00e9', 'e\u0301']) odd.file(Buffer.from(name).toString('latin1'))
  if (ON_LINUX) odd.file('not UTF-8 \xff\xfe', 'bytes')
  if (ON_LINUX) odd.folder('folder \xff')
  if (ON_LINUX) odd.file('folder \xff/\xfe', 'more bytes')
  odd.file('new\nline', 'two lines')
  odd.file('tab\t\x1b[2J', 'controls')

  odd.link('large', 'a link to large')
  odd.link('deep/er/file', 'empty or not')
  odd.link('deep/er/file', 'deep/second')
  odd.link('nothing', 'deep/nothing too')
  odd.link('sparse', 'deep/er/sparse')
  odd.file('same content', 'deep/er/file')

  odd.symlink('deep/er', 'to a folder')
  odd.symlink('deep/er/file', 'to a file')
  odd.symlink('/no/such/place', 'absolute, to nothing')
  odd.symlink('../../../..', 'out of the tree')
  odd.symlink('itself', 'itself')
  if (ON_LINUX) odd.symlink('\xff\n', 'to no text')

  for (const [name, mode] of Object.entries({
    'mode 400': 0o400,
    'mode 777': 0o777,
    'mode 640': 0o640,
    'set-user-id': 0o4755,
    'set-group-id': 0o2711,
    'all bits': 0o7777,
  })) {
    odd.file(name)
    odd.chmod(name, mode)
  }
  odd.folder('sticky')
  odd.folder('set-group-id folder')
  odd.folder('closed')
  odd.file('closed/file')
  odd.file('no mode')
  if (IS_ROOT) {
    // Before the modes, of which it clears bits.
    for (const name of ['no mode', 'to a file', 'closed', 'set-user-id', 'deep/er/file']) odd.chown(name, 1234, 4321)
    odd.chmod('set-user-id', 0o4755)
    odd.chmod('no mode', 0)
  }
  odd.chmod('sticky', 0o1777)
  odd.chmod('set-group-id folder', 0o2775)
  odd.chmod('closed', IS_ROOT ? 0 : 0o700)

  await odd.socket('socket')
  odd.pipe('deep/pipe')
  odd.setTimes()
  if (!ON_LINUX) return
  odd.setTime('.hidden', '1969-12-31T23:59:58.123456Z')
  odd.setTime('to a file', '1901-12-14T00:00:00.000001Z')
  odd.setTime('empty', '2100-02-03T04:05:06.999999Z')
  for (const path of NANOSECONDS) odd.setTime(path, '2001-02-03T04:05:06.123456789Z')
  odd.setTime('large', '1969-12-31T23:59:58.999999Z')
}
/** What has a time that is not a whole number of microseconds. */
const NANOSECONDS = ON_LINUX ? ['deep/er', 'itself', 'mode 777'] : []

export const LEFT_OUT = ['deep/pipe', 'socket']

/** What rsync would do to make the one folder like the other. */
export function differencesByRsync(from: string, to: string, ...options: string[]): string[] {
  const args = ['-aHAXn', '--checksum', '--itemize-changes', '--delete', ...options, `${from}/`, `${to}/`]
  return execFileSync('rsync', args, { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line !== '')
    .sort()
}

interface Described {
  readonly facts: Readonly<Record<string, unknown>>
  readonly stat: BigIntStats
}

/** All that is below a folder, less the state of a working folder, by its path as a byte string. */
export function describeFolder(root: string): Map<string, Described> {
  const found = new Map<string, Described>()
  const firstNames = new Map<bigint, string>()
  const look = (at: Buffer, path: string): void => {
    const stat = lstatSync(at, { bigint: true })
    const { mode, uid, gid, size, mtimeNs, ino, nlink } = stat
    const isFile = stat.isFile()
    const firstName = isFile ? (firstNames.get(ino) ?? path) : undefined
    if (firstName !== undefined) firstNames.set(ino, firstName)
    const facts = {
      mode: mode.toString(8),
      owner: `${uid}:${gid}`,
      // Rounded down, before the epoch too.
      microseconds: (mtimeNs - (((mtimeNs % 1000n) + 1000n) % 1000n)) / 1000n,
      ...(isFile ? { size, nlink, firstName, bytes: readFileSync(at).toString('base64').slice(0, 10_000) } : {}),
      ...(stat.isSymbolicLink() ? { target: readlinkSync(at, 'latin1') } : {}),
    }
    found.set(path, { facts, stat })
    if (!stat.isDirectory()) return
    for (const name of readdirSync(at, 'latin1').sort()) {
      if (path === '' && name === '.varve') continue
      look(Buffer.concat([at, Buffer.from(`/${name}`, 'latin1')]), path === '' ? name : `${path}/${name}`)
    }
  }
  look(Buffer.from(root), '')
  return found
}

export function factsOf(described: ReadonlyMap<string, Described>): Record<string, unknown> {
  return Object.fromEntries([...described].map(([path, { facts }]) => [path, facts]))
}
