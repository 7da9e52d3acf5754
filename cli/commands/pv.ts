import type { ExtentMapEntry, MoveCopiesReport, PhysicalVolumeInfo, VolumeChange } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT, UsageError } from '../errors.js'
import { printColumns } from '../output.js'
import { volumeJson } from '../shapes.js'
import { counted, countText, percentText, plainLine, plainText, sizeText } from '../text.js'
import { collect, parseCapacity, parseRate, parseYesOrNo } from '../values.js'
import type { Verb, VerbGroup } from '../verb.js'
import { findVolume, printVolumes, tellTally } from '../volumeText.js'
import { check, create, remove } from './pvFiles.js'

const list: Verb = {
  define(command) {
    command
      .argument('[pv]', 'number, uuid or path; only this one')
      .option('--map', 'where extents lie: runs of extent numbers, volume by volume')
  },
  examples: [
    { command: 'varve pv list', does: 'all volumes' },
    { command: 'varve pv list --map 1', does: 'the extents on volume 1' },
  ],
  json: `
// without --map: Volume[]
// with --map:    { pv, firstExtent, lastExtent, extents, rawBytes, storedBytes: number,
//                  tier: "fast" | "slow" | null }[]`,
  statuses: { [EXIT.notFound]: 'no such volume, or no store here', [EXIT.damage]: true },
  completes: ['pv'],

  async run(context, command) {
    const { map } = command.opts<{ readonly map?: boolean }>()
    const [wanted] = command.args
    const repository = await context.open({ readOnly: true, partial: true })
    if (map === true) {
      const pv = wanted === undefined ? undefined : (await findVolume(context, repository, wanted)).uuid
      await printMap(context, repository.extentMap(pv === undefined ? {} : { pv }))
      return EXIT.ok
    }
    const volumes =
      wanted === undefined
        ? (await repository.volumeGroup()).physicalVolumes
        : [await findVolume(context, repository, wanted)]
    if (context.json) await context.out.jsonArray(volumes.map(volumeJson))
    else await printVolumes(context, volumes)
    return EXIT.ok
  },
}

async function printMap(context: Context, entries: AsyncIterable<ExtentMapEntry>): Promise<void> {
  if (context.json) {
    await context.out.jsonArray(entries)
    return
  }
  const { bold } = context.colors
  async function* rows(): AsyncIterable<readonly string[]> {
    yield ['pv', 'extents', 'numbers', 'raw', 'stored', 'ratio', ''].map(bold)
    for await (const entry of entries) {
      const { firstExtent, lastExtent } = entry
      yield [
        String(entry.pv),
        countText(entry.extents),
        firstExtent === lastExtent ? String(firstExtent) : `${firstExtent}-${lastExtent}`,
        sizeText(entry.rawBytes),
        sizeText(entry.storedBytes),
        percentText(entry.storedBytes, entry.rawBytes),
        entry.tier ?? '',
      ]
    }
  }
  await printColumns(context.out, ['right', 'right', 'left', 'right', 'right', 'right', 'left'], rows())
}

function rulesOf(volume: PhysicalVolumeInfo): string {
  const takes = volume.allocatable ? 'takes new extents' : 'takes no new extents'
  const most = volume.capacityBytes === null ? '' : `, holds at most ${sizeText(volume.capacityBytes)}`
  const tags = volume.tags.map((tag) => ` @${plainLine(tag)}`).join('')
  return `${takes}${most}${tags === '' ? '' : `, tags${tags}`}`
}

const show: Verb = {
  define(command) {
    command.argument('<pv>', 'number, uuid or path')
  },
  about: 'Also of a volume that is missing: what is known of it, and why it could not be opened.',
  examples: [
    { command: 'varve pv show 1', does: 'all that is known of volume 1' },
    { command: 'varve pv show /disk2/photos.pv1 --json', does: 'for a program' },
  ],
  json: 'Volume',
  statuses: { [EXIT.notFound]: 'no such volume, or no store here', [EXIT.damage]: true },
  completes: ['pv'],

  async run(context, command) {
    const [wanted = ''] = command.args
    const repository = await context.open({ readOnly: true, partial: true })
    const volume = await findVolume(context, repository, wanted)
    if (context.json) await context.out.json(volumeJson(volume))
    else await printVolume(context, volume)
    return EXIT.ok
  },
}

