import type { ScrubStatus } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT, UsageError } from '../errors.js'
import { agoText, counted, durationText, sizeText } from '../text.js'
import { parseRate } from '../values.js'
import type { Verb } from '../verb.js'
import { lastScrubText, PROBLEM_SHAPE, printProblems, printVerified, verifiedStatus } from '../verifyText.js'

interface Options {
  readonly rate?: number
  readonly heal: boolean
  readonly restart?: boolean
  readonly status?: boolean
}

export const verb: Verb = {
  define(command) {
    command
      .option('--rate <size>', 'read so many bytes a second at most, as in 50M', parseRate)
      .option('--no-heal', 'only find damage; mend nothing but what every read mends as it meets it')
      .option('--restart', 'begin anew, and not where the last one was interrupted')
      .option('--status', 'only say how far it is, what the last one found, and what is known to be damaged')
  },
  about: `
Reads everything back, as "varve verify" does, and mends damaged copies of extents from sound ones. It can be interrupted at any
time, by Ctrl-C or by a power failure; the next "varve scrub" goes on from there. Others may commit meanwhile, and gc need not
wait, so it may take days: with --rate it leaves the disks to those who need them. What is written after it was begun is for
the next.

What it found is remembered, and shown by --status, "varve stats" and "varve doctor", until a later scrub finds it gone. SQLite's
own check of its files is left to verify: that reads a whole file in one go.`,
  examples: [
    { command: 'varve scrub', does: 'begin, or go on with what was interrupted' },
    { command: 'varve scrub --rate 50M', does: 'monthly, in the background, at 50 MiB a second' },
    { command: 'varve scrub --status', does: 'how far is it, and was all well last time?' },
  ],
  json: `
// without --status:
{ ok: boolean,                                                                     // true where all damage was healed
  startedMs, finishedMs: number,
  checked: { volumes, extents, chunks, commits, objects, bytes: number },          // of the whole round
  problems: ${PROBLEM_SHAPE},       // mendable: another copy is sound
  healed: { extent: number, pv }[],
  notes: string[] }
// with --status; Checked is as above:
{ current?: { startedMs, nextExtent, lastExtent: number, checked: Checked, healed: { extent, pv }[] },    // not finished
  atWork?: { host, pid },                                                          // who is at it just now
  last?: { startedMs, finishedMs: number, checked: Checked, healed, problems: number },
  problems: ${PROBLEM_SHAPE} }`,
  statuses: {
    [EXIT.failed]: 'damage was found, and all of it was healed',
    [EXIT.notFound]: 'no store here',
    [EXIT.conflict]: 'another scrub is at work, or took over',
    [EXIT.damage]: 'problems were found, and are still there',
    [EXIT.storage]: true,
    [EXIT.interrupted]: 'interrupted; the next scrub goes on from there',
  },

  async run(context, command) {
    const { rate, heal, restart = false, status = false } = command.opts<Options>()
    if (status && (restart || !heal || rate !== undefined)) {
      throw new UsageError('--status only says how things are', 'give it alone')
    }
    if (status) {
      const repository = await context.open({ readOnly: true, partial: true })
      const found = await repository.scrubStatus()
      if (context.json) await context.out.json(found)
      else await tellStatus(context, found)
      return EXIT.ok
    }
    const repository = await context.open()
    const { current } = await repository.scrubStatus().catch((error: unknown) => {
      if (restart) return { current: undefined }
      throw error
    })
    if (current && !restart)
      await context.say(`going on with the scrub begun ${agoText(current.startedMs, context.nowMs)}`)
    const report = await repository.scrub({ ...context.work, rateBytes: rate, heal, restart })
    if (context.json) await context.out.json(report)
    else await printVerified(context, report)
    return verifiedStatus(report)
  },
}

async function tellStatus(context: Context, { current, atWork, last, problems }: ScrubStatus): Promise<void> {
  const { nowMs } = context
  if (current) {
    const { checked, healed, nextExtent, lastExtent } = current
    const who = atWork ? `at work: process ${atWork.pid} on ${atWork.host}` : 'interrupted'
    await context.out.line(
      `${who}, begun ${agoText(current.startedMs, nowMs)}; at extent ${Math.min(nextExtent, lastExtent)} of ${lastExtent}, ` +
        `${sizeText(checked.bytes)} read, ${counted(healed.length, 'copy', 'copies')} mended`,
    )
  }
  if (last) {
    const took = durationText((last.finishedMs - last.startedMs) / 1000)
    await context.out.line(
      `last: ${lastScrubText(last, nowMs)}, in ${took}; ${counted(last.checked.extents, 'extent')}, ${sizeText(last.checked.bytes)} read`,
    )
  } else {
    await context.out.line('never finished')
  }
  await printProblems(context, problems)
  if (problems.length === 0 && last) await context.say('no damage is known')
}
