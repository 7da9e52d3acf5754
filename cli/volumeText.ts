/** Physical volumes for people. */
import type { PhysicalVolumeInfo } from '../src/index.js'
import type { Context } from './context.js'
import { printColumns } from './output.js'
import { countText, percentText, plainLine, sizeText } from './text.js'

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
