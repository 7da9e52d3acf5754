/**
 * A volume group as one process of the simulation has it: every call of a volume waits for its turn, every transaction of the
 * catalog is told to the expectations, and at its edges others may come in between.
 */
import { hashFromBytes } from '../../src/base/hash.js'
import { Catalog, type CatalogTransaction, type CounterName, type SumName } from '../../src/volume/catalog.js'
import type { PhysicalVolume } from '../../src/volume/physicalVolume.js'
import type { PlacedExtent } from '../../src/volume/publishStaged.js'
import type { Durability, SqlDatabase, SqlValue } from '../../src/volume/sqlite.js'
import type { HomeVolume } from '../../src/volume/sqliteVolume.js'
import { VolumeGroup } from '../../src/volume/volumeGroup.js'
import type { Actor, World } from './world.js'

interface Inside {
  readonly members: Map<number, PhysicalVolume>
  publish(placed: readonly PlacedExtent[], staged: unknown): void
}

const { publish } = VolumeGroup.prototype as unknown as Inside

/** Its constructor is not for others: `openWatched` calls it. */
const Opened = VolumeGroup as unknown as new (...parameters: unknown[]) => Pick<VolumeGroup, 'isOneFile'> & Inside

class WatchedGroup extends Opened {
  constructor(
    private readonly world: World,
    private readonly actor: Actor,
    database: SqlDatabase,
    home: HomeVolume,
  ) {
    const { ground, groupOptions, volumes } = world
    super(new WatchedCatalog(database, world, actor), home, database, groupOptions, ground.layout)
    this.members.set(0, watched(home, world, actor))
    for (const volume of volumes) this.members.set(volume.number, watched(volume, world, actor))
  }

  override get isOneFile(): boolean {
    return this.world.volumes.length === 0 && !this.actor.isLarge
  }

  override publish(placed: readonly PlacedExtent[], staged: unknown): void {
    publish.call(this, placed, staged)
    this.world.published(placed)
  }
}

export function openWatched(world: World, actor: Actor, home: HomeVolume): VolumeGroup {
  return new WatchedGroup(world, actor, world.ground.database, home) as unknown as VolumeGroup
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
    if (result.changes === 0) return result
    if (sql.startsWith('DELETE FROM condemned')) expectations.revived(hashFromBytes(parameters[0] as Buffer))
    if (sql.startsWith('INSERT INTO pruned')) expectations.pruned(hashFromBytes(parameters[0] as Buffer))
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

/** One for each class of volumes: all of one class look alike to the engine, which is what makes them fast. */
const classes = new Map<object, new (volume: PhysicalVolume, world: World, actor: Actor) => PhysicalVolume>()

/** Calls wait before they are made, or before their answer is looked at. */
function watched(volume: PhysicalVolume, world: World, actor: Actor): PhysicalVolume {
  const prototype = Object.getPrototypeOf(volume) as object
  let Watched = classes.get(prototype)
  if (!Watched) {
    Watched = watchedClass(prototype)
    classes.set(prototype, Watched)
  }
  return new Watched(volume, world, actor)
}

function watchedClass(prototype: object): new (volume: PhysicalVolume, world: World, actor: Actor) => PhysicalVolume {
  class Watched {
    readonly number: number
    readonly uuid: string
    readonly location: string

    constructor(
      readonly volume: PhysicalVolume,
      readonly world: World,
      readonly actor: Actor,
    ) {
      this.number = volume.number
      this.uuid = volume.uuid
      this.location = volume.location
    }
  }
  const methods = new Set<string>()
  for (let at = prototype; at !== Object.prototype; at = Object.getPrototypeOf(at) as object) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof value === 'function' && name !== 'constructor') methods.add(name)
    }
  }
  for (const name of methods) {
    Object.defineProperty(Watched.prototype, name, {
      async value(this: Watched, ...parameters: unknown[]): Promise<unknown> {
        const { volume, world, actor } = this
        // Of a database in memory there is no file.
        if (volume.number === 0 && (name === 'fileBytes' || name === 'spareBytes')) return 0
        const isBefore = world.isQuiet || world.chance.next() < 0.5
        const point = `${name} of ${volume.number}`
        if (isBefore) await world.wait(actor, point)
        if (actor.isDead) return new Promise(() => undefined)
        if (name === 'remove') await world.requireForgotten(actor, volume.number, parameters[0] as number[])
        const method = volume[name as keyof PhysicalVolume] as (...parameters: unknown[]) => unknown
        const result = await method.apply(volume, parameters)
        if (!isBefore) await world.wait(actor, `after ${point}`)
        return result
      },
    })
  }
  return Watched as unknown as new (
    volume: PhysicalVolume,
    world: World,
    actor: Actor,
  ) => PhysicalVolume
}
