import { afterAll, beforeAll, expect, test } from 'vitest'
import { pseudoRandom } from '../../codec/inputs.js'
import { Workbench } from '../support.js'

const bench = new Workbench()
beforeAll(async () => {
  await bench.init()
  // Each commit adds a little to every file: what is new of one lies beside what is new of the others.
  const files = Array.from({ length: 12 }, (_, file) => ({ name: `tree/f${file}`, content: Buffer.alloc(0) }))
  for (let round = 0; round < 8; round++) {
    for (const [index, file] of files.entries()) {
      file.content = Buffer.concat([file.content, pseudoRandom(100_000, 100 * round + index)])
      bench.write(file.name, file.content)
    }
    await bench.commit('tree', `${round}`)
  }
})
afterAll(() => bench.remove())

test('says how scattered a revision lies, puts it in order, and finds it so', async () => {
  const before = await bench.json('defragment', '-n')
  expect(await bench.ok('defragment', '-n', 'main')).toMatch(
    / in \d+ pieces\nwould rewrite \d+ extents, .* for about \d+ pieces\n$/,
  )
  expect(await bench.ok('defragment', '--rate', '1G')).toMatch(/^rewrote \d+ extents, .*; now in \d+ pieces, /m)
  const after = await bench.json('defragment', '-n')
  expect(after).toMatchObject({ dryRun: true, bytes: before.bytes, rewritten: { extents: 0 }, notes: [] })
  expect(Number(after.piecesBefore)).toBeLessThan(Number(before.piecesBefore) / 4)
  expect(await bench.ok('defragment')).toContain('in order as it is')
  expect((await bench.run('verify')).status).toBe(0)
})

test('refuses what makes no sense', async () => {
  expect(await bench.run('defragment', 'nope')).toMatchObject({ status: 3 })
  expect(await bench.run('defragment', 'main', 'side')).toMatchObject({ status: 2 })
  expect(await bench.run('defragment', '--rate', 'fast')).toMatchObject({ status: 2 })
  expect(await bench.run('defragment', '--store', 'nowhere.varve')).toMatchObject({ status: 3 })
})
