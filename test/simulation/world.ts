/**
 * One store in memory and those who work on it, each as if it were a process of its own: with its own caches, its own number, its
 * own way to the catalog. Every call of a volume waits for its turn; every transaction is told to the expectations.
 *
 * The database is made once and filled anew for each schedule: to make one takes longer than most schedules do.
 */
import type { Clock } from '../../src/base/clock.js'
import { hashFromBytes } from '../../src/base/hash.js'
import type { ChunkStore } from '../../src/cas/chunkStore.js'
import { theChecksum } from '../../src/codec/checksum.js'
import type { PhysicalVolumeLayout, VolumeGroupLayout } from '../../src/format/layout.js'
import { makeProfile } from '../../src/format/profile.js'
import { PROPERTIES, type Properties, type PropertyInfo, type PropertyName } from '../../src/refs/properties.js'
import { type OpenOptions, Repository } from '../../src/repository.js'
import { Catalog, type CatalogTransaction, type CounterName, type SumName } from '../../src/volume/catalog.js'
import { firstLayout } from '../../src/volume/firstLayout.js'
import { PayloadTables } from '../../src/volume/payloadTables.js'
import type { NewExtent, PhysicalVolume } from '../../src/volume/physicalVolume.js'
import {
  CATALOG_APPLICATION_ID,
  CATALOG_FORMAT,
  CATALOG_SCHEMA,
  PAGE_BYTES,
  PAYLOAD_SCHEMA,
} from '../../src/volume/schema.js'
import { type Durability, SqlDatabase, type SqlValue } from '../../src/volume/sqlite.js'
import { HomeVolume } from '../../src/volume/sqliteVolume.js'
import { type PlacedExtent, VolumeGroup } from '../../src/volume/volumeGroup.js'
import type { Chance } from '../crash/support/chance.js'
import { seededRandom } from '../support/groups.js'
import { MemoryVolume } from '../support/memoryVolume.js'
import type { Acting, Expectations } from './expectations.js'
import type { Turning, Turns } from './turns.js'

const BEGIN_MS = Date.UTC(2026, 0, 1)

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

/** What a store holds at one moment: from here many schedules begin. */
export interface Scene {
  readonly rows: readonly { readonly insert: string; readonly values: readonly SqlValue[] }[]
  /** By volume, but for the one in the catalog's file. */
  readonly staged: readonly (readonly NewExtent[])[]
  readonly nowMs: number
}

/** What is the same for all schedules: the database and its layout. */
export class Ground {
  readonly #tables: string[]
  readonly empty: Scene

  private constructor(
    readonly database: SqlDatabase,
    readonly layout: VolumeGroupLayout,
  ) {
    this.#tables = database
      .all<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
      .map(({ name }) => name)
    this.empty = { rows: this.rows(), staged: [], nowMs: BEGIN_MS }
  }

  static make(volumes: number): Ground {
    const random = seededRandom('ground')
    const profile = makeProfile({
      peSize: 65_536,
      chunker: { minBytes: 64, averageBytes: 256, maxBytes: 1024 },
      splitter: { averageFanout: 4, maxFanout: 8 },
    })
    const first = firstLayout('/nowhere/store.varve', profile, BEGIN_MS, random)
    const home = first.physicalVolumes[0] as PhysicalVolumeLayout
    const others = Array.from({ length: volumes - 1 }, (_, index): PhysicalVolumeLayout => {
      const number = index + 1
      return { ...home, number, uuid: `${home.uuid.slice(0, -1)}${number}`, path: `pv${number}` }
    })
    const layout: VolumeGroupLayout = {
      ...first,
      physicalVolumes: [home, ...others.map(({ catalogPath: _, ...volume }) => volume)],
      logicalVolumes: first.logicalVolumes.map((volume) => ({ ...volume, type: 'striped' })),
    }
    const options = {
      lockTimeoutMs: 0,
      applicationId: CATALOG_APPLICATION_ID,
      userVersion: CATALOG_FORMAT,
      pageBytes: PAGE_BYTES,
      journal: 'wal' as const,
      schema: PAYLOAD_SCHEMA + CATALOG_SCHEMA,
    }
    const database = SqlDatabase.create(':memory:', options, (made) => {
      new PayloadTables(made).initialise({ uuid: home.uuid, vg: layout.vg, number: 0 }, BEGIN_MS, layout)
      const catalog = new Catalog(made)
      catalog.initialise()
      for (const { number } of others) catalog.writeVolumeUse({ pv: number, transactions: 0, storedBytes: 0 })
    })
    return new Ground(database, layout)
  }

