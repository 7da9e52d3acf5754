import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { VOLUMES, Workbench } from '../support.js'

const Database = createRequire(import.meta.url)('better-sqlite3') as typeof import('better-sqlite3')

let bench: Workbench
let first: string
let second: string
beforeEach(async () => {
  bench = new Workbench()
  await bench.init()
  // Each by itself: what is damaged in one commit is sound in the other.
  await bench.ok('config', 'set', 'compression', 'none')
  bench.write('tree/sub/a', 'first\n')
  bench.write('tree/b', 'b\n')
  first = await bench.commit('tree', 'first')
  await bench.ok('tag', 'v1')
  bench.write('tree/sub/a', 'second\n')
  second = await bench.commit('tree', 'second')
})
afterEach(() => bench.remove())

async function idOf(revision: string, path: string): Promise<string> {
  const entries = await bench.json<{ path: string; id: string }[]>('ls', '-R', revision)
  return entries.find((entry) => entry.path === path)?.id as string
}

interface Which {
  places: { extent: number; volumePath: string }[]
  files: { revision: string; path: string }[]
}

/** Makes one extent unreadable on all volumes. */
function damage(extent: number): void {
  const others = Array.from({ length: VOLUMES - 1 }, (_, index) => `.varve/volume-${index + 1}`)
  for (const file of ['.varve/store.varve', ...others]) {
    const database = new Database(bench.path(file))
    database.prepare('UPDATE payload SET frame = zeroblob(length(frame)) WHERE eid = ?').run(extent)
    database.close()
  }
}

test('says who needs it, where it lies, and what keeps it', async () => {
  const id = await idOf('v1', 'sub/a')
  const text = await bench.ok('which', id.slice(0, 16))
  const lines = text.split('\n')
  expect(lines[0]).toBe(`chunk ${id}, 6 B`)
  expect(lines[1]).toMatch(/^lies in extent \d+ \(.* raw, .* stored\), slot \d+ of \d+, on volume \d, .*\.varve/)
  expect(lines[2]).toBe('kept, because of branch main, tag v1')
  expect(text).toMatch(/^ {2}branch main +in its history$/m)
  expect(text).toMatch(new RegExp(`^  tag v1 +at ${first.slice(0, 12)}$`, 'm'))
  expect(text).toMatch(/^ {2}reflog of main, until \d{4}-\d\d-\d\d +at /m)
  expect(text).toContain(`\nin 1 commit: ${first.slice(0, 12)}\n  v1:sub/a\n`)
  // Of what is in several commits, the newest that has it.
  expect(await bench.ok('which', await idOf('v1', 'b'))).toContain(
    `in 2 commits: ${second.slice(0, 12)}, ${first.slice(0, 12)}\n  main:b\n`,
  )
})

test('tells a program all of it', async () => {
  const id = await idOf('v1', 'sub/a')
  const found = await bench.json<Which>('which', id)
  expect(found).toMatchObject({
    kind: 'chunk',
    id,
    bytes: 6,
    places: [{ extent: expect.any(Number), slot: expect.any(Number), volume: expect.any(Number) }],
    fates: [{ state: 'kept', chunks: 1, bytes: 6, keptBy: [{ kind: 'branch', name: 'main' }, { kind: 'tag' }] }],
    commits: [first],
    commitCount: 1,
    isCut: false,
    unreadable: [],
  })
  expect(found.files).toEqual([{ revision: 'v1', commit: first, path: 'sub/a' }])
  const extent = found.places[0]?.extent
  expect(await bench.json('which', `extent:${extent}`)).toMatchObject({ kind: 'extent', extent, unreadable: [] })
  expect(await bench.ok('which', `extent:${extent}`)).toMatch(
    new RegExp(`^extent ${extent}, .*\nlies \\(.* stored\\) on volume \\d`),
  )
})

test('lists so many files as are asked for', async () => {
  for (const name of ['x', 'y', 'z']) bench.write(`tree/${name}`, 'the same')
  await bench.commit('tree', 'third')
  const id = await idOf('main', 'x')
  expect(await bench.ok('which', '-n', '2', id)).toMatch(
    /\n {2}main:x\n {2}main:y\n {2}… and more; -n lists more of them\n$/,
  )
  expect(await bench.json('which', '-n', '0', id)).toMatchObject({
    files: [],
    isCut: true,
    commits: [],
    commitCount: 1,
  })
  expect(await bench.json('which', '-n', '3', id)).toMatchObject({ isCut: false, files: { length: 3 } })
})

test('names what is damaged on the way, finds the rest, and exits with 5', async () => {
  const { places } = await bench.json<Which>('which', first)
  damage(places[0]?.extent as number)
  const run = await bench.run('which', await idOf('main', 'b'))
  expect(run.status).toBe(5)
  expect(run.out).toContain('\n  main:b\n')
  expect(run.err).toMatch(/^warning: could not look at commit [0-9a-f]{12}: CORRUPT_EXTENT: extent \d+/)
  const asJson = await bench.run('which', '--json', first)
  expect(asJson).toMatchObject({ status: 5, err: '' })
  expect(JSON.parse(asJson.out)).toMatchObject({ kind: 'commit', id: first })
  const why = await bench.run('gc', '--explain', 'main:b')
  expect(why.status).toBe(5)
  // What the first commit needs is not known: it is not said to need nothing.
  expect(why.out).toMatch(/:b, 1 chunk, 2 B raw\nkept, because of branch main\n$/)
  expect(why.err).toContain('could not look at commit')
})

