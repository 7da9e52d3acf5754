import { Option } from 'commander'
import type { CreateOptions } from '../../src/index.js'
import { EXIT, UsageError } from '../errors.js'
import { volumeJson } from '../shapes.js'
import { counted, plainLine } from '../text.js'
import { parseCountFromNone, parsePositiveSize } from '../values.js'
import type { Verb } from '../verb.js'
import { createOptions, defineStoreOptions, type StoreFlags } from './init.js'

interface Flags extends StoreFlags {
  readonly type?: CreateOptions['type']
  readonly mirrors?: number
  readonly size?: number
}

export const create: Verb = {
  define(command) {
    command
      .argument('<store>', "the store's file: the catalog, and volume 0")
      .argument('[file...]', 'further volumes: paths where nothing is, or files of "varve pv create"')
      .addOption(
        new Option(
          '--type <type>',
          'where extents go: on one volume after the other, on all in turn, or each on several',
        ).choices(['linear', 'striped', 'mirrored']),
      )
      .option('-m, --mirrors <n>', 'how many further copies of each extent', parseCountFromNone)
      .option('--size <size>', 'stored bytes that each FILE may hold (default: as the disk allows)', parsePositiveSize)
    defineStoreOptions(command)
  },
  about: `
"varve init" for several files at once. There is a store with all of them, or none: killed in between, the same command again makes
it. Working folders of it come with "varve worktree add"; "varve vg extend" adds volumes later.`,
  examples: [
    {
      command: 'varve vg create /disk1/photos.varve /disk2/photos.pv1 -m 1',
      does: 'a store that keeps everything twice',
    },
    {
      command: 'varve vg create /disk1/s.varve /disk2/s.pv1 /disk3/s.pv2 --type striped --size 500G',
      does: 'one that writes to three disks in turn',
    },
  ],
  json: '{ store: string, hash: string, chunkBytes, extentBytes: number, type: string, copies: number, volumes: Volume[] }',
  statuses: { [EXIT.conflict]: 'there is something already', [EXIT.storage]: true },
  completes: ['file', 'file'],
  completesOption: { type: ['linear', 'striped', 'mirrored'] },

  async run(context, command) {
    const { type, mirrors, size, ...flags } = command.opts<Flags>()
    const [store = '', ...files] = command.args
    if (context.options.store !== undefined)
      throw new UsageError('STORE and --store both say where the store goes', 'give STORE alone')
    if (size !== undefined && files.length === 0)
      throw new UsageError(
        '--size is for the files besides the store',
        'name some; or limit the store later: pv resize',
      )
    const library = await context.library()
    const repository = context.adopt(
      await library.Repository.create(context.resolvePath(store), {
        ...createOptions(flags),
        volumes: files.map((file) => context.resolvePath(file)),
        capacityBytes: size,
        type,
        copies: mirrors === undefined ? undefined : mirrors + 1,
      }),
    )
    const { physicalVolumes, logicalVolumes } = await repository.volumeGroup()
    const { type: placed = 'linear', copies = 1 } = logicalVolumes[0] ?? {}
    if (context.json) {
      const { hash, chunker, peSize } = repository.profile
      const policy = { type: placed, copies }
      const profile = { hash, chunkBytes: chunker.averageBytes, extentBytes: peSize }
      await context.out.json({
        store: repository.path,
        ...profile,
        ...policy,
        volumes: physicalVolumes.map(volumeJson),
      })
      return EXIT.ok
    }
    const kept = copies === 1 ? 'one copy' : `${copies} copies`
    await context.say(
      `created ${plainLine(repository.path)}: ${counted(physicalVolumes.length, 'volume')}, ${placed}, ${kept} of each extent`,
    )
    return EXIT.ok
  },
}
