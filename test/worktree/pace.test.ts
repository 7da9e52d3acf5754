import { describe, expect, test } from 'vitest'
import type { Clock } from '../../src/base/clock.js'
import { nameFromText } from '../../src/base/names.js'
import type { Progress } from '../../src/base/progress.js'
import { MIB } from '../../src/base/units.js'
import { Pace } from '../../src/worktree/pace.js'

const here = nameFromText('dir/file')

function paced(totals?: { items: number; bytes: number }) {
  const seen: Progress[] = []
  const time = { nowMs: 1_000_000 }
  const clock: Clock = { nowMs: () => time.nowMs, zoneMinutes: () => 0 }
  return { seen, time, pace: new Pace('export', { clock, onProgress: (progress) => seen.push(progress) }, totals) }
}

describe('pace', () => {
  test('reports at most every 100 ms, with all that was counted', async () => {
    const { seen, time, pace } = paced({ items: 500, bytes: 5000 })
    for (let step = 0; step < 320; step++) {
      time.nowMs += 1
      await pace.step(1, 10, here)
    }
    expect(seen.map(({ itemsDone }) => itemsDone)).toEqual([112, 224])
    expect(seen[0]).toEqual({
      phase: 'export',
      itemsDone: 112,
      itemsTotal: 500,
      bytesDone: 1120,
      bytesTotal: 5000,
      current: 'dir/file',
    })
    pace.report()
    expect(seen.at(-1)).toMatchObject({ itemsDone: 320, bytesDone: 3200 })
  })

  test('a few large steps are as good as many small ones', async () => {
    const { seen, time, pace } = paced()
    time.nowMs += 100
    await pace.step(0, MIB, here)
    expect(seen).toEqual([expect.objectContaining({ bytesDone: MIB, itemsTotal: undefined })])
  })

  test('a clock that goes back does not silence it', async () => {
    const { seen, time, pace } = paced()
    time.nowMs -= 5000
    await pace.step(0, MIB, here)
    expect(seen).toHaveLength(1)
  })

  test('lets others have their turn', async () => {
    const { time, pace } = paced()
    let turns = 0
    setImmediate(() => turns++)
    await pace.step(0, MIB, here)
    expect(turns).toBe(0)
    time.nowMs += 20
    await pace.step(0, MIB, here)
    expect(turns).toBe(1)
  })
})
