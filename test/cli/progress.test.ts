import { expect, test } from 'vitest'
import type { Sink } from '../../cli/io.js'
import { ProgressLine, progressText, Rate } from '../../cli/progress.js'
import type { Progress } from '../../src/index.js'

function terminal(): Sink & { text: string } {
  const sink = {
    text: '',
    isTerminal: true,
    columns: 80,
    write: async (data: string | Uint8Array) => {
      sink.text += String(data)
    },
  }
  return sink
}

function at(bytesDone: number, more: Partial<Progress> = {}): Progress {
  return { phase: 'store', itemsDone: 1, bytesDone, ...more }
}

test('work that takes less than half a second stays silent', () => {
  const sink = terminal()
  let now = 0
  const line = new ProgressLine(sink, () => now)
  for (now = 0; now < 500; now += 50) line.report(at(now))
  line.clear()
  expect(sink.text).toBe('')
})

test('longer work is shown, at most ten times a second, and wiped at the end', () => {
  const sink = terminal()
  let now = 0
  const line = new ProgressLine(sink, () => now)
  for (now = 0; now < 1500; now += 1) line.report(at(now * 1000, { bytesTotal: 3_000_000 }))
  const drawn = sink.text.split('\r\u001b[K').length - 1
  expect(drawn).toBeGreaterThanOrEqual(9)
  expect(drawn).toBeLessThanOrEqual(11)
  expect(sink.text).toContain('storing  [')
  line.clear()
  expect(sink.text.endsWith('\r\u001b[K')).toBe(true)
})

test('a line tells share, rate and time left', () => {
  const rate = new Rate()
  rate.add(0, 0, 0)
  rate.add(1000, 2 ** 20, 10)
  const text = progressText(at(2 ** 20, { bytesTotal: 11 * 2 ** 20, itemsDone: 10, itemsTotal: 110 }), rate, 200)
  expect(text).toBe('storing  [==                  ]  9%  10/110  1.00 MiB of 11.0 MiB  1.00 MiB/s  0:10 left')
})

test('without totals there is neither bar nor time left; items alone do for them', () => {
  const rate = new Rate()
  rate.add(0, 0, 0)
  rate.add(1000, 0, 50)
  expect(progressText(at(0, { phase: 'scan', itemsDone: 50 }), rate, 200)).toBe('scanning  50')
  expect(progressText(at(0, { phase: 'verify', itemsDone: 50, itemsTotal: 100 }), rate, 200)).toBe(
    'verifying  [==========          ]  50%  50/100  0:01 left',
  )
})

test('a line never wraps, and a name cannot move the cursor', () => {
  const text = progressText(at(5, { current: `\u001b[2J${'x'.repeat(200)}` }), new Rate(), 40)
  expect(text).toHaveLength(40)
  expect(text).toContain('\\x1b[2J')
})

test('the rate follows slowly', () => {
  const rate = new Rate()
  rate.add(0, 0, 0)
  rate.add(1000, 1000, 1)
  rate.add(1100, 2000, 1)
  expect(rate.bytesPerSecond).toBeGreaterThan(1000)
  expect(rate.bytesPerSecond).toBeLessThan(2000)
})
