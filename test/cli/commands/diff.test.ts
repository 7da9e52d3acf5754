import { createHash } from 'node:crypto'
import { chmodSync, rmSync, symlinkSync, utimesSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { barCells } from '../../../cli/changeText.js'
import { Workbench } from '../support.js'

const BIG = Buffer.concat(
  Array.from({ length: 50_000 }, (_, index) => createHash('sha256').update(String(index)).digest()),
)

const bench = new Workbench()
beforeAll(async () => {
  await bench.init()
  bench.write('tree/big.bin', BIG)
  bench.write('tree/gone', 'gone')
  bench.write('tree/kind', 'was a file')
  bench.write('tree/run.sh', 'x')
  bench.write('tree/sub/same', 'same')
  await bench.commit('tree', 'first')
  const changed = Buffer.from(BIG)
  changed.write('twenty bytes in here', 800_000)
  bench.write('tree/big.bin', changed)
  bench.write('tree/sub/new', 'brand new')
  rmSync(bench.path('tree/gone'))
  rmSync(bench.path('tree/kind'))
  symlinkSync('run.sh', bench.path('tree/kind'))
  chmodSync(bench.path('tree/run.sh'), 0o755)
  utimesSync(bench.path('tree/sub/same'), 1, 1)
  await bench.commit('tree', 'second')
})
afterAll(() => bench.remove())

interface Change {
  readonly path: string
  readonly kind: string
  readonly addedBytes: number
  readonly removedBytes: number
}

test('says what happened to each file, and how many bytes of it really differ', async () => {
  const changes = await bench.json<Change[]>('diff', 'main~1', 'main')
  expect(changes.map(({ path, kind }) => [path, kind])).toEqual([
    ['big.bin', 'modified'],
    ['gone', 'removed'],
    ['kind', 'type-changed'],
    ['run.sh', 'mode-changed'],
    ['sub/new', 'added'],
  ])
  const big = changes[0]!
  expect(big.addedBytes).toBeGreaterThanOrEqual(20)
  expect(big.addedBytes).toBeLessThan(BIG.length / 4)
  expect(big.removedBytes).toBeLessThan(BIG.length / 4)
  expect(changes[4]).toEqual({
    path: 'sub/new',
    kind: 'added',
    before: null,
    after: { kind: 'file', executable: false, sizeBytes: 9, id: expect.stringMatching(/^[0-9a-f]{64}$/) },
    addedBytes: 9,
    removedBytes: 0,
  })
  expect(await bench.json('diff', 'main~1..main')).toEqual(changes)
  expect(await bench.json('diff', 'main~1..')).toEqual(changes)
})

test('the other way round it is the other way round', async () => {
  const changes = await bench.json<Change[]>('diff', 'main..main~1')
  expect(changes.map(({ kind }) => kind)).toEqual(['modified', 'added', 'type-changed', 'mode-changed', 'removed'])
})

test('shows people a line a file and a sum', async () => {
  const lines = (await bench.ok('diff', 'main~1', 'main')).split('\n')
  expect(lines[0]).toMatch(/^M {2}\+\S+ \S+ {2}-\S+ \S+ {2}big\.bin$/)
  expect(lines[1]).toMatch(/^D +-4 B {2}gone$/)
  expect(lines[2]).toMatch(/^T .*kind \(file became symlink\)$/)
  expect(lines[3]).toMatch(/^X +run\.sh \(now executable\)$/)
  expect(lines[4]).toMatch(/^A +\+9 B +sub\/new$/)
  expect(lines[5]).toMatch(/^5 files changed, \+.*, -.*$/)
})

test('with bars', async () => {
  const lines = (await bench.ok('diff', '--stat', 'main~1', 'main')).split('\n')
  expect(lines[0]).toMatch(/^ big\.bin {20,}\| +\+.* +-.* {2}\++-+$/)
  expect(lines[4]).toMatch(/^ sub\/new +\| .*\+9 B +\++$/)
})

test('as letters and paths', async () => {
  const out = await bench.ok('diff', '--name-status', 'main~1..main')
  expect(out).toBe('M\tbig.bin\nD\tgone\nT\tkind\nX\trun.sh\nA\tsub/new\n')
})

test('only the paths that are named', async () => {
  expect(await bench.ok('diff', '--name-status', 'main~1', 'main', '--', 'sub', './gone')).toBe('D\tgone\nA\tsub/new\n')
  expect(await bench.ok('diff', '--name-status', 'main~1..main', '--', 'sub/same')).toBe('')
})

test('equal revisions, and times, are no difference', async () => {
  expect(await bench.ok('diff', 'main', 'main')).toBe('no differences\n')
  expect(await bench.json('diff', 'main', 'HEAD')).toEqual([])
})

test('tells by its status when asked to', async () => {
  expect((await bench.run('diff', 'main~1', 'main', '--exit-code')).status).toBe(1)
  expect((await bench.run('diff', 'main~1', 'main', '--exit-code', '--json')).status).toBe(1)
  expect((await bench.run('diff', 'main', 'main', '--exit-code')).status).toBe(0)
})

test('what is not there', async () => {
  await bench.fails(3, 'UNKNOWN_REVISION', 'diff', 'main', 'nothing')
  await bench.fails(2, 'INVALID_PATH', 'diff', 'main~1', 'main', '--', '../x')
})

test('a bar shows both sides whatever their sizes', () => {
  expect(barCells(0, 0)).toEqual({ added: 0, removed: 0 })
  expect(barCells(1, 0)).toEqual({ added: 2, removed: 0 })
  expect(barCells(1, 1e12)).toEqual({ added: 1, removed: 29 })
  expect(barCells(1e12, 1)).toEqual({ added: 29, removed: 1 })
})
