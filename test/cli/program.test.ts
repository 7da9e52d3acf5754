import { afterAll, describe, expect, test } from 'vitest'
import { OutputError } from '../../cli/io.js'
import { VERBS } from '../../cli/verbs.js'
import { readVersion } from '../../cli/version.js'
import { Workbench } from './support.js'

const bench = new Workbench()
afterAll(() => bench.remove())

const COMMANDS = VERBS.filter((listing) => listing.heading !== undefined).map((listing) => listing.name)

describe('help', () => {
  test('lists every command', async () => {
    const help = await bench.ok('--help')
    for (const { name, summary, heading } of VERBS) {
      if (heading === undefined) expect(help).not.toContain(name)
      else expect(help).toContain(summary)
    }
    expect(await bench.ok('help')).toBe(help)
  })

  test('without a command goes to stderr, and the status says that something is missing', async () => {
    const run = await bench.run()
    expect(run).toMatchObject({ status: 2, out: '' })
    expect(run.err).toContain('Usage: varve [options] COMMAND')
  })

  test.each(COMMANDS)('on %s is the same either way', async (name) => {
    const help = await bench.ok(name, '--help')
    expect(help).toContain(`Usage: varve ${name}`)
    expect(await bench.ok('help', name)).toBe(help)
    expect(await bench.json('help', name)).toEqual({ name, text: help })
  })

  test('reaches commands below commands', async () => {
    const help = await bench.ok('vg', 'extend', '--help')
    expect(help).toContain('Usage: varve vg extend')
    expect(await bench.ok('help', 'vg', 'extend')).toBe(help)
  })

  test.each(['revisions', 'exit-statuses', 'json', 'environment'])('has the topic %s', async (topic) => {
    expect((await bench.ok('help', topic)).length).toBeGreaterThan(200)
  })

  test('keeps its prose within the terminal', async () => {
    const { out } = await bench.runWith({ columns: 60 }, 'help', 'environment')
    expect(out.split('\n')[0]).toBe('Environment')
    const narrow = (await bench.runWith({ columns: 60 }, 'verify', '--help')).out
    const about = narrow.slice(narrow.indexOf('Every stored'), narrow.indexOf('Examples:'))
    expect(Math.max(...about.split('\n').map((line) => line.length))).toBeLessThanOrEqual(60)
  })

  test('on what is not there names what is', async () => {
    const error = await bench.fails(2, 'USAGE', 'help', 'me')
    expect(error.hint).toContain('commit')
    await bench.fails(2, 'USAGE', 'help', 'vg', 'nonsense')
    await bench.fails(2, 'USAGE', 'help', 'log', 'it', 'all')
  })
})

describe('version', () => {
  test('is that of the package', async () => {
    expect(readVersion()).toMatch(/^\d+\.\d+\.\d+/)
    expect(await bench.ok('--version')).toBe(`varve ${readVersion()}\n`)
    expect(await bench.ok('version')).toBe(`varve ${readVersion()}\n`)
    expect(await bench.json('version')).toEqual({
      version: readVersion(),
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
    })
  })
})

