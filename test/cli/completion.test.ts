/** What completion answers; test/cli/completionScripts.test.ts has what shells make of it. */
import { chmodSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { VERBS } from '../../cli/verbs.js'
import { Workbench } from './support.js'

const bench = new Workbench()
afterAll(() => bench.remove())

/** What is offered for the last of `words`, without descriptions. */
async function offered(...words: string[]): Promise<string[]> {
  return (await answered(...words)).slice(1)
}

/** The same, and before it what it is. */
async function answered(...words: string[]): Promise<string[]> {
  const lines = (await bench.ok('__complete', '--', ...words)).split('\n').slice(0, -1)
  return lines.map((line) => line.split('\t')[0]!)
}

describe('without a store', () => {
  test('commands, those below them, and their options', async () => {
    expect(await offered('')).toEqual(VERBS.filter((verb) => verb.heading !== undefined).map((verb) => verb.name))
    expect(await offered('co')).toEqual(['config', 'commit', 'completion'])
    expect(await offered('-C', 'x', 'ver')).toEqual(['verify', 'version'])
    expect(await offered('vg', '')).toEqual([
      'show',
      'create',
      'extend',
      'reduce',
      'balance',
      'rename',
      'recover',
      'export',
      'import',
    ])
    expect(await offered('log', '--o')).toEqual(['--oneline'])
    expect(await offered('vg', 'extend', '--s')).toEqual(['--size', '--store'])
    expect(await offered('nonsense', '')).toEqual([])
  })

  test('each command says what it is', async () => {
    expect(await bench.ok('__complete', '--', 'comm')).toBe('words\ncommit\tRecord the state of a folder\n')
    expect(await bench.json('__complete', '--', 'log', '--oneli')).toEqual({
      kind: 'words',
      candidates: [{ word: '--oneline', description: 'one line a commit' }],
    })
  })

  test('values that are listed, files where files are meant, nothing where nothing is known', async () => {
    expect(await offered('lv', 'convert', 'default', '--type', '')).toEqual(['linear', 'striped', 'mirrored'])
    expect(await offered('lv', 'tier', '')).toEqual(['default'])
    expect(await offered('pv', 'change', '0', '--allocatable', '')).toEqual(['y', 'n'])
    expect(await offered('completion', 'z')).toEqual(['zsh'])
    expect(await offered('help', 'rev')).toEqual(['revisions'])
    expect(await answered('commit', '--from', 'sr')).toEqual(['files'])
    expect(await answered('--store', '')).toEqual(['files'])
    expect(await answered('export', 'main', '')).toEqual(['files'])
    expect(await offered('commit', '-m', '')).toEqual([])
    expect(await offered('log', '--', '')).toEqual([])
    expect(await offered('log', 'main', '')).toEqual([])
  })

  test('no branches, and no complaints', async () => {
    expect(await offered('log', '')).toEqual([])
    expect(await offered('--store', 'nowhere', 'log', '')).toEqual([])
    expect(await answered('restore', '')).toEqual(['words'])
    expect(await answered('cat', 'main:')).toEqual(['words'])
    expect(await answered('worktree', 'remove', '')).toEqual(['words'])
  })

  test('completing the completion', async () => {
    expect(await offered('__complete', '')).toEqual([])
  })
})

describe('with a store', () => {
  beforeAll(async () => {
    await bench.init()
    bench.write('tree/a.txt', 'a')
    await bench.commit('tree', 'one')
    await bench.ok('branch', 'topic')
    await bench.ok('tag', 'v1.0')
  })

  test('branches and tags', async () => {
    expect(await offered('log', '')).toEqual(['main', 'topic', 'v1.0', 'HEAD'])
    expect(await offered('show', 'v')).toEqual(['v1.0'])
    expect(await offered('branch', '-d', 't')).toEqual(['topic'])
    expect(await offered('tag', '')).toEqual(['v1.0'])
    expect(await offered('commit', '--from', '.', '--branch', '')).toEqual(['main', 'topic'])
    expect(await offered('commit', '-b', 'to')).toEqual(['topic'])
  })

  test('ranges', async () => {
    expect(await offered('log', 'v1.0..m')).toEqual(['v1.0..main'])
    expect(await offered('diff', 'main', 't')).toEqual(['topic'])
  })

  test('volumes and settings', async () => {
    expect(await offered('pv', 'change', '')).toContain('0')
    expect(await offered('config', 'get', 'def')).toEqual(['default-branch'])
  })

  test('of the store that the words name', async () => {
    const other = new Workbench()
    expect(await other.ok('__complete', '--', '-C', bench.folder, 'branch', 'to')).toMatch(/^words\ntopic\t/)
    expect(await other.ok('__complete', '--', '--store', bench.path('.varve/store.varve'), 'branch', 'to')).toMatch(
      /^words\ntopic/,
    )
    other.remove()
  })
})

describe('paths', () => {
  const NOT_UTF8 = Buffer.from('bad\xff', 'latin1')
  let tree: Workbench
  beforeAll(async () => {
    tree = new Workbench()
    await tree.init()
    for (const path of [
      'a.txt',
      'same',
      'touched',
      'script',
      'my file.txt',
      `it's "q"`,
      ':files',
      'src/x.ts',
      'src/deep/y',
    ]) {
      tree.write(path, path)
    }
    tree.write('line\nfeed', 'n')
    tree.write('tab\there', 't')
    writeFileSync(Buffer.concat([Buffer.from(`${tree.folder}/`), NOT_UTF8]), 'b')
    symlinkSync('a.txt', tree.path('link'))
    symlinkSync('a.txt', tree.path('same link'))
    await tree.ok('commit', '-m', 'first')
    await tree.ok('branch', 'old')
    rmSync(tree.path('src/x.ts'))
    tree.write('src/later', 'l')
    await tree.ok('commit', '-m', 'second')
    // Changed in size, in mode, in content alone; gone; new; pointing elsewhere. One is only older.
    tree.write('a.txt', 'longer')
    chmodSync(tree.path('script'), 0o755)
    tree.write('my file.txt', 'MY FILE.TXT')
    rmSync(tree.path('src/later'))
    tree.write('new one', 'n')
    rmSync(tree.path('link'))
    symlinkSync('same0', tree.path('link'))
    utimesSync(tree.path('touched'), 1, 1)
    mkdirSync(tree.path('.git'))
  })
  afterAll(() => tree.remove())

  async function inTree(...words: string[]): Promise<string[]> {
    return inFolder('.', ...words)
  }

  async function inFolder(folder: string, ...words: string[]): Promise<string[]> {
    const out = await tree.ok('-C', folder, '__complete', '--', ...words)
    return out.split('\n').slice(0, -1)
  }

  test('that changed, and folders', async () => {
    const changed = ['a.txt', 'link', 'my file.txt', 'script']
    expect(await inTree('restore', '')).toEqual(['paths', ...changed, 'src/'])
    expect(await inTree('commit', '-m', 'x', '')).toEqual(['paths', ...changed.toSpliced(3, 0, 'new one'), 'src/'])
    expect(await inTree('commit', '-m', 'x', '--', 'n')).toEqual(['paths', 'new one'])
    expect(await inTree('diff', '--', 'm')).toEqual(['paths', 'my file.txt'])
    expect(await inTree('checkout', '--', 'm')).toEqual(['paths', 'my file.txt'])
  })

  test('what is deleted can be brought back, by its folder too', async () => {
    expect(await inTree('restore', 'src/')).toEqual(['paths', 'src/deep/', 'src/later'])
    rmSync(tree.path('src'), { recursive: true })
    expect(await inTree('restore', 's')).toEqual(['paths', 'script', 'src/'])
    expect(await inTree('restore', 'src/deep/')).toEqual(['paths', 'src/deep/y'])
    await tree.ok('restore', 'src/deep')
  })

  test('compared with the revision that is named', async () => {
    expect(await inTree('restore', '--from', 'old', 'src/')).toEqual(['paths', 'src/deep/', 'src/x.ts'])
    expect(await inTree('checkout', 'old', '--', 'src/x')).toEqual(['paths', 'src/x.ts'])
    expect(await inTree('diff', 'old', '--', 'src/x')).toEqual(['paths', 'src/x.ts'])
  })

  test('each once', async () => {
    expect(await inTree('restore', 'a.txt', 'script', '')).toEqual(['paths', 'link', 'my file.txt', 'src/'])
    expect(await inTree('diff', '--', 'a.txt', 'a')).toEqual(['paths'])
  })

  test('all files, where none looks changed', async () => {
    expect(await inTree('restore', 'same')).toEqual(['files'])
    expect(await inTree('restore', 'touched')).toEqual(['files'])
    expect(await inTree('restore', 'nowhere/')).toEqual(['files'])
  })

  test('of a revision', async () => {
    expect(await inTree('cat', 'old:src/')).toEqual(['paths', 'old:src/deep/', 'old:src/x.ts'])
    expect(await inTree('ls', 'main:sr')).toEqual(['paths', 'main:src/'])
    expect(await inTree('cat', ':')).toEqual([
      'paths',
      ...[
        '::files',
        ':a.txt',
        `:it's "q"`,
        ':link',
        ':my file.txt',
        ':same',
        ':same link',
        ':script',
        ':src/',
        ':touched',
      ],
    ])
    expect(await inTree('cat', 'old@{2026-11-22T18:30')).toEqual(['words'])
    expect(await inTree('cat', 'nothing:')).toEqual(['words'])
    expect(await inTree('cat', 'main:nowhere/')).toEqual(['paths'])
    expect(await inTree('cat', 'ol')).toEqual([expect.stringMatching(/^words/), expect.stringMatching(/^old\t/)])
  })

  test('of the revision before them', async () => {
    expect(await inTree('log', '--', 'src/')).toEqual(['paths', 'src/deep/', 'src/later'])
    expect(await inTree('log', 'old', '--', 'src/')).toEqual(['paths', 'src/deep/', 'src/x.ts'])
    expect(await inTree('log', 'main..old', '--', 'src/x')).toEqual(['paths', 'src/x.ts'])
    expect(await inTree('diff', 'main', 'old', '--', 'src/x')).toEqual(['paths', 'src/x.ts'])
    const store = tree.path('.varve/store.varve')
    expect((await bench.ok('__complete', '--', '--store', store, 'log', 'old', '--', 'src/x')).split('\n')).toEqual([
      'paths',
      'src/x.ts',
      '',
    ])
  })

  test('from the folder that the command is given in', async () => {
    expect(await inFolder('src', 'restore', '')).toEqual(['paths', 'deep/', 'later'])
    expect(await inFolder('src', 'restore', '../a')).toEqual(['paths', '../a.txt'])
    expect(await inFolder('src/deep', 'log', '--', '../l')).toEqual(['paths', '../later'])
    expect(await inFolder('src', 'restore', '../../')).toEqual(['words'])
    expect(await inFolder('src', 'cat', ':src/l')).toEqual(['paths', ':src/later'])
    expect(await inTree('restore', `${tree.path('a')}`)).toEqual(['paths', tree.path('a.txt')])
  })

  test('names that cannot be typed are left out', async () => {
    const run = await tree.run('ls', '-z')
    for (const name of [Buffer.from('line\nfeed\0'), Buffer.from('tab\there\0'), NOT_UTF8]) {
      expect(run.bytes.includes(name)).toBe(true)
    }
    expect((await inTree('ls', 'main:')).some((word) => /line|tab|bad/.test(word))).toBe(false)
  })

  test('too many to look at are left to the shell', async () => {
    for (let file = 0; file < 2001; file++) tree.write(`many/${file}`, '')
    expect(await inTree('commit', '-m', 'x', 'many/')).toEqual(['files'])
    expect(await inTree('commit', '-m', 'x', 'many/2000')).toEqual(['paths', 'many/2000'])
  })

  test('working folders', async () => {
    const second = new Workbench()
    await tree.ok('worktree', 'add', second.path('second'), 'old')
    expect(await inTree('worktree', 'remove', second.path('s'))).toEqual(['paths', second.path('second')])
    expect(await inFolder(second.path('second'), 'worktree', 'remove', '')).toContain('.')
    second.remove()
  })

  test('before the first commit everything is new', async () => {
    const empty = new Workbench()
    await empty.init()
    empty.write('a', 'a')
    expect(await empty.ok('__complete', '--', 'commit', '-m', 'x', '')).toBe('paths\na\n')
    expect(await empty.ok('__complete', '--', 'restore', '')).toBe('files\n')
    empty.remove()
  })
})
