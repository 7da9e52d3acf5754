import { Option } from 'commander'
import type { ConvertReport, LogicalVolumeInfo, PolicyChange } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT, UsageError } from '../errors.js'
import { printColumns } from '../output.js'
import { counted, countText, plainLine, plainText, sizeText } from '../text.js'
import { parseTiers, type TierTags, tierLines, tierTags } from '../tierText.js'
import { parseCount, parseCountFromNone, parseRate } from '../values.js'
import type { Verb, VerbGroup } from '../verb.js'
import { tellTally } from '../volumeText.js'
import { create, extend, LOGICAL_VOLUME_JSON, remove, set, volumesWanted } from './lvChange.js'
import { tier } from './lvTier.js'

const list: Verb = {
  examples: [
    { command: 'varve lv', does: 'all logical volumes, and what copies lack' },
    { command: 'varve lv list --json', does: 'for a program' },
  ],
  json: `${LOGICAL_VOLUME_JSON}[]
// Tiers: { fast, slow: { tag: string, extents, storedBytes: number,
//                        usedBytes: number, capacityBytes: number | null },         // of all on its volumes
//          isDue: boolean }                                                          // for "varve lv tier"`,
  statuses: { [EXIT.notFound]: 'no store here', [EXIT.damage]: true },

  async run(context) {
    const repository = await context.open({ readOnly: true, partial: true })
    const volumes = await repository.logicalVolumes()
    if (context.json) await context.out.jsonArray(volumes)
    else await printLogicalVolumes(context, volumes)
    return EXIT.ok
  },
}

async function printLogicalVolumes(context: Context, volumes: readonly LogicalVolumeInfo[]): Promise<void> {
  const { bold, red } = context.colors
  const heads = ['lv', 'type', 'copies', 'extents', 'used', 'size', 'stored', 'lacking', 'pvs', 'branches'].map(bold)
  const rows = volumes.map((volume) => [
    plainLine(volume.name),
    volume.stripes === null ? volume.type : `${volume.type} ${volume.stripes}`,
    volume.objectCopies === volume.copies ? String(volume.copies) : `${volume.copies}, objects ${volume.objectCopies}`,
    countText(volume.extents),
    sizeText(volume.usedBytes),
    volume.virtualBytes === null ? '-' : `${sizeText(volume.virtualBytes)}${volume.reserved ? ' kept free' : ''}`,
    sizeText(volume.storedBytes),
    volume.lackingCopies === 0 ? '-' : red(countText(volume.lackingCopies)),
    usesText(volume),
    branchesText(volume, volumes.length),
  ])
  const sides = ['left', 'left', 'right', 'right', 'right', 'right', 'right', 'right', 'left', 'left'] as const
  await printColumns(context.out, sides, [heads, ...rows])
  for (const { name, tiers } of volumes) {
    for (const line of tiers ? tierLines(name, tiers) : []) await context.out.line(line)
  }
}

function usesText(volume: LogicalVolumeInfo): string {
  const { physicalVolumes, tags, tiers } = volume
  const words = [...physicalVolumes.map(String), ...tags.map((tag) => `@${tag}`), ...(tiers ? [tierTags(volume)] : [])]
  return words.length === 0 ? 'all' : words.join(' ')
}

function branchesText({ name, branches }: LogicalVolumeInfo, count: number): string {
  const words = branches.map(plainLine)
  if (name === 'default') words.push(count === 1 ? 'all' : 'all others')
  return words.length === 0 ? '-' : words.join(' ')
}

interface ConvertFlags {
  readonly type?: PolicyChange['type']
  readonly mirrors?: number
  readonly objectMirrors?: number
  readonly stripes?: number
  readonly tiers?: TierTags | 'none'
  readonly repair?: boolean
  readonly dryRun?: boolean
  readonly rate?: number
}

