/**
 * Hard links: names of one file, found when a tree is read, made again when it is written.
 *
 * Model: all names of a file in one commit carry the same link group, eight bytes made of the first of these names in the
 * order of the walk. So the same tree has the same groups, whoever reads it and when. A file gets its group when it is
 * first met, before it is known whether its other names lie in the tree: a group of one is an ordinary file.
 *
 * Guarantees: a group alone links nothing. Only entries that agree in content, in the executable bit and in what the
 * export sets of mode and owner become one file, because a stranger's tree may claim anything. A name is linked to nothing
 * but a file that the same export wrote and that still is where it was written, as it was written: its inode alone would
 * not tell, because file systems give the number of a removed file to the next one.
 */
import type { FileStat, FileSystem } from '../base/filesystem.js'
import { type ByteName, nameToBytes } from '../base/names.js'
import { theChecksum } from '../codec/checksum.js'
import type { Attributes } from '../format/attributes.js'
import type { Content } from '../format/content.js'
import type { TreeEntry } from '../format/tree.js'
import { errorCodeOf, reasonOf } from './faults.js'
import { modeOf } from './recordedMode.js'
import type { TreeStep } from './treeSteps.js'

interface FoundFile {
  readonly group: string
  content: Content
  /** As it was when `content` was read. */
  stat: FileStat
  /** Names that were not met yet, in the tree or outside. */
  left: number
}

/** The files with several names that a walk has met. Memory grows with those of which not all names were met. */
export class FoundLinks {
  readonly #files = new Map<string, FoundFile>()

  /** The content of a file that was read under another name and has not changed since. */
  contentOf(stat: FileStat): Content | undefined {
    if (stat.nlink < 2) return undefined
    const found = this.#files.get(inodeOf(stat))
    return found && isSameState(found.stat, stat) ? found.content : undefined
  }

  /** To be called once for each name, in the order of the walk. @returns `undefined` for a file that has one name. */
  async groupOf(path: ByteName, stat: FileStat, content: Content): Promise<string | undefined> {
    if (stat.nlink < 2) return undefined
    const key = inodeOf(stat)
    const found = this.#files.get(key)
    if (!found) {
      const group = (await theChecksum()).of(nameToBytes(path)).toString('hex')
      this.#files.set(key, { group, content, stat, left: stat.nlink - 1 })
      return group
    }
    found.content = content
    found.stat = stat
    if (--found.left === 0) this.#files.delete(key)
    return found.group
  }
}

/** Equal for names of one file. */
export function inodeOf({ dev, ino }: FileStat): string {
  return `${dev}:${ino}`
}

function isSameState(a: FileStat, b: FileStat): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs
}

interface WrittenFile {
  readonly diskPath: Buffer
  readonly stat: FileStat
}

/** The files with link groups that an export has written. Memory grows with their number, not with that of their names. */
export class WrittenLinks {
  readonly #fs: FileSystem
  readonly #setsOwner: boolean
  /** `undefined`: it is to be written, and was not yet. */
  readonly #files = new Map<string, WrittenFile | undefined>()
  /** What came as a file of its own though it should have been a link, and why. */
  readonly refused: { readonly path: ByteName; readonly reason: string }[] = []

  constructor(fs: FileSystem, setsOwner: boolean) {
    this.#fs = fs
    this.#setsOwner = setsOwner
  }

  /** To be called once for each step, before it is written. @returns Whether it is another name of an earlier step's file. */
  announce(step: TreeStep): boolean {
    const key = this.#keyOf(step)
    if (key === undefined) return false
    if (this.#files.has(key)) return true
    this.#files.set(key, undefined)
    return false
  }

  /** @param stat Of what was written for this step and lies at `diskPath`; taken before it was closed. */
  wrote(step: TreeStep, diskPath: Buffer, stat: FileStat): void {
    const key = this.#keyOf(step)
    if (key !== undefined) this.#files.set(key, { diskPath, stat })
  }

  /**
   * Makes `target` another name of the file that an earlier step wrote.
   *
   * @returns `false` where there is none, or the file system links no more to it; then nothing is at `target`.
   * @throws What the file system says, unless it says that it does not link.
   */
  link(step: TreeStep, target: Buffer): boolean {
    const key = this.#keyOf(step)
    const written = key === undefined ? undefined : this.#files.get(key)
    if (!written) return false
    try {
      if (!isSameFile(written.stat, this.#fs.lstat(written.diskPath))) return this.#refuse(step, MOVED)
      this.#fs.link(written.diskPath, target)
      if (isSameFile(written.stat, this.#fs.lstat(target))) return true
      // Swapped between the look and the link: this name must not lead to a stranger's file.
      this.#fs.unlink(target)
      return this.#refuse(step, MOVED)
    } catch (error) {
      const code = errorCodeOf(error) ?? ''
      if (code === 'ENOENT') return this.#refuse(step, MOVED)
      if (REFUSALS.has(code)) return this.#refuse(step, reasonOf(error))
      throw error
    }
  }

  #refuse({ path }: TreeStep, reason: string): false {
    this.refused.push({ path, reason })
    return false
  }

  #keyOf({ is, entry, attributes }: TreeStep): string | undefined {
    return is === 'entry' ? linkKeyOf(entry, attributes, this.#setsOwner) : undefined
  }
}

/** Equal for what is written as one file; `undefined` for what is a file of its own. */
export function linkKeyOf(entry: TreeEntry, attributes: Attributes, setsOwner: boolean): string | undefined {
  const { linkGroup, owner } = attributes
  if (linkGroup === undefined || entry.kind !== 'file') return undefined
  const { shape, size, id } = entry.content
  const mode = modeOf(entry, attributes, setsOwner)
  const whose = setsOwner && owner ? `${owner.uid}:${owner.gid}` : ''
  return [linkGroup, shape, size, id, entry.executable, mode, whose].join(' ')
}

function isSameFile(written: FileStat, there: FileStat | undefined): boolean {
  return (
    there?.type === 'file' &&
    there.dev === written.dev &&
    there.ino === written.ino &&
    there.size === written.size &&
    there.mtimeNs === written.mtimeNs
  )
}

const MOVED = 'the file to link to is no longer as and where it was written'
/** Answers of file systems that have no links, of a file that has all it can have, and of one that cannot be reached. */
const REFUSALS: ReadonlySet<string> = new Set([
  'EPERM',
  'EACCES',
  'EMLINK',
  'EXDEV',
  'ENOSYS',
  'ENOTSUP',
  'EOPNOTSUPP',
  'EINVAL',
])
