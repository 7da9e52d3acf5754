import type { ReduceOptions, VolumeGroupInfo } from '../../src/index.js'
import { EXIT } from '../errors.js'
import { volumeJson } from '../shapes.js'
import { counted, plainLine, plainText, sizeText } from '../text.js'
import { collect, parsePositiveSize, parseRate } from '../values.js'
import type { Verb, VerbGroup } from '../verb.js'
import { findVolume, printVolumes, tellTally } from '../volumeText.js'
import { create } from './vgCreate.js'
import { exportVerb, importVerb } from './vgMove.js'
import { recover } from './vgRecover.js'

const show: Verb = {
  examples: [
    { command: 'varve vg', does: 'the group and its volumes' },
    { command: 'varve vg show --json', does: 'for a program' },
  ],
  json: `
{ uuid, name: string, sequence: number, type: "linear" | "striped" | "mirrored", chunkBytes, extentBytes: number,
  exported: boolean,     // until varve vg import
  space: { capacityBytes: number | null, storedBytes, promisedBytes, reservedBytes: number },   // null: as the disks allow
  volumes: Volume[] }`,
  statuses: { [EXIT.notFound]: 'no store here', [EXIT.damage]: true },

  async run(context) {
    const repository = await context.open({ readOnly: true, partial: true })
    const group = await repository.volumeGroup()
    if (context.json) {
      await context.out.json(groupJson(group, repository.profile.chunker.averageBytes))
      return EXIT.ok
    }
    const { hash, chunker, peSize } = repository.profile
    const name = plainLine(group.name)
    const exported = group.exported ? ', exported: until "varve vg import"' : ''
    await context.out.line(
      `volume group ${name} (${group.uuid}), ${typeOf(group)}, layout ${group.sequence}${exported}`,
    )
    await context.out.line(`${hash} ids, chunks of ${sizeText(chunker.averageBytes)}, extents of ${sizeText(peSize)}`)
    for (const line of promiseLines(group.space)) await context.out.line(line)
    await context.out.line(`${counted(group.physicalVolumes.length, 'physical volume')}:`)
    await printVolumes(context, group.physicalVolumes)
    return EXIT.ok
  },
}

/** What is promised to logical volumes, and whether there is as much; nothing where nothing is. */
function promiseLines({
  capacityBytes,
  storedBytes,
  promisedBytes,
  reservedBytes,
}: VolumeGroupInfo['space']): string[] {
  if (promisedBytes === 0) return []
  const kept = reservedBytes > 0 ? `, ${sizeText(reservedBytes)} of what is left kept free` : ''
  const promised = `${sizeText(promisedBytes)} promised to logical volumes, with all copies`
  if (capacityBytes === null) return [`${promised}, ${sizeText(storedBytes)} stored${kept}`]
  const times = promisedBytes / capacityBytes
  const over = times > 1 ? `: overcommitted ${times.toFixed(2)} times` : ''
  return [`${promised}, of ${sizeText(capacityBytes)}${over}; ${sizeText(storedBytes)} stored${kept}`]
}

/** How new extents are placed: that of the logical volume that all branches are kept in of which nothing else is said. */
function typeOf(group: VolumeGroupInfo): string {
  return group.logicalVolumes.find(({ name }) => name === 'default')?.type ?? 'linear'
}

function groupJson(group: VolumeGroupInfo, chunkBytes: number) {
  return {
    uuid: group.uuid,
    name: group.name,
    sequence: group.sequence,
    type: typeOf(group),
    chunkBytes,
    extentBytes: group.extentBytes,
    exported: group.exported,
    space: group.space,
    volumes: group.physicalVolumes.map(volumeJson),
  }
}

const extend: Verb = {
  define(command) {
    command
      .argument('<file>', 'the file to make, or one of "varve pv create"; another disk is a good place')
      .option(
        '--size <size>',
        'stored bytes it may hold (default: as it was made with, else as the disk allows)',
        parsePositiveSize,
      )
      .option('--addtag <tag>', 'give it a tag, by which logical volumes choose; may be given several times', collect)
  },
  about: `
From then on the store needs that file too: without it, it opens only where all that lies there has copies elsewhere ("varve lv
convert"). A logical volume that uses named volumes takes no notice of it: "varve lv convert LV all".`,
  examples: [
    { command: 'varve vg extend /disk2/photos.pv1', does: 'a volume on a second disk' },
    { command: 'varve vg extend /disk3/photos.pv2 --size 500G', does: 'one that takes at most so much' },
  ],
  json: 'Volume',
  statuses: {
    [EXIT.notFound]: 'no store here',
    [EXIT.conflict]: 'the file exists and is in use, or the store is locked',
    [EXIT.damage]: 'the file belongs to another group, or is a copy',
    [EXIT.storage]: true,
  },
  completes: ['file'],

  async run(context, command) {
    const { size, addtag: tags } = command.opts<{ readonly size?: number; readonly addtag?: readonly string[] }>()
    const [file = ''] = command.args
    const repository = await context.open()
    const volume = await repository.extendVolumeGroup(context.resolvePath(file), { capacityBytes: size, tags })
    if (context.json) await context.out.json(volumeJson(volume))
    else await context.say(`added physical volume ${volume.number}: ${plainLine(volume.path)}`)
    return EXIT.ok
  },
}

