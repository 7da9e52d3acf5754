/**
 * Volumes: each file's structure, its copy of the layout, and its chunk table and extents beside what the catalog says of them.
 *
 * A row that no chunk is behind is a problem: whoever writes would take the chunk for stored. What a volume holds and nothing
 * names any more is none: gc drops it.
 */
import { isVarveError, VarveError } from '../base/errors.js'
import { encodeLayout } from '../format/layout.js'
import { allReservations } from '../volume/lease.js'
import type { PhysicalVolume } from '../volume/physicalVolume.js'
import type { VolumeGroup } from '../volume/volumeGroup.js'
import type { Findings } from './findings.js'
import type { NeededChunks } from './neededChunks.js'
import { RowTally } from './rowTally.js'
import type { ExtentCheck, VerifiedGroup } from './verifyExtents.js'

const PAGE_ROWS = 5000

/** @param isWhole whether SQLite checks the structure of each file: it reads all of it, at once */
export async function checkVolumes(group: VerifiedGroup, findings: Findings, isWhole: boolean): Promise<void> {
  for (const absent of group.absent.values()) findings.report(absent)
  for (const volume of group.volumes) {
    findings.checked.volumes++
    await findings.progress(volume.location)
    try {
      for (const text of isWhole ? await volume.integrityProblems() : []) {
        findings.report(new VarveError('CORRUPT', `${volume.location}: ${text}`, { pv: volume.uuid }))
      }
      await volume.state()
      await checkLayout(group, volume, findings)
    } catch (error) {
      findings.report(isVarveError(error) && error.details.pv === undefined ? of(volume, error) : error)
    }
  }
}

async function checkLayout(group: VerifiedGroup, volume: PhysicalVolume, findings: Findings): Promise<void> {
  const copy = await volume.layout()
  // Read after the copy: the catalog's is changed first.
  const layout = await group.volume(0)?.layout()
  if (!layout || volume.number === 0) return
  if (copy.sequence < layout.sequence) {
    findings.notes.push(
      `${volume.location} has the layout of the group as it was before the last change; the next command that writes brings it up to date`,
    )
    return
  }
  if (copy.sequence === layout.sequence && encodeLayout(copy).equals(encodeLayout(layout))) return
  const isNewer = copy.sequence > layout.sequence
  throw new VarveError(
    isNewer ? 'CATALOG_STALE' : 'CORRUPT',
    `the layout of the group in ${volume.location} is ${isNewer ? 'newer than' : 'another than'} that of the catalog`,
    { path: volume.location, pv: volume.uuid, expected: layout.sequence, actual: copy.sequence },
  )
}

/** @param needed is told of every chunk that is met */
export async function checkTables(
  group: VolumeGroup,
  findings: Findings,
  extents: ExtentCheck,
  needed: NeededChunks,
): Promise<void> {
  for (const volume of group.volumes) {
    try {
      await checkTable(group, volume, findings, extents, needed)
      await noteOrphans(group, volume, findings)
    } catch (error) {
      findings.report(isVarveError(error) && error.details.pv === undefined ? of(volume, error) : error)
    }
  }
}

/** @throws {VarveError} when the table cannot be read to its end */
export async function checkTable(
  group: VerifiedGroup,
  volume: PhysicalVolume,
  findings: Findings,
  extents: ExtentCheck,
  needed: Pick<NeededChunks, 'find'>,
): Promise<void> {
  const tallies = await tallyRows(group, volume, findings, needed)
  await checkTallies(group, volume, tallies, findings, extents)
}

