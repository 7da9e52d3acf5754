import { createHash } from 'node:crypto'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { VOLUMES, Workbench } from '../support.js'

let bench: Workbench
beforeEach(async () => {
  bench = new Workbench()
  await bench.init('--compression', 'none')
  bench.write('tree/precious.txt', CONTENT)
  await bench.commit('tree', 'first')
})
afterEach(() => bench.remove())

/** Found again in the store's file, because it is not compressed. */
const CONTENT = Buffer.concat(
  Array.from({ length: 100 }, (_, index) => createHash('sha256').update(`${index}`).digest()),
)

/** Flips a bit of the content where it is stored. */
function damage(): void {
  const files = ['.varve/store.varve', '.varve/store.varve-wal', '.varve/volume-1', '.varve/volume-2']
  for (const file of files) {
    let bytes: Buffer
    try {
      bytes = readFileSync(bench.path(file))
    } catch {
      continue
    }
    const at = bytes.indexOf(CONTENT.subarray(1000, 1020))
    if (at < 0) continue
    const handle = openSync(bench.path(file), 'r+')
    writeSync(handle, Buffer.from([bytes[at]! ^ 1]), 0, 1, at)
    closeSync(handle)
    return
  }
  throw new Error('the content is nowhere')
}

test('says what it checked', async () => {
  expect(await bench.ok('verify')).toMatch(
    /^checked \d volumes?, \d+ extents?, .* chunks?, .* objects?, 1 commit; .* read and compared\nno problems found\n$/,
  )
  expect(await bench.json('verify')).toEqual({
    ok: true,
    checked: {
      volumes: VOLUMES,
      extents: expect.any(Number),
      chunks: expect.any(Number),
      commits: 1,
      objects: expect.any(Number),
      bytes: expect.any(Number),
    },
    problems: [],
    notes: [],
  })
  expect(await bench.json('verify', '--quick')).toMatchObject({ ok: true })
  expect(await bench.ok('verify', '-q')).toBe('')
})

test('names damage and the files it touches', async () => {
  damage()
  const run = await bench.run('verify')
  expect(run.status).toBe(5)
  expect(run.out).toMatch(/CORRUPT_/)
  expect(run.out).toContain('precious.txt')
  expect(run.out).toMatch(/problems? found\n$/)
  const report = JSON.parse((await bench.run('verify', '--json')).out) as { ok: boolean; problems: object[] }
  expect(report.ok).toBe(false)
  expect(report.problems[0]).toMatchObject({
    code: expect.stringMatching(/^(CORRUPT_|MISSING_)/),
    message: expect.any(String),
  })
})

test('a damaged file is not given out', async () => {
  damage()
  const run = await bench.run('cat', 'main:precious.txt')
  expect(run.status).toBe(5)
  expect(CONTENT.subarray(0, run.bytes.length).equals(run.bytes)).toBe(true)
  expect((await bench.run('export', 'main', 'out')).status).toBe(5)
})
