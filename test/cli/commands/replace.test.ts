import { afterEach, beforeEach, expect, test } from 'vitest'
import { Workbench } from '../support.js'

let bench: Workbench
let second: string
let clean: string
beforeEach(async () => {
  bench = new Workbench()
  await bench.init()
  bench.write('tree/a', 'one\n')
  const first = await bench.commit('tree', 'first')
  bench.write('tree/a', 'secret\n')
  second = await bench.commit('tree', 'second')
  bench.write('tree/a', 'three\n')
  await bench.commit('tree', 'third')
  await bench.ok('branch', 'clean', first)
  bench.write('tree/a', 'hidden\n')
  await bench.ok('commit', '--from', bench.path('tree'), '--branch', 'clean', '-m', 'second, cleaned')
  clean = (await bench.json<{ id: string }[]>('log', 'clean'))[0]!.id
})
afterEach(() => bench.remove())

const short = (id: string): string => id.slice(0, 12)

test('replaces, lists and undoes', async () => {
  const said = await bench.ok('replace', 'main~1', 'clean', '--reason', 'held a\npassword', '--author', 'Ada')
  expect(said).toBe(`whoever asks for commit ${short(second)} gets ${short(clean)}\n`)
  expect(await bench.ok('cat', 'main~1:a')).toBe('hidden\n')
  expect(await bench.ok('log', '--oneline')).toMatch(/ third\n.* second, cleaned\n.* first\n$/)
  expect(await bench.ok('show', second)).toMatch(/-one\n\+hidden\n/)
  const row = new RegExp(
    `^commit {2}${short(second)} {4}by ${short(clean)} {2}held a\\\\npassword {2}(just now|\\d+ seconds? ago), Ada\n$`,
  )
  expect(await bench.ok('replace')).toMatch(row)
  expect(await bench.ok('replace', '--list')).toMatch(row)
  const listed = {
    id: second,
    by: clean,
    kind: 'commit',
    reason: 'held a\npassword',
    who: 'Ada',
    time: expect.stringMatching(/^\d{4}-/),
    isOriginalThere: true,
  }
  expect(await bench.json('replace', '-l')).toEqual([listed])
  expect(await bench.ok('verify')).toMatch(/^note: 1 object is answered by others/m)
  expect(await bench.json('verify')).toMatchObject({ ok: true, replaced: 1 })
  expect(await bench.ok('which', clean)).toMatch(
    new RegExp(`^ {2}replacement of ${short(second)} +at ${short(clean)}$`, 'm'),
  )
  expect(await bench.json('replace', '--undo', 'main~1')).toEqual({ action: 'undone', ...listed })
  expect(await bench.ok('cat', 'main~1:a')).toBe('secret\n')
  expect(await bench.ok('replace')).toBe('')
  expect(await bench.json('replace')).toEqual([])
  const again = await bench.json('replace', 'main~1', 'clean', '--reason', 'r')
  expect(again).toMatchObject({ action: 'replaced', id: second, by: clean })
  expect(await bench.ok('replace', '--undo', second.slice(0, 6))).toBe(`commit ${short(second)} is shown again\n`)
})

test('a file by one of its size', async () => {
  expect(await bench.ok('replace', 'main~1:a', 'clean:a', '--reason', 'r')).toMatch(/^whoever asks for chunk /)
  expect(await bench.ok('cat', 'main~1:a')).toBe('hidden\n')
  await bench.ok('export', 'main~1', bench.path('out'))
  expect(await bench.ok('replace', '--undo', 'main~1:a')).toMatch(/^chunk .* is shown again\n$/)
  await bench.fails(2, 'INVALID_ARGUMENT', 'replace', 'main:a', 'clean:a', '--reason', 'r')
})

test('who it was: the option, else the variable, else as for commits', async () => {
  const who = async (env: Record<string, string>): Promise<string> => {
    const run = await bench.runWith({ env }, '--json', 'replace', '-f', 'main~1', 'clean', '--reason', 'r')
    return (JSON.parse(run.out) as { who: string }).who
  }
  expect(await who({ VARVE_AUTHOR: 'Eve' })).toBe('Eve')
  expect(await who({ VARVE_AUTHOR: '' })).toContain('@')
})

test('the original is gone: it is said so, and undone only by force', async () => {
  await bench.ok('replace', 'main~1', 'clean', '--reason', 'r')
  await bench.ok('branch', '-f', 'main', 'main~2')
  await bench.ok('gc', '--now')
  expect(await bench.ok('replace')).toMatch(new RegExp(`^commit {2}${short(second)} {2}erased {2}by `))
  const failure = await bench.fails(2, 'INVALID_ARGUMENT', 'replace', '--undo', second)
  expect(failure.hint).toContain('force')
  expect(await bench.ok('replace', '-f', '--undo', second)).toBe(`forgot what took the place of ${short(second)}\n`)
})

test('what cannot be', async () => {
  await bench.fails(4, 'ALREADY_EXISTS', ...(await replaced()), '--reason', 'again')
  await bench.fails(3, 'UNKNOWN_REVISION', 'replace', 'nobody', 'clean', '--reason', 'r')
  await bench.fails(3, 'UNKNOWN_REVISION', 'replace', '7'.repeat(64), 'clean', '--reason', 'r')
  await bench.fails(3, 'PATH_NOT_FOUND', 'replace', 'main:nothing', 'clean:a', '--reason', 'r')
  await bench.fails(3, 'UNKNOWN_REVISION', 'replace', '--undo', 'main')
  await bench.fails(2, 'INVALID_ARGUMENT', 'replace', 'main', 'main', '--reason', 'r')
  await bench.fails(2, 'INVALID_ARGUMENT', 'replace', 'main', 'clean:a', '--reason', 'r')
  await bench.fails(2, 'INVALID_ARGUMENT', 'replace', 'main', 'clean', '--reason', ' ')
  for (const argv of [
    ['main'],
    ['main', 'clean'],
    ['main', 'clean', 'third', '--reason', 'r'],
    ['--reason', 'r'],
    ['--force'],
    ['--list', 'main'],
    ['--list', '--force'],
    ['--undo'],
    ['--undo', 'main', 'clean'],
    ['--undo', 'main', '--reason', 'r'],
    ['--list', '--undo', 'main'],
  ]) {
    expect({ argv, status: (await bench.run('replace', ...argv)).status }).toEqual({ argv, status: 2 })
  }
  expect((await bench.run('replace', '--store', 'nowhere')).status).toBe(3)
  expect(await bench.json('replace')).toHaveLength(1)
})

/** Words that replace what is replaced already. */
async function replaced(): Promise<string[]> {
  const words = ['replace', 'main~1', 'clean']
  await bench.ok(...words, '--reason', 'r')
  return words
}
