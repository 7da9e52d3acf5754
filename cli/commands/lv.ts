import { Option } from 'commander'
import type { ConvertReport, LogicalVolumeInfo, PolicyChange, Repository } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT, UsageError } from '../errors.js'
import { printColumns } from '../output.js'
import { counted, countText, plainLine, plainText, sizeText } from '../text.js'
import { parseCount, parseCountFromNone, parseRate } from '../values.js'
import type { Verb, VerbGroup } from '../verb.js'
import { findVolume, tellTally } from '../volumeText.js'

/** The one that there is so far. */
const DEFAULT = 'default'

const list: Verb = {
  examples: [
    { command: 'varve lv', does: 'all logical volumes, and what copies lack' },
    { command: 'varve lv list --json', does: 'for a program' },
  ],
  json: `
{ name, uuid, type: string, copies, objectCopies: number, stripes: number | null,   // null is all
  physicalVolumes: number[], tags: string[],                                        // [] is all
  extents, storedBytes, lackingCopies: number }[]`,
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
  const heads = ['lv', 'type', 'copies', 'extents', 'stored', 'lacking', 'pvs'].map(bold)
  const rows = volumes.map((volume) => [
    plainLine(volume.name),
    volume.stripes === null ? volume.type : `${volume.type} ${volume.stripes}`,
    volume.objectCopies === volume.copies ? String(volume.copies) : `${volume.copies}, objects ${volume.objectCopies}`,
    countText(volume.extents),
    sizeText(volume.storedBytes),
    volume.lackingCopies === 0 ? '-' : red(countText(volume.lackingCopies)),
    usesText(volume),
  ])
  await printColumns(context.out, ['left', 'left', 'right', 'right', 'right', 'right', 'left'], [heads, ...rows])
}

function usesText({ physicalVolumes, tags }: LogicalVolumeInfo): string {
  const words = [...physicalVolumes.map(String), ...tags.map((tag) => `@${tag}`)]
  return words.length === 0 ? 'all' : words.join(' ')
}

interface ConvertFlags {
  readonly type?: PolicyChange['type']
  readonly mirrors?: number
  readonly objectMirrors?: number
  readonly stripes?: number
  readonly repair?: boolean
  readonly dryRun?: boolean
  readonly rate?: number
}

const convert: Verb = {
  define(command) {
    command
      .argument('<lv>', 'its name: default')
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
      .option('--repair', 'change nothing, and bring what copies lack')
      .option('-n, --dry-run', 'only say what would be brought and dropped')
      .option('--rate <size>', 'read and write so many bytes a second at most, as in 16M', parseRate)
  },
  about: `
What is stored follows: further copies are brought to other volumes, each synced before the catalog names it, and then those
are dropped that are too many; others read and commit meanwhile. Interrupted or killed, "--repair" does the rest. With "-m 1"
any one volume but the catalog's can be lost. Objects are small, and without them nothing is found: with "--object-mirrors 1" a
lost volume costs the files that lay there, and not history. From linear to striped or back, what is stored stays where it is. An extent that
is damaged in all copies stays as it is, and is told of.`,
  examples: [
    { command: 'varve lv convert default -m 1', does: 'keep everything twice' },
    { command: 'varve lv convert default -m 1 1 2', does: 'on the volumes 1 and 2' },
    { command: 'varve lv convert default all', does: 'on all there are and come to be' },
    { command: 'varve lv convert default --type striped', does: 'write to all volumes in turn, once' },
    { command: 'varve lv convert default -i 3 --object-mirrors 1', does: 'to three in turn, and objects twice' },
    { command: 'varve lv convert default @ssd', does: 'on volumes with the tag ssd ("pv change PV --addtag ssd")' },
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
  completes: [[DEFAULT], 'pv'],
  completesOption: { type: ['linear', 'striped', 'mirrored'] },

  async run(context, command) {
    const { type, mirrors, objectMirrors, stripes, repair, dryRun = false, rate } = command.opts<ConvertFlags>()
    const [name = '', ...wanted] = command.args
    const asked = [type, mirrors, objectMirrors, stripes].some((value) => value !== undefined) || wanted.length > 0
    if (!repair && !asked)
      throw new UsageError('convert to what?', 'give --type, -m, -i, --object-mirrors, the volumes to use, or --repair')
    if (repair && asked) throw new UsageError('--repair changes nothing', 'give it alone')
    const repository = await (dryRun ? context.openToRead() : context.open())
    const report = await repository.convertLogicalVolume(name, {
      ...context.work,
      type,
      copies: mirrors === undefined ? undefined : mirrors + 1,
      objectCopies: objectMirrors === undefined ? undefined : objectMirrors === 0 ? null : objectMirrors + 1,
      stripes,
      ...(await volumesWanted(context, repository, wanted)),
      dryRun,
      rateBytes: rate,
    })
    if (context.json) await context.out.json(report)
    else await tellConverted(context, name, report)
    return EXIT.ok
  },
}

/** Nothing: as it was. What is named takes the place of what was, tags and all. */
async function volumesWanted(
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
A logical volume says where extents go and how many copies there are of each. A store has one so far: default.`.trim(),
  default: 'list',
  subverbs: {
    list: { summary: 'List logical volumes', verb: list },
    convert: { summary: 'Change placement and copies, and move what is stored', verb: convert },
  },
}
