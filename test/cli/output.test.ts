import { describe, expect, test } from 'vitest'
import type { Sink } from '../../cli/io.js'
import { Columns, colorsFor, Output, printColumns } from '../../cli/output.js'

function sink(isTerminal = false): Sink & { pieces: string[] } {
  const pieces: string[] = []
  return { pieces, isTerminal, columns: 80, write: async (data) => void pieces.push(String(data)) }
}

describe('Output', () => {
  test('gathers lines for a pipe and shows each at once to a person', async () => {
    const pipe = sink()
    const out = new Output(pipe)
    await out.line('one')
    await out.line('two')
    expect(pipe.pieces).toEqual([])
    await out.flush()
    expect(pipe.pieces).toEqual(['one\ntwo\n'])

    const terminal = sink(true)
    await new Output(terminal).line('one')
    expect(terminal.pieces).toEqual(['one\n'])
  })

  test('says before it writes that it will', async () => {
    const pipe = sink()
    const out = new Output(pipe, () => pipe.pieces.push('!'))
    await out.line('one')
    expect(pipe.pieces).toEqual([])
    await out.bytes(Buffer.from('two'))
    await out.flush()
    expect(pipe.pieces).toEqual(['!', 'one\n', '!', 'two'])
  })

  test('holds only so much back', async () => {
    const pipe = sink()
    const out = new Output(pipe)
    for (let line = 0; line < 10_000; line++) await out.line('x'.repeat(99))
    expect(pipe.pieces.length).toBeGreaterThanOrEqual(15)
    expect(Math.max(...pipe.pieces.map((piece) => piece.length))).toBeLessThan(70_000)
  })

  test('bytes keep their place among lines', async () => {
    const pipe = sink()
    const out = new Output(pipe)
    await out.line('before')
    await out.bytes(Buffer.from('bytes'))
    expect(pipe.pieces).toEqual(['before\n', 'bytes'])
  })

  test.each([[[]], [[1]], [[{ a: 1 }, { a: 2 }]]])('an array of %j has an element a line', async (elements) => {
    const pipe = sink()
    const out = new Output(pipe)
    await out.jsonArray(elements)
    await out.flush()
    const text = pipe.pieces.join('')
    expect(JSON.parse(text)).toEqual(elements)
    expect(text.trimEnd().split('\n')).toHaveLength(elements.length === 0 ? 1 : elements.length + 2)
  })

  test('an array that was not finished cannot be taken for a whole one', async () => {
    const pipe = sink()
    const out = new Output(pipe)
    const failing = (async function* () {
      yield 1
      throw new Error('no more')
    })()
    await expect(out.jsonArray(failing)).rejects.toThrow('no more')
    await out.flush()
    expect(() => JSON.parse(pipe.pieces.join(''))).toThrow()
  })

  test('nanoseconds stay exact in JSON', async () => {
    const pipe = sink()
    const out = new Output(pipe)
    await out.json({ mtimeNs: 1_700_000_000_123_456_789n })
    await out.flush()
    expect(JSON.parse(pipe.pieces.join(''))).toEqual({ mtimeNs: '1700000000123456789' })
  })
})

describe('columns', () => {
  test('are aligned whatever colours they have, without blanks at the end', () => {
    const columns = new Columns('left', 'right', 'left')
    expect(
      columns.format([
        ['\u001b[32ma\u001b[39m', '1', ''],
        ['bbb', '100', 'x'],
      ]),
    ).toEqual(['\u001b[32ma\u001b[39m      1', 'bbb  100  x'])
  })

  test('are aligned in the cells of a terminal', () => {
    const columns = new Columns()
    const rows = ['name', '名前', 'e\u0301te\u0301', '한글', '🎉', 'ｗ', 'z\u200bz'].map((name) => [name, '|'])
    expect(columns.format(rows)).toEqual([
      'name  |',
      '名前  |',
      'e\u0301te\u0301   |',
      '한글  |',
      '🎉    |',
      'ｗ    |',
      'z\u200bz    |',
    ])
  })

  test('of a long list are printed before its end', async () => {
    const pipe = sink(true)
    let seenAtTheEnd = 0
    const rows = (async function* () {
      for (let row = 0; row < 1000; row++) yield [String(row), 'x']
      seenAtTheEnd = pipe.pieces.length
    })()
    await printColumns(new Output(pipe), ['right'], rows)
    expect(seenAtTheEnd).toBeGreaterThan(500)
    expect(pipe.pieces).toHaveLength(1000)
  })
})

describe('colours', () => {
  test.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
    [false, { FORCE_COLOR: '1' }, true],
    [false, { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
  ])('terminal %s, environment %j: %s', (isTerminal, env, colored) => {
    expect(colorsFor(sink(isTerminal), env).isColorSupported).toBe(colored)
  })
})
