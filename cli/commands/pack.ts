import { EXIT } from '../errors.js'
import { tellPacked } from '../packText.js'
import { parseRate } from '../values.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly archive?: boolean
  readonly dryRun?: boolean
  readonly rate?: number
}

export const verb: Verb = {
  define(command) {
    command
      .option('--archive', 'compress harder: for a store that is rarely written to again; reading it is as quick')
      .option('-n, --dry-run', 'only say how much there is to be packed')
      .option('--rate <size>', 'read and write so many bytes a second at most, as in 16M', parseRate)
  },
  about: `
Puts all that is stored together anew, so that it takes less room. Each commit is compressed against the one before it when it is
written, in the order in which commits came. This looks at all of them at once: the newest commit is stored whole and in the order
of its files, and is read in one go; older ones are stored as what they differ in. What was moved, renamed or copied is found too.

Nothing is dropped: that is for "varve gc", and packing after it packs less. A store never grows by it: if what was packed is not
smaller, it is thrown away, and all stays as it is. So it is too when the command is interrupted or killed, or when others meanwhile
committed something that builds on what was to go: then run it again. Others may read and commit all the while. It reads the whole
store three times, and needs room for the packed store beside the old one. Run it once a store has grown by much.`,
  examples: [
    { command: 'varve pack', does: 'make the store smaller' },
    { command: 'varve gc --now && varve pack --archive', does: 'make it as small as can be, before it is put away' },
    { command: 'varve pack --rate 16M', does: 'without being noticed' },
  ],
  json: `
{ dryRun: boolean,
  extents, chunks, objects: number,           // all there are
  bytes, storedBytes: number,                 // of both; raw, and as they were stored
  isPacked: boolean,                          // false: nothing was changed, for it would not have become smaller; with -n
  newExtents: number,                         // 0 if nothing was changed
  newStoredBytes: number,                     // what they take, or would have taken; 0 with -n
  notes: string[] }                           // why else nothing was changed`,
  statuses: {
    [EXIT.notFound]: 'no store here',
    [EXIT.conflict]: 'gc or other upkeep is at work, or rewrote extents meanwhile',
    [EXIT.damage]: 'something is damaged; nothing was changed',
    [EXIT.storage]: true,
  },

  async run(context, command) {
    const { archive = false, dryRun = false, rate } = command.opts<Options>()
    const repository = await (dryRun ? context.openToRead() : context.open())
    const report = await repository.pack({ ...context.work, archive, dryRun, rateBytes: rate })
    if (context.json) await context.out.json(report)
    else await tellPacked(context, report)
    return EXIT.ok
  },
}
