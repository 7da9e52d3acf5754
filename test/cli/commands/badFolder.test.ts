/** What somebody at a shell reads when a working folder, or its store, is not as it should be. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Workbench } from '../support.js'

let bench: Workbench
beforeEach(async () => {
  bench = new Workbench()
  await bench.init()
  bench.write('a.txt', 'one\n')
  bench.write('d/b.txt', 'b\n')
  await bench.ok('commit', '-q', '-m', 'first')
})
afterEach(() => bench.remove())

/** As a person reads it: what was printed on stderr. */
async function told(status: number, ...argv: string[]): Promise<string> {
  const run = await bench.run(...argv)
  expect({ argv, status: run.status }).toEqual({ argv, status })
  return run.err
}

/** A folder `work` of a store that lies elsewhere. @returns The store. */
async function folderElsewhere(): Promise<string> {
  mkdirSync(bench.path('elsewhere'))
  const store = bench.path('elsewhere/store.varve')
  await bench.ok('--store', store, 'init')
  await bench.ok('--store', store, 'commit', '--from', 'd', '-m', 'first')
  await bench.ok('--store', store, 'worktree', 'add', 'work', '-c', 'work')
  return store
}

describe('the store is not there', () => {
  test('it was deleted: it is named, and what is left to do', async () => {
    rmSync(bench.path('.varve/store.varve'))
    for (const argv of [['status'], ['commit', '-m', 'x'], ['switch', 'main'], ['restore', 'a.txt'], ['log']]) {
      const text = await told(3, ...argv)
      expect(text).toContain(`is gone: ${bench.path('.varve/store.varve')}`)
      expect(text).toMatch(/^hint: .*varve init/m)
    }
    expect(readFileSync(bench.path('a.txt'), 'utf8')).toBe('one\n')
  })

  test('it was moved: `worktree repair --store` mends it', async () => {
    const store = await folderElsewhere()
    const moved = bench.path('moved.varve')
    renameSync(store, moved)
    const text = await told(3, '-C', 'work', 'status')
    expect(text).toContain(store)
    expect(text).toContain('hint: Mount the disk')
    expect(text).toContain('varve worktree repair --store STORE')
    await bench.fails(3, 'STORE_NOT_FOUND', '-C', 'work', 'worktree', 'repair')
    // A store for other commands: it is not asked to take the folder.
    const run = await bench.runWith({ env: { VARVE_STORE: moved } }, '-C', 'work', 'worktree', 'repair')
    expect(run.status).toBe(3)
    expect(await bench.json('-C', 'work', 'worktree', 'repair', '--store', '../moved.varve')).toMatchObject({
      path: bench.path('work'),
      branch: 'work',
    })
    expect(await bench.ok('-C', 'work', 'status')).toMatch(/^on work, at .*\nnothing to commit\n$/)
  })

  test('another one is there', async () => {
    const store = await folderElsewhere()
    const own = bench.path('own.varve')
    renameSync(store, own)
    await bench.ok('--store', store, 'init')
    const error = await bench.fails(3, 'STORE_NOT_FOUND', '-C', 'work', 'status')
    expect(error.message).toContain('another store')
    await bench.ok('-C', 'work', 'worktree', 'repair', '--store', own)
    expect(await bench.ok('-C', 'work', 'status')).toContain('on work, at ')
  })
})

describe('what says which folder it is', () => {
  test('is damaged', async () => {
    writeFileSync(bench.path('.varve/worktree'), 'x')
    const text = await told(5, 'status')
    expect(text).toContain(bench.path('.varve/worktree'))
    expect(text).toContain('varve worktree repair')
    await bench.ok('worktree', 'repair')
    expect(await bench.ok('status')).toContain('nothing to commit')
  })

  test('is nowhere', async () => {
    rmSync(bench.path('.varve'), { recursive: true })
    expect(await told(3, 'commit', '-m', 'x')).toContain('hint: create one with "varve init"')
    await bench.fails(3, 'WORKTREE_NOT_FOUND', 'worktree', 'repair')
  })

  test('`init` in a folder of another store', async () => {
    bench.write('.varveignore', 'work/\n')
    await bench.ok('worktree', 'add', 'work', '-c', 'work')
    const text = await told(4, 'init', 'work')
    expect(text).toContain(bench.path('.varve/store.varve'))
    expect(text).toContain(`remove ${bench.path('work/.varve')} first`)
    expect(await bench.ok('-C', 'work', 'status')).toContain('on work')
  })

  test('`init` where no folder can be', async () => {
    bench.write('file', '')
    expect(await told(7, 'init', 'file')).toContain(`varve: cannot make "${bench.path('file/.varve')}"`)
  })
})

