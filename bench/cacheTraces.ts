/**
 * What is asked of a store's caches in real use: each use of an extent and of an object, in order, with its size, written down while a
 * store of ten versions is made, read, compared and collected. Traces are of uses alone, so any cache can be tried on them.
 *
 * They are recorded by standing in the way of the methods that the caches are used by, while these are large enough to keep
 * everything: then each use is seen, and none depends on what was put out before.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ExtentCache } from '../src/cas/extentCache.js'
import { ObjectCache } from '../src/cas/objectCache.js'
import { Repository } from '../src/repository.js'
import { WorkingFolder } from '../src/workingFolder.js'
import { Seeded } from './seeded.js'

/** Key and weight of each use, in order; weights are those that the caches of varve count by. */
export interface Trace {
  readonly name: string
  readonly extents: readonly Use[]
  readonly objects: readonly Use[]
}

export interface Use {
  readonly key: string
  readonly bytes: number
}

const VERSIONS = 10
const DOCUMENTS = 3000
const DOCUMENT_BYTES_MAX = 24_000
const IMAGE_PAGES = 4000
const PAGE_BYTES = 8192
const PAGES_OVERWRITTEN = 150
const DOCUMENTS_EDITED = 120
/** Of a document server: some documents and the newest versions much more often than others. */
const READS = 6000
const AUTHOR = 'Bench <bench@example.org>'

class Recorder {
  extents: Use[] = []
  objects: Use[] = []
  #last = ''
  readonly #undo: (() => void)[] = []

  /** Until `stop`. */
  start(): void {
    const extents = ExtentCache.prototype
    const objects = ObjectCache.prototype
    const { touch } = extents
    const { get, fill } = objects
    const used = (key: string, bytes: number): void => void this.objects.push({ key, bytes })
    const usedExtent = (key: string, bytes: number): void => {
      // As the cache counts them: a run of reads is one use.
      if (key !== this.#last) this.extents.push({ key, bytes })
      this.#last = key
    }
    extents.touch = function (extent) {
      usedExtent(String(extent.eid), extent.raw.length)
      touch.call(this, extent)
    }
    objects.get = function (kind, id) {
      const bytes = get.call(this, kind, id)
      if (bytes) used(id, weightOf(bytes))
      return bytes
    }
    objects.fill = function (kind, id, bytes) {
      used(id, weightOf(bytes))
      fill.call(this, kind, id, bytes)
    }
    this.#undo.push(
      () => Object.assign(extents, { touch }),
      () => Object.assign(objects, { get, fill }),
    )
  }