const convert: Verb = {
  define(command) {
    command
      .argument('<lv>', 'its name; there is always one: default')
      .argument('[pv...]', 'the volumes it may use from now on: named, by tag (@TAG), or all (default: as it was)')
      .addOption(
        new Option(
          '--type <type>',
          'where extents go: on one volume after the other, on all in turn, or each on several',
        ).choices(['linear', 'striped', 'mirrored']),
      )
      .option('-m, --mirrors <n>', 'how many further copies of each extent; 0 ends mirroring', parseCountFromNone)
      .option(
        '--object-mirrors <n>',
        'how many further copies of trees, manifests and commits, where these are to be more',
        parseCountFromNone,
      )
      .option('-i, --stripes <n>', 'striped over so many volumes (default: all)', parseCount)
      .option(
        '--tiers <fast:slow>',
        'what is new comes to volumes with the one tag, what is not used goes to those with the other; none ends it',
        parseTiers,
      )
      .option('--repair', 'change nothing, and bring what copies lack')
      .option('-n, --dry-run', 'only say what would be brought and dropped')
      .option('--rate <size>', 'read and write so many bytes a second at most, as in 16M', parseRate)
  },
  about: `
What is stored follows: further copies are brought to other volumes, each synced before the catalog names it, and then those
are dropped that are too many; others read and commit meanwhile. Interrupted or killed, "--repair" does the rest. With "-m 1"
any one volume but the catalog's can be lost. Objects are small, and without them nothing is found: with "--object-mirrors 1" a
lost volume costs the files that lay there, and not history. With "--tiers ssd:hdd" all copies of an extent lie on volumes with the one tag or
with the other: what is new on the fast ones while they have room, and "varve lv tier" moves what is there by use. From linear to striped or back, what is stored stays where it is. An extent that
is damaged in all copies stays as it is, and is told of.`,
  examples: [
    { command: 'varve lv convert default -m 1', does: 'keep everything twice' },
    { command: 'varve lv convert default -m 1 1 2', does: 'on the volumes 1 and 2' },
    { command: 'varve lv convert default all', does: 'on all there are and come to be' },
    { command: 'varve lv convert default --type striped', does: 'write to all volumes in turn, once' },
    { command: 'varve lv convert default -i 3 --object-mirrors 1', does: 'to three in turn, and objects twice' },
    { command: 'varve lv convert default @ssd', does: 'on volumes with the tag ssd ("pv change PV --addtag ssd")' },
    {
      command: 'varve lv convert default --tiers ssd:hdd',
      does: 'new and hot extents on volumes with the tag ssd, cold ones on those with hdd',
    },
    { command: 'varve lv convert default --repair', does: 'bring back what an interrupted one left, or a lost copy' },
  ],
  json: `
{ dryRun: boolean, type: string, copies, objectCopies: number,
  added, dropped: { pv, extents, storedBytes: number }[],
  lackingCopies: number, notes: string[] }`,
  statuses: {
    [EXIT.notFound]: 'no such volume, or no store here',
    [EXIT.conflict]: 'gc is at work',
    [EXIT.damage]: true,
    [EXIT.storage]: 'no room on the volumes; nothing was changed',
  },
  completes: ['lv', 'pv'],
  completesOption: { type: ['linear', 'striped', 'mirrored'] },

  async run(context, command) {
    const { type, mirrors, objectMirrors, stripes, tiers, repair, dryRun = false, rate } = command.opts<ConvertFlags>()
    const [name = '', ...wanted] = command.args
    const asked =
      [type, mirrors, objectMirrors, stripes, tiers].some((value) => value !== undefined) || wanted.length > 0
    if (!repair && !asked)
      throw new UsageError(
        'convert to what?',
        'give --type, -m, -i, --object-mirrors, --tiers, the volumes to use, or --repair',
      )
    if (repair && asked) throw new UsageError('--repair changes nothing', 'give it alone')
    const repository = await (dryRun ? context.openToRead() : context.open())
    const report = await repository.convertLogicalVolume(name, {
      ...context.work,
      type,
      copies: mirrors === undefined ? undefined : mirrors + 1,
      objectCopies: objectMirrors === undefined ? undefined : objectMirrors === 0 ? null : objectMirrors + 1,
      stripes,
      tiers: tiers === 'none' ? null : tiers,
      ...(await volumesWanted(context, repository, wanted)),
      dryRun,
      rateBytes: rate,
    })
    if (context.json) await context.out.json(report)
    else await tellConverted(context, name, report)
    return EXIT.ok
  },
}

async function tellConverted(context: Context, name: string, report: ConvertReport): Promise<void> {
  const { dryRun, added, dropped, type, copies, objectCopies, lackingCopies, notes } = report
  context.clearProgress()
  for (const tally of added) await tellTally(context, dryRun ? 'would bring' : 'brought', 'to', tally)
  for (const tally of dropped) await tellTally(context, dryRun ? 'would drop' : 'dropped', 'from', tally)
  for (const note of notes) await context.warn(plainText(note))
  if (dryRun) return
  const kept = copies === 1 ? 'one copy' : `${copies} copies`
  const objects = objectCopies === copies ? '' : `, ${objectCopies} of objects`
  await context.say(`logical volume ${plainLine(name)} is ${type}, ${kept} of each extent${objects}`)
  if (lackingCopies > 0) await context.warn(`${counted(lackingCopies, 'copy', 'copies')} still lacking`)
}

export const verb: VerbGroup = {
  about: `
A logical volume says where extents go, how many copies there are of each, and how much they may take. Every store has one, default; others
are for the branches that "lv set" keeps in them.`.trim(),
  default: 'list',
  subverbs: {
    list: { summary: 'List logical volumes', verb: list },
    create: { summary: 'Create a logical volume for some branches', verb: create },
    set: { summary: 'Keep branches in a logical volume', verb: set },
    extend: { summary: 'Change how much a logical volume may hold', verb: extend },
    convert: { summary: 'Change placement and copies, and move what is stored', verb: convert },
    remove: { summary: 'Remove a logical volume that no branch is kept in', verb: remove },
    tier: { summary: 'Move extents between a fast and a slow tier, by use', verb: tier },
  },
}
