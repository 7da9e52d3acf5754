/**
 * What the process that will be killed commits: a function of seed, round and step alone, so that the one who killed it
 * knows what every commit must hold.
 *
 * Small edits go to one branch by drafts (one transaction each in a store of one file), states of a folder of several MB
 * to another (lease, batches), and now and then one of more than a batch.
 */
import { MIB } from '../../../src/base/units.js'
import { Chance, noise, squeezableNoise } from './chance.js'

export const DRAFT_BRANCH = 'main'
export const FOLDER_BRANCH = 'folders'

export interface PlannedFile {
  readonly path: string
  readonly bytes: Buffer
}

export interface PlannedStep {
  readonly branch: typeof DRAFT_BRANCH | typeof FOLDER_BRANCH
  readonly message: string
  /** Of a draft: what it writes over what was there. Of a folder: all there is. */
  readonly files: readonly PlannedFile[]
}

export interface Plan {
  readonly seed: string
  /** Every so many rounds begin with a commit of more than a batch. */
  readonly bigEvery: number
}

const BIG_BYTES = 68 * MIB
const PARTS = 5
const SMALL_FILES = 20

export function isBigRound(plan: Plan, round: number): boolean {
  return round % plan.bigEvery === plan.bigEvery - 1
}

/** @param step from 0; a draft or a folder by chance */
export function plannedStep(plan: Plan, round: number, step: number): PlannedStep {
  const chance = new Chance(plan.seed, round, step)
  const message = messageOf(round, step)
  if (isBigRound(plan, round) && step === 0) {
    const big = { path: 'big.bin', bytes: squeezableNoise(`${plan.seed}:big:${round}`, BIG_BYTES) }
    return { branch: FOLDER_BRANCH, message, files: [big, ...folder(plan, round, step)] }
  }
  if (chance.next() < 0.4) return { branch: FOLDER_BRANCH, message, files: folder(plan, round, step) }
  const files = Array.from({ length: chance.between(1, 3) }, (_, index) => ({
    path: `notes/${chance.below(4)}/${chance.below(8)}-${index}.txt`,
    bytes: noise(`${plan.seed}:${message}:${index}`, chance.between(1, 20_000)),
  }))
  return { branch: DRAFT_BRANCH, message, files }
}

function folder(plan: Plan, round: number, step: number): PlannedFile[] {
  const parts = Array.from({ length: PARTS }, (_, part) => {
    // A third of the parts changes from step to step; the rest, and most of each part, is known already.
    const version = Math.floor((step + part) / 3)
    const chance = new Chance(plan.seed, 'part', round, part, version)
    const bytes = noise(`${plan.seed}:part:${part}`, 300_000 + part * 150_000)
    const patch = noise(`${plan.seed}:patch:${round}:${part}:${version}`, chance.between(1000, 250_000))
    bytes.set(patch, chance.below(bytes.length - patch.length))
    return { path: `parts/${part}.bin`, bytes }
  })
  const small = Array.from({ length: SMALL_FILES }, (_, index) => ({
    path: `small/${index}.txt`,
    bytes: Buffer.from(`file ${index} of ${messageOf(round, step - (step % (index + 1)))}\n`),
  }))
  return [...parts, ...small]
}

function messageOf(round: number, step: number): string {
  return `round ${round} step ${step}`
}

export function stepOfMessage(message: string): { round: number; step: number } | undefined {
  const match = /^round (\d+) step (\d+)$/.exec(message)
  return match ? { round: Number(match[1]), step: Number(match[2]) } : undefined
}
