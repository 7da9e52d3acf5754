import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Context } from '../../cli/context.js'
import { type Io, OutputError, type Pager, type PagerCommand, processIo } from '../../cli/io.js'
import { PagedOutput, pagerCommand } from '../../cli/pager.js'
import { createProgram } from '../../cli/program.js'
import { type RunOptions, Workbench } from './support.js'

const bench = new Workbench()
beforeAll(async () => {
  await bench.init()
  for (const message of ['first', 'second']) {
    bench.write('a', message)
    await bench.ok('commit', '-m', message)
  }
})
afterAll(() => bench.remove())

/** A pager that keeps what it gets, and ends when it is told to. */
class FakePager implements Pager {
  readonly pieces: string[] = []
  /** What happened, in turn. */
  readonly story: string[] = []
  readonly ended: Promise<number | null>
  /** Leaves once it has so many pieces. */
  leavesAfter = Number.POSITIVE_INFINITY
  status: number | null = 0
  #leave: (status: number | null) => void = () => undefined
  #hasLeft = false

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#leave = resolve
    })
  }

  get text(): string {
    return this.pieces.join('')
  }

  async write(data: string | Uint8Array): Promise<void> {
    if (this.#hasLeft) throw new OutputError(Object.assign(new Error('gone'), { code: 'EPIPE' }))
    this.pieces.push(Buffer.from(data as Uint8Array).toString())
    if (this.pieces.length >= this.leavesAfter) this.leave()
  }

  leave(): void {
    this.#hasLeft = true
    this.#leave(this.status)
  }

  end(): void {
    this.story.push('end')
    this.leave()
  }
}

let pager: FakePager
let started: PagerCommand[]
beforeEach(() => {
  pager = new FakePager()
  started = []
})

/** At a terminal, with `pager`. */
function atTerminal(options: RunOptions, ...argv: string[]) {
  const startPager = async (command: PagerCommand) => {
    started.push(command)
    return pager
  }
  return bench.runWith({ stdoutIsTerminal: true, startPager, ...options }, ...argv)
}

/** A terminal, with `pager`. */
function fakeIo(given: Partial<Io>): Io {
  const sink = { isTerminal: true, columns: 80, write: () => Promise.resolve() }
  const { signal } = new AbortController()
  const startPager = async () => pager
  const startInBackground = () => Promise.resolve()
  return {
    stdout: sink,
    stderr: sink,
    env: {},
    cwd: '/',
    signal,
    nowMs: () => 0,
    startPager,
    startInBackground,
    ...given,
  }
}

describe('which pager', () => {
  const LESS = { LESS: 'FRX' }
  test.each([
    [{}, { command: ['less'], env: LESS }],
    [{ LESS: '-i' }, { command: ['less'], env: {} }],
    [{ LESS: '' }, { command: ['less'], env: {} }],
    [{ PAGER: 'more' }, { command: ['more'], env: LESS }],
    [
      { PAGER: 'more', VARVE_PAGER: 'less -S' },
      { command: ['less', '-S'], env: LESS },
    ],
    [{ PAGER: ' less  -S ' }, { command: ['less', '-S'], env: LESS }],
    [{ PAGER: 'less | tee x' }, { command: 'less | tee x', env: LESS }],
    [{ PAGER: 'more', VARVE_PAGER: '' }, undefined],
    [{ PAGER: 'cat' }, undefined],
    [{ PAGER: '' }, undefined],
    [
      { PAGER: 'cat', VARVE_PAGER: 'less' },
      { command: ['less'], env: LESS },
    ],
    [{ TERM: 'dumb', PAGER: 'less' }, undefined],
    [{ TERM: 'xterm' }, { command: ['less'], env: LESS }],
  ])('%j', (env, command) => {
    expect(pagerCommand(env)).toEqual(command)
  })
})