async function printVolume(context: Context, volume: PhysicalVolumeInfo): Promise<void> {
  const { capacityBytes, freeBytes, tags, problem } = volume
  const rows: (readonly [string, string])[] = [
    ['volume', String(volume.number)],
    ['uuid', volume.uuid],
    ['file', plainLine(volume.path)],
    ['on disk', sizeText(volume.fileBytes)],
    ['extents', countText(volume.extents)],
    ['stored', sizeText(volume.storedBytes)],
    ['capacity', capacityBytes === null ? 'as the disk allows' : sizeText(capacityBytes)],
    ...(freeBytes === null ? [] : [['free', sizeText(freeBytes)] as const]),
    ['allocatable', volume.allocatable ? 'yes' : 'no'],
    ...(tags.length === 0 ? [] : [['tags', plainLine(tags.join(' '))] as const]),
    ...(problem === undefined ? [] : [['problem', context.colors.red(plainLine(problem.message))] as const]),
  ]
  await printColumns(context.out, ['left', 'left'], rows)
}

interface ChangeFlags {
  readonly allocatable?: boolean
  readonly addtag?: readonly string[]
  readonly deltag?: readonly string[]
}

const change: Verb = {
  define(command) {
    command
      .argument('<pv>', 'number, uuid or path')
      .option('--allocatable <y|n>', 'whether new extents may go there', parseYesOrNo)
      .option('--addtag <tag>', 'give it a tag, by which logical volumes choose; may be given several times', collect)
      .option('--deltag <tag>', 'take a tag from it', collect)
  },
  about:
    'What is stored there already stays; "varve lv convert LV --repair" moves it where a logical volume asks for a tag.',
  examples: [
    { command: 'varve pv change 2 --addtag ssd', does: 'for "varve lv convert default @ssd"' },
    { command: 'varve pv change 1 --allocatable n', does: 'write nothing more to volume 1' },
    { command: 'varve pv change 1 --allocatable y', does: 'use it again' },
  ],
  json: 'Volume',
  statuses: { [EXIT.notFound]: 'no such volume, or no store here', [EXIT.conflict]: true },
  completes: ['pv'],
  completesOption: { allocatable: ['y', 'n'] },

  async run(context, command) {
    const { allocatable, addtag, deltag } = command.opts<ChangeFlags>()
    const [wanted = ''] = command.args
    if (allocatable === undefined && addtag === undefined && deltag === undefined)
      throw new UsageError('change what?', 'give --allocatable, --addtag or --deltag')
    return changed(context, wanted, (volume) => ({
      allocatable,
      ...(addtag || deltag
        ? { tags: [...volume.tags.filter((tag) => !deltag?.includes(tag)), ...(addtag ?? [])] }
        : {}),
    }))
  },
}

const resize: Verb = {
  define(command) {
    command
      .argument('<pv>', 'number, uuid or path')
      .argument('<size>', 'stored bytes it may hold, or none for as the disk allows', parseCapacity)
  },
  about: 'What is stored there already stays: a volume cannot be smaller than that.',
  examples: [
    { command: 'varve pv resize 2 800G', does: 'let volume 2 grow to 800 GiB' },
    { command: 'varve pv resize 2 none', does: 'as the disk allows' },
  ],
  json: 'Volume',
  statuses: { [EXIT.notFound]: 'no such volume, or no store here', [EXIT.conflict]: true },
  completes: ['pv'],

  async run(context, command) {
    const [wanted = ''] = command.args
    const [, size] = command.processedArgs as [string, number | 'none']
    return changed(context, wanted, { capacityBytes: size === 'none' ? null : size })
  },
}

async function changed(
  context: Context,
  wanted: string,
  change: VolumeChange | ((before: PhysicalVolumeInfo) => VolumeChange),
): Promise<number> {
  const repository = await context.open()
  const before = await findVolume(context, repository, wanted)
  const { uuid } = before
  await repository.changePhysicalVolume(uuid, typeof change === 'function' ? change(before) : change)
  const volume = await findVolume(context, repository, uuid)
  if (context.json) await context.out.json(volumeJson(volume))
  else await context.say(`volume ${volume.number}: ${rulesOf(volume)}`)
  return EXIT.ok
}

