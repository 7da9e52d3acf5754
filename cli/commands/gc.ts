import type { GcReport } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT } from '../errors.js'
import { counted, plainText, sizeText, timeText } from '../text.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly dryRun?: boolean
  readonly now?: boolean
}

export const verb: Verb = {
  define(command) {
    command
      .option('-n, --dry-run', 'only say what would be done')
      .option('--now', 'without grace: what no branch, tag or folder needs goes at once, and cannot be brought back')
  },
  about: `
Gives back the space of what nothing needs any more. Needed is what branches, tags and working folders reach, with all their
history, and what they pointed at within the last 90 days, as the reflog has it (property reflog-keep). What is found not to
be needed is condemned: it stays readable for 14 days more (property gc-grace), and is kept if something needs it again.
Then a later run drops it, rewrites the extents of which a fifth is dead (property gc-waste), and makes the files shorter.

Days are counted by the runs: a clock that leaps adds two at most. Run it daily, or at least weekly. Others may read and commit
meanwhile; interrupted, the next run does the rest. If anything that is needed is damaged or missing, nothing is dropped.

--now gives no grace, and what only the reflog remembers goes as well: a deleted branch, or what a branch stood at before it was
moved, is lost for good. What commands at work in other processes need stays all the same.`,
  examples: [
    { command: 'varve gc', does: 'drop what was condemned long enough ago, condemn what is not needed now' },
    { command: 'varve gc -n', does: 'what would that be?' },
    { command: 'varve branch -d old && varve gc --now', does: 'delete a branch, and have its space back at once' },
  ],
  json: `
{ dryRun: boolean,
  live, condemned, waiting: { chunks, bytes: number },                     // chunks and objects; raw bytes
  nextMs?: number,                                                         // when something may be dropped, an estimate
  dropped: { extents, chunks, bytes, storedBytes: number },
  rewritten: { extents, chunks, bytes, storedBytes, newStoredBytes: number },   // bytes: what went of them
  wasteBytes, returnedBytes: number,
  heldBy: { id, kind, host, pid, startedMs }[],                            // leases that keep condemned chunks
  notes: string[] }`,
  statuses: {
    [EXIT.notFound]: 'no store here',
    [EXIT.conflict]: 'another gc is at work',
    [EXIT.damage]: 'something that is needed is damaged or missing; nothing was dropped',
    [EXIT.storage]: true,
  },

  async run(context, command) {
    const { dryRun = false, now = false } = command.opts<Options>()
    const repository = await (dryRun ? context.openToRead() : context.open())
    const report = await repository.gc({ ...context.work, dryRun, now })
    if (context.json) await context.out.json(report)
    else await tell(context, report)
    return EXIT.ok
  },
}

async function tell(context: Context, report: GcReport): Promise<void> {
  const { dryRun, condemned, waiting, nextMs, dropped, rewritten, wasteBytes, returnedBytes, heldBy, notes } = report
  const would = (past: string, conditional: string): string => (dryRun ? conditional : past)
  context.clearProgress()
  if (condemned.chunks > 0) {
    const what = `${counted(condemned.chunks, 'chunk')}, ${sizeText(condemned.bytes)} raw`
    await context.out.line(`${would('condemned', 'would condemn')} ${what}`)
  }
  if (dropped.extents > 0) {
    const what = `${counted(dropped.extents, 'extent')}, ${sizeText(dropped.storedBytes)} stored`
    await context.out.line(`${would('dropped', 'would drop')} ${what}`)
  }
  if (rewritten.extents > 0) {
    const what = `${counted(rewritten.extents, 'extent')}, ${sizeText(rewritten.bytes)} raw less`
    await context.out.line(`${would('rewrote', 'would rewrite')} ${what}`)
  }
  if (waiting.chunks > 0) {
    const when = nextMs === undefined ? '' : `; the first may go about ${dayText(nextMs)}`
    await context.out.line(
      `${counted(waiting.chunks, 'chunk')}, ${sizeText(waiting.bytes)} raw, condemned and kept${when}`,
    )
  }
  if (waiting.chunks > 0) {
    for (const { kind, host, pid, startedMs } of heldBy) {
      await context.say(`a ${kind} keeps what it may need: process ${pid} on ${host}, since ${dayText(startedMs)}`)
    }
  }
  for (const note of notes) await context.warn(plainText(note))
  if (returnedBytes > 0) await context.out.line(`${sizeText(returnedBytes)} given back to the file system`)
  const isIdle = condemned.chunks + waiting.chunks + dropped.extents + rewritten.extents === 0
  if (isIdle) await context.say('nothing to collect')
  if (isIdle && wasteBytes > 0)
    await context.say(`${sizeText(wasteBytes)} raw are dead in extents not worth rewriting yet`)
}

function dayText(timeMs: number): string {
  return timeText(timeMs, 0 - new Date(timeMs).getTimezoneOffset()).slice(0, 10)
}
