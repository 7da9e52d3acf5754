import { createHash } from 'node:crypto'
import { chmodSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { barCells, renamedText } from '../../../cli/diffStat.js'
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
  expect(big).toMatchObject({ binary: true })
  expect(big).not.toHaveProperty('hunks')
  expect(changes[4]).toEqual({
    path: 'sub/new',
    kind: 'added',
    before: null,
    after: { kind: 'file', executable: false, sizeBytes: 9, id: expect.stringMatching(/^[0-9a-f]{64}$/) },
    addedBytes: 9,
    removedBytes: 0,
    binary: false,
    addedLines: 1,
    removedLines: 0,
    hunks: [
      {
        beforeStart: 0,
        beforeCount: 0,
        afterStart: 1,
        afterCount: 1,
        lines: ['+brand new', '\\ No newline at end of file'],
      },
    ],
  })
  expect(await bench.json('diff', 'main~1..main')).toEqual(changes)
  expect(await bench.json('diff', 'main~1..')).toEqual(changes)
})

test('the other way round it is the other way round', async () => {
  const changes = await bench.json<Change[]>('diff', 'main..main~1')
  expect(changes.map(({ kind }) => kind)).toEqual(['modified', 'added', 'type-changed', 'mode-changed', 'removed'])
})

test('shows people how many bytes each file brought and took', async () => {
  const lines = (await bench.ok('diff', 'main~1', 'main', '--bytes')).split('\n')
  expect(lines[0]).toMatch(/^M {2}\+\S+ \S+ {2}-\S+ \S+ {2}big\.bin$/)
  expect(lines[1]).toMatch(/^D +-4 B {2}gone$/)
  expect(lines[2]).toMatch(/^T .*kind \(file became symlink\)$/)
  expect(lines[3]).toMatch(/^X +run\.sh \(now executable\)$/)
  expect(lines[4]).toMatch(/^A +\+9 B +sub\/new$/)
  expect(lines[5]).toMatch(/^5 files changed, \+.*, -.*$/)
  expect(await bench.ok('diff', 'main', 'main', '--bytes')).toBe('no differences\n')
})

test('as a unified diff', async () => {
  const out = await bench.ok('diff', 'main~1', 'main')
  expect(out.replace(/\+\S+ KiB -\S+ KiB/, '+N KiB -N KiB')).toBe(`diff --git a/big.bin b/big.bin
Binary files a/big.bin and b/big.bin differ: +N KiB -N KiB really changed
diff --git a/gone b/gone
deleted file mode 100644
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-gone
\\ No newline at end of file
diff --git a/kind b/kind
deleted file mode 100644
--- a/kind
+++ /dev/null
@@ -1 +0,0 @@
-was a file
\\ No newline at end of file
diff --git a/kind b/kind
new file mode 120000
--- /dev/null
+++ b/kind
@@ -0,0 +1 @@
+run.sh
\\ No newline at end of file
diff --git a/run.sh b/run.sh
old mode 100644
new mode 100755
diff --git a/sub/new b/sub/new
new file mode 100644
--- /dev/null
+++ b/sub/new
@@ -0,0 +1 @@
+brand new
\\ No newline at end of file
`)
})

test('with lines counted, and bytes of binaries', async () => {
  const lines = (await bench.ok('diff', '--stat', 'main~1', 'main')).split('\n')
  expect(lines[0]).toMatch(/^ big\.bin {2}\| {2}Bin {2}\+\S+ KiB -\S+ KiB$/)
  expect(lines.slice(1, 5)).toEqual([
    ' gone     |    1  -',
    ' kind     |    2  +-',
    ' run.sh   |    0',
    ' sub/new  |    1  +',
  ])
  expect(lines[5]).toMatch(/^ 5 files changed, 2 insertions\(\+\), 2 deletions\(-\), \+\S+ KiB -\S+ KiB in binaries$/)
  expect(await bench.ok('diff', '--stat', 'main', 'main')).toBe('')
})

