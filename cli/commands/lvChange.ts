/** Logical volumes that come, grow and go, and the branches kept in them. */
import { InvalidArgumentError, Option } from 'commander'
import type { LogicalVolumeInfo, PlaceCopiesReport, PolicyChange, Repository } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT, UsageError } from '../errors.js'
import { counted, plainLine, plainText, sizeText } from '../text.js'
import { parseCount, parseCountFromNone, parsePositiveSize, parseRate } from '../values.js'
import type { Verb } from '../verb.js'
import { findVolume, tellTally } from '../volumeText.js'

/** One of `lv list`. */
export const LOGICAL_VOLUME_JSON = `
{ name, uuid, type: string, copies, objectCopies: number, stripes: number | null,   // null is all
  physicalVolumes: number[], tags: string[],                                        // [] is all
  tiers: Tiers | null,
  virtualBytes: number | null, reserved: boolean,                                   // null is as much as there is
  branches: string[],                                                               // see varve lv set
  extents, usedBytes, storedBytes, lackingCopies: number }`

const PLACED_JSON = `
{ dryRun: boolean, added, dropped: { pv, extents, storedBytes: number }[], notes: string[] }`

/** A size, a size more than now, or none. */
interface SizeWanted {
  readonly bytes: number | null
  readonly isMore: boolean
}

function parseSizeWanted(text: string): SizeWanted {
  if (text === 'none') return { bytes: null, isMore: false }
  const isMore = text.startsWith('+')
  return { bytes: parsePositiveSize(isMore ? text.slice(1) : text), isMore }
}

function parseNewSize(text: string): SizeWanted {
  if (/^(none|\+.*)$/.test(text)) throw new InvalidArgumentError('It must be a size, as in 500M or 1.5T.')
  return parseSizeWanted(text)
}

interface SizeFlags {
  readonly size?: SizeWanted
  readonly virtualsize?: SizeWanted
  readonly thin?: boolean
}

/** @returns `undefined` where neither was given */
function sizeOf({ size, virtualsize, thin }: SizeFlags): (SizeWanted & { readonly reserved: boolean }) | undefined {
  if (size && virtualsize) throw new UsageError('-L keeps a size free, and -V does not', 'give one of them')
  if (size && thin) throw new UsageError('-L keeps a size free, and --thin does not', 'give -V SIZE with --thin')
  if (thin && !virtualsize) throw new UsageError('how much is promised?', 'give -V SIZE with --thin')
  const wanted = size ?? virtualsize
  return wanted && { ...wanted, reserved: size !== undefined }
}

interface CreateFlags extends SizeFlags {
  readonly type?: PolicyChange['type']
  readonly mirrors?: number
  readonly objectMirrors?: number
  readonly stripes?: number
}