  /** All that is in the database now. */
  rows(): Scene['rows'] {
    return this.#tables.flatMap((table) =>
      this.database.all<Record<string, SqlValue>>(`SELECT * FROM ${table}`).map((row) => {
        const values = Object.values(row)
        return { insert: `INSERT INTO ${table} VALUES (${values.map(() => '?').join(', ')})`, values }
      }),
    )
  }

  restore({ rows }: Scene): void {
    this.database.write(() => {
      for (const table of this.#tables) this.database.run(`DELETE FROM ${table}`)
      for (const { insert, values } of rows) this.database.run(insert, ...values)
    })
  }
}

export type Settings = Readonly<Partial<Record<PropertyName, string>>>

/** Read as often as in earnest, they would take a tenth of the time. */
function settledProperties(settings: Settings): Pick<Properties, 'get' | 'list'> {
  return {
    get: (name) => ({ name, value: settings[name] ?? PROPERTIES[name].default, source: 'local' }) as PropertyInfo,
    list: () => [],
  }
}

export class World {
  readonly clock: Clock = { nowMs: () => this.nowMs, zoneMinutes: () => 0 }
  nowMs = BEGIN_MS
  readonly #group: VolumeGroup
  readonly #volumes: readonly MemoryVolume[]
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
    volumes: MemoryVolume[],
  ) {
    const { database, layout } = ground
    this.#volumes = volumes
    this.#staged = volumes.map(() => [])
    const home = new HomeVolume(database, 0, layout.physicalVolumes[0]?.uuid ?? '')
    const options = {
      clock: this.clock,
      random: seededRandom('world'),
      lockTimeoutMs: 0,
      isAlive: (pid: number) =>
        this.actors.every((actor) => actor.pid !== pid || !actor.isDead || !this.isFoundDead(actor)),
    }
    this.#group = Reflect.construct(VolumeGroup, [
      new Catalog(database),
      home,
      database,
      options,
      layout,
    ]) as VolumeGroup
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
    const world = new World(ground, settings, chance, turns, expectations, volumes)
    world.nowMs = scene.nowMs
    return world
  }

  /** As it is now, to begin from again; nothing was ever removed. */
  scene(): Scene {
    return { rows: this.ground.rows(), staged: this.#staged, nowMs: this.nowMs }
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
    const group = Object.create(this.#group) as VolumeGroup
    const catalog = new WatchedCatalog(this.ground.database, this, actor)
    const members = new Map<number, PhysicalVolume>([[0, watchedVolume(this.#group.home, this, actor)]])
    for (const volume of this.#volumes) members.set(volume.number, watchedVolume(volume, this, actor))
    const publish = Reflect.get(group, 'publish') as (placed: readonly PlacedExtent[], staged: unknown) => void
    const own = {
      catalog,
      members,
      publish: (placed: readonly PlacedExtent[], staged: unknown): void => {
        publish.call(group, placed, staged)
        this.expectations.published(placed)
        for (const { extent, pvs } of placed) for (const pv of pvs) this.#staged[pv - 1]?.push(extent)
      },
    }
    for (const [name, value] of Object.entries(own)) Object.defineProperty(group, name, { value, writable: true })
    if (actor.isLarge) Object.defineProperty(group, 'isOneFile', { value: false })
    const over = Reflect.get(Repository, 'over') as (group: VolumeGroup, options: OpenOptions) => Promise<Repository>
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
}

class WatchedCatalog extends Catalog {
  #isOpen = false

  constructor(
    database: SqlDatabase,
    private readonly world: World,
    private readonly actor: Actor,
  ) {
    super(database)
  }

  override write<T>(body: (tx: CatalogTransaction) => T, durability?: Durability): T {
    if (this.#isOpen) return super.write(body, durability)
    const { world, actor } = this
    world.edge(actor)
    world.expectations.begin()
    this.#isOpen = true
    let result: T
    try {
      result = super.write(body, durability)
    } finally {
      this.#isOpen = false
    }
    world.expectations.end(this, actor)
    world.edge(actor)
    return result
  }

  override run(sql: string, ...parameters: SqlValue[]): { changes: number } {
    const { expectations } = this.world
    if (sql.startsWith('INSERT INTO lease')) {
      expectations.leased(parameters[0] as number)
      // Its own process.
      parameters[3] = this.actor.pid
    }
    if (sql.startsWith('INSERT OR REPLACE INTO upkeep') && parameters[0] === 'clock') expectations.lookedAtClock()
    const result = super.run(sql, ...parameters)
    if (sql.startsWith('DELETE FROM condemned') && result.changes > 0)
      expectations.revived(hashFromBytes(parameters[0] as Buffer))
    return result
  }

  override removeExtent(eid: number): number[] {
    this.world.expectations.removed(eid)
    return super.removeExtent(eid)
  }

  override advance(name: CounterName, by: number): number {
    if (name === 'refs_sequence') this.world.expectations.movedRoots()
    return super.advance(name, by)
  }

  override mix(name: SumName, check: number): void {
    if (name !== 'properties_check') this.world.expectations.movedRoots()
    super.mix(name, check)
  }
}

/** Calls wait before they are made, or before their answer is looked at. */
function watchedVolume(volume: PhysicalVolume, world: World, actor: Actor): PhysicalVolume {
  const methods = new Map<PropertyKey, unknown>([
    // Of a database in memory there is no file.
    ...(volume.number === 0
      ? ([
          ['fileBytes', async () => 0],
          ['spareBytes', async () => 0],
        ] as const)
      : []),
  ])
  return new Proxy(volume, {
    get(target, key) {
      const known = methods.get(key)
      if (known) return known
      const value = Reflect.get(target, key) as unknown
      if (typeof value !== 'function') return value
      const method = async (...parameters: unknown[]): Promise<unknown> => {
        const isBefore = world.isQuiet || world.chance.next() < 0.5
        const point = `${String(key)} of ${target.number}`
        if (isBefore) await world.wait(actor, point)
        if (actor.isDead) return new Promise(() => undefined)
        if (key === 'remove') requireForgotten(world, actor, target.number, parameters[0] as number[])
        const result = (await value.apply(target, parameters)) as unknown
        if (!isBefore) await world.wait(actor, `after ${point}`)
        return result
      }
      methods.set(key, method)
      return method
    },
  })
}

/** The catalog forgets an extent before a volume drops it, and nobody else's extents are dropped on their way. */
function requireForgotten(world: World, actor: Actor, pv: number, eids: readonly number[]): void {
  const { database } = world.ground
  for (const eid of eids) {
    if (database.get('SELECT 1 FROM copy WHERE eid = ? AND pv = ?', eid, pv)) {
      world.expectations.problem(`${actor.name}: extent ${eid} is dropped by volume ${pv}, and the catalog names it`)
    }
    const owner = database.get<{ pid: number }>(
      `SELECT pid FROM lease JOIN reservation ON lease.id = reservation.lease
       WHERE kind <> 'swept' AND ? BETWEEN first_eid AND first_eid + count - 1`,
      eid,
    )
    if (owner && owner.pid !== actor.pid) {
      world.expectations.problem(
        `${actor.name}: extent ${eid} is dropped, which process ${owner.pid} is about to publish`,
      )
    }
  }
}
