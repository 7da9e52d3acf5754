import { afterAll, beforeAll, expect, test } from 'vitest'
import { Workbench } from '../support.js'

const bench = new Workbench()
const ids: string[] = []
beforeAll(async () => {
  await bench.init()
  for (const number of [1, 2, 3, 4]) {
    bench.write('tree/a', `a${number}`)
    if (number === 2) bench.write('tree/b', 'b')
    ids.push(
      await bench.commit('tree', `number ${number}\n\nMore\u001b[31m about it.\n`, '--author', 'Ann <ann@example.com>'),
    )
    if (number === 2) await bench.ok('tag', 'v2')
  }
  await bench.ok('branch', 'old', 'main~3')
})
afterAll(() => bench.remove())

async function logged(...argv: string[]): Promise<string[]> {
  return (await bench.json<{ id: string }[]>('log', ...argv)).map((commit) => commit.id)
}

test('lists commits, newest first', async () => {
  expect(await logged()).toEqual(ids.toReversed())
  expect(await logged('old')).toEqual(ids.slice(0, 1))
  expect(await logged('main~1')).toEqual(ids.slice(0, 3).toReversed())
  expect(await logged('-n', '2')).toEqual(ids.slice(2).toReversed())
  expect(await logged('v2..main')).toEqual(ids.slice(2).toReversed())
  expect(await logged('main..v2')).toEqual([])
  expect(await logged('main', '--', 'b')).toEqual([ids[1]])
  expect(await logged('--', './b')).toEqual([ids[1]])
})

test('takes a path from where it is given, in a working folder; of a named store from its root', async () => {
  const folder = new Workbench()
  await folder.init()
  folder.write('d/a', 'a')
  await folder.ok('commit', '-m', 'a')
  folder.write('d/b', 'b')
  await folder.ok('commit', '-m', 'b')
  const subjects = async (...argv: string[]) =>
    (await folder.json<{ message: string }[]>(...argv)).map(({ message }) => message)
  expect(await subjects('log', '--', 'd/a')).toEqual(['a'])
  expect(await subjects('-C', 'd', 'log', '--', 'a')).toEqual(['a'])
  expect(await subjects('-C', 'd', 'log', '--', '.')).toEqual(['b', 'a'])
  expect(await subjects('-C', 'd', 'log', '--', '../d/b')).toEqual(['b'])
  await folder.fails(2, 'INVALID_PATH', 'log', '--', '../elsewhere')
  const store = folder.path('.varve/store.varve')
  expect(await subjects('-C', 'd', '--store', store, 'log', '--', '/d/a')).toEqual(['a'])
  const changed = async (...argv: string[]) => (await folder.ok(...argv, '--name-only', '--', 'b')).trim()
  expect(await changed('-C', 'd', 'diff', 'HEAD~1', 'HEAD')).toBe('d/b')
  expect(await changed('-C', 'd', '--store', store, 'diff', 'main~1', 'main')).toBe('')
  folder.remove()
})

test('has the shape of commits', async () => {
  const [commit] = await bench.json<unknown[]>('log', '-n', '1')
  expect(commit).toEqual({
    id: ids[3],
    tree: expect.any(String),
    files: 2,
    sizeBytes: 3,
    parents: [ids[2]],
    author: { who: 'Ann <ann@example.com>', time: expect.any(String) },
    committer: { who: 'Ann <ann@example.com>', time: expect.any(String) },
    message: 'number 4\n\nMore\u001b[31m about it.\n',
  })
})

test('shows people who, when, what, and what points there', async () => {
  const [first] = (await bench.ok('log')).split('\n\ncommit ')
  expect(first).toMatch(
    /^commit [0-9a-f]{64} \(main\)\nAuthor: Ann <ann@example\.com>\nDate: {3}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} \(.*\)\n\n {4}number 4\n\n {4}More\\x1b\[31m about it\.$/,
  )
})

test('one line a commit', async () => {
  expect((await bench.ok('log', '--oneline')).split('\n')).toEqual([
    `${ids[3]!.slice(0, 12)} (main) number 4`,
    `${ids[2]!.slice(0, 12)} number 3`,
    `${ids[1]!.slice(0, 12)} (tag: v2) number 2`,
    `${ids[0]!.slice(0, 12)} (old) number 1`,
    '',
  ])
})

test('in colours at a terminal', async () => {
  const run = await bench.runWith({ stdoutIsTerminal: true }, 'log', '--oneline', '-n', '1')
  expect(run.out).toContain('\u001b[33m')
  const plain = await bench.runWith({ stdoutIsTerminal: true, env: { NO_COLOR: '1' } }, 'log', '--oneline', '-n', '1')
  expect(plain.out).not.toContain('\u001b')
})

test('ids may be shortened', async () => {
  expect(await logged(ids[0]!.slice(0, 8))).toEqual([ids[0]])
})

test('what is not there', async () => {
  const error = await bench.fails(3, 'UNKNOWN_REVISION', 'log', 'mains')
  expect(JSON.stringify(error)).toContain('"main"')
  await bench.fails(3, 'UNKNOWN_REVISION', 'log', 'main..nothing')
  await bench.fails(3, 'UNKNOWN_REVISION', 'log', 'main~4')
})

test('an empty store has no HEAD', async () => {
  const empty = new Workbench()
  await empty.init()
  await empty.fails(3, 'UNKNOWN_REVISION', 'log')
  empty.remove()
})
