/**
 * Groups that are exported: at rest, on their way to another place or machine. Nobody opens them but to look, until they are imported.
 */
import { VarveError } from '../base/errors.js'
import type { VolumeGroupLayout } from '../format/layout.js'
import type { OpenGroupOptions } from './groupOptions.js'

interface OpenGroup {
  readonly absent: ReadonlyMap<number, VarveError>
  seal(isAlone: boolean): void
  changeLayout(edit: (layout: VolumeGroupLayout) => VolumeGroupLayout): Promise<void>
  close(): Promise<void>
}

/** @throws {VarveError} `VG_EXPORTED` */
export function refuseExported(
  layout: VolumeGroupLayout,
  catalogPath: string,
  { readOnly, partial }: Pick<OpenGroupOptions, 'readOnly' | 'partial'>,
): void {
  if (layout.exported && !(readOnly && partial)) throw groupExported(layout, catalogPath)
}

export function groupExported({ name, vg }: VolumeGroupLayout, catalogPath: string): VarveError {
  return new VarveError('VG_EXPORTED', `the volume group ${name} is exported: ${catalogPath}`, {
    path: catalogPath,
    vg,
    hint: 'It can be used again after `varve vg import DIR`, with the folders in which its files lie now.',
  })
}

/**
 * Marks it, once nobody else has it open, and closes it. Killed before its end, it is exported, or it is not.
 * @throws {VarveError} `STORE_LOCKED` while others have it open; why a volume is not there; `STORAGE_READ_ONLY`
 */
export async function exportGroup(group: OpenGroup): Promise<void> {
  const [lost] = group.absent.values()
  if (lost) throw lost
  group.seal(true)
  await group.changeLayout((layout) => ({ ...layout, exported: true }))
  await group.close()
}
