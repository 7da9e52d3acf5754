import type { DefragmentReport } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT } from '../errors.js'
import { counted, plainText, sizeText } from '../text.js'
import { parseRate } from '../values.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly dryRun?: boolean
  readonly rate?: number
}

export const verb: Verb = {
  define(command) {
    command
      .argument('[revision]', 'whose files are put in order (default: HEAD)')
      .option('-n, --dry-run', 'only say what would be done')
      .option('--rate <size>', 'rewrite so many bytes a second at most, as in 16M', parseRate)
  },
  about: `
What was committed bit by bit, or is shared with what came before, lies all over the store: reading it goes to and fro. This
rewrites the extents that hold the files of a revision, where they lie in more than twice as many pieces as they would take, in
the order of the files. Nothing is dropped, and other revisions stay as quick to read as they were, or nearly so. Others may read
and commit meanwhile. Interrupted, what was done stays; the next run goes on. It needs room for what it rewrites at a time, up
to 64 MiB of contents, and gives spare room back to the file system.`,
  examples: [
    { command: 'varve defragment -n', does: 'in how many pieces does HEAD lie?' },
    { command: 'varve defragment main', does: 'put the newest of main in order' },
    { command: 'varve defragment v1.0 --rate 16M', does: 'without being noticed' },
  ],
  json: `
{ dryRun: boolean, chunks, bytes: number,                                   // of the files; raw bytes
  piecesBefore, piecesAfter: number,                                       // with -n the second is an estimate
  rewritten: { extents, bytes, storedBytes, newStoredBytes: number },
  notes: string[] }`,
  statuses: {
    [EXIT.notFound]: 'no store here, or no such revision',
    [EXIT.conflict]: 'gc is at work',
    [EXIT.damage]: 'a tree of the revision is damaged; contents that are damaged are left alone and told of',
    [EXIT.storage]: true,
  },
  completes: ['revision'],

  async run(context, command) {
    const { dryRun = false, rate } = command.opts<Options>()
    const [revision] = command.args
    const repository = await (dryRun ? context.openToRead() : context.open())
    const report = await repository.defragment({ ...context.work, revision, dryRun, rateBytes: rate })
    if (context.json) await context.out.json(report)
    else await tell(context, report)
    return EXIT.ok
  },
}

async function tell(context: Context, report: DefragmentReport): Promise<void> {
  const { dryRun, chunks, bytes, piecesBefore, piecesAfter, rewritten, notes } = report
  context.clearProgress()
  await context.out.line(`${counted(chunks, 'chunk')}, ${sizeText(bytes)} raw, in ${counted(piecesBefore, 'piece')}`)
  for (const note of notes) await context.warn(plainText(note))
  if (rewritten.extents === 0) {
    await context.say('in order as it is')
    return
  }
  const what = `${counted(rewritten.extents, 'extent')}, ${sizeText(rewritten.storedBytes)} stored`
  await context.out.line(
    dryRun
      ? `would rewrite ${what}, for about ${counted(piecesAfter, 'piece')}`
      : `rewrote ${what}; now in ${counted(piecesAfter, 'piece')}, ${sizeText(rewritten.newStoredBytes)} stored`,
  )
}