test('control characters in names do not reach the terminal', async () => {
  bench.write('tree/\u001b[31mred', 'red')
  await bench.commit('tree', 'third')
  const { commits } = await bench.json<{ commits: string[] }>('which', (await idOf('main', '\u001b[31mred')) ?? '')
  expect(commits).toHaveLength(1)
  const text = await bench.ok('which', await idOf('main', '\u001b[31mred'))
  expect(text).toContain('main:\\x1b[31mred')
})

test('gc --explain: what keeps a file, and what only its commit needs', async () => {
  expect(await bench.ok('gc', '--explain', 'main:sub/a')).toBe(
    `file ${second.slice(0, 12)}:sub/a, 1 chunk, 7 B raw\n` +
      'kept, because of branch main\n' +
      '1 chunk, 7 B: in no other commit\n',
  )
  expect(await bench.ok('gc', '--explain', 'b')).toBe(
    `file ${second.slice(0, 12)}:b, 1 chunk, 2 B raw\nkept, because of branch main, tag v1\n`,
  )
  expect(await bench.ok('gc', '--explain', ':sub/')).toContain(`directory ${second.slice(0, 12)}:sub, 2 chunks`)
  // Not all is alike of a directory of which some changed.
  expect(await bench.ok('gc', '--explain', ':')).toMatch(
    /^3 chunks, \d+ B: kept, because of branch main\n1 chunk, 2 B: kept, because of branch main, tag v1$/m,
  )
  expect(await bench.json('gc', '--explain', 'v1:')).toMatchObject({
    kind: 'directory',
    commit: first,
    path: '',
    fates: expect.arrayContaining([expect.objectContaining({ state: 'kept' })]),
    onlyHere: { chunks: expect.any(Number), bytes: expect.any(Number) },
    unreadable: [],
  })
  const id = await idOf('main', 'sub/a')
  expect(await bench.ok('gc', '--explain', id)).toBe(`chunk ${id}, 1 chunk, 7 B raw\nkept, because of branch main\n`)
  writeFileSync(bench.path('tree/empty'), '')
  await bench.commit('tree', 'third')
  expect(await bench.ok('gc', '--explain', 'main:empty')).toMatch(
    /^file [0-9a-f]{12}:empty, nothing is stored for it\n$/,
  )
})

test('gc --explain: what nothing needs any more, and when its space may come back', async () => {
  await bench.ok('branch', 'side')
  bench.write('tree/gone', 'gone\n')
  await bench.commit('tree', 'gone', '-b', 'side')
  const id = await idOf('side', 'gone')
  await bench.ok('branch', '-d', 'side')
  expect(await bench.ok('gc', '--explain', id)).toMatch(
    /\nkept, because of reflog of side, until \d{4}-\d\d-\d\d; space back on \d{4}-\d\d-\d\d, earliest\n$/,
  )
  await bench.ok('config', 'set', 'reflog-keep', '0')
  await bench.ok('gc')
  expect(await bench.ok('gc', '--explain', id)).toMatch(
    /^condemned since \d{4}-\d\d-\d\d; space back on \d{4}-\d\d-\d\d, earliest$/m,
  )
  const text = await bench.ok('which', id)
  expect(text).toContain('\ncondemned since ')
  expect(text).not.toContain('needed by')
  await bench.ok('gc', '--now')
  expect(await bench.run('gc', '--explain', id)).toMatchObject({ status: 3 })
})

test('refuses what is malformed, and says what is not there', async () => {
  for (const what of ['', 'abc', 'main', 'main:b', 'extent:', 'extent:one', '-1']) {
    expect((await bench.run('which', what)).status, what).toBe(2)
  }
  expect(await bench.run('which')).toMatchObject({ status: 2 })
  expect(await bench.run('which', first, second)).toMatchObject({ status: 2 })
  expect(await bench.run('which', '-n', 'x', first)).toMatchObject({ status: 2 })
  await bench.fails(2, 'INVALID_ARGUMENT', 'which', 'main')
  await bench.fails(3, 'UNKNOWN_REVISION', 'which', '0123456789abcdef')
  const { hint } = await bench.fails(3, 'UNKNOWN_REVISION', 'which', 'extent:9999')
  expect(hint).toContain('pv list')
  await bench.fails(3, 'STORE_NOT_FOUND', 'which', '--store', 'nowhere.varve', first)
  await bench.fails(2, 'USAGE', 'gc', '--explain', 'main:b', '--now')
  await bench.fails(2, 'USAGE', 'gc', '-n', '--explain', 'main:b')
  await bench.fails(2, 'INVALID_ARGUMENT', 'gc', '--explain', '')
  const missing = await bench.fails(3, 'PATH_NOT_FOUND', 'gc', '--explain', 'main:nowhere')
  expect(missing.hint).toContain('REV:PATH')
  await bench.fails(3, 'PATH_NOT_FOUND', 'gc', '--explain', 'nowhere')
  await bench.fails(3, 'UNKNOWN_REVISION', 'gc', '--explain', 'nowhere:b')
  await bench.fails(3, 'UNKNOWN_REVISION', 'gc', '--explain', '0123456789')
})
