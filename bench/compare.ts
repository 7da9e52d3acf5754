/**
 * Are two trees the same: names, kinds, bytes, symlink targets and the executable bit? Times and owners are not
 * looked at, because not every tool keeps them. Own code, so that no tool vouches for itself.
 */
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync, type Stats } from 'node:fs'
import { join } from 'node:path'

const BUFFER_BYTES = 4 << 20
const DIFFERENCES_NAMED = 5
const EXECUTABLE = 0o100

const left = Buffer.allocUnsafe(BUFFER_BYTES)
const right = Buffer.allocUnsafe(BUFFER_BYTES)

export interface Comparison {
  readonly differences: number
  /** The first few, by paths inside the tree. */
  readonly named: readonly string[]
}

/** @param passedOver Names that are not compared, wherever they are. */
export function compareTrees(expected: string, actual: string, passedOver: readonly string[] = []): Comparison {
  const named: string[] = []
  let differences = 0
  const differ = (path: string, what: string): void => {
    differences++
    if (named.length < DIFFERENCES_NAMED) named.push(`${path}: ${what}`)
  }
  compareFolders(expected, actual, '', differ, passedOver)
  return { differences, named }
}

type Differ = (path: string, what: string) => void

function compareFolders(
  expected: string,
  actual: string,
  path: string,
  differ: Differ,
  passedOver: readonly string[],
): void {
  const others = new Set(readdirSync(join(actual, path)).filter((name) => !passedOver.includes(name)))
  for (const name of readdirSync(join(expected, path)).sort()) {
    const inner = join(path, name)
    if (others.delete(name)) compareEntries(expected, actual, inner, differ, passedOver)
    else differ(inner, 'missing')
  }
  for (const name of others) differ(join(path, name), 'not in the version')
}

function compareEntries(
  expected: string,
  actual: string,
  path: string,
  differ: Differ,
  passedOver: readonly string[],
): void {
  const [one, other] = [join(expected, path), join(actual, path)]
  const [before, after] = [lstatSync(one), lstatSync(other)]
  if (kindOf(before) !== kindOf(after)) differ(path, `${kindOf(before)} became ${kindOf(after)}`)
  else if (before.isDirectory()) compareFolders(expected, actual, path, differ, passedOver)
  else if (before.isSymbolicLink()) {
    if (readlinkSync(one) !== readlinkSync(other)) differ(path, 'another target')
  } else if (before.isFile()) {
    if (before.size !== after.size) differ(path, `${before.size} bytes became ${after.size}`)
    else if (!sameBytes(one, other)) differ(path, 'other bytes')
    else if (((before.mode ^ after.mode) & EXECUTABLE) !== 0) differ(path, 'another executable bit')
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'folder'
  if (stats.isSymbolicLink()) return 'symlink'
  return stats.isFile() ? 'file' : 'something else'
}

function sameBytes(one: string, other: string): boolean {
  const files = [openSync(one, 'r'), openSync(other, 'r')] as const
  try {
    for (;;) {
      const bytes = fill(files[0], left)
      if (bytes !== fill(files[1], right)) return false
      if (bytes === 0) return true
      if (left.compare(right, 0, bytes, 0, bytes) !== 0) return false
    }
  } finally {
    for (const file of files) closeSync(file)
  }
}

/** A read may return less than asked for; only the end of the file leaves the buffer short. */
function fill(file: number, buffer: Buffer): number {
  let filled = 0
  while (filled < buffer.length) {
    const bytes = readSync(file, buffer, filled, buffer.length - filled, null)
    if (bytes === 0) break
    filled += bytes
  }
  return filled
}
