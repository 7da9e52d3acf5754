import { chmodSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fastcdc, lz4, zstd } from '../../../src/codec/packages.js'
import { Workbench } from '../support.js'

let bench: Workbench
beforeEach(async () => {
  bench = new Workbench()
  await bench.init()
  bench.write('tree/a.txt', 'some text\n'.repeat(1000))
  bench.write('tree/sub/b.bin', Buffer.alloc(5000, 7))
})
afterEach(() => bench.remove())

const HASH = expect.stringMatching(/^[0-9a-f]{64}$/)

test('says in JSON what was recorded', async () => {
  const result = await bench.json(
    'commit',
    '--from',
    'tree',
    '-m',
    'first\n\nwith details',
    '--author',
    'Ann <ann@example.com>',
  )
  const signature = {
    who: 'Ann <ann@example.com>',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$/),
  }
  expect(result).toEqual({
    branch: 'main',
    commit: {
      id: HASH,
      tree: HASH,
      files: 2,
      sizeBytes: 15000,
      parents: [],
      author: signature,
      committer: signature,
      message: 'first\n\nwith details',
    },
    files: 2,
    sizeBytes: 15000,
    ignored: 0,
    newBytes: expect.any(Number),
    storedBytes: expect.any(Number),
    savedBy: { dedupBytes: expect.any(Number), compressionBytes: expect.any(Number) },
    skipped: [],
    warnings: [],
  })
})

test('says to people branch, id, files, sizes and savings', async () => {
  const out = await bench.ok('commit', '--from', 'tree', '-m', 'first')
  expect(out).toMatch(
    /^\[main [0-9a-f]{12}\] first\n2 files, 14\.6 KiB: .* new, .* stored \(saved .* by dedup, .* by compression\)\n$/,
  )
})

test('makes no commit where nothing changed, unless told to', async () => {
  const id = await bench.commit('tree', 'first')
  expect(await bench.ok('commit', '--from', 'tree', '-m', 'again')).toContain(
    `nothing changed; main stays at ${id.slice(0, 12)}`,
  )
  expect(await bench.json('commit', '--from', 'tree', '-m', 'again')).toMatchObject({
    commit: null,
    files: 2,
    newBytes: 0,
  })
  expect(await bench.json('commit', '--from', 'tree', '-m', 'again', '--allow-empty')).toMatchObject({
    commit: { parents: [id] },
  })
})

test('goes to the branch that is named', async () => {
  expect(await bench.json('commit', '--from', 'tree', '-b', 'topic', '-m', 'x')).toMatchObject({ branch: 'topic' })
  expect(await bench.json('branch')).toMatchObject([{ name: 'topic', subject: 'x' }])
  await bench.fails(2, 'INVALID_REF_NAME', 'commit', '--from', 'tree', '-b', 'no..way', '-m', 'x')
})

describe('who commits', () => {
  async function author(env: Record<string, string>, ...options: string[]): Promise<string> {
    const run = await bench.runWith(
      { env },
      'commit',
      '--from',
      'tree',
      '-m',
      'x',
      '--allow-empty',
      '--json',
      ...options,
    )
    return (JSON.parse(run.out) as { commit: { author: { who: string } } }).commit.author.who
  }

  test('--author, else VARVE_AUTHOR, else the config, else user@host', async () => {
    expect(await author({})).toMatch(/^\S+@\S+$/)
    await bench.ok('config', 'set', 'author', 'Config <c@example.com>')
    expect(await author({})).toBe('Config <c@example.com>')
    expect(await author({ VARVE_AUTHOR: '' })).toBe('Config <c@example.com>')
    expect(await author({ VARVE_AUTHOR: 'Env <e@example.com>' })).toBe('Env <e@example.com>')
    expect(await author({ VARVE_AUTHOR: 'Env' }, '--author', 'Option')).toBe('Option')
  })

  test('is one line', async () => {
    await bench.fails(2, 'INVALID_ARGUMENT', 'commit', '--from', 'tree', '-m', 'x', '--author', 'a\nb')
  })
})

describe('ignoring', () => {
  beforeEach(() => {
    bench.write('tree/x.tmp', 'x')
    bench.write('tree/cache/y', 'y')
    bench.write('tree/.gitignore', '*.log\n')
    bench.write('tree/z.log', 'z')
  })

  test('everything is taken unless told otherwise', async () => {
    expect(await bench.json('commit', '--from', 'tree', '-m', 'x')).toMatchObject({ files: 6, ignored: 0 })
  })

  test('patterns, several of them', async () => {
    const options = ['--ignore', '*.tmp', '--ignore', 'cache/']
    expect(await bench.json('commit', '--from', 'tree', '-m', 'x', ...options)).toMatchObject({ files: 4, ignored: 2 })
    expect(await bench.ok('commit', '--from', 'tree', '-m', 'y', '--allow-empty', ...options)).toContain(
      '2 entries ignored',
    )
  })

  test('ignore files, when told to', async () => {
    const result = await bench.json('commit', '--from', 'tree', '-m', 'x', '--ignore-files')
    expect(result).toMatchObject({ files: 5, ignored: 1 })
  })
})

