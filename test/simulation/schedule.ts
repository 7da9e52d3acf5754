/** One schedule: a store with some history, several actors at work on it at once, and what must hold at each moment and at the end. */
import { isVarveError } from '../../src/base/errors.js'
import { DAY_MS } from '../../src/base/units.js'
import type { ChunkStore } from '../../src/cas/chunkStore.js'
import { freeCollected, holdsUnseen } from '../../src/codec/unseenMemory.js'
import { zstd } from '../../src/codec/zstd.js'
import type { Repository } from '../../src/repository.js'
import { Chance } from '../crash/support/chance.js'
import {
  collectGarbage,
  commit,
  corrode,
  type Errand,
  type Known,
  leap,
  measure,
  moveFolder,
  moveRefs,
  pack,
  prune,
  type Run,
  read,
} from './errands.js'
import { Expectations } from './expectations.js'
import { Ground, type Scene, type Spread } from './ground.js'
import { Turns } from './turns.js'
import { watchWriters } from './watchedWriter.js'
import { type Actor, Killed, type Settings, World } from './world.js'

export interface Played {
  readonly problems: readonly string[]
  /** What happened, in order. */
  readonly trace: readonly string[]
  readonly turns: number
  /** Chunks and objects that gc dropped. */
  readonly drops: number
  /** Extents that were compressed against others. */
  readonly based: number
}

const SETTINGS: Settings = { author: 'A <a@b>' }
/** With `zstd` what is edited is compressed against what it was. */
const COMPRESSIONS = ['none', 'zstd:1', 'zstd:1'] as const
/** Archives are compressed as everything else is: at their own level an extent takes as long as many steps, and holds nothing else. */
const LEVEL_MOST = 1
/** Longer ones go round in circles. */
const TURNS_MAX = 4000

interface Cast {
  readonly name: string
  readonly runs: readonly Run[]
  /** Errands, at most. */
  readonly most: number
}

const CASTS: readonly Cast[] = [
  { name: 'gc', runs: [collectGarbage], most: 1 },
  { name: 'writer', runs: [commit], most: 3 },
  { name: 'mover', runs: [moveRefs, moveRefs, moveFolder], most: 5 },
  { name: 'reader', runs: [read], most: 3 },
  { name: 'clock', runs: [leap], most: 1 },
  { name: 'pruner', runs: [prune, prune, moveRefs], most: 3 },
  { name: 'rust', runs: [corrode], most: 1 },
  { name: 'packer', runs: [pack, pack, commit], most: 3 },
  {
    name: 'busy',
    runs: [commit, commit, moveRefs, moveRefs, read, moveFolder, collectGarbage, prune, measure, pack],
    most: 4,
  },
]
/** Who is no process, and cannot be killed. */
const NOBODY = 0

/** Different stores that schedules begin with. */
const BEGINNINGS = 24
/** Part of the schedules at whose end all is read and verified, and gc has to finish what is left. */
const LOOKS_BACK = 0.2

interface Beginning {
  readonly ground: Ground
  readonly scene: Scene
  readonly expectations: Expectations
  readonly known: Known
}

/** By the number of volumes: with three, each extent is on one of them, or on two. */
const SPREADS: Readonly<Record<1 | 3, readonly Spread[]>> = {
  1: [{ volumes: 1, copies: 1 }],
  3: [
    { volumes: 3, copies: 1 },
    { volumes: 3, copies: 2 },
  ],
}

export class Simulation {
  readonly #grounds: readonly Ground[]
  readonly #beginnings: Beginning[] = []
  #world: World | undefined
  readonly #unwatch: () => void
  readonly #inThreads = zstd.encodeAsync

