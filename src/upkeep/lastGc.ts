/** When gc came to its end last, and what it left waiting: for whoever looks whether it should run. */
import type { CatalogTransaction } from '../volume/catalog.js'
import type { Amount } from './census.js'
import type { UpkeepState } from './upkeepState.js'

const NAME = 'gc'

export interface LastGc {
  readonly finishedMs: number
  readonly live: Amount
  /** Condemned, and kept for now. */
  readonly waiting: Amount
  readonly wasteBytes: number
}

export function readLastGc(state: UpkeepState): LastGc | undefined {
  return state.read(NAME) as LastGc | undefined
}

/** In an open transaction, of a catalog that was upgraded. */
export function writeLastGc(
  tx: CatalogTransaction,
  state: UpkeepState,
  { live, waiting, wasteBytes }: Omit<LastGc, 'finishedMs'>,
  finishedMs: number,
): void {
  const amount = ({ chunks, bytes }: Amount): Amount => ({ chunks, bytes })
  state.write(tx, NAME, { finishedMs, live: amount(live), waiting: amount(waiting), wasteBytes } satisfies LastGc)
}
