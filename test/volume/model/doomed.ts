/**
 * Work that is killed at one of its steps without a process of its own: from then on nothing of it reaches a file, nothing is released
 * and nothing is tidied up. A step is an edge of a transaction, of whichever file: before it, at its end, and once it is durable.
 *
 * It costs a hundredth of a process and happens at the same step each time. What SQLite itself leaves half written is not seen
 * this way: for that, some are killed for real.
 */
import { SqlDatabase } from '../../../src/volume/sqlite.js'

export interface DoomedEnd {
  readonly isKilled: boolean
  /** Taken until then. */
  readonly steps: number
}

/** What all that is done to a file goes through. */
interface Inside {
  guard<T>(body: () => T): T
  connect(...parameters: readonly unknown[]): SqlDatabase
}

interface Handle {
  readonly handle: { close(): void }
}

class Doom {
  readonly databases: SqlDatabase[] = []
  readonly writing = new Set<SqlDatabase>()
  steps = 0
  isDead = false

  constructor(private readonly diesAt: number) {}

  step(): void {
    if (++this.steps === this.diesAt) this.isDead = true
    this.requireAlive()
  }

  requireAlive(): void {
    if (this.isDead) throw new Error('killed')
  }
}

/** Whose files they are: those of others go on. */
const doomOf = new WeakMap<SqlDatabase, Doom>()
/** What opens files now. */
let current: Doom | undefined
let isWatched = false

/**
 * Does the work until it is over or was killed. The work opens its own files, and nobody else opens any meanwhile.
 * @param diesAt number of the step, from 1
 * @throws what the work throws while it is alive
 */
export async function doomed(diesAt: number, work: () => Promise<unknown>): Promise<DoomedEnd> {
  if (!isWatched) watchDatabases()
  isWatched = true
  const doom = new Doom(diesAt)
  current = doom
  try {
    await work()
  } catch (error) {
    if (!doom.isDead) throw error
  } finally {
    current = undefined
    // As the system does with the files of a process that is gone.
    for (const database of doom.databases) (database as unknown as Handle).handle.close()
  }
  return { isKilled: doom.isDead, steps: doom.steps }
}

function watchDatabases(): void {
  const prototype = SqlDatabase.prototype as unknown as Inside
  const { guard } = prototype
  prototype.guard = function <T>(this: SqlDatabase, body: () => T): T {
    doomOf.get(this)?.requireAlive()
    return (guard<T>).call(this, body) as T
  }
  const factory = SqlDatabase as unknown as Inside
  const { connect } = factory
  factory.connect = function (this: unknown, ...parameters) {
    current?.requireAlive()
    const database = connect.apply(this, [...parameters])
    if (!current) return database
    doomOf.set(database, current)
    current.databases.push(database)
    return database
  }
  const { write } = SqlDatabase.prototype
  SqlDatabase.prototype.write = function <T>(this: SqlDatabase, ...[body, durability]: Parameters<typeof write<T>>): T {
    const doom = doomOf.get(this)
    if (!doom || doom.writing.has(this)) return (write<T>).call(this, body, durability) as T
    doom.step()
    doom.writing.add(this)
    const watched = (): T => {
      const value = body()
      doom.step()
      return value
    }
    try {
      const value = (write<T>).call(this, watched, durability) as T
      doom.step()
      return value
    } finally {
      doom.writing.delete(this)
    }
  }
}
