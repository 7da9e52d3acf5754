import { afterAll, beforeAll, expect, test } from 'vitest'
import { Workbench } from '../support.js'

const bench = new Workbench()
const ids: string[] = []
beforeAll(async () => {
  await bench.init()
  for (const message of ['first', 'second']) {
    bench.write('tree/a', message)
    ids.push(await bench.commit('tree', message))
  }
  await bench.ok('branch', 'topic', 'main~1')
  await bench.ok('branch', '-d', 'topic')
})
afterAll(() => bench.remove())

interface Entry {
  readonly revision: string
  readonly old: string | null
  readonly new: string | null
}

test('tells where a branch was, newest first', async () => {
  const entries = await bench.json<Entry[]>('reflog', 'main')
  expect(entries).toEqual([
    {
      ref: 'main',
      kind: 'branch',
      revision: 'main@{0}',
      old: ids[0],
      new: ids[1],
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      operation: expect.any(String),
      message: 'second',
      who: expect.any(String),
    },
    expect.objectContaining({ revision: 'main@{1}', old: null, new: ids[0] }),
  ])
  for (const { revision, new: target } of entries) {
    expect(await bench.json<unknown[]>('log', '-n', '1', revision)).toMatchObject([{ id: target }])
  }
})

test('tells of deleted branches too', async () => {
  const entries = await bench.json<Entry[]>('reflog', 'topic')
  expect(entries.map((entry) => [entry.old, entry.new])).toEqual([
    [ids[0], null],
    [null, ids[0]],
  ])
})

test('all of them, or some', async () => {
  expect(await bench.json<Entry[]>('reflog')).toHaveLength(4)
  expect(await bench.json<Entry[]>('reflog', '-n', '1')).toHaveLength(1)
})

test('to people', async () => {
  const lines = (await bench.ok('reflog', 'main')).split('\n')
  expect(lines[0]).toMatch(/^main@\{0\} {2}[0-9a-f]{12} {2}.*second {2}.*, .*$/)
  expect(lines).toHaveLength(3)
})

test('of what never was', async () => {
  await bench.fails(3, 'REF_NOT_FOUND', 'reflog', 'never')
})

test('to people at a terminal as short as fits beside the rest', async () => {
  const long = 'a subject that goes on and on, far beyond what a line of a terminal has room for'
  await bench.ok('tag', 'v1')
  bench.write('tree/a', long)
  await bench.commit('tree', long)
  const reflog = async (stdoutIsTerminal: boolean) =>
    (await bench.runWith({ stdoutIsTerminal, env: { NO_COLOR: '1' } }, 'reflog')).out
  expect(await reflog(false)).toContain(`: ${long}  `)
  expect(await reflog(false)).toContain(`: ${ids[1]}  `)
  expect(await reflog(true)).toContain(': a subject that goes on and on, far beyond what a …  ')
  expect(await reflog(true)).toContain(`: ${ids[1]!.slice(0, 12)}  `)
})
