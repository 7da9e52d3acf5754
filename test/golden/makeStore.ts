/**
 * Golden stores: of each format one of one file and a group of three volumes, as the program of that time wrote them.
 *
 *     npx tsx test/golden/makeStore.ts
 *
 * writes the folder of the format that this program writes (store-v2 for format 2) anew: the stores, and in expected.json what is
 * in them. Do so only before that format is released; a later format gets a folder of its own, and the others must stay readable.
 * Clock and randomness are fixed, and no path or name of the machine is left in the files.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { homedir, hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../../src/base/clock.js'
import type { Randomness } from '../../src/base/random.js'
import { KIB } from '../../src/base/units.js'
import { type CreateOptions, Repository } from '../../src/repository.js'
import { CATALOG_FORMAT } from '../../src/volume/schema.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import { pseudoRandom, pseudoText } from '../codec/inputs.js'
import { directory, file, makeTree, symlink } from '../support/trees.js'
import { keepUp } from './upkeepHistory.js'

/** Where the layouts say that the catalogs lie: nowhere. */
const RECORDED_FOLDER = '/golden'
const AUTHOR = 'Golden <golden@example.org>'
const LOCK_TIMEOUT_MS = 2000

interface GoldenStore {
  readonly files: readonly string[]
  readonly options: CreateOptions
}

/** The first file of each is its catalog. */
export const GOLDEN_STORES: Readonly<Record<string, GoldenStore>> = {
  one: { files: ['one.varve'], options: { hash: 'sha256' } },
  group: {
    files: ['group.varve', 'group-1.varve', 'group-2.varve'],
    options: { hash: 'blake3', chunkBytes: 2 * KIB, extentBytes: 64 * KIB, compression: 'lz4', defaultBranch: 'trunk' },
  },
}

interface GoldenFormat {
  /** Entries of the directory `many`. */
  readonly manyEntries: number
  /** Whether upkeep was at the stores. */
  readonly isKeptUp: boolean
  /** Whether there is a long file, edited here and there, packed and edited again: extents with bases. */
  readonly hasBases?: boolean
  /** Whether the group asks for stripes and more copies of objects, and its volumes have recovery copies. */
  readonly asksForMore?: boolean
}

/** What was written at each format's time. */
export const GOLDEN_FORMATS: Readonly<Record<number, GoldenFormat>> = {
  // Names enough for a tree of several nodes.
  1: { manyEntries: 70, isKeptUp: false },
  2: { manyEntries: 8, isKeptUp: true },
  3: { manyEntries: 8, isKeptUp: true, hasBases: true },
  4: { manyEntries: 8, isKeptUp: true, hasBases: true, asksForMore: true },
}

export function goldenFolder(format: number): string {
  return fileURLToPath(new URL(`store-v${format}`, import.meta.url))
}

/** Moved by hand, so that it does not matter how often it is looked at. */
class FixedClock implements Clock {
  #nowMs = Date.UTC(2026, 10, 22, 12)

  nowMs(): number {
    return this.#nowMs
  }

  zoneMinutes(): number {
    return 90
  }

  tick(ms = 61_001): void {
    this.#nowMs += ms
  }
}

function fixedRandomness(seed: string): Randomness {
  let drawn = 0
  return {
    bytes(count) {
      const parts: Buffer[] = []
      for (let have = 0; have < count; have += 32) {
        parts.push(createHash('sha256').update(`${seed} ${drawn++}`).digest())
      }
      return Buffer.concat(parts).subarray(0, count)
    },
  }
}

/** Makes both stores in `folder`, with what was in them at a format's time; they are as if made in the folder that the layouts name. */
export async function makeStores(folder: string, format: number): Promise<void> {
  const { manyEntries, isKeptUp, hasBases, asksForMore } = requireGoldenFormat(format)
  for (const [name, { files, options }] of Object.entries(GOLDEN_STORES)) {
    const [catalog, ...others] = files.map((fileName) => join(folder, fileName)) as [string, ...string[]]
    const clock = new FixedClock()
    const environment = { clock, random: fixedRandomness(name), lockTimeoutMs: LOCK_TIMEOUT_MS }
    const repo = await Repository.create(catalog, { ...options, ...environment })
    for (const path of others) await repo.extendVolumeGroup(path, { tags: ['golden'] })
    if (others.length > 0) await repo.convertLogicalVolume('default', { type: 'striped' })
    await repo.config.set('author', AUTHOR)
    await writeHistory(repo, clock, join(folder, 'source'), manyEntries)
    if (hasBases) await editBook(repo, clock)
    if (isKeptUp) await keepUp(repo, (ms) => clock.tick(ms))
    if (asksForMore && others.length > 0) await repo.convertLogicalVolume('default', { stripes: 2, objectCopies: 2 })
    await repo.close()
    await forgetPlace(catalog, environment)
    for (const path of [catalog, ...others]) dropRemains(path)
  }
}

