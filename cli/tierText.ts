/** Tiers of logical volumes for people. */
import { InvalidArgumentError } from 'commander'
import type { LogicalVolumeInfo, LogicalVolumeTiers } from '../src/index.js'
import { counted, percentText, plainLine, sizeText } from './text.js'

export type TierTags = { readonly fast: string; readonly slow: string }

/** `FAST:SLOW`, two tags; `none` ends tiers. (Not `null` yet: commander takes that for an empty text.) */
export function parseTiers(text: string): TierTags | 'none' {
  if (text === 'none') return 'none'
  const [fast, slow, ...rest] = text.split(':')
  if (!fast || !slow || rest.length > 0) {
    throw new InvalidArgumentError('It must be FAST:SLOW, two tags of volumes, as in ssd:hdd; or none.')
  }
  return { fast, slow }
}

/** A line for each tier. */
export function tierLines(name: string, tiers: LogicalVolumeTiers): string[] {
  const lines = (['fast', 'slow'] as const).map((tier) => {
    const { tag, extents, storedBytes, usedBytes, capacityBytes } = tiers[tier]
    const room =
      capacityBytes === null
        ? 'no limit'
        : `${percentText(usedBytes, capacityBytes)} of ${sizeText(capacityBytes)} used`
    const what = `${counted(extents, 'extent')}, ${sizeText(storedBytes)} stored`
    return `${plainLine(name)}: ${tier} tier @${plainLine(tag)}: ${what}, ${room}`
  })
  return tiers.isDue
    ? [...lines, `${plainLine(name)}: the fast tier is nearly full: "varve lv tier ${plainLine(name)}"`]
    : lines
}

export function tierTags({ tiers }: Pick<LogicalVolumeInfo, 'tiers'>): string {
  return tiers ? `@${plainLine(tiers.fast.tag)}:@${plainLine(tiers.slow.tag)}` : ''
}
