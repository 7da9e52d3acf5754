import { dirname, join } from 'node:path'
import { Option } from 'commander'
import type { CreateOptions } from '../../src/index.js'
import type { VerbCommand } from '../command.js'
import { EXIT, UsageError } from '../errors.js'
import { STORE_IN_FOLDER } from '../store.js'
import { sizeText } from '../text.js'
import { parsePositiveSize } from '../values.js'
import type { Verb } from '../verb.js'

export interface StoreFlags {
  readonly hash?: 'sha256' | 'blake3'
  readonly chunkSize?: number
  readonly extentSize?: number
  readonly compression?: string
  readonly defaultBranch?: string
}

export const verb: Verb = {
  define(command) {
    command.argument('[dir]', 'folder that gets the store, as .varve/store.varve (default: this one)')
    defineStoreOptions(command)
  },
  about: `
The store is one file. Given --store PATH (or VARVE_STORE) and no DIR, it is that file. What is fixed for ever decides
ids, so all copies of a store share it. "varve vg extend" adds files to a store later; "varve vg create" begins with several.`,
  examples: [
    { command: 'varve init ~/photos', does: 'a store in ~/photos/.varve' },
    { command: 'varve --store /backup/home.varve init', does: 'a store in a file of its own' },
    { command: 'varve init --hash blake3 --chunk-size 16K', does: 'other ids, larger chunks' },
  ],
  json: '{ store: string, hash: string, chunkBytes, extentBytes: number, defaultBranch: string }',
  statuses: { [EXIT.conflict]: 'there is something already', [EXIT.storage]: true },
  completes: ['file'],

  async run(context, command) {
    const options = command.opts<StoreFlags>()
    const [dir] = command.args
    const named = context.namedStorePath
    if (dir !== undefined && context.options.store !== undefined) {
      throw new UsageError('DIR and --store both say where the store goes', 'give one of them')
    }
    const path =
      dir === undefined && named !== undefined ? named : join(context.resolvePath(dir ?? '.'), STORE_IN_FOLDER)
    const library = await context.library()
    const inFolder = path !== named
    const made = inFolder
      ? (await library.WorkingFolder.init(dirname(dirname(path)), createOptions(options))).repository
      : await library.Repository.create(path, createOptions(options))
    const repository = context.adopt(made)
    const { hash, chunker, peSize } = repository.profile
    const { value: defaultBranch } = await repository.config.get('default-branch')
    if (context.json) {
      const result = { store: path, hash, chunkBytes: chunker.averageBytes, extentBytes: peSize, defaultBranch }
      await context.out.json(result)
    } else {
      await context.say(`created ${path}`)
      await context.say(
        `${hash} ids, chunks of ${sizeText(chunker.averageBytes)} on average, default branch ${defaultBranch}`,
      )
    }
    return EXIT.ok
  },
}

export function defineStoreOptions(command: VerbCommand): void {
  command
    .addOption(new Option('--hash <name>', 'how ids are computed; fixed for ever').choices(['sha256', 'blake3']))
    .option(
      '--chunk-size <size>',
      'average chunk; smaller finds more duplicates, larger is faster; fixed for ever',
      parsePositiveSize,
    )
    .option('--extent-size <size>', 'most bytes compressed together, 64K to 1M; fixed for ever', parsePositiveSize)
    .option('--compression <name>', 'zstd, zstd:1 … zstd:19, lz4 or none; may be changed later')
    .option('--default-branch <name>', 'the branch that is meant where none is named')
}

export function createOptions(options: StoreFlags): CreateOptions {
  return {
    ...(options.hash === undefined ? {} : { hash: options.hash }),
    ...(options.chunkSize === undefined ? {} : { chunkBytes: options.chunkSize }),
    ...(options.extentSize === undefined ? {} : { extentBytes: options.extentSize }),
    ...(options.compression === undefined ? {} : { compression: options.compression }),
    ...(options.defaultBranch === undefined ? {} : { defaultBranch: options.defaultBranch }),
  }
}
