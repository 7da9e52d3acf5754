/**
 * A corpus of some hundred megabytes in eight versions, made from a seed: texts, records of a database, pictures that nothing
 * compresses, and a log. Between two versions texts get lines, files are replaced, come and go, the database has pages
 * overwritten here and there, and the log is appended to.
 */
import {
  appendFileSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { type Corpus, corpusOf, type Version } from './corpora.js'
import { Seeded } from './seeded.js'

const VERSIONS = 8
const MB = 1_000_000
const TEXT_BYTES = 220 * MB
const PICTURE_BYTES = 240 * MB
const DATABASES = 2
const DATABASE_BYTES = 48 * MB
const LOG_BYTES = 16 * MB

const PAGE_BYTES = 8192
const PAGES_OVERWRITTEN = 700
const LOG_GROWTH_BYTES = MB
/** Of 100 files, in each step. */
const TEXTS_EDITED = 15
const TEXTS_REPLACED = 3
const PICTURES_REPLACED = 8
const FILES_PER_FOLDER = 50

interface Made {
  readonly name: string
  readonly kind: 'text' | 'picture'
}

/** In `folder`, unless it is there already. */
export function makeUpkeepCorpus(folder: string, say: (line: string) => void): Corpus {
  const whole = join(folder, 'upkeep-corpus')
  const versions = Array.from({ length: VERSIONS }, (_, index): Version => {
    const name = `v${index + 1}`
    return { name, folder: join(whole, name) }
  })
  if (!existsSync(whole)) {
    const part = `${whole}.part`
    rmSync(part, { recursive: true, force: true })
    write(part, versions)
    renameSync(part, whole)
    say(`corpus: ${VERSIONS} versions written`)
  }
  return corpusOf('upkeep-corpus', 'trees', versions)
}

function write(folder: string, versions: readonly Version[]): void {
  const chance = new Seeded('upkeep corpus')
  let files: Made[] = []
  for (const [index, { name }] of versions.entries()) {
    const tree = join(folder, name)
    if (index === 0) files = writeFirst(tree, chance)
    else {
      cpSync(join(folder, versions[index - 1]?.name ?? ''), tree, { recursive: true })
      files = change(tree, files, chance)
    }
  }
}

function writeFirst(tree: string, chance: Seeded): Made[] {
  const files: Made[] = []
  for (const kind of ['text', 'picture'] as const) {
    const most = kind === 'text' ? TEXT_BYTES : PICTURE_BYTES
    for (let bytes = 0; bytes < most; ) bytes += addFile(tree, files, kind, chance)
  }
  for (let database = 0; database < DATABASES; database++) {
    const pages = Array.from({ length: Math.floor(DATABASE_BYTES / PAGE_BYTES) }, () => pageOf(chance))
    put(tree, `database-${database}.db`, Buffer.concat(pages))
  }
  put(tree, 'events.log', chance.text(LOG_BYTES))
  return files
}

function change(tree: string, before: readonly Made[], chance: Seeded): Made[] {
  const files: Made[] = []
  let gone = 0
  for (const file of before) {
    const path = join(tree, file.name)
    const fate = chance.below(100)
    const isText = file.kind === 'text'
    const size = statSync(path).size
    if (fate < TEXTS_EDITED && isText) insertLines(path, chance)
    else if (fate < TEXTS_EDITED + TEXTS_REPLACED && isText) writeFileSync(path, chance.text(size))
    else if (fate < PICTURES_REPLACED && !isText) writeFileSync(path, chance.bytes(size))
    if (fate === 99) {
      rmSync(path)
      gone++
    } else files.push(file)
  }
  for (; gone > 0; gone--) addFile(tree, files, chance.below(2) === 0 ? 'text' : 'picture', chance)
  for (let database = 0; database < DATABASES; database++) overwritePages(join(tree, `database-${database}.db`), chance)
  appendFileSync(join(tree, 'events.log'), chance.text(LOG_GROWTH_BYTES))
  return files
}

let named = 0

/** @returns its length */
function addFile(tree: string, files: Made[], kind: Made['kind'], chance: Seeded): number {
  // Many small files, and some large ones.
  const size = kind === 'text' ? 2000 + chance.below(1 + chance.below(400_000)) : 20_000 + chance.below(2_000_000)
  const number = named++
  const folder = `${kind}s/${String(Math.floor(number / FILES_PER_FOLDER)).padStart(3, '0')}`
  const name = `${folder}/${kind}-${String(number).padStart(5, '0')}`
  put(tree, name, kind === 'text' ? chance.text(size) : chance.bytes(size))
  files.push({ name, kind })
  return size
}

function put(tree: string, name: string, bytes: Buffer): void {
  const path = join(tree, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
}

function insertLines(path: string, chance: Seeded): void {
  let text = readFileSync(path)
  for (let lines = 1 + chance.below(3); lines > 0; lines--) {
    const at = text.indexOf('\n', chance.below(text.length)) + 1
    text = Buffer.concat([text.subarray(0, at), chance.text(80), Buffer.from('\n'), text.subarray(at)])
  }
  writeFileSync(path, text)
}

/** Half of it compresses. */
function pageOf(chance: Seeded): Buffer {
  return Buffer.concat([chance.text(PAGE_BYTES / 2), chance.bytes(PAGE_BYTES / 2)])
}

function overwritePages(path: string, chance: Seeded): void {
  const pages = Math.floor(statSync(path).size / PAGE_BYTES)
  const file = openSync(path, 'r+')
  try {
    for (let page = 0; page < PAGES_OVERWRITTEN; page++) {
      writeSync(file, pageOf(chance), 0, PAGE_BYTES, chance.below(pages) * PAGE_BYTES)
    }
  } finally {
    closeSync(file)
  }
}
