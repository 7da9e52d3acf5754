/**
 * One writer of several, in this process: says that it is ready, begins when it is told to, prints one line of JSON.
 * `tsx bench/volumeWriterRun.ts STORE BRANCH small|large COMMITS`
 */
import { once } from 'node:events'
import { basename } from 'node:path'
import type { Durability, SqlDatabase } from '../src/volume/sqlite.js'
import { openBuiltModule } from './builtLibrary.js'
import { Seeded } from './seeded.js'
import { medianOf, sumOf } from './statistics.js'
import { commit, type Files, largeFiles, smallFile } from './volumeCommits.js'
import { openStore } from './volumeShapes.js'

const FILES = 40
const WARM_UP = 10

/** Of the write lock of one file. */
export interface LockUse {
  transactions: number
  waitedMs: number
  heldMs: number
  longestHeldMs: number
}

export interface WriterRun {
  readonly wallMs: number
  readonly cpuMs: number
  readonly commits: number
  readonly bytes: number
  readonly medianMs: number
  readonly longestMs: number
  /** By file. */
  readonly locks: Record<string, LockUse>
}

/** Every write transaction: until its body begins it waits for the lock, and from then to its end it has it. */
async function watchLocks(): Promise<Map<string, LockUse>> {
  const { SqlDatabase } = await openBuiltModule<typeof import('../src/volume/sqlite.js')>('volume/sqlite')
  const uses = new Map<string, LockUse>()
  const write = SqlDatabase.prototype.write
  let isInside = false
  SqlDatabase.prototype.write = function watched<T>(this: SqlDatabase, body: () => T, durability?: Durability): T {
    if (isInside) return write.call(this, body, durability) as T
    const name = basename(this.path)
    const use = uses.get(name) ?? { transactions: 0, waitedMs: 0, heldMs: 0, longestHeldMs: 0 }
    uses.set(name, use)
    const askedMs = performance.now()
    let begunMs = askedMs
    isInside = true
    try {
      return write.call(
        this,
        () => {
          begunMs = performance.now()
          return body()
        },
        durability,
      ) as T
    } finally {
      isInside = false
      const heldMs = performance.now() - begunMs
      use.transactions++
      use.waitedMs += begunMs - askedMs
      use.heldMs += heldMs
      use.longestHeldMs = Math.max(use.longestHeldMs, heldMs)
    }
  }
  return uses
}

async function run(path: string, branch: string, size: string, commits: number): Promise<WriterRun> {
  const uses = await watchLocks()
  const repository = await openStore(path)
  const random = new Seeded(branch)
  const filesOf = (number: number): Files =>
    size === 'small' ? smallFile(random, branch, number) : largeFiles(random, 'text', `${branch}/${number}`, FILES)
  for (let number = 0; number < WARM_UP; number++) await commit(repository, branch, smallFile(random, branch, number))
  const prepared = Array.from({ length: commits }, (_, number) => filesOf(number))
  uses.clear()
  process.stdout.write('ready\n')
  await once(process.stdin, 'data')
  const times: number[] = []
  const [startedMs, cpuBefore] = [performance.now(), process.cpuUsage()]
  for (const files of prepared) {
    const beganMs = performance.now()
    await commit(repository, branch, files)
    times.push(performance.now() - beganMs)
  }
  const wallMs = performance.now() - startedMs
  const cpu = process.cpuUsage(cpuBefore)
  await repository.close()
  return {
    wallMs,
    cpuMs: (cpu.user + cpu.system) / 1000,
    commits,
    bytes: sumOf(prepared.flatMap((files) => files.map(([, bytes]) => bytes.length))),
    medianMs: medianOf(times),
    longestMs: Math.max(...times),
    locks: Object.fromEntries(uses),
  }
}

const [path = '', branch = '', size = '', commits = ''] = process.argv.slice(2)
const result = await run(path, branch, size, Number(commits))
process.stdout.write(`${JSON.stringify(result)}\n`)
process.stdin.destroy()
