/**
 * Leases (safety rule 2). A writer's, and a long reader's, lease row exists before its first lookup and ends only
 * by deleting the row. While it lives, gc deletes nothing that was not condemned before it began.
 *
 * Extent numbers and chunk ids are reserved in blocks under a lease. What a killed writer left in the volumes is
 * found through its reservations, never by scanning.
 */
import { hostname } from 'node:os'
import type { Clock } from '../base/clock.js'
import { VarveError } from '../base/errors.js'
import { DAY_MS, MINUTE_MS } from '../base/units.js'
import type { Catalog, CatalogTransaction } from './catalog.js'

/**
 * `swept`: its process was found gone. It cannot publish any more, and its leftovers are being dropped.
 * `upkeep`: gc and its like, of which one is at work at a time; it keeps nothing from going.
 */
export type LeaseKind = 'writer' | 'reader' | 'swept' | 'upkeep'

export interface LeaseInfo {
  readonly id: number
  readonly kind: LeaseKind
  readonly host: string
  readonly pid: number
  /** Of upkeep: when it was heard of last. */
  readonly startedMs: number
}

/** Whether a process of this machine still runs; injected for tests. */
export type IsAlive = (pid: number) => boolean

export const isProcessAlive: IsAlive = (pid) => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it runs, and is somebody else's.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

interface LeaseRow {
  id: number
  kind: string
  host: string
  pid: number
  started_ms: number
}

/** Upkeep at work says so this often. */
const BEAT_EVERY_MS = 10 * MINUTE_MS
/** Upkeep of another machine that was silent for so long is gone, or asleep: then it finds that its lease is. */
const SILENT_MS = DAY_MS
const EIDS_PER_RESERVATION = 256
const CHUNK_IDS_PER_RESERVATION = 65_536

export class Lease {
  private nextEid = 0
  private endEid = 0
  private nextChunkId = 0
  private endChunkId = 0
  private beatMs: number

  private constructor(
    private readonly catalog: Catalog,
    readonly id: number,
    /** gc's epoch when the lease began. */
    readonly gcEpoch: number,
    startedMs: number,
  ) {
    this.beatMs = startedMs
  }

  static take(catalog: Catalog, kind: LeaseKind, clock: Clock): Lease {
    return catalog.write((tx) => {
      const id = tx.advance('next_lease', 1)
      const gcEpoch = tx.counter('gc_epoch')
      const nowMs = clock.nowMs()
      tx.run(
        'INSERT INTO lease (id, kind, host, pid, started_ms, gc_epoch) VALUES (?, ?, ?, ?, ?, ?)',
        id,
        kind,
        hostname(),
        process.pid,
        nowMs,
        gcEpoch,
      )
      const lease = new Lease(catalog, id, gcEpoch, nowMs)
      if (kind === 'writer') {
        lease.reserveExtents(tx)
        lease.reserveChunks(tx)
      }
      return lease
    })
  }

  /** @param above the number of anything that it is compressed against: a base has the lower number */
  takeEid(above = 0): number {
    // What others published since a block was reserved has higher numbers than what is left of it.
    if (this.nextEid === this.endEid || this.nextEid <= above) this.catalog.write((tx) => this.reserveExtents(tx))
    return this.nextEid++
  }

  takeChunkId(): number {
    if (this.nextChunkId === this.endChunkId) this.catalog.write((tx) => this.reserveChunks(tx))
    return this.nextChunkId++
  }

  /** Called by every transaction that publishes under this lease. @throws {VarveError} `LEASE_LOST` */
  require(tx: CatalogTransaction): void {
    if (tx.get("SELECT 1 FROM lease WHERE id = ? AND kind <> 'swept'", this.id) === undefined) {
      throw new VarveError('LEASE_LOST', 'the lease of this writer was ended by somebody else; nothing was published', {
        lease: this.id,
        hint: 'Run the command again.',
      })
    }
  }

  /** Of upkeep: says now and then that it is still at work, for whoever is on another machine. */
  beat(clock: Clock): void {
    const nowMs = clock.nowMs()
    if (Math.abs(nowMs - this.beatMs) < BEAT_EVERY_MS) return
    this.beatMs = nowMs
    this.catalog.write((tx) => tx.run('UPDATE lease SET started_ms = ? WHERE id = ?', nowMs, this.id))
  }

