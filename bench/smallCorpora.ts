/**
 * Small corpora out of installed packages, for machines that have no others: they show that everything runs and how
 * the tools compare on some tens of megabytes, no more.
 *
 * Three versions of a tree (packages come and go, every fifth file gets a line), and of an image (the files of each
 * tree one after the other, on block boundaries, with an empty stretch in the middle).
 */
import {
  closeSync,
  cpSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Corpus, corpusOf, stageImages, type Version } from './corpora.js'

const PACKAGES_FOLDER = fileURLToPath(new URL('../node_modules', import.meta.url))
const VERSIONS: readonly (readonly string[])[] = [
  ['typescript', 'isomorphic-git', 'commander'],
  ['typescript', 'isomorphic-git', 'commander', 'fast-check'],
  ['typescript', 'commander', 'fast-check', 'vitest'],
]
const FILES_PER_EDIT = 5
const BLOCK_BYTES = 4096
const HOLE_BYTES = 16 << 20

/** @throws {Error} When none of the packages is installed. */
export function makeSmallCorpora(workFolder: string): Corpus[] {
  const trees = VERSIONS.map((packages, index) => makeTree(packages, index, join(workFolder, 'small-trees')))
  const images = trees.map((tree) => makeImage(tree, join(workFolder, 'small-image-files')))
  return [
    corpusOf('small-trees', 'trees', trees),
    corpusOf('small-image', 'image', stageImages(images, join(workFolder, 'small-image'))),
  ]
}

function makeTree(packages: readonly string[], index: number, folder: string): Version {
  const name = `v${index + 1}`
  const tree = join(folder, name)
  const installed = packages.filter((wanted) => existsSync(join(PACKAGES_FOLDER, wanted)))
  if (installed.length === 0) throw new Error('no packages to make a corpus of: run npm install, or give --corpus DIR')
  for (const wanted of installed) {
    const target = join(tree, wanted)
    mkdirSync(dirname(target), { recursive: true })
    cpSync(join(PACKAGES_FOLDER, wanted), target, { recursive: true })
    rmSync(join(target, 'node_modules'), { recursive: true, force: true })
  }
  for (let edit = 1; edit <= index; edit++) {
    filesOf(tree).forEach((file, place) => {
      if (place % FILES_PER_EDIT === edit) insertLine(file, `// edit ${edit}\n`)
    })
  }
  return { name, folder: tree }
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

function insertLine(file: string, line: string): void {
  const bytes = readFileSync(file)
  const at = bytes.indexOf('\n', bytes.length >> 1) + 1
  writeFileSync(file, Buffer.concat([bytes.subarray(0, at), Buffer.from(line), bytes.subarray(at)]))
}

function makeImage(tree: Version, folder: string): string {
  mkdirSync(folder, { recursive: true })
  const image = join(folder, `${tree.name}.img`)
  const files = filesOf(tree.folder)
  const file = openSync(image, 'w')
  try {
    let offset = 0
    files.forEach((path, place) => {
      if (place === files.length >> 1) offset += HOLE_BYTES
      const bytes = readFileSync(path)
      writeSync(file, bytes, 0, bytes.length, offset)
      offset = Math.ceil((offset + bytes.length) / BLOCK_BYTES) * BLOCK_BYTES
    })
    ftruncateSync(file, offset)
  } finally {
    closeSync(file)
  }
  return image
}
