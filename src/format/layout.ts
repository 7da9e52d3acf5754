/**
 * The layout of a volume group, as canonical JSON with the fields of `VolumeGroupLayout`, so that a person can
 * read it in a damaged file. Every field is checked on the way in; unknown fields are refused.
 */
import { VarveError } from '../base/errors.js'
import { decodeJson, encodeJson, JsonFields, type JsonValue } from './json.js'
import { profileFromJson, profileToJson, type StoreProfile } from './profile.js'
import { type Problem, problem } from './rules.js'

/** The layout of a volume group: copied whole to every physical volume, changed only by vg, pv and lv commands. */
export interface VolumeGroupLayout {
  /** UUID of the store. */
  readonly vg: string
  readonly name: string
  /** Grows by one with every change. */
  readonly sequence: number
  readonly createdMs: number
  readonly profile: StoreProfile
  readonly physicalVolumes: readonly PhysicalVolumeLayout[]
  readonly logicalVolumes: readonly LogicalVolumeLayout[]
  /** Nobody opens it until it is imported. Not recorded where it is not so. */
  readonly exported?: true | undefined
}

export interface PhysicalVolumeLayout {
  /** Small number, never reused; 0 is the PV in the catalog's own file. */
  readonly number: number
  readonly uuid: string
  /** Relative to the folder of the catalog's file where the PV lies below it, else absolute; `/` separates. '' for number 0. */
  readonly path: string
  /** File name of the catalog (recorded for number 0 only, so that any PV leads back to it), as `path`. */
  readonly catalogPath?: string
  /** Stored bytes it may hold; `null` = as the disk allows. */
  readonly capacityBytes: number | null
  readonly allocatable: boolean
  readonly tags: readonly string[]
}

export interface LogicalVolumeLayout {
  readonly name: string
  readonly uuid: string
  /** Small number, never reused; absent: 0, the one that every group has. From format 5 of the catalog on. */
  readonly number?: number
  readonly type: 'linear' | 'striped' | 'mirrored'
  /** PV numbers it may use, in order; empty = all. */
  readonly physicalVolumes: readonly number[]
  /** Copies of each extent; 1 unless mirrored. */
  readonly copies: number
  /** Copies of each extent of objects, at least as many; absent: as of any other. From format 4 of the catalog on. */
  readonly objectCopies?: number
  /** Of a striped one: over so many volumes; absent: over all. From format 4 of the catalog on. */
  readonly stripes?: number
  /** What its extents may take, one copy of each; `null` = as much as there is. */
  readonly virtualBytes: number | null
  /** No other may use up what it was promised. From format 5 of the catalog on. */
  readonly reserved?: true
  /** New extents go to volumes with the first tag, what is not used any more to those with the second. From format 5 of the catalog on. */
  readonly tiers?: { readonly fast: string; readonly slow: string }
  /** It uses volumes with one of these alone; empty: all. From format 4 of the catalog on. */
  readonly tags: readonly string[]
}

/** The first format of the catalog whose programs read it, and do as it says. */
export function formatNeededFor({ logicalVolumes }: Pick<VolumeGroupLayout, 'logicalVolumes'>): number {
  const needs = logicalVolumes.map(({ number = 0, objectCopies, stripes, tags, virtualBytes, reserved, tiers }) => {
    if (number !== 0 || virtualBytes !== null || reserved || tiers) return 5
    return objectCopies !== undefined || stripes !== undefined || tags.length > 0 ? 4 : 1
  })
  return Math.max(...needs)
}

const TAG_PATTERN = /^[A-Za-z0-9_+.-]+$/

/** @throws {VarveError} `INVALID_ARGUMENT` */
export function requireTag(tag: string): void {
  if (TAG_PATTERN.test(tag)) return
  throw new VarveError('INVALID_ARGUMENT', `${JSON.stringify(tag)} cannot be the tag of a volume`, {
    actual: tag,
    hint: 'Tags are made of letters, digits, and _ + . -',
  })
}

const WHAT = 'a volume group layout'
const UUID_PATTERN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const NOT_EMPTY_PATTERN = /./s
const LOGICAL_VOLUME_TYPES = ['linear', 'striped', 'mirrored'] as const

/** @throws {VarveError} `INVALID_ARGUMENT` */
export function encodeLayout(layout: VolumeGroupLayout): Buffer {
  const bytes = encodeJson({
    vg: layout.vg,
    name: layout.name,
    sequence: layout.sequence,
    createdMs: layout.createdMs,
    profile: profileToJson(layout.profile),
    physicalVolumes: layout.physicalVolumes.map(({ catalogPath, ...rest }) => ({
      ...rest,
      ...(catalogPath === undefined ? undefined : { catalogPath }),
    })),
    logicalVolumes: layout.logicalVolumes.map(({ number, objectCopies, stripes, reserved, tiers, ...rest }) => ({
      ...rest,
      ...(number === undefined ? undefined : { number }),
      ...(objectCopies === undefined ? undefined : { objectCopies }),
      ...(stripes === undefined ? undefined : { stripes }),
      ...(reserved === undefined ? undefined : { reserved }),
      ...(tiers === undefined ? undefined : { tiers: { fast: tiers.fast, slow: tiers.slow } }),
    })),
    ...(layout.exported ? { exported: true } : undefined),
  })
  // Layouts are rarely written and everything hangs on them: nothing is written that would not be read.
  try {
    decodeLayout(bytes)
  } catch (cause) {
    const reason = cause instanceof VarveError ? cause.message : String(cause)
    throw new VarveError('INVALID_ARGUMENT', `this layout cannot be written: ${reason}`, { cause })
  }
  return bytes
}