describe('what people read goes through it', () => {
  const READ = [
    ['log'],
    ['log', '--oneline'],
    ['show'],
    ['diff', 'main~1', 'main'],
    ['ls'],
    ['reflog'],
    ['help'],
    ['help', 'json'],
  ]

  test.each(READ.map((argv) => [argv]))('%j, in colours, and nothing beside it', async (argv) => {
    const run = await atTerminal({}, ...argv)
    expect(run).toMatchObject({ status: 0, out: '', err: '' })
    expect(started).toEqual([{ command: ['less'], env: { LESS: 'FRX' } }])
    const plain = (await bench.ok(...argv)).split('\n')
    const paged = pager.text.replace(/\u001b\[\d+m/g, '').split('\n')
    expect(paged).toHaveLength(plain.length)
    if (argv[0] === 'log') expect(pager.text).toContain('\u001b[33m')
    expect(pager.story).toEqual(['end'])
  })

  test.each([
    [{}, ['log', '--no-pager']],
    [{}, ['-P', 'log']],
    [{}, ['log', '--json']],
    [{ env: { PAGER: 'cat' } }, ['log']],
    [{ stdoutIsTerminal: false }, ['log']],
    [{}, ['status']],
    [{}, ['cat', ':a']],
    [{}, ['branch']],
    [{}, ['version']],
    [{}, ['log', '--help']],
  ])('%j %j: none', async (options, argv) => {
    const run = await atTerminal(options, ...argv)
    expect(run).toMatchObject({ status: 0, err: '' })
    expect(run.out).not.toBe('')
    expect(started).toEqual([])
  })

  test('nor where there is nothing to read', async () => {
    expect(await atTerminal({}, 'log', 'nothing')).toMatchObject({ status: 3, out: '' })
    expect(await atTerminal({}, 'diff', 'main', 'main')).toMatchObject({ status: 0, out: '' })
    expect(await atTerminal({}, 'diff')).toMatchObject({ status: 0, out: '' })
    expect(started).toEqual([])
  })
})

describe('a pager that is not there', () => {
  const nobody = async () => undefined

  test('is no error: all is printed', async () => {
    const run = await atTerminal({ startPager: nobody, env: { NO_COLOR: '1' } }, 'log', '--oneline')
    expect(run).toEqual(expect.objectContaining({ status: 0, err: '' }))
    expect(run.out).toBe(await bench.ok('log', '--oneline'))
  })

  test('but one that was asked for is named', async () => {
    const run = await atTerminal({ startPager: nobody, env: { NO_COLOR: '1', PAGER: 'lses -S' } }, 'log', '--oneline')
    expect(run).toMatchObject({ status: 0, err: 'warning: there is no pager lses\n' })
    expect(run.out).toBe(await bench.ok('log', '--oneline'))
  })

  test('though only its shell finds out, and late', async () => {
    for (const leavesAfter of [1, 2, Number.POSITIVE_INFINITY]) {
      pager = new FakePager()
      Object.assign(pager, { status: 127, leavesAfter })
      const run = await atTerminal({ env: { NO_COLOR: '1', PAGER: 'lses "a b"' } }, 'log', '--oneline')
      expect(run).toMatchObject({ status: 0, err: '' })
      expect(run.out).toBe(await bench.ok('log', '--oneline'))
    }
  })
})

describe('a pager that is closed early', () => {
  test('ends the command as any closed output does: without a word', async () => {
    pager.leavesAfter = 1
    expect(await atTerminal({}, 'log', '--oneline')).toMatchObject({ status: 141, out: '', err: '' })
    expect(pager.pieces).toHaveLength(1)
  })

  test('stops work that prints nothing meanwhile', async () => {
    const paged = new PagedOutput(fakeIo({}), { command: ['less'], env: {} })
    await paged.stdout.write('something')
    expect(paged.signal.aborted).toBe(false)
    pager.leave()
    await pager.ended
    expect(paged.signal.reason).toMatchObject({ exitStatus: 141 })
  })

  test('at its end stops nothing', async () => {
    const paged = new PagedOutput(fakeIo({}), { command: ['less'], env: {} })
    await paged.stdout.write('something')
    await paged.end()
    expect(paged.signal.aborted).toBe(false)
  })

  test('after all was written, says nothing about the verb', async () => {
    const run = await atTerminal({}, 'diff', '--exit-code', 'main~1', 'main')
    expect(run.status).toBe(1)
  })
})

describe('while it has the terminal', () => {
  test.each([
    [true, ['page', 'end', 'error']],
    [false, ['page', 'error', 'end']],
  ])('what goes to the same terminal waits: %s', async (isTerminal, story) => {
    const stderr = { isTerminal, columns: 80, write: async () => void pager.story.push('error') }
    const paged = new PagedOutput(fakeIo({ stderr }), { command: ['less'], env: {} })
    await paged.stdout.write('text')
    pager.story.push('page')
    await paged.stderr.write('text')
    await paged.end()
    expect(pager.story).toEqual(story)
  })

  test('no progress is drawn', async () => {
    const drawn: string[] = []
    const stderr = {
      isTerminal: true,
      columns: 80,
      write: async (data: string | Uint8Array) => void drawn.push(String(data)),
    }
    let nowMs = 0
    const options = { json: false, quiet: false, progress: true, pager: true }
    const program = createProgram(() => Promise.resolve())
    const context = new Context({ ...fakeIo({ stderr }), nowMs: () => (nowMs += 1000) }, program, options, true)
    const { onProgress } = context.work
    const progress = { phase: 'scan', itemsDone: 1, bytesDone: 0 } as const
    onProgress?.(progress)
    onProgress?.(progress)
    expect(drawn.at(-1)).toContain('scanning')
    await context.out.line('text')
    expect(drawn.at(-1)).toBe('\r\u001b[K')
    const before = drawn.length
    onProgress?.(progress)
    expect(context.work.onProgress).toBeUndefined()
    await context.close()
    expect(drawn).toHaveLength(before)
  })

  test('the command waits for it to end', async () => {
    let isOver = false
    pager.end = () => {
      pager.story.push('end')
    }
    const run = atTerminal({}, 'log').then((result) => {
      isOver = true
      return result
    })
    while (!pager.story.includes('end')) await new Promise((resolve) => setImmediate(resolve))
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(isOver).toBe(false)
    pager.leave()
    expect(await run).toMatchObject({ status: 0 })
  })
})

describe('the program itself', () => {
  const io = processIo(new AbortController().signal)

  test('gets what is written, and its environment', async () => {
    const file = bench.path('paged')
    const program = await io.startPager({
      command: `cat > '${file}'; printf %s "$LESS" >> '${file}'`,
      env: { LESS: 'x' },
    })
    await program?.write('one ')
    await program?.write(Buffer.from('two '))
    program?.end()
    expect(await program?.ended).toBe(0)
    expect(readFileSync(file, 'utf8')).toBe('one two x')
  })

  test('may not be there', async () => {
    expect(await io.startPager({ command: ['varve-has-no-such-pager', '-x'], env: {} })).toBeUndefined()
  })

  test('is noticed when it leaves, whatever is still to be written', async () => {
    const program = await io.startPager({ command: ['true'], env: {} })
    await program?.ended
    await expect(program?.write('much')).rejects.toMatchObject({ name: 'OutputError', closed: true })
    const slow = await io.startPager({ command: 'read line; exit 3', env: {} })
    await expect(
      (async () => {
        for (;;) await slow?.write(`${'x'.repeat(100_000)}\n`)
      })(),
    ).rejects.toMatchObject({ closed: true })
    expect(await slow?.ended).toBe(3)
  })

  test('has Ctrl-C to itself', async () => {
    const before = process.listeners('SIGINT')
    let heard = 0
    const listener = () => {
      heard++
    }
    process.on('SIGINT', listener)
    try {
      const program = await io.startPager({ command: ['cat'], env: {} })
      const arrived = new Promise((resolve) => process.once('SIGINT', resolve))
      process.kill(process.pid, 'SIGINT')
      await arrived
      expect(heard).toBe(0)
      program?.end()
      await program?.ended
      expect(process.listeners('SIGINT')).toEqual([...before, listener])
    } finally {
      process.removeListener('SIGINT', listener)
    }
  })
})