function requireGoldenFormat(format: number): GoldenFormat {
  const golden = GOLDEN_FORMATS[format]
  if (!golden) throw new Error(`GOLDEN_FORMATS does not say what is in a store of format ${format}`)
  return golden
}

async function writeHistory(repo: Repository, clock: FixedClock, source: string, manyEntries: number): Promise<void> {
  const { value: main } = await repo.config.get('default-branch')
  // Long, and small when stored.
  const text = Buffer.concat(Array.from({ length: 25 }, () => pseudoText(12_000, 1)))
  makeTree(
    source,
    directory({
      'long.txt': file(text),
      'empty.txt': file(''),
      // Names are byte strings there.
      [Buffer.from('café.txt').toString('latin1')]: file('latté\n'),
      'private.txt': file('for me alone\n', { mode: 0o600 }),
      bin: directory({ 'run.sh': file('#!/bin/sh\nexec true\n', { mode: 0o755 }), latest: symlink('run.sh') }),
      hollow: directory(),
    }),
  )
  await repo.commitFrom(source, { message: 'A folder\n\nWith one of everything.' })
  rmSync(source, { recursive: true })

  clock.tick()
  const edits = await repo.draft(main)
  await edits.writeAt('long.txt', 100_000, 'put into the middle')
  await edits.append('long.txt', 'and to the end\n')
  await edits.write('data/random.bin', pseudoRandom(3000, 2))
  await edits.write('bin/other.sh', '#!/bin/sh\n', { executable: true })
  await edits.symlink('../no/such/place', 'data/dangling')
  await edits.mkdir('data/nothing')
  await edits.commit({ message: 'Edits' })

  clock.tick()
  await repo.createTag('v1', main, { message: 'The first release' })
  await repo.createBranch('side', `${main}~1`)
  const side = await repo.draft('side')
  await side.copy('bin', 'copy-of-bin')
  await side.rename('private.txt', 'shared.txt')
  await side.remove('hollow')
  await side.commit({ message: 'Another way', author: 'Ada Łovelace <ada@example.org>' })

  clock.tick()
  const many = Array.from({ length: manyEntries }, (_, index) => [`entry-${index}`, file(`${index % 7}\n`)] as const)
  makeTree(source, directory({ many: directory(new Map(many)), 'run.bin': file(Buffer.alloc(200_000, 7)) }))
  await repo.commitFrom(source, { message: 'Another folder', attributes: ['mtime'] })
  rmSync(source, { recursive: true })

  clock.tick()
  const last = await repo.draft(main)
  await last.truncate('run.bin', 70_000)
  await last.remove('many/entry-3')
  await last.commit({ message: 'Less of it' })
}

/** Each version is compressed against the one before. */
async function editBook(repo: Repository, clock: FixedClock): Promise<void> {
  const { value: main } = await repo.config.get('default-branch')
  const book = pseudoText(80_000, 5)
  for (const version of [0, 1, 2, 3]) {
    clock.tick()
    for (let at = 700 * version; version > 0 && at < book.length; at += 4000) book.write(`edition ${version}`, at)
    const draft = await repo.draft(main)
    await draft.write('book.txt', book)
    await draft.commit({ message: `Edition ${version}` })
    if (version === 2) await repo.pack()
  }
}

/** The layouts of all volumes name another place. */
async function forgetPlace(catalog: string, environment: Parameters<typeof VolumeGroup.open>[1]): Promise<void> {
  const group = await VolumeGroup.open(catalog, environment)
  const catalogPath = `${RECORDED_FOLDER}/${catalog.slice(catalog.lastIndexOf('/') + 1)}`
  await group.changeLayout((layout) => ({
    ...layout,
    physicalVolumes: layout.physicalVolumes.map((volume) =>
      volume.number === 0 ? { ...volume, catalogPath } : volume,
    ),
  }))
  await group.close()
}

