/**
 * Which logical volume branches and tags are kept in: a property by name, inherited by all names below it.
 *
 * What is said of `team/docs` holds for the branch `team/docs` and for `team/docs/draft`, unless something is said of that; what nothing
 * is said of is kept in the one logical volume that every group has.
 */
import { type Hash, hashToBytes } from '../base/hash.js'
import type { VolumeGroupLayout } from '../format/layout.js'
import type { Catalog, CatalogTransaction } from '../volume/catalog.js'
import { knowsUses, USED_BY_DEFAULT, type UsedBy } from '../volume/extentUses.js'
import { DEFAULT_LOGICAL_VOLUME, numberOf } from '../volume/placement.js'
import { UpkeepState } from '../volume/upkeepState.js'
import { Properties } from './properties.js'
import { shortRef } from './refName.js'

/** Of all branches and tags with that name, or below it. */
export interface BranchVolume {
  readonly name: string
  /** Of the logical volume. */
  readonly logicalVolume: string
}

const PROPERTY = 'lv'
/** Name in the table `upkeep`: branches and tags that were led to what others wrote. */
const ADOPTING = 'lv-adopting'

export class BranchVolumes {
  /** @param planned by name: said of these already, though it is not written down yet */
  constructor(
    private readonly properties: Properties,
    private readonly planned: ReadonlyMap<string, string> = new Map(),
  ) {}

  /** As they would be if these were kept in that logical volume. */
  with(names: readonly string[], logicalVolume: string): BranchVolumes {
    return new BranchVolumes(this.properties, new Map(names.map((name) => [name, logicalVolume])))
  }

  /** Sorted by name. @throws {CorruptionError} `CORRUPT_CATALOG` */
  list(): BranchVolume[] {
    const said = this.properties.below(PROPERTY).map(({ dataset, value }): [string, string] => [dataset, value])
    return [...new Map([...said, ...this.planned])]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, logicalVolume]) => ({ name, logicalVolume }))
  }

  /** The logical volume that a branch or tag is kept in. @throws as `list` */
  of(name: string): string {
    const said = new Map(this.list().map((each) => [each.name, each.logicalVolume]))
    for (let at = name; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) {
      const logicalVolume = said.get(at)
      if (logicalVolume !== undefined) return logicalVolume
    }
    return DEFAULT_LOGICAL_VOLUME
  }

  /** Numbers of the logical volumes that these are kept in. @throws as `list` */
  usedBy({ logicalVolumes }: Pick<VolumeGroupLayout, 'logicalVolumes'>, names: readonly string[]): UsedBy {
    if (logicalVolumes.length === 1 || names.length === 0) return USED_BY_DEFAULT
    const wanted = new Set(names.map((name) => this.of(name)))
    const found = logicalVolumes.filter(({ name }) => wanted.has(name)).map(numberOf)
    return found.length === 0 ? USED_BY_DEFAULT : found.sort((a, b) => a - b)
  }

  /** In a transaction. @param name that a branch or tag may have */
  set(tx: CatalogTransaction, name: string, logicalVolume: string): void {
    this.properties.unsetBelow(tx, name, PROPERTY)
    // Said once is enough.
    if (this.of(name) !== logicalVolume) this.properties.setBelow(tx, name, PROPERTY, logicalVolume)
  }
}

/**
 * Branches and tags that were led to what was written for others, since all that each reaches was last looked at: it may lie otherwise than
 * their logical volumes ask for.
 */
export function adoptingRefs(catalog: Catalog): string[] {
  return (new UpkeepState(catalog).read(ADOPTING) as string[] | undefined) ?? []
}

/**
 * In the transaction that leads them there. Not noted is what one of the same logical volume was led to before.
 * @param led full names, and where they are led
 */
export function noteAdopting(
  catalog: Catalog,
  tx: CatalogTransaction,
  led: readonly { readonly name: string; readonly after?: Hash | undefined }[],
): void {
  if (led.length === 0 || !knowsUses(catalog)) return
  const noted = new Set(adoptingRefs(catalog))
  const volumes = new BranchVolumes(new Properties(catalog))
  const before = noted.size
  for (const { name, after } of led) {
    if (after === undefined || noted.has(name)) continue
    const own = volumes.of(shortRef(name))
    const others = tx.all<{ ref: string }>('SELECT DISTINCT ref FROM reflog WHERE new = ?', hashToBytes(after))
    if (!others.some(({ ref }) => ref !== name && !noted.has(ref) && volumes.of(shortRef(ref)) === own)) {
      // Its own entry for this move is there by now.
      if (!wasThere(tx, name, after)) noted.add(name)
    }
  }
  if (noted.size > before) new UpkeepState(catalog).write(tx, ADOPTING, [...noted].sort())
}

/** Whether a branch or tag was led there before it was led there now. */
function wasThere(tx: CatalogTransaction, name: string, id: Hash): boolean {
  const times = tx.get<{ n: number }>(
    'SELECT count(*) AS n FROM reflog WHERE ref = ? AND new = ?',
    name,
    hashToBytes(id),
  )
  return (times?.n ?? 0) > 1
}

/** In a transaction: whatever they were led to. @param names full */
export function noteAllAdopting(catalog: Catalog, tx: CatalogTransaction, names: readonly string[]): void {
  if (!knowsUses(catalog) || names.length === 0) return
  const noted = new Set([...adoptingRefs(catalog), ...names])
  new UpkeepState(catalog).write(tx, ADOPTING, [...noted].sort())
}

/** In the transaction in which all that they reach is used by their logical volumes. */
export function forgetAdopting(catalog: Catalog, tx: CatalogTransaction): void {
  if (adoptingRefs(catalog).length > 0) new UpkeepState(catalog).write(tx, ADOPTING, [])
}
