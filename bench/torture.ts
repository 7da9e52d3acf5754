/**
 * `npm run torture`: what `npm test` does a few times, hundreds of times. Kills commits, switches and gc with SIGKILL, flips bits, and with
 * `--rules` switches off each safety rule to see its test fail. Ends with status 1 when anything was not as promised,
 * and then keeps the stores of that run.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildStage, type Stage } from '../test/crash/support/actor.js'
import { Chance } from '../test/crash/support/chance.js'
import { killCopies } from '../test/crash/support/copyKills.js'
import { chosenFlips, cuts, makeSubject, randomFlips, tryDamage } from '../test/crash/support/damage.js'
import { killGcs } from '../test/crash/support/gcKills.js'
import { killCommits, killExtends } from '../test/crash/support/kills.js'
import { SWITCHED_OFF } from '../test/crash/support/rules.js'
import { killSwitches } from '../test/crash/support/switches.js'
import { switchOff } from '../test/crash/support/switchOff.js'
import { killTiers } from '../test/crash/support/tierKills.js'
import { buildCommand } from '../test/support/builtCommand.js'

const { values: options } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    flips: { type: 'string', default: '500' },
    pvs: { type: 'string', default: '1,3' },
    seed: { type: 'string', default: String(Date.now()) },
    rules: { type: 'boolean', default: false },
  },
})

/** Of adding a volume, which is quick and leaves many files. */
const EXTEND_SHARE = 0.1
const SWITCH_SHARE = 0.5
/** It is slow: much is copied. */
const COPY_SHARE = 0.5
const COPY_BYTES = 8_000_000
const TIER_SHARE = 0.1
/** Stores that are tidied grow slowly; it is looking through all history that takes long. */
const GC_FRESH_EVERY = 12
const BIG_EVERY = 20
const FRESH_EVERY = 40
const SHOW_EVERY = 25

const kills = wholeNumber('kills', options.kills)
const flips = wholeNumber('flips', options.flips)
const groups = options.pvs.split(',').map((text) => wholeNumber('pvs', text))
const { seed } = options
const problems: string[] = []

function wholeNumber(name: string, text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`--${name} is a whole number, not ${text}`)
  return Number(text)
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

async function tortureByKills(stage: Stage, pvs: number, folder: string): Promise<void> {
  if (kills === 0) return
  const base = { stage, folder, pvs, seed }
  const report = await killCommits({
    ...base,
    kills,
    bigEvery: BIG_EVERY,
    freshEvery: FRESH_EVERY,
    onRound: (round, { acknowledged }) => {
      if ((round + 1) % SHOW_EVERY === 0) print(`  ${round + 1} kills, ${acknowledged} commits acknowledged`)
    },
  })
  print(
    `${pvs} PV: ${report.kills} kills of commits: ${report.acknowledged} acknowledged commits all there, ` +
      `${report.wholeUntold} whole that nobody was told of, ${report.leftLeases} leases and ` +
      `${report.sweptExtents} extents left behind and swept, ${report.problems.length} problems`,
  )
  const extended = await killExtends({ ...base, kills: Math.ceil(kills * EXTEND_SHARE) })
  print(
    `${pvs} PV: ${extended.kills} kills of \`vg extend\`: ${extended.added} volumes added, ` +
      `${extended.strayFiles} files left that no group names, ${extended.problems.length} problems`,
  )
  const switched = await killSwitches({ ...base, kills: Math.ceil(kills * SWITCH_SHARE) })
  print(
    `${pvs} PV: ${switched.kills} kills of \`varve switch\`: ${switched.acknowledged} switches acknowledged, ` +
      `${switched.interrupted} left half done and told so, ${switched.problems.length} problems`,
  )
  problems.push(...report.problems, ...extended.problems, ...switched.problems)
}

async function tortureGc(stage: Stage, pvs: number, folder: string): Promise<void> {
  if (kills === 0) return
  const report = await killGcs({
    stage,
    folder,
    pvs,
    seed,
    kills,
    freshEvery: GC_FRESH_EVERY,
    onRound: (round, { acknowledged }) => {
      if ((round + 1) % SHOW_EVERY === 0) print(`  ${round + 1} kills, ${acknowledged} steps acknowledged`)
    },
  })
  print(
    `${pvs} PV: ${report.kills} kills while tidying: ${report.acknowledged} acknowledged steps and ${report.beside} commits ` +
      `of others all there, ${report.wholeUntold} whole that nobody was told of, ${report.leftLeases} leases and ` +
      `${report.sweptExtents} extents left behind and swept, ${report.secondRuns} gc runs more than one, ` +
      `${report.problems.length} problems`,
  )
  const moments = [...report.moments].sort((a, b) => b[1] - a[1]).map(([moment, count]) => `${moment} ${count}`)
  print(`  killed in: ${moments.join(', ')}`)
  problems.push(...report.problems)
}

