import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ErasureReport } from '../../../src/index.js'
import { secret } from '../../upkeep/erasedStores.js'
import { VOLUMES, Workbench } from '../support.js'

let bench: Workbench
let second: string
beforeEach(async () => {
  bench = new Workbench()
  await bench.init()
  await bench.ok('config', 'set', 'compression', 'none')
  bench.write('tree/keep.txt', 'kept\n')
  await bench.commit('tree', 'first')
  bench.write('tree/keys/a.key', secret('one'))
  bench.write('tree/b.key', secret('one'))
  second = await bench.commit('tree', 'second')
  bench.write('tree/keys/a.key', secret('two'))
  await bench.commit('tree', 'third')
  await bench.ok('tag', 'v1', 'main~1')
})
afterEach(() => bench.remove())

function filesWithSecret(): string[] {
  const files = readdirSync(bench.path('.varve'), { withFileTypes: true }).filter((entry) => entry.isFile())
  return files.map(({ name }) => name).filter((name) => readFileSync(bench.path('.varve', name)).includes('SECRET-'))
}

test('a dry run shows paths, versions and what would move', async () => {
  const log = await bench.ok('log')
  const shown = await bench.ok('erase', '-n', '--path', '**/*.key', '--all-history')
  expect(shown).toMatch(/^b\.key +1 version\nkeys\/a\.key +2 versions\n2 commits would be written anew\n/)
  expect(shown).toMatch(/^branch main would move\ntag v1 would move\n[\d.]+ KiB raw would go\n$/m)
  expect(await bench.json('erase', '-n', '--path', 'keys', '--all-history')).toEqual({
    dryRun: true,
    commits: 2,
    paths: [{ path: 'keys/a.key', versions: 2 }],
    refs: [
      { kind: 'branch', name: 'main' },
      { kind: 'tag', name: 'v1' },
    ],
    bytes: expect.any(Number),
    forgottenCommits: 0,
    inTheWay: [],
  })
  expect(await bench.ok('log')).toBe(log)
})

test('erases, reports, and what it reported can be checked', async () => {
  const said = await bench.run(
    ...['erase', '--path', 'keys/*', '--all-history', '--reason', 'keys', '--report', 'erased.json'],
  )
  expect(said.status).toBe(0)
  expect(said.out).toContain('2 commits were written anew')
  expect(said.out).toMatch(/^\d+ chunks? and \d+ objects destroyed$/m)
  expect(said.out).toContain(`${VOLUMES} file${VOLUMES === 1 ? '' : 's'} written anew`)
  expect(said.out).toContain('Not reached')
  expect(said.out).toContain('The report is in ')
  // The same content under another name.
  expect(said.err).toMatch(/^warning: \d+ chunks? .*of it stay: main:b\.key needs them$/m)
  const report = JSON.parse(readFileSync(bench.path('erased.json'), 'utf8')) as ErasureReport
  expect(report).toMatchObject({ reason: 'keys', paths: [{ path: 'keys/a.key', versions: 2 }] })
  expect(await bench.ok('log', second)).toContain('second')
  expect((await bench.ok('ls', 'v1')).split('\n')).not.toContain('keys/a.key')

  const checked = await bench.ok('erase', '--check', 'erased.json')
  expect(checked.split('\n').filter((line) => line.startsWith('yes'))).toHaveLength(8)
  expect(checked).toContain('all is as the report says')
  expect(await bench.json('erase', '--check', 'erased.json')).toMatchObject({ ok: true })
  bench.write('tree/keys/a.key', secret('two'))
  await bench.commit('tree', 'again')
  const again = await bench.run('erase', '--check', 'erased.json')
  expect(again.status).toBe(1)
  expect(again.out).toMatch(/^NO +"keys\/a\.key": in a commit that is reachable/m)
  expect(again.out).toMatch(/^NO +[0-9a-f]{12}.*: in a chunk table/m)
  expect(await bench.run('--json', 'erase', '--check', 'erased.json')).toMatchObject({ status: 1 })

  await bench.ok('erase', '-q', '--path', '**/*.key', '--all-history')
  expect(filesWithSecret()).toEqual([])
})

test('with --json the report is part of the answer; --finish has nothing left to do', async () => {
  const { report } = await bench.json<{ report: ErasureReport }>('erase', '--path', '**/*.key', '--all-history')
  writeFileSync(bench.path('report'), JSON.stringify(report))
  expect(await bench.json('erase', '--finish')).toEqual({ report: null })
  expect(await bench.ok('erase', '--finish')).toBe(
    'no erasure was unfinished; the files of the store were written anew\n',
  )
  expect(await bench.json('erase', '--check', 'report')).toMatchObject({ ok: true })
  expect(filesWithSecret()).toEqual([])
})

test('refuses what is not meant, or cannot be', async () => {
  const without = await bench.run('erase', '--path', 'keys')
  expect(without).toMatchObject({ status: 2, err: expect.stringContaining('commits get new ids') })
  const alone = await bench.run('erase', 'secret.txt', '--all-history')
  expect(alone).toMatchObject({ status: 2, err: expect.stringContaining('--path secret.txt') })
  expect(without.err).toContain('--all-history')
  writeFileSync(bench.path('there'), '')
  writeFileSync(bench.path('text'), 'no JSON')
  writeFileSync(bench.path('other.json'), '{"kind":"varve-erasure","format":1}')
  writeFileSync(bench.path('newer.json'), '{"kind":"varve-erasure","format":2}')
  for (const [status, ...argv] of [
    [2, '--all-history'],
    [2, '--path', 'keys', '--all-history', '--report', 'there'],
    [2, '--path', 'keys', '--all-history', '--report', 'no/folder'],
    [2, '--path', 'keys', '--all-history', '-n', '--report', 'new'],
    [2, '--path', 'keys', '--finish'],
    [2, '--path', '[a', '--all-history'],
    [2, '--check', 'text'],
    [2, '--check', 'other.json'],
    [2, '--check', 'there', '--finish'],
    [2, 'keys', '--all-history'],
    [1, '--check', 'newer.json'],
    [3, '--check', 'nowhere'],
    [3, '--path', 'nothing', '--all-history'],
    [3, '--path', 'keys', '--all-history', '--store', 'nowhere'],
  ] as const) {
    expect({ argv, status: (await bench.run('erase', ...argv)).status }).toEqual({ argv, status })
  }
  expect(existsSync(bench.path('new'))).toBe(false)
  expect(filesWithSecret().length).toBeGreaterThan(0)
  expect(await bench.ok('log', second)).toContain(second)
})
