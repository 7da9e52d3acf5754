/** The transaction that moves refs, and how soon it is on the disk. */
import type { CatalogTransaction } from './catalog.js'
import type { VolumeGroup } from './volumeGroup.js'

/**
 * One transaction of the catalog; on the disk when it returns, unless the group was opened with durability `normal`: then it
 * is on the disk after the next `sync`, and until then a power failure leaves all of it or nothing, with nothing of what was
 * written later. That holds for one file alone. A volume with a file of its own remembers how many publishes it saw, and must
 * never know of one that the catalog lost: so where there are several, every one is synced.
 */
export function writeRefs<T>(group: VolumeGroup, body: (tx: CatalogTransaction) => T): T {
  const { catalog } = group
  if (group.options.durability !== 'normal' || !group.isOneFile) return catalog.write(body)
  // Another process may have added a volume.
  const outcome = catalog.write((tx) => (group.hasOldLayout ? undefined : { value: body(tx) }), 'ordered')
  return outcome ? outcome.value : catalog.write(body)
}
