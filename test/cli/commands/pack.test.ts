import { afterAll, beforeAll, expect, test } from 'vitest'
import { EXIT } from '../../../cli/errors.js'
import { pseudoRandom } from '../../codec/inputs.js'
import { Workbench } from '../support.js'

const PATHS = ['a/one', 'b/second', 'c/3', 'd/quarter']

/** Alike, but with no chunk in common; and under names by which a commit does not find the other. */
function contentOf(round: number): Buffer {
  const content = pseudoRandom(60_000, 1)
  for (let at = 0; at < content.length; at += 1500) content[at + round] = round
  return content
}

const bench = new Workbench()
beforeAll(async () => {
  await bench.init()
  for (const [round, path] of PATHS.entries()) {
    bench.write(`tree${round}/${path}`, contentOf(round))
    await bench.commit(`tree${round}`, `${round}`)
  }
})
afterAll(() => bench.remove())

test('says what there is, makes the store smaller, and then says that it cannot be', async () => {
  const plan = await bench.json('pack', '-n')
  expect(plan).toMatchObject({ dryRun: true, isPacked: false, newExtents: 0, newStoredBytes: 0, notes: [] })
  const what = /^\d+ chunks and \d+ objects, .* raw, in \d+ extents, .* stored\n/
  expect(await bench.ok('pack', '--dry-run')).toMatch(new RegExp(`${what.source}$`))
  const out = await bench.ok('pack', '--rate', '1G')
  expect(out).toMatch(new RegExp(`${what.source}packed into \\d+ extents, .* stored: [1-9]\\d\\.\\d % less\\n$`))
  const after = await bench.json('pack', '-n')
  expect(after).toMatchObject({ chunks: plan.chunks, objects: plan.objects, bytes: plan.bytes })
  expect(Number(after.storedBytes)).toBeLessThan(Number(plan.storedBytes) / 2)
  expect(await bench.ok('pack')).toMatch(
    new RegExp(`${what.source}packed, it would not be smaller: all is as it was\\n$`),
  )
  expect(await bench.json('pack', '--archive')).toMatchObject({ dryRun: false, extents: after.extents, notes: [] })
  expect((await bench.run('verify')).status).toBe(EXIT.ok)
  for (const [round, path] of PATHS.entries()) {
    const { bytes } = await bench.run('cat', `main~${3 - round}:${path}`)
    expect(bytes.equals(contentOf(round))).toBe(true)
  }
})

test('refuses what makes no sense', async () => {
  expect(await bench.run('pack', 'main')).toMatchObject({ status: EXIT.usage })
  expect(await bench.run('pack', '--rate')).toMatchObject({ status: EXIT.usage })
  for (const rate of ['fast', '0', '-1', '']) {
    expect(await bench.run('pack', '--rate', rate)).toMatchObject({ status: EXIT.usage })
  }
  expect(await bench.run('pack', '--archive=9')).toMatchObject({ status: EXIT.usage })
  expect(await bench.run('pack', '--store', 'nowhere.varve')).toMatchObject({ status: EXIT.notFound })
})

test('says how far it is, and stops when told to', async () => {
  const stopped = await bench.runWith({ signal: AbortSignal.abort() }, 'pack')
  expect(stopped.status).toBe(130)
  let nowMs = 0
  const run = await bench.runWith({ stderrIsTerminal: true, nowMs: () => (nowMs += 1000) }, 'pack')
  expect(run).toMatchObject({ status: EXIT.ok })
  expect(run.err).toMatch(/packing {2}\[[= ]{20}\] {2}\d+%.* {2}(reading|writing)/)
})