/** Reads the whole table once, from its beginning to its end. */
async function tallyRows(
  { catalog }: VerifiedGroup,
  volume: PhysicalVolume,
  findings: Findings,
  needed: Pick<NeededChunks, 'find'>,
): Promise<Map<number, RowTally>> {
  const tallies = new Map<number, RowTally>()
  const visible = new Set<number>()
  for (let page = await volume.packedChunkRows(undefined, PAGE_ROWS); page.count > 0; ) {
    await findings.progress(`the chunk table of ${volume.location}`)
    for (let index = 0; index < page.count; index++) {
      const eid = page.eid(index)
      let tally = tallies.get(eid)
      if (!tally) {
        tally = new RowTally()
        tallies.set(eid, tally)
        if (catalog.hasCopy(eid, volume.number)) visible.add(eid)
      }
      tally.add(page, index)
      if (visible.has(eid)) needed.find(page, index)
    }
    page = await volume.packedChunkRows(page.last, PAGE_ROWS)
  }
  return tallies
}

/** @param tallies by extent, gathered while others were at work */
async function checkTallies(
  group: VerifiedGroup,
  volume: PhysicalVolume,
  tallies: ReadonlyMap<number, RowTally>,
  findings: Findings,
  extents: ExtentCheck,
): Promise<void> {
  const { catalog } = group
  const suspects: number[] = []
  const named = new Set<number>()
  catalog.eachExtent(({ record: { eid, chunks }, pvs }) => {
    if (!pvs.includes(volume.number)) return
    named.add(eid)
    const tally = tallies.get(eid)
    const sum = extents.rowSum(eid, volume)
    if (tally?.count !== chunks || (sum !== undefined && sum !== tally.sum)) suspects.push(eid)
  })
  const strays = [...tallies.keys()].filter((eid) => !named.has(eid))
  if (suspects.length + strays.length === 0) return
  for (const eid of suspects) if (extents.rowSum(eid, volume) !== undefined) await extents.checkRows(eid, volume)
  const heldBefore = new Set(await volume.list(0, Number.MAX_SAFE_INTEGER))
  const rows = new Map<number, number>()
  for (const { eid } of await volume.chunkRowsOf([...suspects, ...strays])) rows.set(eid, (rows.get(eid) ?? 0) + 1)
  for (const eid of suspects) {
    const chunks = catalog.hasCopy(eid, volume.number) ? catalog.extent(eid)?.chunks : undefined
    const found = rows.get(eid) ?? 0
    if (chunks === undefined || found === chunks || findings.hasAbout(eid, volume.uuid)) continue
    const what = `the chunk table of ${volume.location} names ${found} chunks in extent ${eid}, which has ${chunks}`
    await extents.settle(eid, volume, new VarveError('CORRUPT_CHUNK', what, { extent: eid, pv: volume.uuid }))
  }
  // Extents come and go with their rows in one step, and no number comes twice.
  const heldAfter = new Set(await volume.list(0, Number.MAX_SAFE_INTEGER))
  for (const eid of strays) {
    if (!rows.has(eid) || heldBefore.has(eid) || heldAfter.has(eid)) continue
    const what = `the chunk table of ${volume.location} names ${rows.get(eid)} chunks in extent ${eid}, which is not there`
    findings.report(new VarveError('CORRUPT_CHUNK', what, { extent: eid, pv: volume.uuid }))
  }
}

/** As `VolumeGroup.dropOrphans` finds them. */
async function noteOrphans(group: VolumeGroup, volume: PhysicalVolume, findings: Findings): Promise<void> {
  const held = await volume.list(0, Number.MAX_SAFE_INTEGER)
  const orphans = group.catalog.snapshot((tx) => {
    const reserved = allReservations(tx)
    const isReserved = (eid: number) =>
      reserved.some(({ firstEid, count }) => eid >= firstEid && eid < firstEid + count)
    return held.filter((eid) => !group.catalog.hasCopy(eid, volume.number) && !isReserved(eid))
  })
  if (orphans.length === 0) return
  findings.notes.push(`nothing names ${orphans.length} of the extents in ${volume.location}: gc drops them`)
}

function of(volume: PhysicalVolume, error: VarveError): VarveError {
  return new VarveError(error.code, error.message, { ...error.details, pv: volume.uuid, cause: error })
}
