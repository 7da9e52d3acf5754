import { Option } from 'commander'
import { describe, expect, test } from 'vitest'
import { indexOfDashes, readGlobalOptions } from '../../cli/command.js'
import { createProgram } from '../../cli/program.js'

describe('indexOfDashes', () => {
  const options = [
    new Option('-m, --message <text>'),
    new Option('-n <count>'),
    new Option('-f, --force'),
    new Option('--retry [times]'),
  ]
  test.each([
    [['a', '--', 'b', '--', 'c'], 1],
    [['-m', '--', 'a'], undefined],
    [['--message', '--', '--', 'a'], 2],
    [['--message=--', '--'], 1],
    [['-fm', '--', '--'], 2],
    [['-mx', '--'], 1],
    [['-mf', '--'], 1],
    [['--retry', '--'], 1],
    [['-n', '3', '--'], 2],
    [['a', 'b'], undefined],
    [['-', '--'], 1],
  ])('%j', (argv, index) => {
    expect(indexOfDashes(argv, options)).toBe(index)
  })
})

describe('options that all commands share', () => {
  async function read(...argv: string[]) {
    let seen: ReturnType<typeof readGlobalOptions> | undefined
    let paths: readonly string[] = []
    const program = createProgram(async (_verb, command) => {
      seen = readGlobalOptions(command)
      paths = command.paths
    })
    await program.parseAsync(argv, { from: 'user' })
    return { ...seen, paths }
  }

  test('stand before or after the command, or after the command below it', async () => {
    const given = { json: true, quiet: true, progress: false, pager: false, store: 's', directory: 'd', paths: [] }
    expect(await read('-C', 'd', '--store', 's', '--json', '-q', '--no-progress', '-P', 'log')).toEqual(given)
    expect(await read('log', '-C', 'd', '--store', 's', '--json', '-q', '--no-progress', '--no-pager')).toEqual(given)
    expect(await read('--json', 'pv', '-q', '--no-progress', 'list', '-P', '-C', 'd', '--store', 's')).toEqual(given)
  })

  test('are off unless given', async () => {
    expect(await read('log')).toEqual({ json: false, quiet: false, progress: true, pager: true, paths: [] })
  })

  test('the last one counts', async () => {
    expect(await read('--store', 'a', 'log', '--store', 'b')).toMatchObject({ store: 'b' })
  })

  test('after two dashes they are paths', async () => {
    expect(await read('log', 'main', '--', '--json', '-q')).toMatchObject({
      json: false,
      quiet: false,
      paths: ['--json', '-q'],
    })
  })

  test('an option\u2019s value is not taken for one', async () => {
    expect(await read('commit', '--from', '.', '-m', '--json')).toMatchObject({ json: false })
  })
})
