/**
 * kill -9 during a switch. Whatever the moment: what was not committed is still there, every file is as one of the two
 * branches has it, `status` says where the folder stands, and the switch can be gone on with or back on.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { WorkingFolder } from '../../../src/index.js'
import type { Stage } from './actor.js'
import { Chance } from './chance.js'

const BRANCHES = ['one', 'two'] as const
const FILES = 300

export interface SwitchKills {
  readonly stage: Stage
  readonly folder: string
  readonly kills: number
  readonly seed: string
  readonly pvs: number
}

export interface SwitchReport {
  readonly kills: number
  readonly acknowledged: number
  /** Found in the middle, of `kills`. */
  readonly interrupted: number
  readonly problems: readonly string[]
}

type Files = Readonly<Record<string, string>>

export async function killSwitches({ stage, folder, kills, seed, pvs }: SwitchKills): Promise<SwitchReport> {
  const dir = join(folder, 'work')
  const chance = new Chance(seed, 'switches')
  const trees = await makeBranches(dir, pvs)
  // Uncommitted: one file that no branch has, and one that is the same in both and was changed here.
  const mine: Files = { 'untracked.txt': 'mine', 'd/same.txt': 'mine as well' }
  write(dir, mine)
  const problems: string[] = []
  let acknowledged = 0
  let interrupted = 0
  for (let kill = 0; kill < kills; kill++) {
    const actor = stage.enter('switch', [dir, ...BRANCHES])
    await actor.hearAbout('ready')
    const rounds = chance.below(3)
    for (let round = 0; round < rounds; round++) await actor.hearAbout('ack')
    await actor.hearAbout('going')
    // Every other one in the middle, however slow the machine is.
    if (kill % 2 === 1) await isBegun(dir)
    await pause(chance.below(kill % 2 === 1 ? 20 : 250))
    actor.kill()
    await actor.ended
    acknowledged += actor.said.filter((line) => line.startsWith('ack')).length

    const found = await WorkingFolder.open(dir)
    try {
      const about = `kill ${kill} (seed ${seed})`
      const told = await found.status()
      const on = told.branch as (typeof BRANCHES)[number]
      const now = filesIn(dir)
      for (const [path, text] of Object.entries(mine)) {
        if (now[path] !== text) problems.push(`${about}: what was not committed in ${path} is lost`)
      }
      const allowed = told.interrupted ? BRANCHES.map((branch) => trees[branch]) : [trees[on]]
      // One whose place was being taken.
      let mayBeMissing = told.interrupted ? 1 : 0
      for (const path of new Set([...Object.keys(now), ...allowed.flatMap((tree) => Object.keys(tree ?? {}))])) {
        if (path in mine || allowed.some((tree) => tree?.[path] === now[path])) continue
        if (now[path] === undefined && mayBeMissing-- > 0) continue
        problems.push(`${about}: ${path} is as no branch has it (${told.interrupted ? 'interrupted' : `on ${on}`})`)
      }
      const changed = told.changes.map(({ path }) => path).filter((path) => !(path in mine))
      if (!told.interrupted && changed.length > 0) problems.push(`${about}: status calls ${changed[0]} changed`)
      if (told.interrupted) {
        interrupted++
        const goesOn = chance.below(2) === 0
        if (goesOn) await found.continueSwitch()
        else await found.abortSwitch()
        const there = goesOn ? (told.interrupted.branch ?? '') : on
        const after = await found.status()
        if (after.branch !== there || after.interrupted) problems.push(`${about}: on ${after.branch}, not on ${there}`)
        const wanted = JSON.stringify(sorted({ ...trees[there], ...mine }))
        if (JSON.stringify(sorted(filesIn(dir))) !== wanted)
          problems.push(`${about}: the folder is not as ${there} has it`)
      }
    } finally {
      await found.close()
    }
  }
  return { kills, acknowledged, interrupted, problems }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** A switch has written its note, and not taken it away yet; or none came to that. */
async function isBegun(dir: string): Promise<void> {
  for (let looks = 0; looks < 5000 && !existsSync(join(dir, '.varve', 'switch')); looks++) await pause(1)
}

async function makeBranches(dir: string, pvs: number): Promise<Readonly<Record<string, Files>>> {
  const folder = await WorkingFolder.init(dir, { defaultBranch: BRANCHES[0] })
  for (let number = 1; number < pvs; number++) {
    await folder.repository.extendVolumeGroup(join(dir, '..', `folder-pv${number}.varve`))
  }
  const trees: Record<string, Files> = {}
  for (const branch of BRANCHES) {
    if (branch !== BRANCHES[0]) await folder.switchTo('HEAD', { create: branch })
    const files: Record<string, string> = { 'd/same.txt': 'same' }
    for (let index = 0; index < FILES; index++) {
      files[`dir${index % 7}/file${index}.txt`] = `${branch} ${index} `.repeat(1 + ((index * 37) % 3000))
    }
    files[`only-${branch}/a/b.txt`] = branch
    write(dir, files)
    if (branch !== BRANCHES[0]) rmSync(join(dir, `only-${BRANCHES[0]}`), { recursive: true })
    await folder.commit({ message: branch })
    trees[branch] = filesIn(dir)
  }
  await folder.close()
  return trees
}

function write(dir: string, files: Files): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(dir, dirname(path)), { recursive: true })
    writeFileSync(join(dir, path), text)
  }
}

function filesIn(dir: string, below = ''): Record<string, string> {
  const found: Record<string, string> = {}
  for (const entry of readdirSync(join(dir, below), { withFileTypes: true })) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`
    if (path === '.varve' || /^\.varve-unfinished-/.test(entry.name)) continue
    if (entry.isDirectory()) Object.assign(found, filesIn(dir, path))
    else found[path] = readFileSync(join(dir, path), 'utf8')
  }
  return found
}

function sorted(files: Files): [string, string][] {
  return Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))
}
