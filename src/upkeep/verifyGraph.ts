/**
 * The graph: from every ref through all history, every object decodes to what its entry said of it and every chunk has a place.
 *
 * Places of chunks are not looked up one by one: what is needed is gathered here, and met when the chunk tables are read as a whole
 * (verifyVolumes.ts).
 */
import { VarveError } from '../base/errors.js'
import { type Hash, shortHash } from '../base/hash.js'
import { type ChunkStore, describeKind } from '../cas/chunkStore.js'
import { condemnedIds } from '../cas/condemned.js'
import { KIND, type Kind } from '../format/kinds.js'
import { type Link, linksOf } from '../history/links.js'
import type { Findings } from './findings.js'
import { LiveIds } from './liveIds.js'
import { type NeededChunk, NeededChunks } from './neededChunks.js'

/** A ref's name for people, and where it points; or what takes the place of something. */
export interface VerifyRoot {
  readonly name: string
  readonly id: Hash
  /** Default: a commit. */
  readonly kind?: Kind
}

export function linkOfTip({ kind = KIND.commit, id }: VerifyRoot): Link {
  return { kind, id }
}

/** Commits that have no files any more, and need none. */
export type PrunedIds = { has(id: Hash): boolean }

const LOOKUP_BATCH = 500
const OBJECTS_A_STEP = 256

/** @returns all chunks that are needed */
export async function checkGraph(
  store: ChunkStore,
  tips: readonly VerifyRoot[],
  pruned: PrunedIds,
  findings: Findings,
): Promise<NeededChunks> {
  const seen = new LiveIds()
  const chunks = new NeededChunks()
  const stack: Link[] = tips.map(linkOfTip)
  for (let link = stack.pop(); link; link = stack.pop()) {
    if (link.kind === KIND.chunk) {
      chunks.add(link.id, link.sizeBytes)
      continue
    }
    if (!seen.add(link.id)) continue
    const { checked } = findings
    checked.objects++
    if (link.kind === KIND.commit) checked.commits++
    if (checked.objects % OBJECTS_A_STEP === 0) {
      await findings.progress(`${describeKind(link.kind)} ${shortHash(link.id)}`)
    }
    try {
      stack.push(...neededLinks(link, linksOf(link, await store.get(link.kind, link.id)), pruned))
    } catch (error) {
      findings.report(error, link.id)
    }
  }
  findings.attempt(() => noteCondemned(store, (id) => seen.has(id) || chunks.has(id), findings))
  return chunks
}

/** Looks for what was not met in the chunk tables. */
export async function checkPlaces(store: ChunkStore, needed: NeededChunks, findings: Findings): Promise<void> {
  let batch: NeededChunk[] = []
  for (const chunk of needed.missing()) {
    if (batch.push(chunk) < LOOKUP_BATCH) continue
    await lookFor(store, batch, findings)
    batch = []
  }
  if (batch.length > 0) await lookFor(store, batch, findings)
}

async function lookFor(store: ChunkStore, links: readonly NeededChunk[], findings: Findings): Promise<void> {
  try {
    const found = await store.find(links.map(({ id }) => id))
    // Looked for again: while they were looked up, gc may have moved them.
    const missed = links.filter(({ id }) => !found.has(id)).map(({ id }) => id)
    const foundLater = missed.length > 0 ? await store.find(missed) : found
    for (const { id, sizeBytes } of links) {
      const length = (found.get(id) ?? foundLater.get(id))?.length
      if (length === undefined || length !== (sizeBytes ?? length)) {
        const says = length === undefined ? 'is in no volume' : `has ${length} bytes instead of ${sizeBytes}`
        findings.report(new VarveError('MISSING_CHUNK', `chunk ${shortHash(id)} ${says}`), id)
      }
    }
  } catch (error) {
    findings.report(error)
  }
}

function noteCondemned({ group }: ChunkStore, isNeeded: (id: Hash) => boolean, findings: Findings): void {
  let count = 0
  for (const id of condemnedIds(group.catalog)) if (isNeeded(id)) count++
  if (count > 0) findings.notes.push(`${count} chunks and objects are condemned and needed: gc takes that back`)
}

/** Of a commit without files, its parents alone. */
function neededLinks({ kind, id }: Link, links: Link[], pruned: PrunedIds): Link[] {
  return kind === KIND.commit && pruned.has(id) ? links.filter((below) => below.kind === KIND.commit) : links
}
