/** What gc did, for people and for programs. */
import type { GcReport } from '../src/index.js'
import type { Context } from './context.js'
import { counted, plainText, sizeText, timeText } from './text.js'

export const COLLECTED_SHAPE = `{ dryRun: boolean,
  live, condemned, waiting: { chunks, bytes: number },                     // chunks and objects; raw bytes
  nextMs?: number,                                                         // when something may be dropped, an estimate
  dropped: { extents, chunks, bytes, storedBytes: number },
  rewritten: { extents, chunks, bytes, storedBytes, newStoredBytes: number },   // bytes: what went of them
  wasteBytes, returnedBytes: number,
  heldBy: { id, kind, host, pid, startedMs }[],                            // leases that keep condemned chunks
  notes: string[] }`

export async function tellCollected(context: Context, report: GcReport): Promise<void> {
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
