import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Workbench } from '../support.js'

const bench = new Workbench()
const ids: string[] = []
beforeAll(async () => {
  await bench.init()
  bench.write('tree/a', 'a')
  bench.write('tree/sub/b', 'b')
  ids.push(await bench.commit('tree', 'first'))
  bench.write('tree/a', 'changed')
  ids.push(await bench.commit('tree', 'second'))
})
afterAll(() => bench.remove())

test('shows a commit and what it changed', async () => {
  const out = await bench.ok('show')
  expect(out).toMatch(
    /^commit [0-9a-f]{64} \(main\)\nAuthor: .*\nDate: .*\n\n {4}second\n\ndiff --git a\/a b\/a\n--- a\/a\n\+\+\+ b\/a\n@@ -1 \+1 @@\n-a\n\\ No newline at end of file\n\+changed\n\\ No newline at end of file\n$/,
  )
})

test('in the other forms that diff has', async () => {
  expect(await bench.ok('show', '--name-status')).toMatch(/\n\nM\ta\n$/)
  expect(await bench.ok('show', '--bytes')).toMatch(/\n\nM {2}\+7 B {2}-1 B {2}a\n1 file changed, \+7 B, -1 B\n$/)
  await bench.fails(2, 'USAGE', 'show', '--stat', '--name-only')
})

test('shows what a first commit began with', async () => {
  const lines = (await bench.ok('show', 'main~1')).split('\n')
  expect(lines[0]).toBe(`commit ${ids[0]}`)
  expect(lines.some((line) => line.endsWith(' sub/'))).toBe(true)
  expect(lines.at(-2)).toBe('first commit: 2 files, 2 B')
})

test('what a first commit brought, in the other forms', async () => {
  const odd = new Workbench()
  await odd.init()
  odd.write('two\nlines', 'x\n')
  writeFileSync(Buffer.concat([Buffer.from(`${odd.folder}/`), Buffer.from('bad\xff', 'latin1')]), 'y\n')
  mkdirSync(odd.path('empty/in'), { recursive: true })
  symlinkSync('there', odd.path('link'))
  await odd.ok('commit', '-m', 'first')
  const names = (await odd.run('show', '--name-status', '-z')).bytes.toString('latin1').split('\n\n')[2]
  expect(names).toBe('A\0bad\xff\0A\0empty/in\0A\0link\0A\0two\nlines\0')
  expect(await odd.ok('show', '--name-only')).toMatch(/\n\nbad\ufffd\nempty\/in\nlink\ntwo\\nlines\n$/)
  expect(await odd.ok('show', '--stat')).toMatch(/\n 4 files changed, 3 insertions\(\+\)\n$/)
  odd.remove()
})

test('says the same in JSON', async () => {
  expect(await bench.json('show', ids[1]!.slice(0, 10))).toEqual({
    commit: expect.objectContaining({ id: ids[1], parents: [ids[0]], message: 'second' }),
    changes: [expect.objectContaining({ path: 'a', kind: 'modified', addedBytes: 7, removedBytes: 1 })],
  })
  expect(await bench.json('show', ids[0]!)).toEqual({
    commit: expect.objectContaining({ id: ids[0], parents: [] }),
    entries: [expect.objectContaining({ path: 'a' }), expect.objectContaining({ path: 'sub', kind: 'directory' })],
  })
})

test('what is not there', async () => {
  await bench.fails(3, 'UNKNOWN_REVISION', 'show', 'nothing')
})