describe('a folder that lies too deep to be read', () => {
  beforeEach(() => {
    const script = `for (let i = 0; i < 25; i++) { fs.mkdirSync('n'.repeat(200)); process.chdir('n'.repeat(200)) }`
    execFileSync(process.execPath, ['-e', script], { cwd: bench.path('d') })
  })
  afterEach(() => {
    // Node gives up where the path is too long.
    execFileSync('rm', ['-rf', bench.folder])
  })

  test('is named; nothing is committed, or all else', async () => {
    expect(await told(0, 'status')).toMatch(/^warning: cannot read d\/n.*too long.*\(ENAMETOOLONG\)$/m)
    bench.write('d/b.txt', 'changed\n')
    const text = await told(7, 'commit', '-m', 'x')
    expect(text).toMatch(/^varve: one file or folder could not be read: "d\/n.*too long/)
    expect(text).toContain('hint: nothing was committed; --skip-unreadable does without them')
    const { skipped } = await bench.json<{ skipped: { path: string }[] }>('commit', '-m', 'x', '--skip-unreadable')
    expect(skipped).toHaveLength(1)
    expect(await bench.ok('cat', 'HEAD:d/b.txt')).toBe('changed\n')
  })
})

describe('a lock', () => {
  test('of a process at work, of another machine, or of nobody: who, and which file', async () => {
    const lock = bench.path('.varve/lock')
    for (const [content, who] of [
      [JSON.stringify({ pid: process.pid, host: hostname() }), `process ${process.pid} on ${hostname()}`],
      [JSON.stringify({ pid: 1, host: 'elsewhere' }), 'process 1 on elsewhere'],
      ['', 'another process'],
    ] as const) {
      writeFileSync(lock, content)
      const text = await told(4, 'commit', '-m', 'x')
      expect(text).toContain(`varve: ${who} is at work in ${bench.folder}\n`)
      expect(text).toContain(`hint: Wait for it to end. If it is gone for good, remove ${lock}.`)
      expect(await bench.ok('status')).toContain('nothing to commit')
    }
  })
})

describe('in the way of a switch', () => {
  test('what is uncommitted is listed, and --force gives it up, as does --continue --force', async () => {
    await bench.ok('switch', '-c', 'other')
    for (let index = 0; index < 8; index++) bench.write(`f${index}`, 'theirs\n')
    await bench.ok('commit', '-q', '-m', 'second')
    await bench.ok('switch', 'main')
    for (let index = 0; index < 8; index++) bench.write(`f${index}`, 'mine\n')
    for (const verb of ['switch', 'checkout']) {
      const text = await told(4, verb, 'other')
      expect(text).toContain('varve: 8 files would be overwritten: "f0", "f1"')
      expect(text).toContain('\n  f7\n')
      expect(text).toContain('hint: Nothing was changed.')
      expect(readFileSync(bench.path('f0'), 'utf8')).toBe('mine\n')
    }
    const { head } = await bench.json<{ head: string }>('status')
    const to = (await bench.json<{ id: string }[]>('log', 'other'))[0]?.id
    writeFileSync(bench.path('.varve/switch'), JSON.stringify({ from: head, to, branch: 'other' }))
    expect(await told(4, 'commit', '-m', 'x')).toContain('varve switch --continue')
    await bench.fails(4, 'UNCOMMITTED_CHANGES', 'switch', '--continue')
    await bench.ok('switch', '--continue', '--force')
    expect(readFileSync(bench.path('f0'), 'utf8')).toBe('theirs\n')
    expect(await bench.ok('status')).toMatch(/^on other, at .*\nnothing to commit\n$/)
  })

  test('of forgetting a folder', async () => {
    bench.write('.varveignore', 'work/\n')
    await bench.ok('worktree', 'add', 'work', '-c', 'work')
    bench.write('work/a.txt', 'mine\n')
    const text = await told(4, 'worktree', 'remove', 'work')
    expect(text).toContain('has uncommitted changes\n  a.txt\n')
    expect(text).toContain('--force: its files stay')
    await bench.ok('worktree', 'remove', 'work', '--force')
    expect(readFileSync(bench.path('work/a.txt'), 'utf8')).toBe('mine\n')
  })
})

test('a pipe is named on stderr, and in JSON', async () => {
  execFileSync('mkfifo', [bench.path('pipe')])
  const left = 'left out "pipe": it is neither a file nor a folder nor a symlink'
  for (const argv of [['status'], ['commit', '-m', 'x']]) expect(await told(0, ...argv)).toBe(`warning: ${left}\n`)
  expect(await bench.json('status')).toMatchObject({ warnings: [left], changes: [] })
})
