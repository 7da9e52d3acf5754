/** Verbs of pv that take files of volumes, while no store is open. */

import type { Context } from '../context.js'
import { EXIT, NoStoreError } from '../errors.js'
import { plainLine, sizeText } from '../text.js'
import { parsePositiveSize } from '../values.js'
import type { Verb } from '../verb.js'
import { PROBLEM_SHAPE, printVerified, verifiedStatus } from '../verifyText.js'
import { findVolume } from '../volumeText.js'

const NUMBER_OR_UUID = /^(\d+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/

export const create: Verb = {
  define(command) {
    command
      .argument('<file...>', 'the files to make')
      .option('--size <size>', 'stored bytes that each may hold (default: as the disk allows)', parsePositiveSize)
  },
  about: `
The files belong to no group until "varve vg extend FILE" or "varve vg create STORE FILE" takes them up. That makes such files as well:
this is for having them made beforehand, by somebody else, or with their limits. Where anything is already, nothing is made.`,
  examples: [
    { command: 'varve pv create /disk2/photos.pv1 /disk3/photos.pv2 --size 500G', does: 'two volumes for later' },
    {
      command: 'varve pv create /disk2/a.pv && varve vg extend /disk2/a.pv',
      does: 'make one, and add it to the store',
    },
  ],
  json: '{ path, uuid: string, capacityBytes: number | null }[]',
  statuses: { [EXIT.conflict]: 'there is something already', [EXIT.storage]: true },
  completes: ['file', 'file'],

  async run(context, command) {
    const { size } = command.opts<{ readonly size?: number }>()
    const { createPhysicalVolumes } = await context.library()
    const files = command.args.map((file) => context.resolvePath(file))
    const made = await createPhysicalVolumes(files, size === undefined ? {} : { capacityBytes: size })
    if (context.json) await context.out.jsonArray(made)
    for (const { path, capacityBytes } of made) {
      const limit = capacityBytes === null ? '' : `, holds at most ${sizeText(capacityBytes)}`
      await context.say(`made a volume that belongs to no group yet: ${plainLine(path)}${limit}`)
    }
    return EXIT.ok
  },
}

export const remove: Verb = {
  define(command) {
    command
      .argument('<file...>', 'files of volumes')
      .option('-n, --dry-run', 'only say what would be deleted')
      .option('-f, --force', 'the group that a volume says it belongs to is gone for good')
  },
  about: `
Deletes the file of a volume that belongs to no group, or that its group does without since "varve vg reduce". The group is asked where
the volume says that its catalog is, and so is the store of this folder. If no catalog is found, the volume stays, unless it was told
itself that it was taken out, or with "--force". One that a group names is never deleted; nor is anything that is no volume.`,
  examples: [
    {
      command: 'varve vg reduce 2 && varve pv remove /disk3/photos.pv2',
      does: 'take a volume out, and delete its file',
    },
    { command: 'varve pv remove -n /disk3/*.pv*', does: 'may these be deleted?' },
  ],
  json: `
{ dryRun: boolean,
  removed: { path, uuid: string, group: string | null }[] }     // group: the one that does without it`,
  statuses: {
    [EXIT.notFound]: 'no such file, or no volume',
    [EXIT.conflict]: 'a group needs it; nothing was deleted',
    [EXIT.damage]: true,
    [EXIT.storage]: true,
  },
  completes: ['file', 'file'],

  async run(context, command) {
    const { dryRun = false, force = false } = command.opts<{ readonly dryRun?: boolean; readonly force?: boolean }>()
    const { removePhysicalVolumes } = await context.library()
    const files = command.args.map((file) => context.resolvePath(file))
    const removed = await removePhysicalVolumes(files, { dryRun, force, stores: await storesHere(context) })
    if (context.json) {
      await context.out.json({
        dryRun,
        removed: removed.map(({ path, uuid, group }) => ({ path, uuid, group: group ?? null })),
      })
      return EXIT.ok
    }
    for (const { path, group } of removed) {
      const whose = group === undefined ? 'no group needs it' : `group ${plainLine(group)} does without it`
      await context.out.line(`${dryRun ? 'would delete' : 'deleted'} ${plainLine(path)}: ${whose}`)
    }
    return EXIT.ok
  },
}

/** It may have been moved since its volumes heard of it last. */
async function storesHere(context: Context): Promise<string[]> {
  try {
    return [(await context.open({ readOnly: true, partial: true })).path]
  } catch (error) {
    if (error instanceof NoStoreError) return []
    throw error
  }
}

export const check: Verb = {
  define(command) {
    command.argument('<pv...>', 'files of volumes; or numbers or uuids of volumes of the store here')
  },
  about: `
Each file is checked by itself, without its group: its structure, header and layout, the row and the checksum of each extent, and the
rows of its chunk table, by their number. Nothing is changed. It works where the catalog is lost, too, or the file was only copied
somewhere. What takes the catalog, other volumes, or decoding, "varve verify" checks. A file called 1 is ./1.`,
  examples: [
    { command: 'varve pv check /disk2/photos.pv1', does: 'is this file sound?' },
    { command: 'varve pv check 1 2', does: 'the same of two volumes of the store' },
    { command: 'varve pv check /backup/*.pv* --json', does: 'for a program' },
  ],
  json: `
{ ok: boolean,
  checked: { volumes, extents, chunks, commits, objects, bytes: number },     // bytes: stored ones
  problems: ${PROBLEM_SHAPE},
  healed: [], replaced: 0, notes: string[] }                                  // as varve verify prints it`,
  statuses: {
    [EXIT.notFound]: 'no such file or volume',
    [EXIT.conflict]: true,
    [EXIT.damage]: 'problems were found',
    [EXIT.storage]: true,
  },
  completes: ['file', 'file'],

  async run(context, command) {
    const { checkPhysicalVolumes } = await context.library()
    const files: string[] = []
    for (const wanted of command.args) {
      files.push(NUMBER_OR_UUID.test(wanted) ? await fileOf(context, wanted) : context.resolvePath(wanted))
    }
    const report = await checkPhysicalVolumes(files, context.work)
    if (context.json) await context.out.json(report)
    else await printVerified(context, report)
    return verifiedStatus(report)
  },
}

async function fileOf(context: Context, wanted: string): Promise<string> {
  const repository = await context.open({ readOnly: true, partial: true })
  const { path, problem, number } = await findVolume(context, repository, wanted)
  if (problem?.code !== 'PV_MISSING') return path
  const { VarveError } = await context.library()
  throw new VarveError('PV_MISSING', problem.message, {
    pv: String(number),
    hint: 'Name its file, wherever it is: `varve pv check FILE`.',
  })
}
