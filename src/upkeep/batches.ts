/** What is worked on in one step: so much that steps are few, and so little that nobody waits long for one. */
import { MIB } from '../base/units.js'
import type { ExtentRecord } from '../volume/catalog.js'
import type { RewriteGroup } from './rewritePlan.js'

/** Raw bytes of the sources of one rewrite. */
const REWRITE_BYTES = 16 * MIB

/** Neighbours together, up to a sum. */
export function* batchesOf<T>(items: readonly T[], most: number, sizeOf: (item: T) => number): Generator<T[]> {
  let batch: T[] = []
  let size = 0
  for (const item of items) {
    if (batch.length > 0 && size + sizeOf(item) > most) {
      yield batch
      batch = []
      size = 0
    }
    batch.push(item)
    size += sizeOf(item)
  }
  if (batch.length > 0) yield batch
}

/** Groups that hang on nothing of each other, as many as one rewrite takes; files and objects do not mix where they need not. */
export function* groupBatches(groups: readonly RewriteGroup[]): Generator<RewriteGroup[]> {
  const byClass = new Map<number, RewriteGroup[]>()
  for (const group of groups) {
    const extentClass = group.tallies[0]?.record.class ?? 0
    const same = byClass.get(extentClass)
    if (same) same.push(group)
    else byClass.set(extentClass, [group])
  }
  for (const same of byClass.values()) yield* batchesOf(same, REWRITE_BYTES, ({ rawBytes }) => rawBytes)
}

/** Sources of one rewrite each; files and objects do not mix, and come in the order in which they were written. */
export function* rewriteBatches<T extends { readonly record: ExtentRecord }>(extents: readonly T[]): Generator<T[]> {
  const byClass = new Map<number, T[]>()
  for (const extent of [...extents].sort((a, b) => a.record.eid - b.record.eid)) {
    const same = byClass.get(extent.record.class)
    if (same) same.push(extent)
    else byClass.set(extent.record.class, [extent])
  }
  for (const same of byClass.values()) yield* batchesOf(same, REWRITE_BYTES, ({ record }) => record.rawBytes)
}
