/**
 * One store in memory and those who work on it, each as if it were a process of its own: with its own caches, its own number, its
 * own way to the catalog.
 */
import type { Clock } from '../../src/base/clock.js'
import type { ChunkStore } from '../../src/cas/chunkStore.js'
import { theChecksum } from '../../src/codec/checksum.js'
import { PROPERTIES, type Properties, type PropertyInfo, type PropertyName } from '../../src/refs/properties.js'
import { type OpenOptions, Repository } from '../../src/repository.js'
import type { OpenGroupOptions } from '../../src/volume/groupOptions.js'
import type { NewExtent } from '../../src/volume/physicalVolume.js'
import type { PlacedExtent } from '../../src/volume/publishStaged.js'
import { HomeVolume } from '../../src/volume/sqliteVolume.js'
import type { VolumeGroup } from '../../src/volume/volumeGroup.js'
import type { Chance } from '../crash/support/chance.js'
import { seededRandom } from '../support/groups.js'
import { MemoryVolume } from '../support/memoryVolume.js'
import type { Acting, Expectations } from './expectations.js'
import type { Ground, Scene } from './ground.js'
import { Rust } from './rust.js'
import type { Turning, Turns } from './turns.js'
import { openWatched } from './watchedGroup.js'

/** Somebody at work on the store. */
export interface Actor extends Turning, Acting {
  readonly pid: number
  isImpatient: boolean
  isCollecting: boolean
  /** Writes with a lease, in batches, however little it is. */
  readonly isLarge: boolean
}

/** Thrown where a process that was killed would have gone on. */
export class Killed extends Error {}

export type Settings = Readonly<Partial<Record<PropertyName, string>>>

/** Read as often as in earnest, they would take a tenth of the time. */
function settledProperties(settings: Settings): Pick<Properties, 'get' | 'list'> {
  return {
    get: (name) => ({ name, value: settings[name] ?? PROPERTIES[name].default, source: 'local' }) as PropertyInfo,
    list: () => [],
  }
}

const over = Reflect.get(Repository, 'over') as (group: VolumeGroup, options: OpenOptions) => Promise<Repository>

export class World {
  readonly clock: Clock = { nowMs: () => this.nowMs, zoneMinutes: () => 0 }
  readonly groupOptions: OpenGroupOptions
  nowMs: number
  readonly #home: HomeVolume
  readonly #staged: NewExtent[][]
  readonly actors: Actor[] = []
  readonly #byStore = new WeakMap<ChunkStore, Actor>()
  /** Without turns, and without anything in between: while a schedule is set up, and when it is over. */
  isQuiet = true
  /** Those who were killed are not found out at once, but after so many turns. */
  foundDeadAfter = 0
  readonly #deaths = new Map<Actor, number>()
  /** How many may still be killed just before or just after a transaction. */
  killsAtEdges = 0

  private constructor(
    readonly ground: Ground,
    readonly settings: Settings,
    readonly chance: Chance,
    readonly turns: Turns,
    readonly expectations: Expectations,
    /** But for the one in the catalog's file. */
    readonly volumes: readonly MemoryVolume[],
    readonly rust: Rust,
    nowMs: number,
  ) {
    this.nowMs = nowMs
    this.#staged = volumes.map(() => [])
    this.#home = new HomeVolume(ground.database, 0, ground.layout.physicalVolumes[0]?.uuid ?? '')
    this.groupOptions = {
      clock: this.clock,
      random: seededRandom('world'),
      lockTimeoutMs: 0,
      isAlive: (pid: number) =>
        this.actors.every((actor) => actor.pid !== pid || !actor.isDead || !this.isFoundDead(actor)),
    }
  }

  /** @param settings properties by name, read by all and not kept in the store */
  static async make(
    ground: Ground,
    scene: Scene,
    settings: Settings,
    chance: Chance,
    turns: Turns,
    expectations: Expectations,
  ): Promise<World> {
    ground.restore(scene)
    const checksum = await theChecksum()
    const { vg, physicalVolumes } = ground.layout
    const volumes: MemoryVolume[] = []
    for (const [index, { number, uuid }] of physicalVolumes.slice(1).entries()) {
      const volume = new MemoryVolume({ number, uuid, vg }, ground.layout, checksum)
      await volume.stage(scene.staged[index] ?? [], 0)
      volumes.push(volume)
    }
    const rust = await Rust.make(ground.database, volumes)
    return new World(ground, settings, chance, turns, expectations, volumes, rust, scene.nowMs)
  }

  /** As it is now, to begin from again; nothing was ever removed. */
  scene(): Scene {
    return { rows: this.ground.rows(), staged: this.#staged, nowMs: this.nowMs }
  }

  published(placed: readonly PlacedExtent[]): void {
    this.expectations.published(placed)
    for (const { extent, pvs } of placed) for (const pv of pvs) this.#staged[pv - 1]?.push(extent)
  }

  kill(actor: Actor): void {
    this.turns.kill(actor)
    this.#deaths.set(actor, this.turns.given)
  }

  isFoundDead(actor: Actor): boolean {
    return this.isQuiet || this.turns.given >= (this.#deaths.get(actor) ?? 0) + this.foundDeadAfter
  }

  /** Opens the store for an actor, as a process would that begins. */
  async open(actor: Actor): Promise<Repository> {
    const group = openWatched(this, actor, this.#home)
    const repository = await over.call(Repository, group, { clock: this.clock, random: seededRandom('repository') })
    Object.assign(repository.parts, { properties: settledProperties(this.settings) })
    this.#byStore.set(repository.parts.store, actor)
    return repository
  }

  actorOf(store: ChunkStore): Actor | undefined {
    return this.#byStore.get(store)
  }

  wait(actor: Actor, point: string, early?: () => void): Promise<void> {
    return this.isQuiet ? Promise.resolve() : this.turns.wait(actor, point, early)
  }

  /** At the edge of a transaction, where nothing can wait: others may do what they do in one piece. */
  edge(actor: Actor): void {
    if (!this.isQuiet && this.killsAtEdges > 0 && this.chance.next() < 0.05) {
      this.killsAtEdges--
      this.kill(actor)
    }
    if (actor.isDead) throw new Killed()
    if (this.isQuiet || this.chance.next() < 0.5) return
    this.turns.takeEarly(actor)?.()
  }

  /** The catalog forgets an extent before a volume drops it, and nobody else's extents are dropped on their way. */
  async requireForgotten(actor: Actor, pv: number, eids: readonly number[]): Promise<void> {
    const { database } = this.ground
    for (const eid of eids) {
      if (this.rust.copies(eid).includes(pv)) {
        this.expectations.problem(`${actor.name}: extent ${eid} is dropped by volume ${pv}, and the catalog names it`)
      }
      const owner = database.get<{ pid: number }>(
        `SELECT pid FROM lease JOIN reservation ON lease.id = reservation.lease
         WHERE kind <> 'swept' AND ? BETWEEN first_eid AND first_eid + count - 1`,
        eid,
      )
      // What was published already may be written anew with what it is decoded through.
      if (owner && owner.pid !== actor.pid && !this.expectations.wasPublished(eid)) {
        this.expectations.problem(
          `${actor.name}: extent ${eid} is dropped, which process ${owner.pid} is about to publish`,
        )
      }
    }
  }
}
