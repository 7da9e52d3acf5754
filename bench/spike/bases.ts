import { maxDecode, maxDepth } from './config.ts'
import type { Place } from './store.ts'

/** What the catalog would say of an extent. Kept in memory here. */
export interface ExtentMeta {
  raw: number
  depth: number
  bases: readonly Place[]
  starts: readonly number[]
}

export type Bases = Map<number, ExtentMeta>

/** Of the wanted bases those that keep the decode bounded; one too deep is replaced by what it stands on. */
export function chooseBases(wanted: readonly Place[], known: Bases, limit: number): Place[] {
  const chosen: Place[] = []
  const seen = new Set<string>()
  const closure = new Set<number>()
  let bytes = 0
  let decode = limit

  const take = (place: Place): void => {
    const name = `${place.eid}/${place.slot}`
    if (seen.has(name) || bytes + place.length > limit) return
    const more = newlyDecoded(place.eid, known, closure)
    if (decode + more.raw > maxDecode) return
    for (const eid of more.eids) closure.add(eid)
    decode += more.raw
    bytes += place.length
    seen.add(name)
    chosen.push(place)
  }

  for (const place of wanted) {
    const meta = known.get(place.eid)
    if (!meta) continue
    if (meta.depth < maxDepth) take(place)
    else for (const below of standsOn(place, meta)) take(below)
  }
  return chosen
}

/** The part of an extent's bases that lies where the chunk lies in the extent. */
function standsOn(place: Place, meta: ExtentMeta): Place[] {
  const total = meta.bases.reduce((sum, base) => sum + base.length, 0)
  const start = meta.starts[place.slot] ?? 0
  const from = (start / meta.raw) * total
  const to = ((start + place.length) / meta.raw) * total
  let at = 0
  return meta.bases.filter((base) => {
    at += base.length
    return at > from && at - base.length < to
  })
}

function newlyDecoded(eid: number, known: Bases, closure: ReadonlySet<number>): { eids: Set<number>; raw: number } {
  const eids = new Set<number>()
  let raw = 0
  const visit = (one: number): void => {
    if (closure.has(one) || eids.has(one)) return
    eids.add(one)
    const meta = known.get(one)
    raw += meta?.raw ?? 0
    for (const base of meta?.bases ?? []) visit(base.eid)
  }
  visit(eid)
  return { eids, raw }
}
