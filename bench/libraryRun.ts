/**
 * One contender, once, in this process: started by library.ts, prints its measurements as one line of JSON.
 * `tsx bench/libraryRun.ts CONTENDER FOLDER`
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { CONTENDERS } from './libraryContenders.js'
import { type DocumentStore, EDITS, VERSIONS_READ, Workload } from './libraryWorkload.js'
import { sumOf } from './statistics.js'

export interface LibraryRun {
  /** The commit of all documents. */
  readonly firstSeconds: number
  /** All commits of one line each. */
  readonly editsSeconds: number
  /** User and system time of the process during those, all threads. */
  readonly editsCpuSeconds: number
  readonly logSeconds: number
  readonly readSeconds: number
  readonly storeBytes: number
  readonly peakBytes: number | undefined
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return (performance.now() - startedMs) / 1000
}

/** The edits, and then the same store opened anew for reading, as another program would. */
async function measure(name: string, folder: string): Promise<LibraryRun> {
  const contender = CONTENDERS.find((candidate) => candidate.name === name)
  if (contender === undefined) throw new Error(`no such contender: ${name}`)
  const workload = new Workload()
  const before = bytesBelow(folder)
  const commits: string[] = []
  const writing = await contender.open(folder)
  const firstSeconds = await secondsOf(async () => {
    await writing.commit(workload.documents, 'all documents')
  })
  const watched = workload.pathOf(EDITS - 1)
  const texts: string[] = []
  let editsSeconds = 0
  const cpuBefore = process.cpuUsage()
  for (let edit = 0; edit < EDITS; edit++) {
    const changed = workload.edit(edit)
    editsSeconds += await secondsOf(async () => {
      commits.push(await writing.commit(changed, `edit ${edit}`))
    })
    texts.push(workload.documents.get(watched) ?? '')
  }
  editsSeconds += await secondsOf(async () => writing.sync?.())
  const cpu = process.cpuUsage(cpuBefore)
  await writing.close()
  const storeBytes = bytesBelow(folder) - before
  const reading = await contender.open(folder)
  const logSeconds = await secondsOf(() => expectLog(reading))
  const readSeconds = await secondsOf(async () => {
    for (let version = EDITS - VERSIONS_READ; version < EDITS; version++) {
      const text = await reading.read(commits[version] ?? '', watched)
      if (text !== texts[version]) throw new Error(`${name} read another text than was committed in edit ${version}`)
    }
  })
  await reading.close()
  return {
    firstSeconds,
    editsSeconds,
    editsCpuSeconds: (cpu.user + cpu.system) / 1e6,
    logSeconds,
    readSeconds,
    storeBytes,
    peakBytes: peakBytes(),
  }
}

async function expectLog(store: DocumentStore): Promise<void> {
  const commits = await store.log(EDITS)
  if (commits !== EDITS) throw new Error(`a log of ${EDITS} had ${commits}`)
}

/** What keeps the versions: the working folder that isomorphic-git needs beside its store is not counted. */
function bytesBelow(folder: string): number {
  const files = readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile())
  const kept = files.map((entry) => join(entry.parentPath, entry.name)).filter((path) => !isDocument(folder, path))
  return sumOf(kept.map((path) => statSync(path).size))
}

function isDocument(folder: string, path: string): boolean {
  return path.startsWith(join(folder, 'folder-'))
}

/** Linux counts this process alone; getrusage would count the one it was forked from too. */
function peakBytes(): number | undefined {
  if (process.platform !== 'linux') return undefined
  const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
  return match ? Number(match[1]) * 1024 : undefined
}

const [name = '', folder = ''] = process.argv.slice(2)
process.stdout.write(`${JSON.stringify(await measure(name, folder))}\n`)