export const create: Verb = {
  define(command) {
    command
      .argument('<lv>', 'its name: letters, digits, and _ + . -')
      .argument('[pv...]', 'the volumes it may use: named, by tag (@TAG), or all (default)')
      .addOption(
        new Option('--type <type>', 'where extents go, as in "lv convert"').choices(['linear', 'striped', 'mirrored']),
      )
      .option('-m, --mirrors <n>', 'how many further copies of each extent', parseCountFromNone)
      .option('--object-mirrors <n>', 'the same of trees, manifests and commits, if more', parseCountFromNone)
      .option('-i, --stripes <n>', 'striped over so many volumes (default: all)', parseCount)
      .option('-L, --size <size>', 'it may hold so much, and that is kept free for it', parseNewSize)
      .option('-V, --virtualsize <size>', 'it may hold so much, whether or not there is as much', parseNewSize)
      .option('-T, --thin', 'with -V: said for who is used to LVM, and always so')
  },
  about: `
A policy of its own for some branches: "lv set" says which. Chunks are stored once all the same, in as many copies and where each
of those wants them that use them; what is known already, but lies less safely than a branch asks for, is stored again. Sizes count one
copy of each extent, as it is stored. With -V more can be promised than there is: "vg" shows how much.`,
  examples: [
    { command: 'varve lv create safe -m 1', does: 'two copies of all that its branches reach' },
    { command: 'varve lv create tenant7 -V 20G', does: 'at most 20 GiB, which need not be there yet' },
    { command: 'varve lv create scratch @ssd -L 5G', does: '5 GiB on volumes with the tag ssd, kept free for it' },
  ],
  json: LOGICAL_VOLUME_JSON,
  statuses: {
    [EXIT.notFound]: 'no such volume, or no store here',
    [EXIT.conflict]: 'there is one of that name, or another program has an older store open',
    [EXIT.storage]: 'less is free than is to be kept free',
  },
  completes: [[], 'pv'],
  completesOption: { type: ['linear', 'striped', 'mirrored'] },

  async run(context, command) {
    const flags = command.opts<CreateFlags>()
    const { type, mirrors, objectMirrors, stripes } = flags
    const [name = '', ...wanted] = command.args
    const size = sizeOf(flags)
    const repository = await context.open()
    await repository.createLogicalVolume(name, {
      type,
      copies: mirrors === undefined ? undefined : mirrors + 1,
      objectCopies: objectMirrors === undefined || objectMirrors === 0 ? undefined : objectMirrors + 1,
      stripes,
      ...(await volumesWanted(context, repository, wanted)),
      ...(size && { virtualBytes: size.bytes, reserved: size.reserved }),
    })
    if (context.json) await context.out.json(await find(repository, name))
    else
      await context.say(
        `created logical volume ${plainLine(name)}; "varve lv set ${plainLine(name)} BRANCH" keeps branches in it`,
      )
    return EXIT.ok
  },
}

export const extend: Verb = {
  define(command) {
    command
      .argument('<lv>', 'its name')
      .option('-L, --size <size>', 'so much, or so much more (+SIZE), kept free for it', parseSizeWanted)
      .option(
        '-V, --virtualsize <size>',
        'so much, so much more (+SIZE), or none: as much as there is',
        parseSizeWanted,
      )
  },
  about: `
Nothing is moved. It can be made smaller as well, as long as it holds no more than that.`,
  examples: [
    { command: 'varve lv extend tenant7 -V +10G', does: 'promise it 10 GiB more' },
    { command: 'varve lv extend default -V 500G', does: 'limit what branches take that are kept nowhere else' },
    { command: 'varve lv extend tenant7 -V none', does: 'as much as there is' },
  ],
  json: LOGICAL_VOLUME_JSON,
  statuses: {
    [EXIT.notFound]: 'no such logical volume, or no store here',
    [EXIT.storage]: 'less is free than is to be kept free',
  },
  completes: ['lv'],

  async run(context, command) {
    const size = sizeOf(command.opts<SizeFlags>())
    const [name = ''] = command.args
    if (!size) throw new UsageError('extend by what?', 'give -V SIZE or -L SIZE')
    const repository = await context.open()
    const before = (await find(repository, name))?.virtualBytes ?? null
    if (size.isMore && before === null)
      throw new UsageError(`${name} has no size to be added to`, 'give the size it is to have')
    const virtualBytes = size.isMore ? (before ?? 0) + (size.bytes ?? 0) : size.bytes
    await repository.resizeLogicalVolume(name, { virtualBytes, reserved: size.reserved })
    if (context.json) {
      await context.out.json(await find(repository, name))
      return EXIT.ok
    }
    const kept = size.reserved ? ', kept free for it' : ''
    const text = virtualBytes === null ? 'as much as there is' : `at most ${sizeText(virtualBytes)}${kept}`
    await context.say(`logical volume ${plainLine(name)} may hold ${text}`)
    return EXIT.ok
  },
}

interface PlaceFlags {
  readonly dryRun?: boolean
  readonly rate?: number
}

