import { InvalidArgumentError } from 'commander'
import type { Context } from '../context.js'
import { EXIT, UsageError } from '../errors.js'
import type { Verb } from '../verb.js'
import { PROBLEM_SHAPE, printVerified, verifiedStatus } from '../verifyText.js'

interface Options {
  readonly quick?: boolean
  readonly checksums?: boolean
  readonly subset?: Subset
  readonly heal?: boolean
}

interface Subset {
  readonly index: number
  readonly of: number
}

function parseSubset(text: string): Subset {
  const [index = Number.NaN, of = Number.NaN] = /^\d+\/\d+$/.test(text) ? text.split('/').map(Number) : []
  if (Number.isSafeInteger(of) && index >= 1 && index <= of) return { index, of }
  throw new InvalidArgumentError('It must be I/N, as in 1/7 … 7/7.')
}

export const verb: Verb = {
  define(command) {
    command
      .option('--quick', 'check structure and history only; file contents are not read')
      .option('--checksums', 'read all that is stored of the contents and compare it with its checksums, and no more')
      .option('--subset <i/n>', 'of the contents, read the I-th of N parts: in N runs, all of them', parseSubset)
      .option('--heal', 'put a sound copy of what is damaged in its place, where there is one')
  },
  about: `
Every stored extent is read and decoded, every chunk and object compared with its id, and every commit walked. What is
damaged is named with the files it touches. Nothing is changed, unless it is told to heal.

--checksums finds what a disk lost, about as fast as it can be read: nothing is decoded, and history, chunk tables and the structure
of the files are left out. --quick is the other half: those, and no contents.

Where volumes mirror each other, every copy is read. --heal mends those that are damaged from those that are not, reads them
again, and says so; then the status is 1. --subset reads a part of the extents, those whose numbers leave the same rest when they
are divided by N; history, chunk tables and the structure of the files are checked whole each time.

What should run by itself, slowly and every month, is "varve scrub".`,
  examples: [
    { command: 'varve verify', does: 'everything' },
    { command: 'varve verify --quick && echo fine', does: 'often, as in a nightly script' },
    { command: 'varve verify --checksums', does: 'has the disk lost anything? Quicker than everything' },
    { command: 'varve verify --subset 1/7', does: 'a seventh of the contents; another one tomorrow' },
    { command: 'varve verify --heal', does: 'everything, and mend damaged copies' },
  ],
  json: `
{ ok: boolean,                                                                     // true where all damage was healed
  checked: { volumes, extents, chunks, commits, objects, bytes: number },          // bytes: read and hashed; stored ones with --checksums
  problems: ${PROBLEM_SHAPE},       // mendable: another copy is sound
  healed: { extent: number, pv }[],
  replaced: number,                                                                // objects that are answered by others
  notes: string[] }`,
  statuses: {
    [EXIT.failed]: 'damage was found, and all of it was healed',
    [EXIT.notFound]: 'no store here',
    [EXIT.conflict]: true,
    [EXIT.damage]: 'problems were found, and are still there',
    [EXIT.storage]: true,
  },

  async run(context, command) {
    const { quick = false, checksums = false, subset, heal = false } = command.opts<Options>()
    if (quick && checksums) throw new UsageError('--quick reads no contents, whose --checksums could be compared')
    if (quick && subset) throw new UsageError('--quick reads no contents, of which --subset could be a part')
    if (quick && heal) throw new UsageError('--quick reads no contents, so there is nothing to heal')
    const repository = await open(context, heal)
    const report = await repository.verify({ ...context.work, quick, checksums, subset, heal })
    if (context.json) await context.out.json(report)
    else await printVerified(context, report)
    return verifiedStatus(report)
  },
}

function open(context: Context, heal: boolean) {
  return heal ? context.open() : context.openToRead()
}