  stop(): void {
    for (const undo of this.#undo.splice(0)) undo()
  }

  /** All since the last call. */
  take(name: string): Trace {
    const trace = { name, extents: this.extents, objects: this.objects }
    this.extents = []
    this.objects = []
    this.#last = ''
    return trace
  }
}

/** As the object cache weighs them. */
function weightOf(bytes: Buffer): number {
  return bytes.length + 256
}

/** @param workFolder where the store is made, and removed */
export async function recordTraces(workFolder: string, say: (line: string) => void): Promise<Trace[]> {
  const folder = mkdtempSync(join(workFolder, 'traces-'))
  const recorder = new Recorder()
  const traces: Trace[] = []
  const record = async (name: string, work: () => Promise<void>): Promise<void> => {
    await work()
    const trace = recorder.take(name)
    traces.push(trace)
    say(`${name}: ${trace.extents.length} uses of extents, ${trace.objects.length} of objects`)
  }
  recorder.start()
  try {
    const work = await History.make(folder)
    await record('ten commits', () => work.commitAll())
    await record('restore the newest', () => work.restore())
    await record('log of a path', () => work.log())
    await record('diff of neighbours', () => work.diffs())
    await record('new folder, status', () => work.status())
    await record('documents at random', () => work.documents(READS))
    await record('gc', () => work.collect())
    await record('a day: documents, restores, gc', async () => {
      for (let turn = 0; turn < 4; turn++) {
        await work.documents(READS / 4)
        if (turn % 2 === 0) await work.restore()
        else await work.collect()
      }
    })
    await work.close()
  } finally {
    recorder.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  return traces
}

/** Documents and an image, in ten versions; each activity opens the store anew, as a command does. */
class History {
  readonly #chance = new Seeded('cache traces')
  readonly #store: string
  #exports = 0

  private constructor(private readonly folder: string) {
    this.#store = join(folder, 'store.varve')
  }

  static async make(folder: string): Promise<History> {
    const history = new History(folder)
    await (await Repository.create(history.#store)).close()
    return history
  }

  async close(): Promise<void> {
    rmSync(this.#store, { force: true })
  }

  async #opened(work: (repo: Repository) => Promise<void>): Promise<void> {
    const repo = await Repository.open(this.#store, { cacheBytes: 2 ** 31 })
    try {
      await work(repo)
    } finally {
      await repo.close()
    }
  }

  async commitAll(): Promise<void> {
    await this.#opened(async (repo) => {
      const image = Array.from({ length: IMAGE_PAGES }, () => this.#page())
      for (let version = 0; version < VERSIONS; version++) {
        const draft = await repo.draft('main')
        const edited = version === 0 ? DOCUMENTS : DOCUMENTS_EDITED
        for (let edit = 0; edit < edited; edit++) {
          const number = version === 0 ? edit : this.#chance.below(DOCUMENTS)
          await draft.write(pathOf(number), this.#chance.text(200 + this.#chance.below(DOCUMENT_BYTES_MAX)))
        }
        for (let page = 0; page < PAGES_OVERWRITTEN; page++) image[this.#chance.below(IMAGE_PAGES)] = this.#page()
        await draft.write('image.bin', Buffer.concat(image))
        await draft.commit({ message: `version ${version}`, author: AUTHOR })
      }
    })
  }

  async restore(): Promise<void> {
    await this.#opened(async (repo) => {
      const to = join(this.folder, `export-${this.#exports++}`)
      await repo.export('main', to)
      rmSync(to, { recursive: true })
    })
  }

  async log(): Promise<void> {
    await this.#opened(async (repo) => {
      for (const path of [pathOf(1), pathOf(DOCUMENTS - 1), 'image.bin']) {
        for await (const _ of repo.log({ path }));
      }
    })
  }

  async diffs(): Promise<void> {
    await this.#opened(async (repo) => {
      for (let back = VERSIONS - 1; back > 0; back--) {
        for await (const _ of repo.diff(`main~${back}`, `main~${back - 1}`, { changedBytes: true }));
      }
    })
  }

  async status(): Promise<void> {
    const dir = join(this.folder, 'folder')
    mkdirSync(dir)
    const folder = await WorkingFolder.add(this.#store, dir, 'main', { cacheBytes: 2 ** 31 })
    await folder.status()
    await folder.close()
    await this.#opened((repo) => WorkingFolder.remove(repo, dir, { force: true }))
  }

  async documents(reads: number): Promise<void> {
    await this.#opened(async (repo) => {
      for (let read = 0; read < reads; read++) {
        const back = this.#chance.below(1 + this.#chance.below(VERSIONS))
        const number = this.#chance.below(1 + this.#chance.below(1 + this.#chance.below(DOCUMENTS)))
        await (await repo.at(`main~${back}`)).read(pathOf(number))
      }
    })
  }

  /** Something is to go, or little would be read. */
  async collect(): Promise<void> {
    await this.#opened(async (repo) => {
      const draft = await repo.draft('aside')
      await draft.write('aside.txt', this.#chance.text(100_000))
      await draft.commit({ message: 'aside', author: AUTHOR })
      await repo.deleteBranch('aside')
      await repo.gc({ now: true })
    })
  }

  #page(): Buffer {
    return Buffer.concat([this.#chance.text(PAGE_BYTES / 2), this.#chance.bytes(PAGE_BYTES / 2)])
  }
}

function pathOf(number: number): string {
  const digits = String(number).padStart(4, '0')
  return `documents/${digits.slice(0, 2)}/document-${digits}.txt`
}
