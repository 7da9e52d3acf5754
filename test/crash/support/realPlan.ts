/** What the processes of a schedule are told and say: one side plays it, the other holds the store against it. */
import { type Clock, systemClock } from '../../../src/base/clock.js'
import { DAY_MS } from '../../../src/base/units.js'
import { type Chance, digest, noise } from './chance.js'

/** The first one always stays; the others come and go. */
export const BRANCHES = ['main', 'a', 'b', 'c'] as const

export type Role = 'writer' | 'collector' | 'mover' | 'reader'

/** What one process is to do in one schedule. */
export interface Part {
  readonly seed: string
  readonly name: string
  readonly role: Role
  readonly store: string
  /** For what it writes beside the store. */
  readonly folder: string
  readonly steps: number
  /** Nothing that a ref ever named is given up, unless it is thinned out: the reflog keeps it all. */
  readonly isPatient: boolean
  /** Kills itself at this edge of a transaction, counted over all files. */
  readonly diesAt?: number | undefined
  /** Sleeps at these edges, so many milliseconds. */
  readonly naps?: readonly (readonly [number, number])[] | undefined
}

/** Seed of its bytes, and how many. */
export type Content = readonly [seed: string, bytes: number]

export interface PlannedCommit {
  readonly message: string
  readonly files: readonly (readonly [path: string, content: Content])[]
}

/** What is said before a commit: whether it is done or not, this is what it would hold. */
export interface Tried extends PlannedCommit {
  /** What it is made over. */
  readonly base: string | undefined
}

/** Small ones are written in one transaction in a store of one file, others with a lease, in batches. */
const LARGE_BYTES = 1_200_000
const LARGE_KINDS = 4
const SHARED_KINDS = 14
const PATHS = 6

/** Most contents come from a small pool: what one gives up, another wants again. */
export function planCommit(chance: Chance, message: string, isLarge: boolean): PlannedCommit {
  const files = Array.from({ length: chance.between(1, 3) }, (): readonly [string, Content] => {
    const kind = chance.below(SHARED_KINDS)
    const shared: Content = [`shared ${kind}`, 200 + kind * 2500]
    const own: Content = [`${message} ${chance.next()}`, chance.between(1, 20_000)]
    return [`d${chance.below(2)}/${chance.below(PATHS)}`, chance.next() < 0.6 ? shared : own]
  })
  if (isLarge) files.push(['large', [`large ${chance.below(LARGE_KINDS)}`, LARGE_BYTES]])
  return { message, files }
}

export function bytesOf([seed, bytes]: Content): Buffer {
  return noise(seed, bytes)
}

/** Of all files of a commit together. @param digests by path */
export function digestOfFiles(digests: ReadonlyMap<string, string>): string {
  return digest(JSON.stringify([...digests].sort(([a], [b]) => (a < b ? -1 : 1))))
}

/** A clock that is some days ahead. */
export function clockAhead(days: () => number): Clock {
  return { nowMs: () => systemClock.nowMs() + days() * DAY_MS, zoneMinutes: () => 0 }
}