async function tortureCopies(folder: string): Promise<void> {
  if (kills === 0) return
  const command = await buildCommand()
  try {
    for (const onlyMoves of [true, false]) {
      const own = join(folder, onlyMoves ? 'moves' : 'copies')
      mkdirSync(own)
      const report = await killCopies({
        folder: own,
        script: command.script,
        kills: Math.ceil(kills * COPY_SHARE),
        seed,
        commitBytes: COPY_BYTES,
        onlyMoves,
      })
      print(
        `${report.kills} kills of \`pv move\`${onlyMoves ? '' : ', `lv convert` and `vg balance`'}: ${report.halfDone} left half ` +
          `done and done by the next run, ${report.ended} ended before, ${report.problems.length} problems`,
      )
      problems.push(...report.problems)
    }
  } finally {
    command.remove()
  }
}

async function tortureTiers(folder: string): Promise<void> {
  if (kills === 0) return
  const command = await buildCommand()
  try {
    const report = await killTiers({ folder, script: command.script, kills: Math.ceil(kills * TIER_SHARE), seed })
    print(
      `${report.kills} kills of \`lv tier\`: ${report.halfDone} left half done and done by the next run, ` +
        `${report.problems.length} problems`,
    )
    problems.push(...report.problems)
  } finally {
    command.remove()
  }
}

async function tortureByDamage(stage: Stage, pvs: number, folder: string): Promise<void> {
  if (flips === 0) return
  const subject = await makeSubject(folder, pvs, seed)
  const ways = [
    { what: 'bits flipped anywhere', damages: randomFlips(subject, flips, new Chance(seed, 'anywhere')) },
    { what: 'bits flipped in headers and tables', damages: chosenFlips(subject, flips, new Chance(seed, 'chosen')) },
    { what: 'files cut off', damages: cuts(subject) },
  ]
  for (const { what, damages } of ways) {
    const report = await tryDamage(stage, folder, damages)
    const codes = [...report.codes].sort((a, b) => b[1] - a[1]).map(([code, count]) => `${code} ${count}`)
    print(
      `${pvs} PV: ${report.done} ${what}: ${report.refused} stores refused, ${report.found} opened and the damage ` +
        `named, ${report.unseen} unseen in unused bytes, ${report.problems.length} problems`,
    )
    print(`  ${codes.join(', ')}`)
    problems.push(...report.problems)
  }
}

async function tortureByRules(): Promise<void> {
  const outcomes = await switchOff(SWITCHED_OFF, ({ row, passes, fails }) => {
    const result = !passes ? 'ITS TEST FAILS ANYHOW' : fails ? 'its test fails' : 'NOBODY NOTICES'
    print(`  ${row.rule} off: ${row.what}: ${result} (${row.test.file}: ${row.test.name})`)
  })
  const bad = outcomes.filter(({ passes, fails }) => !passes || !fails)
  print(`rules: ${outcomes.length} ways of switching one off, ${outcomes.length - bad.length} noticed`)
  for (const { row } of bad) problems.push(`${row.rule} off: ${row.what}: ${row.test.file} does not tell`)
}

print(`seed ${seed}`)
const folder = mkdtempSync(join(tmpdir(), 'varve-torture-'))
const stage = await buildStage()
try {
  for (const pvs of groups) {
    const groupFolder = join(folder, String(pvs))
    mkdirSync(groupFolder)
    await tortureByKills(stage, pvs, groupFolder)
    await tortureGc(stage, pvs, groupFolder)
    await tortureByDamage(stage, pvs, groupFolder)
  }
  const copyFolder = join(folder, 'copies')
  mkdirSync(copyFolder)
  await tortureCopies(copyFolder)
  const tierFolder = join(folder, 'tiers')
  mkdirSync(tierFolder)
  await tortureTiers(tierFolder)
} finally {
  stage.remove()
}
if (options.rules) await tortureByRules()
for (const problem of problems) print(`problem: ${problem}`)
if (problems.length === 0) rmSync(folder, { recursive: true, force: true })
else print(`the stores are kept in ${folder}`)
print(`${problems.length} problems`)
process.exitCode = problems.length === 0 ? 0 : 1
