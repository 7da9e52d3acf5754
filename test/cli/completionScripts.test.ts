/** What the scripts ask, and what bash makes of the answer. CI has bash alone; zsh and fish were tried by hand. */
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { COMPLETION_SCRIPTS, SHELLS } from '../../cli/completionScripts.js'
import { Workbench } from './support.js'

const bench = new Workbench()
afterAll(() => bench.remove())

test.each(SHELLS)('the script for %s is printed', async (shell) => {
  const script = await bench.ok('completion', shell)
  expect(script).toBe(COMPLETION_SCRIPTS[shell])
  expect(script).toContain('varve __complete --')
  expect(await bench.json('completion', shell)).toEqual({ shell, script })
})

interface Completed {
  /** The words that varve is asked about. */
  readonly asked: readonly string[]
  readonly replies: readonly string[]
  /** How bash is to take them. */
  readonly options: readonly string[]
}

/** Completes `line` in bash, with a `varve` that answers `answer`. */
function inBash(line: string, ...answer: string[]): Completed {
  const script = `
varve() { printf '%s\\0' "$@" > "$ASKED"; printf '%s' "$ANSWER"; }
compopt() { options+=("$2"); }
options=()
${COMPLETION_SCRIPTS.bash}
COMP_LINE="$LINE"; COMP_POINT=\${#LINE}
_varve
printf '%s\\0' "\${COMPREPLY[@]}"; printf '|%s' "\${options[@]}"; printf '\\0'; cat "$ASKED"`
  const ended = spawnSync('bash', ['--norc', '-c', script], {
    cwd: bench.folder,
    env: {
      PATH: process.env.PATH,
      LINE: line,
      ASKED: bench.path('asked'),
      ANSWER: answer.map((each) => `${each}\n`).join(''),
    },
    encoding: 'utf8',
  })
  expect(ended.stderr).toBe('')
  const words = ended.stdout.split('\0').slice(0, -1)
  const at = words.findIndex((word) => word.startsWith('|'))
  const options = words[at]!.split('|').filter((option) => option !== '')
  const replies = words.slice(0, at).filter((reply) => reply !== '')
  return { replies, options, asked: words.slice(at + 1).slice(2) }
}

describe('bash asks for the words as it will read them', () => {
  test.each([
    ['varve ', ['']],
    ['varve log ma', ['log', 'ma']],
    ['varve   log  ', ['log', '']],
    ['varve cat my\\ fi', ['cat', 'my fi']],
    ['varve cat "my fi', ['cat', 'my fi']],
    ["varve cat 'it\\s", ['cat', 'it\\s']],
    ['varve cat "a\\"b\\c" d', ['cat', 'a"b\\c', 'd']],
    [`varve -C "my dir"/x restore 'a b'\\ c`, ['-C', 'my dir/x', 'restore', 'a b c']],
    ['varve commit -m "" x', ['commit', '-m', '', 'x']],
    ['varve log $(touch ran) `touch ran` ', ['log', '$(touch', 'ran)', '`touch', 'ran`', '']],
    ['varve restore *', ['restore', '*']],
  ])('%s', (line, asked) => {
    expect(inBash(line, 'words')).toEqual({ asked, replies: [], options: [] })
  })

  test('nothing of the line is run', () => {
    mkdirSync(bench.path('empty'))
    inBash('varve log $(touch empty/ran) `touch empty/ran` ', 'words')
    expect(spawnSync('ls', [bench.path('empty')], { encoding: 'utf8' }).stdout).toBe('')
  })
})

describe('bash', () => {
  test('takes candidates without their descriptions, and as they are', () => {
    bench.write('some file', '')
    expect(inBash('varve log ma', 'words', 'main\tbranch at 1', '*', 'a b').replies).toEqual(['main', '*', 'a b'])
  })

  test('leaves files to the shell', () => {
    expect(inBash('varve init x', 'files')).toMatchObject({ replies: [], options: ['default'] })
  })

  test('quotes paths itself, and adds no blank behind a folder', () => {
    expect(inBash('varve cat m', 'paths', `my "f'`)).toMatchObject({ replies: [`my "f'`], options: ['filenames'] })
    expect(inBash('varve restore s', 'paths', 'src/')).toMatchObject({
      replies: ['src/'],
      options: ['filenames', 'nospace'],
    })
  })

  test('adds the slash itself where the folder is there', () => {
    mkdirSync(bench.path('my dir'))
    expect(inBash('varve restore m', 'paths', 'my dir/')).toMatchObject({ replies: ['my dir'], options: ['filenames'] })
  })

  test.each([
    ['varve cat main:my\\ ', 'main:my file', 'my file'],
    ['varve cat main:"my ', 'main:my file', 'my file'],
    ['varve cat "main:my ', 'main:my file', 'main:my file'],
    ['varve cat "main:my dir"/', 'main:my dir/z', 'main:my dir/z'],
    [`varve cat my' f`, 'my file', ' file'],
    ['varve cat main\\:', 'main:z', 'main:z'],
    ['varve log main@{1}:a', 'main@{1}:a b', 'a b'],
    ['varve log origin:ma', 'origin:main', 'main'],
    ['varve log a..b', 'a..bc', 'a..bc'],
  ])('replaces only what follows an open quote or its own word breaks: %s', (line, candidate, reply) => {
    expect(inBash(line, 'paths', candidate).replies).toEqual([reply])
  })
})