/** Deleted rows, such as leases with the name of the machine, are still in the pages of a file. */
function dropRemains(path: string): void {
  const Database = createRequire(import.meta.url)('better-sqlite3') as typeof import('better-sqlite3')
  const database = new Database(path)
  database.exec('VACUUM')
  database.close()
}

/** What is in a store, as expected.json has it. What upkeep did is left out where it did nothing. */
export async function describeStore(repo: Repository): Promise<unknown> {
  const refs = [...(await repo.branches()), ...(await repo.tags())]
  const commits = []
  for await (const commit of repo.log({ from: refs.map(({ target }) => target) })) {
    const { id, tree, parents, author, message, pruned } = commit
    const files = pruned ? { pruned } : { entries: await describeEntries(repo, id) }
    commits.push({ id, tree, parents: parents.join(' '), author, message, ...files })
  }
  const { profile } = repo
  const described = { profile, refs, config: await repo.config.list(), reflog: await repo.reflog(), commits }
  return { ...described, ...(await describeUpkeep(repo)) }
}

async function describeUpkeep(repo: Repository): Promise<object> {
  const replacements = await repo.replacements()
  const { last } = await repo.scrubStatus()
  const { waiting, condemned } = await repo.gc({ dryRun: true })
  // What a dry run finds is not condemned yet.
  const chunks = waiting.chunks - condemned.chunks
  return {
    ...(replacements.length > 0 && {
      replacements: replacements.map(({ id, by, reason, who, timeMs }) => ({ id, by, reason, who, timeMs })),
    }),
    ...(last && {
      scrub: { startedMs: last.startedMs, finishedMs: last.finishedMs, healed: last.healed, problems: last.problems },
    }),
    ...(chunks > 0 && { condemned: { chunks, bytes: waiting.bytes - condemned.bytes } }),
  }
}

async function describeEntries(repo: Repository, rev: string): Promise<unknown> {
  const snapshot = await repo.at(rev)
  const entries: Record<string, string> = {}
  for await (const { path, kind, executable, sizeBytes, files, id, attributes } of snapshot.walk()) {
    const { mtimeNs, mode } = attributes
    const facts = [
      executable ? 'executable' : kind,
      `${sizeBytes} bytes`,
      ...(kind === 'directory' ? [`${files} files`] : []),
      ...(kind === 'symlink' ? [`to ${(await snapshot.stat(path)).target}`] : []),
      ...(kind === 'file' ? [`sha256 ${sha256Of(await snapshot.read(path))}`] : []),
      ...(id === undefined ? [] : [`id ${id}`]),
      ...(mtimeNs === undefined ? [] : [`mtime ${mtimeNs}`]),
      ...(mode === undefined ? [] : [`mode ${mode.toString(8)}`]),
    ]
    entries[path] = facts.join(', ')
  }
  return entries
}

function sha256Of(bytes: Buffer): string {
  // The first half is enough to compare by.
  return createHash('sha256').update(bytes).digest('hex').slice(0, 32)
}

function requireNoTrace(path: string, folder: string): void {
  const bytes = readFileSync(path)
  const traces = [folder, tmpdir(), homedir(), hostname(), process.cwd()].filter((text) => bytes.includes(text))
  if (traces.length > 0) throw new Error(`${path} holds ${traces.join(', ')}`)
}

async function regenerate(format: number): Promise<void> {
  const target = goldenFolder(format)
  const folder = mkdtempSync(join(tmpdir(), 'varve-golden-'))
  try {
    await makeStores(folder, format)
    const expected: Record<string, unknown> = {}
    for (const [name, { files }] of Object.entries(GOLDEN_STORES)) {
      const repo = await Repository.open(join(folder, files[0] as string), { readOnly: true })
      expected[name] = await describeStore(repo)
      await repo.close()
    }
    mkdirSync(target, { recursive: true })
    for (const name of readdirSync(folder)) {
      if (!name.endsWith('.varve')) continue
      requireNoTrace(join(folder, name), folder)
      writeFileSync(join(target, name), readFileSync(join(folder, name)))
    }
    writeFileSync(join(target, 'expected.json'), `${JSON.stringify(expected, undefined, 2)}\n`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await regenerate(CATALOG_FORMAT)
