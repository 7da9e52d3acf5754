/** What moved in a working folder, and how much of a binary changed, though none of it is in the store. */
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { noise } from '../../crash/support/chance.js'
import { Workbench } from '../support.js'

const TEXT = Array.from({ length: 40 }, (_, line) => `line ${line} of a text\n`)

let bench: Workbench
beforeEach(async () => {
  bench = new Workbench()
  await bench.init()
  bench.write('same.txt', 'the very same\n')
  bench.write('text.txt', TEXT.join(''))
  writeFileSync(bench.path('image.bin'), noise('image', 3_000_000))
  await bench.ok('commit', '-m', 'first')
})
afterEach(() => bench.remove())

test('a file that moved is one change, in status and diff', async () => {
  renameSync(bench.path('same.txt'), bench.path('z same.txt'))
  rmSync(bench.path('text.txt'))
  bench.write('moved.txt', [...TEXT.slice(0, 39), 'another end\n'].join(''))
  expect(await bench.ok('status', '-s')).toBe('R text.txt -> moved.txt\nR same.txt -> z same.txt\n')
  expect(await bench.ok('status')).toContain('  renamed:    same.txt -> z same.txt\n')
  expect((await bench.run('status', '-z')).out).toBe('R text.txt\0moved.txt\0R same.txt\0z same.txt\0')
  expect(await bench.ok('status', '-s', '--no-renames')).toBe('A moved.txt\nD same.txt\nD text.txt\nA z same.txt\n')
  expect(await bench.ok('diff', '--name-status')).toMatch(
    /^R09\d\ttext\.txt\tmoved\.txt\nR100\tsame\.txt\tz same\.txt\n$/,
  )
  const patch = await bench.ok('diff', '--', 'moved.txt', 'text.txt')
  expect(patch).toContain('rename from text.txt\nrename to moved.txt\n')
  expect(patch).toContain('-line 39 of a text\n+another end\n')
  expect(await bench.json('status')).toMatchObject({
    changes: [
      { kind: 'renamed', from: 'text.txt', path: 'moved.txt' },
      { kind: 'renamed', from: 'same.txt', path: 'z same.txt', similarity: 100 },
    ],
  })
})

test('of a binary the bytes that really changed are told, also where it moved', async () => {
  const bytes = noise('image', 3_000_000)
  rmSync(bench.path('image.bin'))
  writeFileSync(bench.path('moved.bin'), Buffer.concat([bytes.subarray(0, 2_900_000), noise('end', 100_000)]))
  const [change] = await bench.json<{ similarity: number; addedBytes: number; removedBytes: number }[]>('diff')
  expect(change).toMatchObject({ kind: 'renamed', from: 'image.bin', path: 'moved.bin' })
  expect(change?.similarity).toBeGreaterThan(90)
  for (const changed of [change?.addedBytes, change?.removedBytes]) {
    expect(changed).toBeGreaterThanOrEqual(100_000)
    expect(changed).toBeLessThan(300_000)
  }
})
