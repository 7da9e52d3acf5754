/**
 * A disk that is soon full, for real: a file system of a few MiB in memory that only one process sees (it is gone with
 * it). Where the system lets nobody mount one, a limit on the size of the process's files, which the kernel keeps too.
 */
import { spawnSync } from 'node:child_process'

export interface SmallDisk {
  readonly kind: 'mounted' | 'limited'
  /** What runs a program with the disk at `folder`. */
  through(folder: string, mebibytes?: number): readonly string[]
}

export const SMALL_DISK_MIB = 8

/** Of util-linux: sets limits of running processes. */
export const PRLIMIT = 'prlimit'

const mount = (mebibytes: number) => `mount -t tmpfs -o size=${mebibytes}m tmpfs "$0" && exec "$@"`

export function findSmallDisk(): SmallDisk {
  // As root; as somebody who may be root in a name space of their own.
  for (const unshare of [
    ['unshare', '-m'],
    ['unshare', '-r', '-m'],
  ]) {
    const through = (folder: string, mebibytes = SMALL_DISK_MIB): string[] => [
      ...unshare,
      ...['sh', '-c', mount(mebibytes), folder],
    ]
    const [command, ...args] = [...through('/mnt'), 'true']
    if (spawnSync(command as string, args).status === 0) return { kind: 'mounted', through }
  }
  if (spawnSync(PRLIMIT, ['--version']).status === 0) return { kind: 'limited', through: () => [] }
  throw new Error('a full disk cannot be had here: it takes `unshare` and `mount`, or `prlimit` (util-linux)')
}