describe('wrong use', () => {
  test.each([
    [['comit'], "unknown command 'comit'", 'commit'],
    [['log', '--onelin'], "unknown option '--onelin'", '--oneline'],
    [['log', '-n'], "option '-n, --max-count <count>' argument missing", undefined],
    [['log', '-n', 'many'], "argument 'many' is invalid", undefined],
    [['log', 'a', 'b'], 'too many arguments', undefined],
    [['export', 'main'], "missing required argument 'dir'", undefined],
    [['commit', '-m', 'x', '--retry'], '--retry goes with --from', 'varve switch'],
    [['commit', '-m', 'x', '--from', '.', 'a'], '--from records a whole folder', 'paths'],
    [['switch'], 'switch needs a branch', undefined],
    [['switch', '--continue', 'main'], 'know where to go', undefined],
    [['switch', '--continue', '--abort'], 'cannot be used with', undefined],
    [['checkout'], 'checkout needs a branch', undefined],
    [['restore'], "missing required argument 'path'", undefined],
    [['commit', '--form', '.', '-m', 'x'], "unknown option '--form'", '--from'],
    [['commit', '--from', '.'], "required option '-m, --message <text>' not specified", undefined],
    [['cat', 'main'], 'cat needs a path', 'varve ls main'],
    [['cat', 'main:a', '--range', '5'], "argument '5' is invalid", undefined],
    [['show', 'main:a'], 'show takes a commit', 'varve cat main:a'],
    [['diff', 'main', '--store', 'a.varve'], 'diff needs two revisions', 'main~1'],
    [['diff', 'a..b', 'c'], 'is a range already', '--'],
    [['diff', 'a...b'], 'two dots', 'a..b'],
    [['diff', 'a', 'b', '--stat', '--name-status'], 'cannot be used with', undefined],
    [['log', 'main', '--', 'a', 'b'], 'log takes one path', undefined],
    [['branch', '-d', '-m', 'a'], 'cannot be used with', undefined],
    [['branch', '-m', 'a'], 'both names', undefined],
    [['branch', '-d'], 'one name', undefined],
    [['tag', '-d', 'a', 'b'], 'one name', undefined],
    [['tag', '-m', 'x'], 'which tag', undefined],
    [['vg', 'shrink'], "unknown command 'shrink'", 'extend'],
    [['vg', 'shrink', 'x', 'y'], "unknown command 'shrink'", 'extend'],
    [['vg', 'rename'], 'missing required argument', undefined],
    [['lv', 'convert', 'default', '--type', 'round'], 'Allowed choices are linear, striped, mirrored', undefined],
    [['vg', 'extend', 'f', '--size', 'big'], "argument 'big' is invalid", undefined],
    [['pv', 'change', '0'], 'change what?', '--allocatable'],
    [['pv', 'resize', '0', 'big'], "value 'big' is invalid", undefined],
    [['pv', 'change', '0', '--allocatable', 'perhaps'], "argument 'perhaps' is invalid", undefined],
    [['config', 'colour'], "unknown command 'colour'", 'unset'],
    [['config', 'set', 'author'], "missing required argument 'value'", undefined],
    [['completion', 'tcsh'], 'Allowed choices are bash, zsh, fish', undefined],
    [['init', '--hash', 'md5'], 'Allowed choices are sha256, blake3', undefined],
    [['init', '--chunk-size', '0'], "argument '0' is invalid", undefined],
    [['init', 'here', '--store', 'there'], 'both say where', undefined],
  ])('%j', async (argv, message, hint) => {
    const run = await bench.run(...argv)
    expect(run).toMatchObject({ status: 2, out: '' })
    expect(run.err).toMatch(/^varve: /)
    expect(run.err).toContain(message)
    if (hint !== undefined) expect(run.err.split('hint: ')[1]).toContain(hint)
    const error = await bench.fails(2, 'USAGE', ...argv)
    expect(`varve: ${error.message}`).toBe(run.err.split('\n')[0])
  })
})

describe('no store', () => {
  const needing = [
    ['log'],
    ['show'],
    ['ls'],
    ['cat', ':a'],
    ['diff', 'a', 'b'],
    ['export', 'main', 'out'],
    ['branch'],
    ['tag'],
    ['reflog'],
    ['verify'],
    ['stats'],
    ['vg'],
    ['vg', 'extend', 'f'],
    ['pv'],
    ['config'],
    ['commit', '--from', '.', '-m', 'x'],
  ]

  test.each(needing.map((argv) => [argv]))('%j', async (argv) => {
    const error = await bench.fails(3, 'STORE_NOT_FOUND', ...argv)
    expect(error.hint).toContain('varve init')
    await bench.fails(3, 'STORE_NOT_FOUND', ...argv, '--store', 'nowhere.varve')
  })

  test('nor a folder', async () => {
    const error = await bench.fails(3, 'STORE_NOT_FOUND', '-C', 'nowhere', 'log')
    expect(error.message).toContain('nowhere')
  })
})

describe('the output', () => {
  test('may be closed by its reader: nothing is said about it', async () => {
    const closed = () => {
      throw new OutputError(Object.assign(new Error('broken pipe'), { code: 'EPIPE' }))
    }
    expect(await bench.runWith({ onWrite: closed }, 'help', 'json')).toMatchObject({ status: 141, err: '' })
    expect(await bench.runWith({ onWrite: closed }, '--help')).toMatchObject({ status: 141, err: '' })
  })

  test('may have no room: that is said', async () => {
    const full = () => {
      throw new OutputError(Object.assign(new Error('no space left'), { code: 'ENOSPC' }))
    }
    const run = await bench.runWith({ onWrite: full }, 'version')
    expect(run).toMatchObject({ status: 6, err: 'varve: cannot write the output: no space left\n' })
  })
})

test('VARVE_DEBUG shows where an error came from', async () => {
  const run = await bench.runWith({ env: { VARVE_DEBUG: '1' } }, 'log')
  expect(run.err).toContain('at Context.openFolder')
})
