/** Whether what the catalog counts agrees with the rows that are counted. */
import type { CorruptionError } from '../base/errors.js'

interface Placed {
  readonly record: { readonly eid: number; readonly storedBytes: number }
  readonly pvs: readonly number[]
}

/** What is asked of the catalog. */
interface CountingCatalog<Counter> {
  counter(name: Counter | 'next_eid'): number
  eachExtent(visit: (placed: Placed) => void): void
  volumeUse(pv: number): { readonly storedBytes: number } | undefined
  damaged(table: string, row: string): CorruptionError
}

/**
 * On one view of the catalog.
 * @param counters each must match its check
 * @param pvs volumes that may hold anything
 * @throws {CorruptionError} `CORRUPT_CATALOG` naming the first that does not agree
 */
export function requireTotals<Counter>(
  catalog: CountingCatalog<Counter>,
  counters: readonly Counter[],
  pvs: readonly number[],
): void {
  const stored = new Map<number, number>()
  let highest = 0
  catalog.eachExtent(({ record, pvs: holders }) => {
    highest = record.eid
    for (const pv of holders) {
      if (!pvs.includes(pv)) throw catalog.damaged('copy', `${record.eid}, ${pv}`)
      stored.set(pv, (stored.get(pv) ?? 0) + record.storedBytes)
    }
  })
  for (const name of counters) catalog.counter(name)
  if (catalog.counter('next_eid') <= highest) throw catalog.damaged('counter', 'next_eid')
  for (const pv of pvs) {
    if (catalog.volumeUse(pv)?.storedBytes !== (stored.get(pv) ?? 0)) throw catalog.damaged('pv_state', String(pv))
  }
}
