/**
 * The disk that a sequence is played on: one call that changes something in the working folder may fail, and the clock that
 * gives files their times may tick as slowly as that of an old file system. New ones make it tick whenever somebody looks.
 */
import type { FileStat, FileSystem } from '../../../src/base/filesystem.js'
import { isVarveError } from '../../../src/index.js'
import { nodeFileSystem } from '../../../src/worktree/nodeFileSystem.js'
import { type Call, hooked, systemError } from '../../worktree/faultyFileSystem.js'
import { but } from '../but.js'

const CHANGING: ReadonlySet<Call> = new Set(['rename', 'unlink', 'rmdir', 'mkdir', 'symlink', 'chmod', 'file.write'])
const NS_PER_MS = 1_000_000n

export class TestDisk {
  readonly fileSystem: FileSystem
  #callsLeft = Number.POSITIVE_INFINITY
  #failed: string | undefined

  /** @param tickMs 0: as the file system has it. */
  constructor(tickMs: number) {
    this.fileSystem = hooked((call, path, how) => this.#before(call, path, how), withTicks(BigInt(tickMs) * NS_PER_MS))
  }

  /** @returns which call failed; there may be fewer */
  async fail(at: number, body: () => Promise<unknown>): Promise<string | undefined> {
    this.#callsLeft = at
    this.#failed = undefined
    try {
      await body()
    } catch (error) {
      if (this.#failed === undefined || !isVarveError(error, 'STORAGE_IO')) throw error
    } finally {
      this.#callsLeft = Number.POSITIVE_INFINITY
    }
    return this.#failed
  }

  /** What is read again depends on the clock, what is changed does not. */
  #before(call: Call, path: string, how: string | undefined): void {
    const isChange = CHANGING.has(call) || (call === 'open' && how === 'create')
    if (!isChange || path.includes('/.varve/') || this.#callsLeft-- !== 0) return
    this.#failed = call
    throw systemError('EIO')
  }
}

function withTicks(tickNs: bigint): FileSystem {
  if (tickNs === 0n) return nodeFileSystem
  const floor = (timeNs: bigint): bigint => timeNs - (timeNs % tickNs)
  const coarse = <T extends FileStat | undefined>(stat: T): T =>
    stat && { ...stat, mtimeNs: floor(stat.mtimeNs), ctimeNs: floor(stat.ctimeNs) }
  return but(nodeFileSystem, {
    lstat: (path) => coarse(nodeFileSystem.lstat(path)),
    open: (path, how) => {
      const file = nodeFileSystem.open(path, how)
      return but(file, { stat: () => coarse(file.stat()) })
    },
  })
}
