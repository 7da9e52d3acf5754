/** A group that was moved leads its volumes to where the catalog lies now. */
import { isVarveError, VarveError } from '../base/errors.js'
import type { VolumeGroupLayout } from '../format/layout.js'
import { realPath, realPathIfAllowed } from './files.js'
import { sharesVolumes } from './groupFiles.js'

interface MovedGroup {
  readonly layout: VolumeGroupLayout
  readonly isOneFile: boolean
  readonly readOnly: boolean
  changeLayout(edit: (layout: VolumeGroupLayout) => VolumeGroupLayout): Promise<void>
}

/** @throws {VarveError} `PV_DUPLICATE` when the catalog they know is still in place: this one is a copy of it */
export async function rememberCatalogPath(group: MovedGroup, catalogPath: string): Promise<void> {
  const { layout } = group
  const recorded = layout.physicalVolumes.find(({ number }) => number === 0)?.catalogPath
  if (group.isOneFile || recorded === undefined || recorded === catalogPath) return
  const there = realPathIfAllowed(recorded)
  if (there === realPath(catalogPath)) return
  if (there !== undefined && sharesVolumes(layout, catalogPath, recorded)) {
    throw new VarveError('PV_DUPLICATE', `${catalogPath} is a copy of the catalog at ${recorded}`, {
      paths: [catalogPath, recorded],
      hint: 'Use the original. If the copy is to take its place, move the original away first.',
    })
  }
  if (group.readOnly) return
  try {
    await group.changeLayout((now) => ({
      ...now,
      physicalVolumes: now.physicalVolumes.map((volume) => (volume.number === 0 ? { ...volume, catalogPath } : volume)),
    }))
  } catch (error) {
    // Somebody else opened the moved group as well, and has just said so.
    if (!isVarveError(error, 'REF_CONFLICT')) throw error
  }
}
