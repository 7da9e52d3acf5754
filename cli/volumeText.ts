/** Physical volumes for people. */
import type { CopyTally, PhysicalVolumeInfo, Repository } from '../src/index.js'
import type { Context } from './context.js'
import { printColumns } from './output.js'
import { counted, countText, percentText, plainLine, sizeText } from './text.js'

export async function printVolumes(context: Context, volumes: readonly PhysicalVolumeInfo[]): Promise<void> {
  const { bold, red } = context.colors
  const rows = volumes.map((volume) => [
    String(volume.number),
    countText(volume.extents),
    sizeText(volume.storedBytes),
    volume.capacityBytes === null ? '-' : sizeText(volume.capacityBytes),
    volume.capacityBytes === null ? '-' : percentText(volume.storedBytes, volume.capacityBytes),
    volume.problem !== undefined ? red(problemText(volume.problem.code)) : volume.allocatable ? 'yes' : 'no',
    plainLine(volume.path),
  ])
  const heads = ['pv', 'extents', 'stored', 'capacity', 'used', 'allocatable', 'file'].map(bold)
  await printColumns(context.out, ['right', 'right', 'right', 'right', 'right', 'left', 'left'], [heads, ...rows])
}

/** `PV_MISSING` is `missing`. */
function problemText(code: string): string {
  return code.replace(/^PV_/, '').toLowerCase()
}

/** A volume by number, uuid or path; paths are meant as seen from here. */
export async function findVolume(
  context: Context,
  repository: Repository,
  wanted: string,
): Promise<PhysicalVolumeInfo> {
  const { physicalVolumes } = await repository.volumeGroup()
  const path = context.resolvePath(wanted)
  const found = physicalVolumes.find(
    (volume) =>
      String(volume.number) === wanted || volume.uuid === wanted || volume.path === wanted || volume.path === path,
  )
  if (found === undefined) {
    const { VarveError } = await context.library()
    const known = physicalVolumes.map((volume) => `${volume.number} (${volume.path})`)
    throw new VarveError('PV_NOT_FOUND', `no physical volume ${JSON.stringify(wanted)}`, {
      pv: wanted,
      hint: `there are ${known.join(', ')}`,
    })
  }
  return found
}

/** `moved 3 extents, 2 MiB stored to volume 1`. */
export async function tellTally(
  context: Context,
  did: string,
  preposition: 'to' | 'from',
  { pv, extents, storedBytes }: CopyTally,
): Promise<void> {
  const what = `${counted(extents, 'extent')}, ${sizeText(storedBytes)} stored`
  await context.out.line(`${did} ${what} ${preposition} volume ${pv}`)
}
