/** Unified diffs as a whole: what they look like at a terminal, and that `git apply` and `patch` take them. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { gitPath } from '../../cli/gitPath.js'
import { readTree } from '../support/trees.js'
import { Workbench } from './support.js'

const numbers = (count: number) => Array.from({ length: count }, (_, index) => `line ${index}\n`)

const bench = new Workbench()
beforeAll(async () => {
  await bench.init()
  bench.write('tree/src/old name.txt', numbers(100).join(''))
  bench.write('tree/src/exact', 'all of it stays\n')
  bench.write('tree/edited', numbers(40).join(''))
  bench.write('tree/tools/run', '#!/bin/sh\n')
  bench.write('tree/gone', 'a\nb\n')
  bench.write('tree/latin1', Buffer.from('caf\u00e9\nend', 'latin1'))
  bench.write('tree/words', 'one two  three\nfour five\n\nsix\n')
  bench.write('tree/t\tab "q"', 'x\n')
  symlinkSync('edited', bench.path('tree/link'))
  await bench.commit('tree', 'first')
  bench.write('tree/src/old name.txt', numbers(100).with(50, 'changed\n').join(''))
  mkdirSync(bench.path('tree/lib'))
  renameSync(bench.path('tree/src/old name.txt'), bench.path('tree/lib/new name.txt'))
  renameSync(bench.path('tree/src/exact'), bench.path('tree/lib/exact'))
  rmSync(bench.path('tree/src'), { recursive: true })
  bench.write('tree/edited', numbers(40).with(3, 'three\n').with(30, '').join(''))
  chmodSync(bench.path('tree/tools/run'), 0o755)
  rmSync(bench.path('tree/gone'))
  bench.write('tree/fresh/empty', '')
  bench.write('tree/fresh/text', 'a\nb')
  bench.write('tree/latin1', Buffer.from('caf\u00e8\nend\n', 'latin1'))
  bench.write('tree/words', 'one 2 three\nfour\n\nsix\nseven eight\n')
  bench.write('tree/t\tab "q"', 'y\n')
  rmSync(bench.path('tree/link'))
  symlinkSync('words', bench.path('tree/link'))
  await bench.commit('tree', 'second')
})
afterAll(() => bench.remove())

describe('what others make of it', () => {
  test.each([[[]], [['--no-renames']], [['-U1']]])(
    'git apply makes the second tree of the first: %j',
    async (options) => {
      const folder = `applied${options.join('')}`
      await bench.ok('export', 'main~1', folder)
      const { bytes } = await bench.run('diff', 'main~1', 'main', ...options)
      const run = spawnSync('git', ['apply', '--whitespace=nowarn', '-'], {
        cwd: bench.path(folder),
        input: bytes,
        encoding: 'utf8',
        env: { ...process.env, GIT_CEILING_DIRECTORIES: bench.folder },
      })
      expect({ status: run.status, err: run.stderr }).toEqual({ status: 0, err: '' })
      await bench.ok('export', 'main', `whole${folder}`)
      expect(withoutTimes(readTree(bench.path(folder)))).toEqual(withoutTimes(readTree(bench.path(`whole${folder}`))))
    },
  )

  test('patch does for a text', async () => {
    await bench.ok('export', 'main~1', 'patched')
    const patch = await bench.ok('diff', 'main~1', 'main', '--', 'edited')
    const run = spawnSync('patch', ['-p1', '-s'], { cwd: bench.path('patched'), input: patch, encoding: 'utf8' })
    expect({ status: run.status, out: run.stdout }).toEqual({ status: 0, out: '' })
    const { files } = await bench.json<{ files: number }>('commit', '--from', 'patched', '-m', 'x', '-b', 'other')
    expect(files).toBeGreaterThan(0)
    expect(await bench.ok('diff', 'other', 'main', '--', 'edited')).toBe('')
  })

  function withoutTimes(node: ReturnType<typeof readTree>): unknown {
    if (node.kind === 'symlink') return node.target.toString()
    if (node.kind === 'file') return [node.content, (node.mode & 0o100) !== 0]
    return Object.fromEntries([...node.entries].map(([name, child]) => [name, withoutTimes(child)]))
  }
})

describe('renames', () => {
  test('say from where, and how much stayed', async () => {
    const out = await bench.ok('diff', 'main~1', 'main', '-U0', '--', 'src', 'lib')
    expect(out).toBe(`diff --git a/src/exact b/lib/exact
similarity index 100%
rename from src/exact
rename to lib/exact
diff --git a/src/old name.txt b/lib/new name.txt
similarity index 98%
rename from src/old name.txt
rename to lib/new name.txt
--- a/src/old name.txt\t
+++ b/lib/new name.txt\t
@@ -51 +51 @@
-line 50
+changed
`)
    expect(await bench.ok('diff', 'main~1', 'main', '--name-status', '--', 'src', 'lib')).toBe(
      'R100\tsrc/exact\tlib/exact\nR098\tsrc/old name.txt\tlib/new name.txt\n',
    )
    expect(await bench.ok('diff', 'main~1', 'main', '--name-status', '-z', '--', 'src', 'lib')).toBe(
      'R100\0src/exact\0lib/exact\0R098\0src/old name.txt\0lib/new name.txt\0',
    )
    expect(await bench.ok('diff', 'main~1', 'main', '--stat', '--', 'src', 'lib')).toBe(
      [
        ' {src => lib}/exact                    |  0',
        ' src/old name.txt => lib/new name.txt  |  2  +-',
        ' 2 files changed, 1 insertion(+), 1 deletion(-)\n',
      ].join('\n'),
    )
    expect(await bench.ok('diff', 'main~1', 'main', '--bytes', '--', 'src/exact', 'lib/exact')).toBe(
      'R      {src => lib}/exact\n1 file changed, +0 B, -0 B\n',
    )
    const [exact, similar] = await bench.json<Record<string, unknown>[]>(
      'diff',
      'main~1',
      'main',
      '-U0',
      '--',
      'src',
      'lib',
    )
    expect(exact).toMatchObject({ kind: 'renamed', path: 'lib/exact', from: 'src/exact', similarity: 100 })
    expect(exact).not.toHaveProperty('hunks')
    expect(similar).toMatchObject({
      kind: 'renamed',
      path: 'lib/new name.txt',
      from: 'src/old name.txt',
      similarity: 98,
      hunks: [{ beforeStart: 51, beforeCount: 1, afterStart: 51, afterCount: 1, lines: ['-line 50', '+changed'] }],
    })
  })

  test('or not, when that is asked for', async () => {
    expect(await bench.ok('diff', 'main~1', 'main', '--name-status', '--no-renames', '--', 'src', 'lib')).toBe(
      'A\tlib/exact\nA\tlib/new name.txt\nD\tsrc/exact\nD\tsrc/old name.txt\n',
    )
  })

  test('are not found outside of the paths that are asked for', async () => {
    expect(await bench.ok('diff', 'main~1', 'main', '--name-status', '--', 'src')).toBe(
      'D\tsrc/exact\nD\tsrc/old name.txt\n',
    )
  })
})

describe('contents', () => {
  test('come out byte for byte', async () => {
    const { bytes } = await bench.run('diff', 'main~1', 'main', '--', 'latin1')
    expect(bytes.toString('latin1')).toBe(
      `diff --git a/latin1 b/latin1
--- a/latin1
+++ b/latin1
@@ -1,2 +1,2 @@
-caf\u00e9
-end
\\ No newline at end of file
+caf\u00e8
+end
`,
    )
  })

  test('have as much context as is asked for', async () => {
    const of = async (...options: string[]) =>
      (await bench.ok('diff', 'main~1', 'main', ...options, '--', 'edited'))
        .split('\n')
        .filter((line) => /^[@ ]/.test(line))
    expect((await of()).length).toBe(2 + 6 + 6)
    expect(await of('-U', '1')).toEqual([
      '@@ -3,3 +3,3 @@',
      ' line 2',
      ' line 4',
      '@@ -30,3 +30,2 @@',
      ' line 29',
      ' line 31',
    ])
    expect(await of('--unified=0')).toEqual(['@@ -4 +4 @@', '@@ -31 +30,0 @@'])
    expect((await of('-U100')).length).toBe(1 + 38)
  })

  test('with words marked', async () => {
    expect(await bench.ok('diff', 'main~1', 'main', '--word-diff', '--', 'words')).toBe(`diff --git a/words b/words
--- a/words
+++ b/words
@@ -1,4 +1,5 @@
one [-two-]{+2+} three
four[-five-]

six
{+seven eight+}
`)
  })

  test('at a terminal are coloured, and cannot steer it', async () => {
    const run = await bench.runWith({ stdoutIsTerminal: true }, 'diff', 'main~1', 'main', '--', 'edited')
    const colour = (code: string, text: string) => `\u001b[${code}m${text}\u001b[${code === '1' ? '22' : '39'}m`
    const lines = run.out.split('\n')
    expect(lines.slice(0, 3)).toEqual(
      ['diff --git a/edited b/edited', '--- a/edited', '+++ b/edited'].map((line) => colour('1', line)),
    )
    expect(lines[3]).toBe(colour('36', '@@ -1,7 +1,7 @@'))
    expect(lines.slice(6, 9)).toEqual([' line 2', colour('31', '-line 3'), colour('32', '+three')])
    bench.write('hostile/file', 'a\u001b[2J\tb\r\n\u00e9\u202e\n')
    await bench.commit('hostile', 'hostile', '-b', 'hostile')
    const hostile = await bench.runWith({ stdoutIsTerminal: true }, 'diff', 'main', 'hostile', '--', 'file')
    expect(hostile.out).toContain(`${colour('32', '+a\\x1b[2J\tb\\x0d')}\n${colour('32', '+\u00e9\\u202e')}\n`)
  })

  test.each([
    ['a "file" whose name is odd', `a/t\tab "q"`, '"a/t\\tab \\"q\\""'],
    ['plain', 'a/b c', 'a/b c'],
    ['text', 'a/\u00e9', Buffer.from('a/\u00e9').toString('latin1')],
    ['controls', 'a/\u0001\u007f\u0085\\', '"a/\\001\\177\\302\\205\\\\"'],
    ['what turns text round', 'a/\u202e', '"a/\\342\\200\\256"'],
  ])('paths are quoted as in Git: %s', (_what, path, shown) => {
    expect(gitPath('', Buffer.from(path))).toBe(shown)
  })

  test('paths that are no text keep their bytes', () => {
    expect(gitPath('b/', Buffer.from('caf\u00e9', 'latin1'))).toBe('"b/caf\\351"')
  })
})

describe('what is not compared line by line', () => {
  test('files that are too long, of which it says how much changed', async () => {
    const mine = new Workbench()
    try {
      await mine.init()
      const line = 'the same line again and again, sixty-four bytes of it, and more\n'
      const long = Buffer.from(line.repeat((64 * 1024 * 1024) / line.length))
      mine.write('tree/just', long)
      mine.write('tree/long', Buffer.concat([long, Buffer.from('x\n')]))
      await mine.commit('tree', 'first')
      mine.write('tree/just', Buffer.concat([Buffer.from('new\n'), long.subarray(line.length)]))
      mine.write('tree/long', Buffer.concat([long, Buffer.from('y\n')]))
      await mine.commit('tree', 'second')
      const out = await mine.ok('diff', 'main~1', 'main', '-U0')
      expect(out.replace(/\+\S+ \S+ -\S+ \S+ really/, '+N -N really')).toBe(`diff --git a/just b/just
--- a/just
+++ b/just
@@ -1 +1 @@
-${line}+new
diff --git a/long b/long
Files a/long and b/long differ: +N -N really changed
(longer than 64.0 MiB: not compared line by line)
`)
      expect(await mine.ok('diff', 'main~1', 'main', '--stat')).toMatch(/^ long {2}\| {2}Bin {2}\+/m)
      const changes = await mine.json<Record<string, unknown>[]>('diff', 'main~1', 'main')
      expect(changes[0]).toHaveProperty('hunks')
      expect(changes[1]).not.toHaveProperty('hunks')
    } finally {
      mine.remove()
    }
  })

  test('empty directories', async () => {
    const mine = new Workbench()
    try {
      await mine.init()
      mkdirSync(mine.path('tree/came'), { recursive: true })
      mine.write('tree/text', 'a\n')
      await mine.commit('tree', 'first')
      rmSync(mine.path('tree/came'), { recursive: true })
      mkdirSync(mine.path('tree/other'))
      await mine.commit('tree', 'second')
      expect(await mine.ok('diff', 'main~1', 'main')).toBe(
        'Empty directory removed: a/came\nEmpty directory added: b/other\n',
      )
    } finally {
      mine.remove()
    }
  })
})