  /** Ends the lease inside a transaction, and gives chunk ids back that nobody got. Ending it twice does nothing. */
  release(tx: CatalogTransaction): void {
    releaseLease(tx, this.id)
    if (this.endChunkId === this.nextChunkId || tx.counter('next_chunk_id') !== this.endChunkId) return
    // Sets of numbers end at 2^32: a commit must not take a block that it does not need.
    tx.advance('next_chunk_id', this.nextChunkId - this.endChunkId)
    this.endChunkId = this.nextChunkId
  }

  private reserveExtents(tx: CatalogTransaction): void {
    this.require(tx)
    this.nextEid = tx.advance('next_eid', EIDS_PER_RESERVATION)
    this.endEid = this.nextEid + EIDS_PER_RESERVATION
    tx.run(
      'INSERT INTO reservation (first_eid, count, lease) VALUES (?, ?, ?)',
      this.nextEid,
      EIDS_PER_RESERVATION,
      this.id,
    )
  }

  private reserveChunks(tx: CatalogTransaction): void {
    this.nextChunkId = tx.advance('next_chunk_id', CHUNK_IDS_PER_RESERVATION)
    this.endChunkId = this.nextChunkId + CHUNK_IDS_PER_RESERVATION
  }
}

/**
 * Keeps other upkeep out until it is released.
 * @throws {VarveError} `STORE_LOCKED` while another process, or this one, is at it
 */
export function takeUpkeep(catalog: Catalog, clock: Clock): Lease {
  return catalog.write((tx) => {
    const other = listLeases(tx).find(({ kind }) => kind === 'upkeep')
    // Of a container, say, that ended with its command. Those of this machine are known by their process.
    if (other && other.host !== hostname() && Math.abs(clock.nowMs() - other.startedMs) >= SILENT_MS) {
      releaseLease(tx, other.id)
    } else if (other) {
      const since = new Date(other.startedMs).toISOString()
      throw new VarveError(
        'STORE_LOCKED',
        `upkeep of this store is at work already: process ${other.pid} on ${other.host}, since ${since}`,
        {
          lease: other.id,
          path: catalog.path,
          hint: 'Wait for it to end. Of a process that was killed, its own machine clears it.',
        },
      )
    }
    return Lease.take(catalog, 'upkeep', clock)
  })
}

export function releaseLease(tx: CatalogTransaction, id: number): void {
  tx.run('DELETE FROM reservation WHERE lease = ?', id)
  tx.run('DELETE FROM lease WHERE id = ?', id)
}

export function listLeases(catalog: CatalogTransaction): LeaseInfo[] {
  return catalog.all<LeaseRow>('SELECT id, kind, host, pid, started_ms FROM lease ORDER BY id').map((row) => ({
    id: row.id,
    kind: row.kind as LeaseKind,
    host: row.host,
    pid: row.pid,
    startedMs: row.started_ms,
  }))
}

/**
 * Takes leases of this machine whose process is gone, and those somebody began to sweep, out of use: from now on nothing
 * can be published under them. Leases of other machines are never judged.
 */
export function endDeadLeases(catalog: Catalog, isAlive: IsAlive): LeaseInfo[] {
  const host = hostname()
  const isDead = (lease: LeaseInfo): boolean => lease.kind === 'swept' || (lease.host === host && !isAlive(lease.pid))
  if (!listLeases(catalog).some(isDead)) return []
  return catalog.write((tx) => {
    const dead = listLeases(tx).filter(isDead)
    for (const { id } of dead) tx.run("UPDATE lease SET kind = 'swept' WHERE id = ?", id)
    return dead
  })
}

/** Extent numbers that a writer may use. */
export interface Reservation {
  readonly firstEid: number
  readonly count: number
}

interface ReservationRow {
  first_eid: number
  count: number
}

export function reservationsOf(catalog: CatalogTransaction, lease: number): Reservation[] {
  return catalog
    .all<ReservationRow>('SELECT first_eid, count FROM reservation WHERE lease = ?', lease)
    .map((row) => ({ firstEid: row.first_eid, count: row.count }))
}

export function allReservations(catalog: CatalogTransaction): Reservation[] {
  return catalog
    .all<ReservationRow>('SELECT first_eid, count FROM reservation')
    .map((row) => ({ firstEid: row.first_eid, count: row.count }))
}

/** gc's epoch when the oldest lease began that may still be used; `undefined` without one. */
export function oldestLeaseEpoch(tx: CatalogTransaction): number | undefined {
  return (
    tx.get<{ epoch: number | null }>("SELECT min(gc_epoch) AS epoch FROM lease WHERE kind IN ('writer', 'reader')")
      ?.epoch ?? undefined
  )
}
