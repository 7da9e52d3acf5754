/** The program that crash tests start: one verb each, told on standard output, a line for each thing that is done. */
import { batchUntilKilled } from './batch.js'
import { commitUntilKilled } from './commit.js'
import { damageAndLook } from './damage.js'
import { eraseUntilKilled } from './erase.js'
import { extendUntilKilled } from './extend.js'
import { freeSpace } from './freeSpace.js'
import { fillDisk } from './fullDisk.js'
import { commitBeside, gcUntilKilled } from './gc.js'
import { holdLock } from './hold.js'
import { packUntilKilled } from './pack.js'
import { raceFreely, raceInSteps } from './race.js'
import { playSchedules } from './schedule.js'
import { switchUntilKilled } from './switch.js'
import { writeByThreads } from './threads.js'

const VERBS: Readonly<Record<string, (...args: string[]) => Promise<void>>> = {
  batch: batchUntilKilled,
  commit: commitUntilKilled,
  extend: extendUntilKilled,
  erase: eraseUntilKilled,
  gc: gcUntilKilled,
  'commit-beside': commitBeside,
  hold: holdLock,
  pack: packUntilKilled,
  'race-in-steps': raceInSteps,
  'race-freely': raceFreely,
  schedule: playSchedules,
  switch: switchUntilKilled,
  threads: writeByThreads,
  damage: damageAndLook,
  'full-disk': fillDisk,
  'free-space': freeSpace,
}

const [verb = '', ...args] = process.argv.slice(2)
const run = VERBS[verb]
if (!run) throw new Error(`no verb ${verb}`)
await run(...args)