test('as letters and paths', async () => {
  const out = await bench.ok('diff', '--name-status', 'main~1..main')
  expect(out).toBe('M\tbig.bin\nD\tgone\nT\tkind\nX\trun.sh\nA\tsub/new\n')
  expect(await bench.ok('diff', '--name-only', 'main~1..main', '--', 'gone', 'sub')).toBe('gone\nsub/new\n')
  expect(await bench.ok('diff', '--name-only', '-z', 'main~1..main', '--', 'gone', 'sub')).toBe('gone\0sub/new\0')
  expect(await bench.ok('diff', '--name-status', '-z', 'main~1..main', '--', 'gone')).toBe('D\0gone\0')
})

test('only the paths that are named', async () => {
  expect(await bench.ok('diff', '--name-status', 'main~1', 'main', '--', 'sub', './gone')).toBe('D\tgone\nA\tsub/new\n')
  expect(await bench.ok('diff', '--name-status', 'main~1..main', '--', 'sub/same')).toBe('')
})

test('equal revisions, and times, are no difference', async () => {
  expect(await bench.ok('diff', 'main', 'main')).toBe('')
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

test('options that do not go together, or have no such value', async () => {
  const both = ['diff', 'main~1', 'main']
  await bench.fails(2, 'USAGE', ...both, '--stat', '--name-status')
  await bench.fails(2, 'USAGE', ...both, '--bytes', '--name-only')
  await bench.fails(2, 'USAGE', ...both, '--stat', '--word-diff')
  await bench.fails(2, 'USAGE', ...both, '-z')
  await bench.fails(2, 'USAGE', ...both, '--stat', '-z')
  for (const lines of ['-1', 'x', '1.5', '', '99999999999999999999']) {
    await bench.fails(2, 'USAGE', ...both, `--unified=${lines}`)
  }
  await bench.fails(2, 'USAGE', 'diff', 'main', '--store', bench.path('.varve/store.varve'))
  await bench.fails(2, 'USAGE', 'diff', 'main~1..main', 'main')
})

test('a bar has a cell a line, or so many lines a cell that the longest fits', () => {
  expect(barCells(0, 0, 0)).toEqual({ added: 0, removed: 0 })
  expect(barCells(3, 4, 40)).toEqual({ added: 3, removed: 4 })
  expect(barCells(1, 0, 1_000_000)).toEqual({ added: 1, removed: 0 })
  expect(barCells(500_000, 500_000, 1_000_000)).toEqual({ added: 19, removed: 19 })
})

test.each([
  ['a', 'b', 'a => b'],
  ['src/a.ts', 'src/b.ts', 'src/{a.ts => b.ts}'],
  ['src/a/x.ts', 'src/b/x.ts', 'src/{a => b}/x.ts'],
  ['x.ts', 'src/x.ts', '{ => src}/x.ts'],
  ['src/x.ts', 'x.ts', '{src => }/x.ts'],
  ['a/a/x', 'a/x', 'a/{a => }/x'],
])('%s becoming %s is %s', (from, to, shown) => {
  expect(renamedText(from, to)).toBe(shown)
})

test('-z prints names of any bytes as they are, of revisions and of the folder', async () => {
  const odd = new Workbench()
  await odd.init()
  const bad = Buffer.concat([Buffer.from(`${odd.folder}/`), Buffer.from('bad\xff', 'latin1')])
  odd.write('two\nlines', 'one')
  writeFileSync(bad, 'one')
  await odd.ok('commit', '-m', 'first')
  odd.write('two\nlines', 'other')
  writeFileSync(bad, 'other')
  const printed = async (...argv: string[]) => (await odd.run(...argv)).bytes.toString('latin1')
  const both = 'M\0bad\xff\0M\0two\nlines\0'
  expect(await printed('diff', '--name-status', '-z')).toBe(both)
  expect(await printed('diff', '--name-only', '-z')).toBe('bad\xff\0two\nlines\0')
  expect(await printed('status', '-z')).toBe('M bad\xff\0M two\nlines\0')
  await odd.ok('commit', '-m', 'second')
  expect(await printed('diff', '--name-status', '-z', 'HEAD~1', 'HEAD')).toBe(both)
  expect((await printed('show', '--name-status', '-z')).endsWith(`\n\n${both}`)).toBe(true)
  odd.remove()
})
