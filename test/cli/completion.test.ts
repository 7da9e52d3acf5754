import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { COMPLETION_SCRIPTS, SHELLS } from '../../cli/completion.js'
import { VERBS } from '../../cli/verbs.js'
import { Workbench } from './support.js'

const bench = new Workbench()
afterAll(() => bench.remove())

/** What is offered for the last of `words`, without descriptions. */
async function offered(...words: string[]): Promise<string[]> {
  const lines = (await bench.ok('__complete', '--', ...words)).split('\n').slice(0, -1)
  return lines.map((line) => line.split('\t')[0]!)
}

describe('without a store', () => {
  test('commands, those below them, and their options', async () => {
    expect(await offered('')).toEqual(VERBS.filter((verb) => verb.heading !== undefined).map((verb) => verb.name))
    expect(await offered('co')).toEqual(['config', 'commit', 'completion'])
    expect(await offered('-C', 'x', 'ver')).toEqual(['verify', 'version'])
    expect(await offered('vg', '')).toEqual(['show', 'extend', 'change'])
    expect(await offered('log', '--o')).toEqual(['--oneline'])
    expect(await offered('vg', 'extend', '--s')).toEqual(['--size', '--store'])
    expect(await offered('nonsense', '')).toEqual([])
  })

  test('each command says what it is', async () => {
    expect(await bench.ok('__complete', '--', 'comm')).toBe('commit\tRecord the state of a folder\n')
    expect(await bench.json('__complete', '--', 'log', '--oneli')).toEqual([
      { word: '--oneline', description: 'one line a commit' },
    ])
  })

  test('values that are listed, files where files are meant, nothing after two dashes', async () => {
    expect(await offered('vg', 'change', '--type', '')).toEqual(['linear', 'striped'])
    expect(await offered('pv', 'change', '0', '--allocatable', '')).toEqual(['y', 'n'])
    expect(await offered('completion', 'z')).toEqual(['zsh'])
    expect(await offered('help', 'rev')).toEqual(['revisions'])
    expect(await offered('commit', '--from', 'sr')).toEqual([':files'])
    expect(await offered('--store', '')).toEqual([':files'])
    expect(await offered('export', 'main', '')).toEqual([':files'])
    expect(await offered('commit', '-m', '')).toEqual([])
    expect(await offered('log', '--', '')).toEqual([])
    expect(await offered('log', 'main', '')).toEqual([])
  })

  test('no branches, and no complaints', async () => {
    expect(await offered('log', '')).toEqual([])
    expect(await offered('--store', 'nowhere', 'log', '')).toEqual([])
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
    expect(await other.ok('__complete', '--', '-C', bench.folder, 'branch', 'to')).toMatch(/^topic\t/)
    expect(await other.ok('__complete', '--', '--store', bench.path('.varve/store.varve'), 'branch', 'to')).toMatch(
      /^topic/,
    )
    other.remove()
  })
})

describe('scripts', () => {
  test.each(SHELLS)('for %s', async (shell) => {
    const script = await bench.ok('completion', shell)
    expect(script).toBe(COMPLETION_SCRIPTS[shell])
    expect(script).toContain('varve __complete --')
    expect(await bench.json('completion', shell)).toEqual({ shell, script })
  })

  /** Runs the bash script with a `varve` that answers `answer`. @returns COMPREPLY. */
  function inBash(line: string, words: readonly string[], answer: string): string[] {
    const script = `
varve() { printf '%s\\n' "$@" > "$ASKED"; printf '${answer}'; }
compopt() { printf '%s\\n' "compopt-$1-$2"; }
${COMPLETION_SCRIPTS.bash}
COMP_LINE="$LINE"; COMP_POINT=\${#LINE}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_varve
printf '%s\\n' "\${COMPREPLY[@]}"; cat "$ASKED"`
    const ended = spawnSync('bash', ['--norc', '-c', script, 'bash', ...words], {
      env: { PATH: process.env.PATH, LINE: line, ASKED: bench.path('asked') },
      encoding: 'utf8',
    })
    expect(ended.stderr).toBe('')
    return ended.stdout.split('\n').slice(0, -1)
  }

  test('bash asks for the words typed so far', () => {
    expect(inBash('varve log ma', ['varve', 'log', 'ma'], 'main\\tbranch\\nmaster\\n')).toEqual([
      'main',
      'master',
      '__complete',
      '--',
      'log',
      'ma',
    ])
    expect(inBash('varve log ', ['varve', 'log', ''], '').slice(-3)).toEqual(['--', 'log', ''])
  })

  test('bash leaves files to the shell', () => {
    expect(inBash('varve init x', ['varve', 'init', 'x'], ':files\\n')[0]).toBe('compopt--o-default')
  })

  test('bash replaces only what follows its own word breaks', () => {
    const words = ['varve', 'log', 'origin', ':', 'ma']
    expect(inBash('varve log origin:ma', words, 'origin:main\\n')[0]).toBe('main')
  })
})
