/**
 * What is committed: a corpus is a list of folders, each the next version of the one before.
 *
 * A given folder is a corpus of trees if it has subfolders, which are the versions in the order of their names. It is
 * a corpus of images if it has only files: each is a version, and is put under one name in a folder of its own.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
} from 'node:fs'
import { basename, extname, join, resolve } from 'node:path'

export type CorpusKind = 'trees' | 'image'

export interface Version {
  readonly name: string
  readonly folder: string
}

export interface Corpus {
  /** The base name of its folder: results name no places. */
  readonly name: string
  readonly kind: CorpusKind
  readonly versions: readonly [Version, ...Version[]]
}

export interface CorpusSize {
  readonly bytes: number
  readonly files: number
}

const byName = new Intl.Collator('en', { numeric: true }).compare

/**
 * @param workFolder - Where the folders of images are made, if possible on the file system of `folder`.
 * @throws {Error} When there is no version in it.
 */
export function openCorpus(folder: string, workFolder: string): Corpus {
  // Called as it was given. Real, because some tools record the path as it really is.
  const [name, path] = [basename(resolve(folder)), realpathSync(folder)]
  const found = readdirSync(path, { withFileTypes: true }).sort((a, b) => byName(a.name, b.name))
  const folders = found.filter((entry) => entry.isDirectory())
  if (folders.length > 0) {
    return corpusOf(
      name,
      'trees',
      folders.map((entry) => ({ name: entry.name, folder: join(path, entry.name) })),
    )
  }
  const files = found.filter((entry) => entry.isFile()).map((entry) => join(path, entry.name))
  return corpusOf(name, 'image', stageImages(files, join(workFolder, `corpus-${name}`)))
}

export function corpusOf(name: string, kind: CorpusKind, versions: readonly Version[]): Corpus {
  const [first, ...rest] = versions
  if (first === undefined) throw new Error(`the corpus ${name} has no versions: neither subfolders nor files`)
  return { name, kind, versions: [first, ...rest] }
}

/** Each file as the only one of a folder, always under the same name; linked where that is possible. */
export function stageImages(files: readonly string[], folder: string): Version[] {
  return files.map((file) => {
    const extension = extname(file)
    const version = { name: basename(file, extension), folder: join(folder, basename(file, extension)) }
    const staged = join(version.folder, `image${extname(files[0] ?? file)}`)
    mkdirSync(version.folder, { recursive: true })
    try {
      linkSync(file, staged)
    } catch (error) {
      if (!isLinkRefused(error)) throw error
      copyFileSync(file, staged, constants.COPYFILE_FICLONE)
    }
    return version
  })
}

/** Another file system, or one without hard links, or somebody else's file. */
function isLinkRefused(error: unknown): boolean {
  return ['EXDEV', 'EPERM', 'ENOTSUP', 'EMLINK'].includes((error as NodeJS.ErrnoException).code ?? '')
}

/** Reads everything once, so that no tool pays for the disk alone, and says how much there is. */
export function readThrough(corpus: Corpus): CorpusSize {
  let bytes = 0
  let files = 0
  for (const version of corpus.versions) {
    for (const entry of readdirSync(version.folder, { withFileTypes: true, recursive: true })) {
      if (!entry.isFile()) continue
      files++
      bytes += sizeByReading(join(entry.parentPath, entry.name))
    }
  }
  return { bytes, files }
}

const buffer = Buffer.allocUnsafe(4 << 20)

function sizeByReading(path: string): number {
  const file = openSync(path, 'r')
  try {
    let size = 0
    for (;;) {
      const bytes = readSync(file, buffer, 0, buffer.length, null)
      if (bytes === 0) return size
      size += bytes
    }
  } finally {
    closeSync(file)
  }
}
