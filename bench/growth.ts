/**
 * `npm run bench -- growth`: what a small commit takes in a store that grows. One store, brought to one size after the other; at
 * each it is opened anew, warmed up, and gets many commits of one changed document.
 */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import packageJson from '../package.json' with { type: 'json' }
import type { Repository } from '../src/index.js'
import { openBuilt } from './builtLibrary.js'
import { type GrowthResult, type GrowthResults, growthMarkdown } from './growthReport.js'
import { describeHost } from './host.js'
import { runScenario, say } from './scenario.js'
import { Seeded } from './seeded.js'
import { spreadOf } from './statistics.js'

const SIZES = [10_000, 100_000, 1_000_000]
/** Short chunks: a million of them are a gigabyte. */
const CHUNK_BYTES = 1024
const FILE_BYTES = 2 ** 20
const FILES_PER_COMMIT = 32
const FILES_PER_FOLDER = 100
const DOCUMENTS = 200
const DOCUMENT_BYTES = 4000
const WARM_UP = 50
const COMMITS = 300
const AUTHOR = 'Bench <bench@example.org>'

const USAGE = `
npm run bench -- growth [--work DIR] [--out FILE]

  --work DIR     where the store is made, 1.5 GB (default: the system's temporary folder)
  --out FILE     where the results go, as FILE.md and FILE.json (default: bench/results/DATE-growth)
`.trim()

class GrowingStore {
  readonly #random = new Seeded('growth')
  #files = 0
  #edits = 0

  constructor(private readonly path: string) {}

  async create(): Promise<void> {
    const { Repository } = await openBuilt()
    const repository = await Repository.create(this.path, { chunkBytes: CHUNK_BYTES })
    const draft = await repository.draft('main')
    for (let number = 0; number < DOCUMENTS; number++) {
      await draft.write(documentName(number), this.#random.text(DOCUMENT_BYTES))
    }
    await draft.commit({ message: 'documents', author: AUTHOR })
    await repository.close()
  }

  /** @returns the chunks there are */
  async growTo(chunks: number): Promise<number> {
    const { Repository } = await openBuilt()
    const repository = await Repository.open(this.path)
    let there = await chunksOf(repository)
    while (there < chunks) {
      const draft = await repository.draft('main')
      const missing = Math.ceil((chunks - there) / (FILE_BYTES / CHUNK_BYTES))
      for (let file = 0; file < Math.min(FILES_PER_COMMIT, missing); file++) {
        const folder = Math.floor(this.#files / FILES_PER_FOLDER)
        await draft.write(`data/${folder}/${this.#files++}`, this.#random.bytes(FILE_BYTES))
      }
      await draft.commit({ message: 'more', author: AUTHOR })
      there = await chunksOf(repository)
    }
    await repository.close()
    return there
  }

  async measure(chunks: number): Promise<GrowthResult> {
    const { Repository } = await openBuilt()
    const before = performance.now()
    const repository = await Repository.open(this.path)
    const openMs = performance.now() - before
    const full = await this.#commits(repository)
    await repository.batch()
    const batched = await this.#commits(repository)
    await repository.sync()
    await repository.close()
    return {
      chunks,
      storeBytes: statSync(this.path).size,
      openMs,
      fullMs: spreadOf(full),
      batchedMs: spreadOf(batched),
    }
  }

  async #commits(repository: Repository): Promise<number[]> {
    const times: number[] = []
    for (let number = 0; number < WARM_UP + COMMITS; number++) {
      const document = documentName(this.#random.below(DOCUMENTS))
      const text = `${this.#edits++}\n${this.#random.text(DOCUMENT_BYTES)}`
      const before = performance.now()
      const draft = await repository.draft('main')
      await draft.write(document, text)
      await draft.commit({ message: 'edit', author: AUTHOR })
      if (number >= WARM_UP) times.push(performance.now() - before)
    }
    return times
  }
}

function documentName(number: number): string {
  return `documents/${number}.txt`
}

async function chunksOf(repository: Repository): Promise<number> {
  return (await repository.stats()).chunks
}

/** @returns the exit status */
export function growth(args: readonly string[]): Promise<number> {
  return runScenario({ name: 'growth', usage: USAGE, run: measureGrowth, markdown: growthMarkdown }, args)
}

async function measureGrowth(workFolder: string): Promise<GrowthResults> {
  const host = describeHost(workFolder)
  const store = new GrowingStore(join(workFolder, 'store.varve'))
  await store.create()
  // What is measured first would pay for the compiling of all.
  await store.measure(await store.growTo(0))
  const results: GrowthResult[] = []
  for (const size of SIZES) {
    say(`${size} chunks …`)
    results.push(await store.measure(await store.growTo(size)))
  }
  return { date: new Date().toISOString().slice(0, 10), host, version: packageJson.version, results }
}