/** @throws {VarveError} `CORRUPT_OBJECT`, or `FORMAT_NEWER` for a profile that this varve does not know */
export function decodeLayout(bytes: Uint8Array): VolumeGroupLayout {
  const fields = new JsonFields(decodeJson(bytes, WHAT), WHAT)
  const layout: VolumeGroupLayout = {
    vg: fields.text('vg', UUID_PATTERN),
    name: fields.text('name', NOT_EMPTY_PATTERN),
    sequence: fields.count('sequence'),
    createdMs: fields.count('createdMs'),
    profile: profileFromJson(fields.value('profile')),
    physicalVolumes: fields.list('physicalVolumes', decodePhysicalVolume),
    logicalVolumes: fields.list('logicalVolumes', decodeLogicalVolume),
    ...(fields.has('exported') ? { exported: decodeMark(fields, 'exported') } : undefined),
  }
  fields.done()
  const found = layoutProblem(layout)
  if (found) throw fields.fail(found.message, undefined)
  return layout
}

/** It is there, or it is not: there is one way to say each. */
function decodeMark(fields: JsonFields, key: string): true {
  if (fields.flag(key)) return true
  throw fields.fail(key, false)
}

function decodePhysicalVolume(value: JsonValue): PhysicalVolumeLayout {
  const fields = new JsonFields(value, `a physical volume of ${WHAT}`)
  const volume: PhysicalVolumeLayout = {
    number: fields.count('number'),
    uuid: fields.text('uuid', UUID_PATTERN),
    path: fields.text('path'),
    ...(fields.has('catalogPath') ? { catalogPath: fields.text('catalogPath') } : undefined),
    capacityBytes: fields.countOrNull('capacityBytes'),
    allocatable: fields.flag('allocatable'),
    tags: fields.texts('tags', NOT_EMPTY_PATTERN),
  }
  fields.done()
  return volume
}

function decodeLogicalVolume(value: JsonValue): LogicalVolumeLayout {
  const fields = new JsonFields(value, `a logical volume of ${WHAT}`)
  const volume: LogicalVolumeLayout = {
    name: fields.text('name', NOT_EMPTY_PATTERN),
    uuid: fields.text('uuid', UUID_PATTERN),
    // There is one way to say each: 0 is not written down.
    ...(fields.has('number') ? { number: fields.count('number', 1) } : undefined),
    type: fields.oneOf('type', LOGICAL_VOLUME_TYPES),
    physicalVolumes: fields.counts('physicalVolumes'),
    copies: fields.count('copies', 1),
    ...(fields.has('objectCopies') ? { objectCopies: fields.count('objectCopies', 1) } : undefined),
    ...(fields.has('stripes') ? { stripes: fields.count('stripes', 1) } : undefined),
    virtualBytes: fields.countOrNull('virtualBytes'),
    ...(fields.has('reserved') ? { reserved: decodeMark(fields, 'reserved') } : undefined),
    ...(fields.has('tiers') ? { tiers: decodeTiers(fields.value('tiers')) } : undefined),
    tags: fields.texts('tags', NOT_EMPTY_PATTERN),
  }
  fields.done()
  return volume
}

function decodeTiers(value: JsonValue | undefined): { fast: string; slow: string } {
  const fields = new JsonFields(value, `the tiers of a logical volume of ${WHAT}`)
  const tiers = { fast: fields.text('fast', TAG_PATTERN), slow: fields.text('slow', TAG_PATTERN) }
  fields.done()
  return tiers
}

/** What concerns several fields; single ones are checked as they are read. */
function layoutProblem({ physicalVolumes, logicalVolumes }: VolumeGroupLayout): Problem | undefined {
  const numbers = new Set<number>()
  const uuids = new Set<string>()
  for (const { number, uuid, path } of physicalVolumes) {
    if (numbers.has(number)) return problem(`has two physical volumes of number ${number}`)
    if (uuids.has(uuid)) return problem(`has two physical volumes of UUID ${uuid}`)
    if ((number === 0) !== (path === '')) return problem(`has a wrong path for physical volume ${number}`)
    numbers.add(number)
    uuids.add(uuid)
  }
  const names = new Set<string>()
  const numbersOfLogical = new Set<number>()
  for (const volume of logicalVolumes) {
    const { name, number = 0, physicalVolumes: used, copies, objectCopies, type, stripes, tiers } = volume
    if (names.has(name)) return problem(`has two logical volumes of the name ${JSON.stringify(name)}`)
    names.add(name)
    if (numbersOfLogical.has(number)) return problem(`has two logical volumes of number ${number}`)
    numbersOfLogical.add(number)
    if (volume.reserved && volume.virtualBytes === null) {
      return problem(`has a logical volume ${JSON.stringify(name)} for which an unknown size is kept free`)
    }
    if (tiers && tiers.fast === tiers.slow)
      return problem(`has one tier twice in the logical volume ${JSON.stringify(name)}`)
    if (copies < 1 || (copies > 1 && type !== 'mirrored')) {
      return problem(`has ${copies} copies in the ${type} logical volume ${JSON.stringify(name)}`)
    }
    if (objectCopies !== undefined && objectCopies < copies) {
      return problem(`has fewer copies of objects than of contents in the logical volume ${JSON.stringify(name)}`)
    }
    if (stripes !== undefined && type !== 'striped') {
      return problem(`has stripes in the ${type} logical volume ${JSON.stringify(name)}`)
    }
    const known = used.every((number) => numbers.has(number))
    if (!known || new Set(used).size !== used.length) {
      return problem(`has unknown or repeated physical volumes in the logical volume ${JSON.stringify(name)}`)
    }
  }
  return undefined
}
