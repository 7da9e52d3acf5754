/** vg export and vg import: a group on its way to another place or machine. */
import { EXIT } from '../errors.js'
import { counted, plainLine, plainText } from '../text.js'
import type { Verb } from '../verb.js'

/** Where the files are. */
const VOLUMES_SHAPE = 'volumes: { number: number, uuid, path: string }[]'

export const exportVerb: Verb = {
  about: `
For moving the files of a store to another place or machine. Nobody else may have it open. All is brought to the disk and sealed, and
from then on the store is refused until "varve vg import". "varve vg" and "varve pv" still show it.`,
  examples: [
    { command: 'varve vg export', does: 'have the store ready to be moved; says which files belong to it' },
    { command: 'varve --store /disk1/x.varve vg export', does: 'of a store that is named' },
  ],
  json: `{ uuid, name: string, ${VOLUMES_SHAPE} }`,
  statuses: {
    [EXIT.notFound]: 'no store here',
    [EXIT.conflict]: 'another command has the store open, or it is exported already',
    [EXIT.damage]: 'a volume is missing',
    [EXIT.storage]: true,
  },

  async run(context) {
    const repository = await context.open()
    const { uuid, name, physicalVolumes } = await repository.exportVolumeGroup()
    const volumes = physicalVolumes.map(({ number, uuid, path }) => ({ number, uuid, path }))
    if (context.json) {
      await context.out.json({ uuid, name, volumes })
      return EXIT.ok
    }
    for (const { path } of volumes) await context.out.line(plainLine(path))
    await context.say(`exported volume group ${plainLine(name)}, ${counted(volumes.length, 'file')}`)
    return EXIT.ok
  },
}

interface ImportFlags {
  readonly dryRun?: boolean
  readonly group?: string
  readonly missing?: boolean
}

export const importVerb: Verb = {
  define(command) {
    command
      .argument('[place...]', 'folders in which files of the store lie now, or the files (default: this folder)')
      .option('-n, --dry-run', 'only say what was found')
      .option('--group <name>', 'name or uuid of the group, where several are there')
      .option('--missing', 'do without volumes that are lost, or too old')
  },
  about: `
Takes up a store that "varve vg export" has ready. Its files are found by what is in them: they may be called anything, and lie anywhere.
Of a folder its files are looked at, not those of folders in it, but for .varve; what cannot be looked at is an error. Refused where a
file is missing, is there twice, or was put back from an older copy; then nothing is changed. With "--missing" such volumes are done
without: the store opens if all they hold lies elsewhere as well.`,
  examples: [
    { command: 'varve vg import -n /mnt/disk1 /mnt/disk2', does: 'what is there?' },
    { command: 'varve vg import /mnt/disk1 /mnt/disk2', does: 'use the store where its files are now' },
    { command: 'varve vg import --group photos /mnt/disk1', does: 'one of several' },
  ],
  json: `
{ dryRun: boolean, uuid, name, store: string,
  ${VOLUMES_SHAPE}, notes: string[] }`,
  statuses: {
    [EXIT.notFound]: 'no such file or folder, or no group there that is exported',
    [EXIT.conflict]: true,
    [EXIT.damage]: 'a file is missing, too old, there twice, or damaged',
    [EXIT.storage]: true,
  },
  completes: ['file', 'file'],

  async run(context, command) {
    const { dryRun = false, group, missing } = command.opts<ImportFlags>()
    const places = command.args.map((place) => context.resolvePath(place))
    if (places.length === 0) places.push(context.namedStorePath ?? context.folder)
    const { importVolumeGroup } = await context.library()
    const found = await importVolumeGroup(places, { dryRun, group, missing })
    if (context.json) {
      await context.out.json({ dryRun, ...found })
      return EXIT.ok
    }
    for (const { number, path } of found.volumes) await context.out.line(`volume ${number}: ${plainLine(path)}`)
    for (const note of found.notes) await context.warn(plainText(note))
    const did = dryRun ? 'could be imported' : 'imported'
    await context.say(`volume group ${plainLine(found.name)} ${did}: ${plainLine(found.store)}`)
    return EXIT.ok
  },
}