const move: Verb = {
  define(command) {
    command
      .argument('<pv>', 'number, uuid or path')
      .argument('[to...]', 'where to (default: all others that take new extents)')
      .option('-n, --dry-run', 'only say what would be moved')
      .option('--rate <size>', 'read and write so many bytes a second at most, as in 16M', parseRate)
  },
  about: `
Each extent is brought to another volume, synced, named there by the catalog, and then dropped here; others read and commit
meanwhile. Interrupted or killed, the next run does the rest. New extents may still come to the volume: "varve pv change PV
--allocatable n" keeps them away. What is in a tier stays in it, unless volumes to go to are named. An extent that is damaged stays where it is, and is told of.`,
  examples: [
    { command: 'varve pv change 1 --allocatable n && varve pv move 1', does: 'empty volume 1' },
    {
      command: 'varve pv move 0 2 3 --rate 50M',
      does: 'bring what volume 0 holds to 2 and 3, and leave the disk to others',
    },
    { command: 'varve pv move -n 1', does: 'how much is it, and where would it go?' },
  ],
  json: `
{ dryRun: boolean,
  moved: { pv, extents, storedBytes: number }[],       // by where it went
  leftExtents: number, notes: string[] }`,
  statuses: {
    [EXIT.notFound]: 'no such volume, or no store here',
    [EXIT.conflict]: 'gc is at work',
    [EXIT.damage]: true,
    [EXIT.storage]: 'no room on the other volumes; nothing was moved',
  },
  completes: ['pv', 'pv'],

  async run(context, command) {
    const { dryRun = false, rate } = command.opts<{ readonly dryRun?: boolean; readonly rate?: number }>()
    const [wanted = '', ...others] = command.args
    const repository = await (dryRun ? context.openToRead() : context.open())
    const { uuid, number } = await findVolume(context, repository, wanted)
    const to: string[] = []
    for (const other of others) to.push((await findVolume(context, repository, other)).uuid)
    const report = await repository.movePhysicalVolume(uuid, {
      ...context.work,
      to: to.length > 0 ? to : undefined,
      dryRun,
      rateBytes: rate,
    })
    if (context.json) await context.out.json(report)
    else await tellMoved(context, number, report)
    return EXIT.ok
  },
}

async function tellMoved(context: Context, from: number, report: MoveCopiesReport): Promise<void> {
  const { dryRun, moved, leftExtents, notes } = report
  context.clearProgress()
  for (const tally of moved) await tellTally(context, dryRun ? 'would move' : 'moved', 'to', tally)
  for (const note of notes) await context.warn(plainText(note))
  if (dryRun) return
  if (leftExtents === 0) await context.say(`volume ${from} is empty`)
  else await context.say(`${counted(leftExtents, 'extent')} left on volume ${from}`)
}

const restore: Verb = {
  define(command) {
    command
      .argument('<pv>', 'number, uuid or path')
      .option('-n, --dry-run', 'only say what it lacks')
      .option('--rate <size>', 'read and write so many bytes a second at most, as in 16M', parseRate)
  },
  about: `
A volume that was put back from an older copy is not used: the store goes on with other copies of what it held. This brings what
it lacks from these, drops what nothing names any more, and then it is used again. Interrupted or killed, the next run does
the rest. A file that is lost is another thing: "varve vg reduce --missing".`,
  examples: [
    { command: 'varve pv restore 1', does: 'bring volume 1 up to date' },
    { command: 'varve pv restore -n 1', does: 'what does it lack?' },
  ],
  json: `
{ dryRun: boolean, extents, storedBytes, droppedExtents: number, notes: string[] }`,
  statuses: {
    [EXIT.notFound]: 'no such volume, or no store here',
    [EXIT.conflict]: 'gc is at work',
    [EXIT.damage]: true,
    [EXIT.storage]: true,
  },
  completes: ['pv'],

  async run(context, command) {
    const { dryRun = false, rate } = command.opts<{ readonly dryRun?: boolean; readonly rate?: number }>()
    const [wanted = ''] = command.args
    const repository = await (dryRun ? context.openToRead() : context.open())
    const { uuid, number } = await findVolume(context, repository, wanted)
    const report = await repository.restorePhysicalVolume(uuid, { ...context.work, dryRun, rateBytes: rate })
    if (context.json) {
      await context.out.json(report)
      return EXIT.ok
    }
    context.clearProgress()
    const what = `${counted(report.extents, 'extent')}, ${sizeText(report.storedBytes)} stored`
    await context.out.line(`${dryRun ? 'would bring' : 'brought'} ${what} to volume ${number}`)
    for (const note of report.notes) await context.warn(plainText(note))
    if (!dryRun) await context.say(`volume ${number} is used again`)
    return EXIT.ok
  },
}

export const verb: VerbGroup = {
  about: 'A physical volume is one file of the store; "varve vg extend FILE" adds one.',
  default: 'list',
  subverbs: {
    list: { summary: 'List physical volumes or their extents', verb: list },
    show: { summary: 'Show all that is known of a volume', verb: show },
    change: { summary: 'Let a volume take new extents or not', verb: change },
    resize: { summary: 'Change how much a volume may hold', verb: resize },
    move: { summary: 'Move what a volume holds to others', verb: move },
    create: { summary: 'Make files of volumes for later', verb: create },
    check: { summary: 'Check files of volumes by themselves', verb: check },
    restore: { summary: 'Bring an old copy of a volume up to date', verb: restore },
    remove: { summary: 'Delete files of volumes that no group needs', verb: remove },
  },
}