const reduce: Verb = {
  define(command) {
    command
      .argument('<pv>', 'number, uuid or path')
      .option('--missing', 'its file is lost: do without what was there, where other volumes have it too')
      .option('--force', 'with --missing: give up for good what lay there alone')
      .option('-n, --dry-run', 'only say what would be given up')
  },
  about: `
Only a volume on which nothing lies can go: "varve pv change PV --allocatable n" and "varve pv move PV" empty it. Its file
stays where it is, and is needed no more: "varve pv remove FILE" deletes it. Volume 0 lies in the file of the catalog and cannot go. Of one
that is lost for good all copies are forgotten with "--missing"; then "varve lv convert LV --repair" makes others. What lay
there alone is given up with "--force": files that need it cannot be read any more, and "varve verify" names them. Should the file
come back later, it is no help any more.`,
  examples: [
    {
      command: 'varve pv change 2 --allocatable n && varve pv move 2 && varve vg reduce 2',
      does: 'do without volume 2',
    },
    {
      command: 'varve vg reduce 1 --missing && varve vg extend /disk4/new.pv && varve lv convert default --repair',
      does: 'a new disk in the place of one that died',
    },
    { command: 'varve vg reduce 1 --missing --force -n', does: 'how much lay there alone?' },
  ],
  json: '{ number: number, uuid, path: string, dryRun: boolean, lostExtents, lostBytes: number }',
  statuses: {
    [EXIT.notFound]: 'no such volume, or no store here',
    [EXIT.conflict]: 'extents lie there, or gc is at work',
    [EXIT.damage]: true,
  },
  completes: ['pv'],

  async run(context, command) {
    const [wanted = ''] = command.args
    const { missing, force, dryRun } = command.opts<ReduceOptions>()
    // With what lies there alone it does not open otherwise.
    const repository = await context.open({ partial: missing === true && force === true })
    const { number, uuid, path } = await findVolume(context, repository, wanted)
    const report = await repository.reduceVolumeGroup(uuid, { missing, force, dryRun })
    if (context.json) {
      await context.out.json({ number, uuid, path, ...report })
      return EXIT.ok
    }
    const { lostExtents, lostBytes } = report
    if (lostExtents > 0 || dryRun) {
      const lost = `${counted(lostExtents, 'extent')}, ${sizeText(lostBytes)} stored`
      await context.out.line(
        `${dryRun ? 'would give up' : 'gave up'} ${lost}${dryRun ? '' : '; "varve verify --quick" names what is hit'}`,
      )
    }
    if (!dryRun) await context.say(`volume ${number} is no part of the group any more: ${plainLine(path)}`)
    return EXIT.ok
  },
}

const rename: Verb = {
  define(command) {
    command.argument('<name>', 'what the group is to be called')
  },
  about: 'The name is for people: files and commands go by paths.',
  examples: [
    { command: 'varve vg rename photos', does: 'another name' },
    { command: 'varve --store /disk1/x.varve vg rename photos', does: 'of a store that is named' },
  ],
  json: '{ name: string, sequence: number }',
  statuses: { [EXIT.notFound]: 'no store here', [EXIT.conflict]: true },

  async run(context, command) {
    const [wanted = ''] = command.args
    const repository = await context.open()
    await repository.renameVolumeGroup(wanted)
    const { name, sequence } = await repository.volumeGroup()
    if (context.json) await context.out.json({ name, sequence })
    else await context.say(`the volume group is called ${plainLine(name)}`)
    return EXIT.ok
  },
}

const balance: Verb = {
  define(command) {
    command
      .option('-n, --dry-run', 'only say what would be moved')
      .option('--rate <size>', 'read and write so many bytes a second at most, as in 16M', parseRate)
  },
  about: `
Extents move from the volumes that hold most to those that hold least, until all that take new extents hold about as much, as
far as they may; others read and commit meanwhile. Interrupted or killed, the next run does the rest.`,
  examples: [
    { command: 'varve vg extend /disk4/new.pv && varve vg balance', does: 'have a new volume take its share' },
    { command: 'varve vg balance -n', does: 'how much would that be?' },
  ],
  json: `
{ dryRun: boolean,
  added, dropped: { pv, extents, storedBytes: number }[], notes: string[] }`,
  statuses: {
    [EXIT.notFound]: 'no store here',
    [EXIT.conflict]: 'gc is at work',
    [EXIT.damage]: true,
    [EXIT.storage]: true,
  },

  async run(context, command) {
    const { dryRun = false, rate } = command.opts<{ readonly dryRun?: boolean; readonly rate?: number }>()
    const repository = await (dryRun ? context.openToRead() : context.open())
    const report = await repository.balanceVolumeGroup({ ...context.work, dryRun, rateBytes: rate })
    if (context.json) {
      await context.out.json(report)
      return EXIT.ok
    }
    context.clearProgress()
    for (const tally of report.added) await tellTally(context, dryRun ? 'would move' : 'moved', 'to', tally)
    for (const note of report.notes) await context.warn(plainText(note))
    if (report.added.length === 0) await context.say('the volumes are even')
    return EXIT.ok
  },
}

export const verb: VerbGroup = {
  about: `
A store is a volume group: one file at first, more as "varve vg extend" adds them. Each file is a physical volume (pv)
and holds extents: runs of chunks compressed together.`.trim(),
  default: 'show',
  subverbs: {
    show: { summary: 'Show the group and its volumes', verb: show },
    create: { summary: 'Create a store of several files', verb: create },
    extend: { summary: 'Add a file to the store', verb: extend },
    reduce: { summary: 'Take an empty volume out', verb: reduce },
    balance: { summary: 'Even out how much volumes hold', verb: balance },
    rename: { summary: 'Give the group another name', verb: rename },
    recover: { summary: 'Make a lost catalog anew', verb: recover },
    export: { summary: 'Have the store ready to be moved', verb: exportVerb },
    import: { summary: 'Take a store up where it was moved to', verb: importVerb },
  },
}
