/** Reading a store back: the checksum pass beside `cat` of its file, and verify beside decoding and hashing alone. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Corpus } from './corpora.js'
import type { Meter } from './measure.js'
import { runScript } from './ownProcess.js'
import { varve } from './tools/varve.js'
import type { VerifyRun } from './upkeepVerifyRun.js'

export interface ReadingRound {
  readonly catSeconds: number
  readonly checksums: VerifyRun
  readonly loop: VerifyRun
  readonly verify: VerifyRun
  readonly quick: VerifyRun
}

export interface ReadingResult {
  readonly fileBytes: number
  /** Whether the file was out of the page cache before it was read by `cat` and for its checksums. */
  readonly isCold: boolean
  readonly rounds: readonly ReadingRound[]
}

/** A store of all versions in `folder`, unless it is there already. */
export async function makeCorpusStore(corpus: Corpus, folder: string, meter: Meter): Promise<string> {
  const home = join(folder, 'corpus-store')
  if (!existsSync(home)) {
    const part = `${home}.part`
    rmSync(part, { recursive: true, force: true })
    mkdirSync(part)
    const store = varve.storeIn(part)
    await meter.runAll(store.init)
    for (const { name, folder: source } of corpus.versions) await meter.runAll(store.commit(source, name))
    renameSync(part, home)
  }
  return join(home, 'store.varve')
}

export async function measureReading(
  path: string,
  rounds: number,
  meter: Meter,
  say: (line: string) => void,
): Promise<ReadingResult> {
  const results: ReadingRound[] = []
  let isCold = true
  const read = (what: string) => runScript<VerifyRun>('upkeepVerifyRun.ts', [path, what])
  for (let round = 0; round < rounds; round++) {
    isCold &&= leaveCache(path)
    const { seconds: catSeconds } = await meter.run({ program: 'cat', args: [path] })
    isCold &&= leaveCache(path)
    const checksums = await read('checksums')
    const loop = await read('loop')
    const verify = await read('verify')
    const quick = await read('quick')
    results.push({ catSeconds, checksums, loop, verify, quick })
    say(
      `reading, round ${round + 1}: cat ${catSeconds.toFixed(2)} s, checksums ${checksums.seconds.toFixed(2)} s; decode and hash ` +
        `${loop.seconds.toFixed(2)} s, verify ${verify.seconds.toFixed(2)} s, quick ${quick.seconds.toFixed(2)} s`,
    )
  }
  return { fileBytes: statSync(path).size, isCold, rounds: results }
}

/** GNU dd can ask for it without being root. @returns whether it could */
function leaveCache(path: string): boolean {
  spawnSync('sync', [path])
  return spawnSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0'], { stdio: 'ignore' }).status === 0
}
