/**
 * What the process does that is killed while it tidies a store: a function of seed, round and step, and of what it did
 * before, so that the one who killed it knows what every branch must hold.
 *
 * Contents of folders come from a small pool: what one step gives up, another one, or another process, wants again.
 */
import { type Clock, systemClock } from '../../../src/base/clock.js'
import { DAY_MS } from '../../../src/base/units.js'
import { Chance, noise } from './chance.js'
import type { PlannedFile } from './plan.js'

/** The default branch, which is never deleted, and is thinned out. */
export const MAIN_BRANCH = 'main'

export interface CommitStep {
  readonly kind: 'draft' | 'folder'
  readonly branch: string
  readonly message: string
  /** Of a draft: what it writes over what was there. Of a folder: all there is. */
  readonly files: readonly PlannedFile[]
}

export type GcStep =
  | CommitStep
  /** A branch so many commits back. */
  | { readonly kind: 'fork'; readonly branch: string; readonly back: number }
  /** @property place of the branch among those that may go, from 0 to below 1 */
  | { readonly kind: 'delete'; readonly place: number }
  /** Brings back, under this name, what this process deleted last. */
  | { readonly kind: 'undelete'; readonly branch: string }
  | { readonly kind: 'prune'; readonly keepLast: number }
  | { readonly kind: 'pack' }
  | { readonly kind: 'gc'; readonly now: boolean; readonly grace: '0' | '1d'; readonly leapDays: number }

const GC_EVERY = 4
const FOLDER_BRANCHES = 3
const PARTS = 5
const PART_VERSIONS = 4
const EDITED_BYTES = 12_000

/** @param step from 0 */
export function plannedGcStep(seed: string, round: number, step: number): GcStep {
  const chance = new Chance(seed, 'gc', round, step)
  const name = `${round}-${step}`
  if (step % GC_EVERY === GC_EVERY - 1) {
    const now = chance.next() < 0.5
    return { kind: 'gc', now, grace: chance.pick(['0', '1d'] as const), leapDays: chance.below(2) }
  }
  const way = chance.next()
  if (way < 0.3) return draft(seed, MAIN_BRANCH, round, step)
  if (way < 0.6) return folder(seed, `work-${chance.below(FOLDER_BRANCHES)}`, round, step)
  if (way < 0.7) return { kind: 'fork', branch: `fork-${name}`, back: chance.below(4) }
  if (way < 0.85) return { kind: 'delete', place: chance.next() }
  if (way < 0.92) return { kind: 'undelete', branch: `back-${name}` }
  if (way < 0.96) return { kind: 'pack' }
  return { kind: 'prune', keepLast: chance.between(2, 4) }
}

/** Of the process that commits meanwhile and is not killed. */
export function besideStep(seed: string, round: number, step: number): CommitStep {
  const make = new Chance(seed, 'beside', round, step).next() < 0.5 ? draft : folder
  return make(`${seed}:beside`, besideBranch(round), round, step, seed)
}

function besideBranch(round: number): string {
  return `beside-${round}`
}

/** Branches that a `delete` may take, in the order in which it counts them. */
export function deletable(branches: readonly string[], round: number): string[] {
  return branches.filter((name) => name !== MAIN_BRANCH && name !== besideBranch(round)).sort()
}

/** A clock that is some days ahead, and further in each round: grace periods pass, and no commit is from the future. */
export function clockOf(round: number, days: () => number): Clock {
  return {
    nowMs: () => systemClock.nowMs() + (round * 100 + days()) * DAY_MS,
    zoneMinutes: () => 0,
  }
}

function draft(seed: string, branch: string, round: number, step: number): CommitStep {
  const chance = new Chance(seed, 'draft', round, step)
  const message = messageOf(round, step)
  const files = Array.from({ length: chance.between(1, 3) }, (_, index) => {
    const path = `notes/${chance.below(4)}/${chance.below(6)}-${index}.txt`
    const bytes = noise(`${seed}:${path}`, EDITED_BYTES)
    // Most are edits of what was there, and compressed against it.
    if (chance.next() < 0.6) noise(`${seed}:${message}:${index}`, 100).copy(bytes, chance.below(EDITED_BYTES - 100))
    else return { path, bytes: noise(`${seed}:${message}:${index}`, chance.between(1, 20_000)) }
    return { path, bytes }
  })
  return { kind: 'draft', branch, message, files }
}

function folder(seed: string, branch: string, round: number, step: number, pool = seed): CommitStep {
  const chance = new Chance(seed, 'folder', round, step)
  const parts = Array.from({ length: PARTS }, (_, part) => ({
    path: `parts/${part}.bin`,
    bytes: noise(`${pool}:part:${part}:${chance.below(PART_VERSIONS)}`, 150_000 + part * 60_000),
  }))
  const own = { path: 'own.bin', bytes: noise(`${seed}:own:${round}:${step}`, chance.between(1000, 200_000)) }
  return { kind: 'folder', branch, message: messageOf(round, step), files: [...parts, own] }
}

function messageOf(round: number, step: number): string {
  return `round ${round} step ${step}`
}
