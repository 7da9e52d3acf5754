import { key } from './ids.ts'
import type { Place } from './store.ts'

/** A run of equal chunks of a file. */
export interface Entry {
  id: Buffer
  place: Place
  repeat: number
}

/** What one file consisted of in the parent version. */
export class Before {
  private readonly index = new Map<string, number>()

  constructor(readonly entries: readonly Entry[]) {
    entries.forEach((entry, i) => {
      const name = key(entry.id)
      // A chunk that occurs twice says nothing about where we are.
      this.index.set(name, this.index.has(name) ? -1 : i)
    })
  }

  /** Position of an unchanged chunk behind `after`, or undefined. */
  position(id: Buffer, after: number): number | undefined {
    if (this.entries[after + 1]?.id.equals(id)) return after + 1
    const at = this.index.get(key(id))
    return at !== undefined && at > after ? at : undefined
  }
}

/**
 * For each chunk of a window the chunks it replaces: those that lay between the same unchanged neighbours.
 * `cursor` is the last unchanged position; the new one is returned.
 */
export function replacedBy(
  before: Before,
  ids: readonly Buffer[],
  lengths: readonly number[],
  cursor: number,
): { bases: Place[][]; cursor: number } {
  const bases: Place[][] = ids.map(() => [])
  let last = cursor
  let runStart = 0
  for (let i = 0; i <= ids.length; i++) {
    const id = ids[i]
    const at = id && before.position(id, last)
    if (id && at === undefined) continue
    share(before, lengths, runStart, i, last + 1, at ?? before.entries.length, bases)
    if (at !== undefined) last = at
    runStart = i + 1
  }
  return { bases, cursor: last }
}

/** Deals the old run's chunks to the new run's in proportion, and takes no more than the new run is long. */
function share(
  before: Before,
  lengths: readonly number[],
  from: number,
  to: number,
  oldFrom: number,
  oldTo: number,
  bases: Place[][],
): void {
  let fresh = 0
  for (let i = from; i < to; i++) fresh += lengths[i] ?? 0
  if (fresh === 0) return
  const old: Place[] = []
  let oldBytes = 0
  for (let i = oldFrom; i < oldTo && oldBytes < fresh * 1.1; i++) {
    const place = before.entries[i]?.place
    if (!place) break
    old.push(place)
    oldBytes += place.length
  }
  let end = 0
  let oldEnd = 0
  let next = 0
  for (let i = from; i < to; i++) {
    end += lengths[i] ?? 0
    for (let place = old[next]; place && oldEnd / oldBytes < end / fresh; place = old[next]) {
      bases[i]?.push(place)
      oldEnd += place.length
      next++
    }
  }
}
