/** What gc is asked for, and what it says that it did. */
import type { WorkOptions } from '../base/progress.js'
import type { LeaseInfo } from '../volume/lease.js'
import type { Amount } from './census.js'
import type { RewriteGroup } from './rewritePlan.js'

export interface GcOptions extends WorkOptions {
  /** Says what would be done, and does nothing. */
  readonly dryRun?: boolean | undefined
  /**
   * What nothing but the reflog remembers goes too, and no grace is given: a branch that was deleted or moved cannot be brought
   * back. What living leases need stays all the same.
   */
  readonly now?: boolean | undefined
  /** Bytes a second that are read or written at most, so that others are not held up. Default: as fast as it goes. */
  readonly rateBytes?: number | undefined
}

export interface GcReport {
  readonly dryRun: boolean
  readonly live: Amount
  /** Not reachable, found so by this run. */
  readonly condemned: Amount
  /** Condemned, and kept for now. */
  readonly waiting: Amount
  /** When the next of that may go, in milliseconds since the epoch: an estimate, since only time that is looked at counts. */
  readonly nextMs: number | undefined
  readonly dropped: GcChange
  /** Extents of which something went, with what decoded through them: what they were, and what took their place, or may take it. */
  readonly rewritten: GcChange & { readonly newStoredBytes: number }
  /** What is dead or dropped in extents that are not worth rewriting yet: raw bytes. */
  readonly wasteBytes: number
  /** The store's files got shorter by this. */
  readonly returnedBytes: number
  /** Leases that keep what is condemned. */
  readonly heldBy: readonly LeaseInfo[]
  /** What was left for a later run, and why. */
  readonly notes: readonly string[]
}

/** `bytes`: raw. */
export interface GcChange extends Amount {
  readonly extents: number
  readonly storedBytes: number
}

/** For notes, before what was done to them. */
export function extentsOf(groups: readonly RewriteGroup[]): string {
  const count = groups.reduce((sum, { tallies }) => sum + tallies.length, 0)
  return count === 1 ? 'one extent was' : `${count} extents were`
}