export const set: Verb = {
  define(command) {
    command
      .argument('<lv>', 'its name; default: that of all branches of which nothing is said')
      .argument('<branch...>', 'branches or tags, there or to come; "team" is meant with all of "team/…"')
      .option('-n, --dry-run', 'only say what would be brought and dropped')
      .option('--rate <size>', 'read and write so many bytes a second at most, as in 16M', parseRate)
  },
  about: `
Keeps branches in a logical volume, with all that they reach. New commits go there from the moment this begins; what is stored follows,
while others read and commit. Interrupted or killed, the same again does the rest.`,
  examples: [
    { command: 'varve lv set safe main', does: 'keep the branch main, and its history, as "safe" asks for' },
    { command: 'varve lv set tenant7 tenants/7', does: 'all branches below tenants/7' },
    { command: 'varve lv set default main', does: 'as if nothing had been said of it' },
  ],
  json: PLACED_JSON,
  statuses: {
    [EXIT.notFound]: 'no such logical volume, or no store here',
    [EXIT.conflict]: 'gc is at work',
    [EXIT.damage]: true,
    [EXIT.storage]: 'no room on the volumes',
  },
  completes: ['lv', 'branch'],

  async run(context, command) {
    const { dryRun = false, rate } = command.opts<PlaceFlags>()
    const [name = '', ...branches] = command.args
    const repository = await (dryRun ? context.openToRead() : context.open())
    const report = await repository.assignLogicalVolume(name, branches, { ...context.work, dryRun, rateBytes: rate })
    await tellPlaced(context, report)
    if (!context.json && !dryRun)
      await context.say(`${branches.map(plainLine).join(', ')}: kept in logical volume ${plainLine(name)}`)
    return EXIT.ok
  },
}

export const remove: Verb = {
  define(command) {
    command
      .argument('<lv>', 'its name')
      .option('-n, --dry-run', 'only say what would be brought and dropped')
      .option('--rate <size>', 'read and write so many bytes a second at most, as in 16M', parseRate)
  },
  about: `
No contents go: what it alone used is kept as "default" asks for from then on, so copies may. Refused while a branch is kept in it.`,
  examples: [
    { command: 'varve lv remove scratch', does: 'do without it' },
    { command: 'varve lv remove safe -n', does: 'which copies would go?' },
  ],
  json: PLACED_JSON,
  statuses: {
    [EXIT.notFound]: 'no such logical volume, or no store here',
    [EXIT.conflict]: 'a branch is kept in it, or gc is at work',
    [EXIT.damage]: true,
    [EXIT.storage]: 'no room on the volumes',
  },
  completes: ['lv'],

  async run(context, command) {
    const { dryRun = false, rate } = command.opts<PlaceFlags>()
    const [name = ''] = command.args
    const repository = await (dryRun ? context.openToRead() : context.open())
    const report = await repository.removeLogicalVolume(name, { ...context.work, dryRun, rateBytes: rate })
    await tellPlaced(context, report)
    if (!context.json && !dryRun) await context.say(`removed logical volume ${plainLine(name)}`)
    return EXIT.ok
  },
}

async function find(repository: Repository, name: string): Promise<LogicalVolumeInfo | undefined> {
  return (await repository.logicalVolumes()).find((volume) => volume.name === name)
}

async function tellPlaced(context: Context, report: PlaceCopiesReport): Promise<void> {
  context.clearProgress()
  if (context.json) {
    await context.out.json(report)
    return
  }
  const { dryRun, added, dropped, notes } = report
  for (const tally of added) await tellTally(context, dryRun ? 'would bring' : 'brought', 'to', tally)
  for (const tally of dropped) await tellTally(context, dryRun ? 'would drop' : 'dropped', 'from', tally)
  for (const note of notes) await context.warn(plainText(note))
  if (dryRun && added.length + dropped.length === 0)
    await context.say(`${counted(0, 'copy', 'copies')} would come or go`)
}

/** Nothing: as it was. What is named takes the place of what was, tags and all. */
export async function volumesWanted(
  context: Context,
  repository: Repository,
  wanted: readonly string[],
): Promise<{ readonly physicalVolumes?: readonly string[]; readonly tags?: readonly string[] }> {
  if (wanted.length === 0) return {}
  const tags = wanted.filter((word) => word.startsWith('@')).map((word) => word.slice(1))
  const physicalVolumes: string[] = []
  const isAll = wanted.length === 1 && wanted[0] === 'all'
  for (const word of isAll ? [] : wanted) {
    if (!word.startsWith('@')) physicalVolumes.push((await findVolume(context, repository, word)).uuid)
  }
  return { physicalVolumes, tags }
}
