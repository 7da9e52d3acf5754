/**
 * One line on stderr that says how far long work is: phase, counts, bar, rate, time left, what it is at.
 *
 * Only for a person at a terminal, and only once the work has taken half a second: short work stays silent.
 * The line is drawn when the library reports, at most ten times a second, and wiped before anything else is printed.
 */
import type { Progress } from '../src/index.js'
import type { Sink } from './io.js'
import { countText, durationText, plainLine, sizeText } from './text.js'

const SHOW_AFTER_MS = 500
const REDRAW_AFTER_MS = 100
const BAR_CELLS = 20
/** How much weight the newest second has in the rate shown. */
const RATE_WINDOW_MS = 3_000

const PHASE_WORDS: Readonly<Record<Progress['phase'], string>> = {
  scan: 'scanning',
  store: 'storing',
  publish: 'publishing',
  export: 'writing',
  verify: 'verifying',
  read: 'reading',
  gc: 'collecting',
  erase: 'erasing',
  defragment: 'putting in order',
  pack: 'packing',
  move: 'moving',
}

export class ProgressLine {
  readonly #sink: Sink
  readonly #nowMs: () => number
  readonly #startedMs: number
  #drawnMs = Number.NEGATIVE_INFINITY
  #drawn = false
  #phase: Progress['phase'] | undefined
  #rate = new Rate()

  constructor(sink: Sink, nowMs: () => number) {
    this.#sink = sink
    this.#nowMs = nowMs
    this.#startedMs = nowMs()
  }

  /** Takes what the library reports. */
  readonly report = (progress: Progress): void => {
    const nowMs = this.#nowMs()
    if (progress.phase !== this.#phase) {
      this.#phase = progress.phase
      this.#rate = new Rate()
    }
    if (nowMs - this.#drawnMs < REDRAW_AFTER_MS) return
    this.#drawnMs = nowMs
    this.#rate.add(nowMs, progress.bytesDone, progress.itemsDone)
    if (nowMs - this.#startedMs < SHOW_AFTER_MS) return
    this.#drawn = true
    this.#put(`\r\u001b[K${progressText(progress, this.#rate, this.#sink.columns - 1)}`)
  }

  /** Wipes the line. */
  clear(): void {
    if (!this.#drawn) return
    this.#drawn = false
    this.#put('\r\u001b[K')
  }

  #put(text: string): void {
    // A terminal that went away is noticed where the results are printed.
    this.#sink.write(text).catch(() => undefined)
  }
}

/** Bytes and items a second, smoothed so that the time left does not jump. */
export class Rate {
  #atMs: number | undefined
  #bytes = 0
  #items = 0
  bytesPerSecond = 0
  itemsPerSecond = 0

  add(atMs: number, bytes: number, items: number): void {
    if (this.#atMs !== undefined && atMs > this.#atMs) {
      const passedMs = atMs - this.#atMs
      const first = this.bytesPerSecond === 0 && this.itemsPerSecond === 0
      const weight = first ? 1 : 1 - Math.exp(-passedMs / RATE_WINDOW_MS)
      this.bytesPerSecond += weight * ((1000 * (bytes - this.#bytes)) / passedMs - this.bytesPerSecond)
      this.itemsPerSecond += weight * ((1000 * (items - this.#items)) / passedMs - this.itemsPerSecond)
    }
    this.#atMs = atMs
    this.#bytes = bytes
    this.#items = items
  }
}

/** The text of the line, cut to `columns`. */
export function progressText(progress: Progress, rate: Rate, columns: number): string {
  const { itemsDone, itemsTotal, bytesDone, bytesTotal } = progress
  const parts = [PHASE_WORDS[progress.phase]]
  const byBytes = bytesTotal !== undefined && bytesTotal > 0
  const done = byBytes ? bytesDone / bytesTotal : itemsTotal ? itemsDone / itemsTotal : undefined
  if (done !== undefined) parts.push(bar(done), `${Math.floor(100 * Math.min(1, done))}%`)
  parts.push(itemsTotal === undefined ? countText(itemsDone) : `${countText(itemsDone)}/${countText(itemsTotal)}`)
  if (bytesDone > 0) parts.push(byBytes ? `${sizeText(bytesDone)} of ${sizeText(bytesTotal)}` : sizeText(bytesDone))
  if (rate.bytesPerSecond >= 1) parts.push(`${sizeText(rate.bytesPerSecond)}/s`)
  const left = byBytes
    ? (bytesTotal - bytesDone) / rate.bytesPerSecond
    : ((itemsTotal ?? Number.NaN) - itemsDone) / rate.itemsPerSecond
  if (Number.isFinite(left) && left >= 0) parts.push(`${durationText(left)} left`)
  if (progress.current !== undefined) parts.push(plainLine(progress.current))
  const characters = [...parts.join('  ')]
  return characters.length <= columns
    ? characters.join('')
    : `${characters.slice(0, Math.max(0, columns - 1)).join('')}…`
}

function bar(done: number): string {
  const full = Math.max(0, Math.min(BAR_CELLS, Math.round(done * BAR_CELLS)))
  return `[${'='.repeat(full)}${' '.repeat(BAR_CELLS - full)}]`
}