  private constructor(volumes: 1 | 3) {
    // At once: else a schedule would not take the same steps each time.
    zstd.encodeAsync = async (raw, level, dictionary) => zstd.encode(raw, Math.min(level, LEVEL_MOST), dictionary)
    this.#grounds = SPREADS[volumes].map((spread) => Ground.make(spread))
    this.#unwatch = watchWriters((store: ChunkStore) => {
      const world = this.#world
      const actor = world?.actorOf(store)
      return world && actor && { world, actor }
    })
  }

  /** @param volumes of the store, all but the first in memory */
  static async make(volumes: 1 | 3): Promise<Simulation> {
    const simulation = new Simulation(volumes)
    const grounds = simulation.#grounds
    for (let number = 0; number < BEGINNINGS; number++) {
      const ground = grounds[number % grounds.length] as Ground
      simulation.#beginnings.push(await simulation.#begin(ground, new Chance('beginning', number)))
    }
    return simulation
  }

  end(): void {
    this.#unwatch()
    zstd.encodeAsync = this.#inThreads
    for (const { database } of this.#grounds) database.close()
  }

  /** A store with a few commits, branches and tags, from which gc dropped nothing yet. */
  async #begin(ground: Ground, chance: Chance): Promise<Beginning> {
    const expectations = new Expectations({ graceMs: 1000 * DAY_MS, reflogMs: 0 })
    const turns = new Turns(chance)
    const compression = chance.pick(COMPRESSIONS)
    const settings = { ...SETTINGS, compression, 'gc-grace': days(1000), 'reflog-keep': days(0) }
    const world = await World.make(ground, ground.empty, settings, chance, turns, expectations)
    this.#world = world
    const known: Known = new Map()
    const errand = new Standing(world, newActor('founder', 1, false), chance, known)
    for (let left = chance.between(3, 6); left > 0; left--) await commit(errand)
    for (let left = chance.between(1, 3); left > 0; left--) await moveRefs(errand)
    // Some of it nothing needs any more.
    const repo = await errand.repository()
    for (const { name } of await repo.branches())
      if (name !== 'main' && chance.next() < 0.6) await repo.deleteBranch(name)
    // And some is condemned.
    if (chance.next() < 0.7) await repo.gc()
    return { ground, scene: world.scene(), expectations, known }
  }

  async play(seed: string): Promise<Played> {
    // As if no schedule had been played before: what waits to be collected decides when a writer waits, and others go on.
    holdsUnseen(Number.MAX_SAFE_INTEGER)
    await freeCollected()
    const chance = new Chance(seed)
    const graceDays = chance.pick([0, 2, 4, 6])
    const reflogDays = chance.pick([0, 0, 2, 4])
    const { ground, scene, expectations: before, known: knownBefore } = chance.pick(this.#beginnings)
    const expectations = new Expectations({ graceMs: graceDays * DAY_MS, reflogMs: reflogDays * DAY_MS }, before)
    const turns = new Turns(chance)
    const settings = {
      ...SETTINGS,
      compression: chance.pick(COMPRESSIONS),
      'gc-grace': days(graceDays),
      'reflog-keep': days(reflogDays),
      'gc-waste': chance.pick(['1%', '20%', '60%']),
    }
    const world = await World.make(ground, scene, settings, chance, turns, expectations)
    this.#world = world
    const known: Known = new Map(knownBefore)
    const errandOf = (actor: Actor): Errand => new Standing(world, actor, chance, known)
    // gc and somebody in its way are always there.
    const cast = [
      CASTS[0],
      CASTS[chance.below(3) + 1],
      ...Array.from({ length: chance.pick([0, 1, 2, 3, 3]) }, () => chance.pick(CASTS)),
    ]
    const living: Promise<void>[] = []
    for (const [index, member] of cast.entries()) {
      const { name, runs, most } = member as Cast
      const actor = newActor(`${name}${index}`, name === 'rust' ? NOBODY : index + 2, chance.next() < 0.5)
      // Not all begin at once: what matters most in a long errand is near its end.
      if (chance.next() < 0.6) actor.asleepUntil = chance.below(120)
      world.actors.push(actor)
      living.push(this.#live(errandOf(actor), runs, most))
    }
    world.foundDeadAfter = chance.pick([0, 20, 1000])
    world.isQuiet = false
    world.killsAtEdges = chance.next() < 0.2 ? 1 : 0
    const kills = chance.next() < 0.4 ? chance.between(1, 2) : 0
    const killAt = new Set(Array.from({ length: kills }, () => chance.below(200)))
    await turns.giveAll(
      () => expectations.problems.length > 0 || turns.given > TURNS_MAX,
      () => {
        if (killAt.delete(turns.given)) {
          const able = world.actors.filter((actor) => !actor.isDead && actor.pid !== NOBODY)
          if (able.length > 0) world.kill(chance.pick(able))
        } else if (chance.next() < 0.02) {
          chance.pick(world.actors).asleepUntil = turns.given + chance.pick([10, 50, 200])
        }
      },
    )
    world.isQuiet = true
    if (turns.given > TURNS_MAX) expectations.problem('it does not come to an end')
    if (expectations.problems.length === 0 && chance.next() < LOOKS_BACK) {
      await this.#lookBack(errandOf(newActor('last', 99, false)), known)
    }
    for (const actor of world.actors) actor.isDead = true
    return {
      problems: expectations.problems,
      trace: turns.trace,
      turns: turns.given,
      drops: expectations.drops,
      based: expectations.based,
    }
  }

  async #live(errand: Errand, runs: readonly Run[], most: number): Promise<void> {
    const { world, actor, chance } = errand
    try {
      await world.turns.wait(actor, 'begins')
      for (let left = chance.between(1, most); left > 0; left--) {
        const run = chance.pick(runs)
        world.turns.note(actor, run.name)
        await this.#run(run, errand)
      }
      world.turns.note(actor, 'is done')
    } catch (error) {
      if (error instanceof Killed || actor.isDead) return
      const told = error instanceof Error ? (error.stack ?? error.message) : String(error)
      world.expectations.problem(`${actor.name} failed: ${told}`)
    }
  }

  /** Who comes upon damage that cannot be mended is told so, and goes on with something else. */
  async #run(run: Run, errand: Errand): Promise<void> {
    try {
      await run(errand)
    } catch (error) {
      const isTold = errand.world.rust.wasOnlyCopy && isVarveError(error, 'CORRUPT_EXTENT', 'CORRUPT_CHUNK')
      if (!isTold) throw error
    }
  }

  /** Those who were killed are found out; gc does what is left to do, and all that must be there is. */
  async #lookBack(errand: Errand, known: Known): Promise<void> {
    const { world, actor } = errand
    const { expectations } = world
    world.actors.push(actor)
    const repo = await world.open(actor)
    try {
      const { problems } = await repo.verify({ heal: world.ground.spread.copies > 1 })
      for (const { message } of problems) expectations.problem(`verify: ${message}`)
      for (const root of expectations.roots) await readAll(repo, root, known)
      actor.isImpatient = true
      actor.isCollecting = true
      await repo.gc({ now: true })
      const again = await world.open(actor)
      for (const { message } of (await again.verify({ quick: true })).problems)
        expectations.problem(`verify: ${message}`)
    } catch (error) {
      expectations.problem(`at the end: ${error instanceof Error ? error.stack : error}`)
    }
  }
}

async function readAll(repo: Repository, id: string, known: Known): Promise<void> {
  const files = known.get(id)
  if (!files) return
  const snapshot = await repo.at(id)
  for (const [path, content] of files) {
    if (!(await snapshot.read(path)).equals(content)) throw new Error(`${path} of ${id} has other bytes`)
  }
}

class Standing implements Errand {
  #repository: Promise<Repository> | undefined

  constructor(
    readonly world: World,
    readonly actor: Actor,
    readonly chance: Chance,
    readonly known: Known,
  ) {}

  readonly repository = (): Promise<Repository> => {
    if (!this.#repository || this.chance.next() < 0.5) this.#repository = this.world.open(this.actor)
    return this.#repository
  }
}

function days(count: number): string {
  return count === 0 ? '0' : `${count}d`
}

function newActor(name: string, pid: number, isLarge: boolean): Actor {
  return { name, pid, isLarge, isDead: false, asleepUntil: 0, isImpatient: false, isCollecting: false }
}
