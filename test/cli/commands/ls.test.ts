import { chmodSync, symlinkSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { modeText } from '../../../cli/entryText.js'
import { Workbench } from '../support.js'

const bench = new Workbench()
beforeAll(async () => {
  await bench.init()
  bench.write('tree/a.txt', 'one')
  bench.write('tree/empty', '')
  bench.write('tree/sub/run.sh', '#!/bin/sh\n')
  bench.write('tree/\u001b[2Jname', 'x')
  chmodSync(bench.path('tree/sub/run.sh'), 0o755)
  chmodSync(bench.path('tree/a.txt'), 0o640)
  symlinkSync('a.txt', bench.path('tree/link'))
  await bench.commit('tree', 'first')
})
afterAll(() => bench.remove())

test('lists a folder, marks folders, makes controls visible', async () => {
  expect(await bench.ok('ls')).toBe('\\x1b[2Jname\na.txt\nempty\nlink\nsub/\n')
  expect(await bench.ok('ls', 'main:sub')).toBe('run.sh\n')
  expect(await bench.ok('ls', ':./sub/')).toBe('run.sh\n')
  expect(await bench.ok('ls', 'main:sub/run.sh')).toBe('run.sh\n')
})

test('lists everything below with whole paths', async () => {
  expect((await bench.ok('ls', '-R')).split('\n')).toEqual(expect.arrayContaining(['sub/', 'sub/run.sh', 'a.txt']))
})

test('shows mode, size and time in columns', async () => {
  const lines = (await bench.ok('ls', '-l')).split('\n')
  expect(lines.find((line) => line.includes('a.txt') && !line.includes('->'))).toMatch(
    /^-rw-r----- +(\d+:\d+|-) +3 B {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}a\.txt$/,
  )
  expect(lines.find((line) => line.includes('link'))).toMatch(/^l.* link -> a\.txt$/)
  expect(lines.find((line) => line.includes('sub/'))).toMatch(/^d.* 10 B {2}/)
})

test('says the same in JSON', async () => {
  const entries = await bench.json<{ path: string }[]>('ls', '-R', 'main')
  const of = (path: string) => entries.find((entry) => entry.path === path)
  expect(entries).toHaveLength(6)
  expect(of('a.txt')).toEqual({
    path: 'a.txt',
    kind: 'file',
    executable: false,
    sizeBytes: 3,
    files: expect.any(Number),
    id: expect.stringMatching(/^[0-9a-f]{64}$/),
    mtimeNs: expect.stringMatching(/^\d{19}$/),
    mode: 0o640,
  })
  expect(of('empty')).toMatchObject({ sizeBytes: 0, id: null })
  expect(of('link')).toMatchObject({ kind: 'symlink', target: 'a.txt' })
  expect(of('sub')).toMatchObject({ kind: 'directory', files: 1, sizeBytes: 10 })
  expect(of('sub/run.sh')).toMatchObject({ executable: true })
})

test('prints names as they are, each with a NUL behind it', async () => {
  const raw = new Workbench()
  await raw.init()
  raw.write('d/two\nlines', 'x')
  const notUtf8 = Buffer.from('d/bad\xff\u001b', 'latin1')
  writeFileSync(Buffer.concat([Buffer.from(`${raw.folder}/`), notUtf8]), 'x')
  await raw.ok('commit', '-m', 'odd names')
  const paths = ['d/', 'd/bad\xff\u001b', 'd/two\nlines'].map((path) => `${path}\0`)
  expect((await raw.run('ls', '-Rz')).bytes.toString('latin1')).toBe(paths.join(''))
  expect((await raw.run('ls', '-z', ':d')).bytes.toString('latin1')).toBe('bad\xff\u001b\0two\nlines\0')
  expect((await raw.run('ls', '-z', 'main:d/two\nlines')).bytes.toString('latin1')).toBe('two\nlines\0')
  await raw.fails(2, 'USAGE', 'ls', '-z', '-l')
  raw.remove()
})

test('what is not there', async () => {
  await bench.fails(3, 'PATH_NOT_FOUND', 'ls', 'main:nothing')
  await bench.fails(3, 'UNKNOWN_REVISION', 'ls', 'nobranch')
  await bench.fails(2, 'INVALID_PATH', 'ls', 'main:../x')
})

test.each([
  [{ kind: 'file', executable: true, attributes: { mode: 0o4755 } }, '-rwsr-xr-x'],
  [{ kind: 'directory', executable: false, attributes: { mode: 0o1777 } }, 'drwxrwxrwt'],
  [{ kind: 'file', executable: false, attributes: { mode: 0o2640 } }, '-rw-r-S---'],
  [{ kind: 'symlink', executable: false, attributes: {} }, 'l?????????'],
  [{ kind: 'file', executable: true, attributes: {} }, '-??x??x??x'],
] as const)('%j is %s', (entry, text) => {
  expect(modeText(entry)).toBe(text)
})