describe('trouble', () => {
  test('no such folder, or a file', async () => {
    await bench.fails(3, 'PATH_NOT_FOUND', 'commit', '--from', 'nowhere', '-m', 'x')
    await bench.fails(3, 'NOT_A_DIRECTORY', 'commit', '--from', 'tree/a.txt', '-m', 'x')
  })

  test.runIf(process.platform !== 'win32')(
    'files that cannot be read are named, and skipped when told to',
    async () => {
      chmodSync(bench.path('tree/a.txt'), 0)
      await asNobody(async () => {
        const error = await bench.fails(7, 'UNREADABLE_FILES', 'commit', '--from', 'tree', '-m', 'x')
        expect(error.details?.paths).toEqual(['a.txt'])
        expect(error.hint).toContain('--skip-unreadable')
        expect(await bench.json<unknown[]>('branch')).toEqual([])
        const run = await bench.run('commit', '--from', 'tree', '-m', 'x', '--skip-unreadable')
        expect(run).toMatchObject({ status: 0, err: expect.stringContaining('skipped a.txt: ') })
        expect(run.out).toContain('1 file skipped')
        expect(await bench.json('commit', '--from', 'tree', '-m', 'x', '--skip-unreadable')).toMatchObject({
          commit: null,
          skipped: [{ path: 'a.txt', code: 'EACCES', reason: expect.any(String) }],
        })
      })
    },
  )

  test('a store below the folder is not swallowed', async () => {
    const result = await bench.json<{ files: number }>('commit', '--from', '.', '-m', 'x')
    expect(result.files).toBe(2)
  })

  test('an empty folder is a commit too', async () => {
    mkdirSync(bench.path('empty'))
    expect(await bench.json('commit', '--from', 'empty', '-m', 'x')).toMatchObject({ commit: { files: 0, tree: null } })
  })

  test('a message of nothing', async () => {
    await bench.fails(2, 'INVALID_ARGUMENT', 'commit', '--from', 'tree', '-m', ' ')
  })

  test.each([['x'], ['0'], ['-1']])('--retry %s is refused', async (times) => {
    await bench.fails(2, 'USAGE', 'commit', '--from', 'tree', '-m', 'x', `--retry=${times}`)
  })

  test('interrupted, nothing is there', async () => {
    const controller = new AbortController()
    controller.abort()
    const run = await bench.runWith({ signal: controller.signal }, 'commit', '--from', 'tree', '-m', 'x')
    expect(run).toMatchObject({ status: 130, out: '' })
    expect(await bench.json('branch')).toEqual([])
  })
})

test('-q says nothing, a message may begin with dashes', async () => {
  expect(await bench.ok('commit', '-q', '--from', 'tree', '-m', '--json')).toBe('')
  expect(await bench.json('log')).toMatchObject([{ message: '--json' }])
})

test('two at a time: none is lost, the one that came second is told or retries', async () => {
  await bench.commit('tree', 'base')
  bench.write('other/c', 'c')
  const runs = await Promise.all([
    bench.run('commit', '--from', 'tree', '-m', 'one', '--allow-empty', '--retry'),
    bench.run('commit', '--from', 'other', '-m', 'two', '--allow-empty', '--retry', '3'),
  ])
  expect(runs.map((run) => run.status)).toEqual([0, 0])
  const messages = (await bench.json<{ message: string }[]>('log')).map((commit) => commit.message)
  expect(messages.toSorted()).toEqual(['base', 'one', 'two'])
})

const NOBODY = 65534

/** Root may read everything; for the time of `body` this process is somebody else, who may use the workbench. */
async function asNobody(body: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return body()
  for (const name of ['', ...readdirSync(bench.folder, { recursive: true, encoding: 'utf8' })]) {
    if (name !== join('tree', 'a.txt')) chmodSync(bench.path(name), 0o777)
  }
  // Nobody may read the project, and these are loaded only when they are used.
  for (const load of [fastcdc, lz4, zstd]) load()
  process.seteuid?.(NOBODY)
  try {
    await body()
  } finally {
    process.seteuid?.(0)
  }
}
