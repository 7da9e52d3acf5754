/** What only a process of its own shows: start-up, signals, pipes. */
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import * as nodeModule from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readVersion } from '../../cli/version.js'
import { type BuiltCommand, buildCommand } from '../support/builtCommand.js'
import { Workbench } from './support.js'

const PACKAGES = fileURLToPath(new URL('../../node_modules', import.meta.url))

let built: BuiltCommand
let bench: Workbench

beforeAll(async () => {
  built = await buildCommand()
  bench = new Workbench()
  await bench.init()
  // Enough that a commit is still at work when a signal comes.
  const block = Buffer.alloc(1 << 20)
  for (let file = 0; file < 24; file++) {
    for (let at = 0; at < block.length; at += 4)
      block.writeUInt32LE(Math.imul(at + file * block.length, 2654435761) >>> 0, at)
    bench.write(`big/${file}`, block)
  }
  // Longer than what a pipe holds.
  bench.write('small/long', Buffer.concat([block, block, block]))
})
afterAll(() => {
  built.remove()
  bench.remove()
})

function start(...argv: string[]): ChildProcessByStdio<null, Readable, Readable> {
  return spawn(process.execPath, [built.script, ...argv], { cwd: bench.folder, stdio: ['ignore', 'pipe', 'pipe'] })
}

interface Ended {
  readonly status: number | null
  readonly err: string
}

function ended(child: ChildProcessByStdio<null, Readable, Readable>): Promise<Ended> {
  let err = ''
  child.stdout.resume()
  child.stderr.on('data', (piece: Buffer) => {
    err += piece.toString()
  })
  return new Promise((resolve) => child.on('close', (status) => resolve({ status, err })))
}

/**
 * Commits and sends `signals` while the commit is at work: it is once the store is open. How long it goes on depends on
 * the machine, so several moments are tried, until one was not after the end.
 */
async function interrupted(signals: readonly NodeJS.Signals[]): Promise<Ended> {
  for (const afterMs of [50, 20, 5, 100, 200]) {
    const branch = `after-${afterMs}`
    // Who opened the store to write last takes its write-ahead log away; so what is seen below is the commit's own.
    await bench.ok('config', 'set', 'author', 'Ann')
    expect(existsSync(bench.path('.varve/store.varve-wal'))).toBe(false)
    const child = start('commit', '--from', 'big', '-m', 'never', '-b', branch)
    const end = ended(child)
    while (child.exitCode === null && !existsSync(bench.path('.varve/store.varve-wal'))) await sleep(2)
    await sleep(afterMs)
    for (const signal of signals) child.kill(signal)
    const result = await end
    if (result.status !== 0) {
      expect(await branches()).not.toContain(branch)
      return result
    }
    await bench.ok('branch', '-d', branch)
  }
  throw new Error('no signal came while the commit was at work')
}

async function branches(): Promise<string[]> {
  return (await bench.json<{ name: string }[]>('branch')).map((branch) => branch.name)
}

describe('start-up', () => {
  test('--version loads nothing but what Node brings: it works where no package is', () => {
    const folder = mkdtempSync(join(tmpdir(), 'varve-cli-'))
    cpSync(built.script, join(folder, 'main.cjs'))
    const alone = spawnSync(process.execPath, [join(folder, 'main.cjs'), '--version'], { encoding: 'utf8' })
    const more = spawnSync(process.execPath, [join(folder, 'main.cjs'), 'log'], { encoding: 'utf8' })
    rmSync(folder, { recursive: true })
    expect(alone).toMatchObject({ status: 0, stderr: '', stdout: 'varve unknown\n' })
    expect(more).toMatchObject({ status: 1, stderr: expect.stringContaining('start.cjs') })
  })

  test('help and wrong use load no package', () => {
    for (const argv of [['--help'], ['commit', '--help'], ['help', 'json'], ['log', '--nonsense']]) {
      const traced = spawnSync(process.execPath, [built.script, ...argv], {
        encoding: 'utf8',
        env: { ...process.env, NODE_DEBUG: 'module' },
      })
      expect(traced.stderr).toContain('start.cjs')
      for (const name of ['library.cjs', 'better-sqlite3', 'node-zstd', 'lz4-napi', 'fastcdc-wasm'])
        expect(traced.stderr).not.toMatch(new RegExp(`load "[^"]*${name}`))
    }
  })

  test('what only reads a store loads no chunker, and no lz4', async () => {
    const traced = spawnSync(process.execPath, [built.script, '-C', bench.path(''), 'log'], {
      encoding: 'utf8',
      env: { ...process.env, NODE_DEBUG: 'module' },
    })
    expect(traced.stderr).toMatch(/load "[^"]*better-sqlite3/)
    for (const name of ['lz4-napi', 'fastcdc-wasm']) expect(traced.stderr).not.toMatch(new RegExp(`load "[^"]*${name}`))
  })

  test('what starts no program does not load what starts programs', () => {
    const tell = join(bench.folder, 'tell.cjs')
    writeFileSync(tell, "process.on('exit', () => process.stderr.write(process.moduleLoadList.join()))")
    const traced = spawnSync(process.execPath, ['-r', tell, built.script, 'status'], {
      encoding: 'utf8',
      cwd: bench.folder,
    })
    expect(traced).toMatchObject({ status: 0, stderr: expect.stringContaining('NativeModule fs') })
    for (const name of ['child_process', 'fs/promises']) expect(traced.stderr).not.toContain(`NativeModule ${name}`)
  })

  test('a folder in which nothing changed is told from what was learned: nothing of the store is decoded', async () => {
    const tell = join(bench.folder, 'tell.cjs')
    writeFileSync(tell, "process.on('exit', () => process.stderr.write(process.moduleLoadList.join()))")
    const folder = new Workbench()
    try {
      await folder.init()
      folder.write('a/b', 'learned')
      await folder.ok('commit', '-m', 'one')
      // Files must be older than what was learned of them.
      await sleep(50)
      await folder.ok('status')
      const traced = spawnSync(process.execPath, ['-r', tell, built.script, 'status'], {
        encoding: 'utf8',
        cwd: folder.folder,
        env: { ...process.env, NODE_DEBUG: 'module' },
      })
      expect(traced.stdout).toContain('nothing to commit')
      expect(traced.stderr).toMatch(/load "[^"]*better_sqlite3.node/)
      for (const name of ['node-zstd', 'NativeModule crypto,']) expect(traced.stderr).not.toContain(name)
    } finally {
      folder.remove()
    }
  })

  test.each([
    ['the bundled JavaScript, beside the native part of the same version', {}, 'package.json'],
    ['the package, beside another version', { version: '0.0.1' }, 'lib/index.js'],
  ])('SQLite is driven by %s', (_title, change, loaded) => {
    const folder = mkdtempSync(join(tmpdir(), 'varve-cli-'))
    const installed = join(folder, 'node_modules/better-sqlite3')
    mkdirSync(installed, { recursive: true })
    cpSync(dirname(built.script), join(folder, 'cli'), { recursive: true })
    const manifest: object = JSON.parse(readFileSync(join(PACKAGES, 'better-sqlite3/package.json'), 'utf8'))
    writeFileSync(join(installed, 'package.json'), JSON.stringify({ ...manifest, ...change }))
    for (const name of ['lib', 'build'])
      symlinkSync(join(PACKAGES, 'better-sqlite3', name), join(installed, name), 'junction')
    const traced = spawnSync(process.execPath, [join(folder, 'cli/main.cjs'), '-C', bench.path(''), 'branch'], {
      encoding: 'utf8',
      env: { ...process.env, NODE_DEBUG: 'module' },
    })
    rmSync(folder, { recursive: true })
    expect(traced.status).toBe(0)
    const files = [...traced.stderr.replaceAll('\\', '/').matchAll(/load "[^"]*better-sqlite3\/([^"]*)"/g)].map(
      ([, file]) => file,
    )
    expect(files).toContain(loaded)
    expect(files.includes('lib/database.js')).toBe(loaded === 'lib/index.js')
  })

  test('what was compiled is kept in the cache folder of the user, where Node.js does that', () => {
    const home = mkdtempSync(join(tmpdir(), 'varve-cli-'))
    const kept = (env: Record<string, string>) => {
      const places = { HOME: home, LOCALAPPDATA: home, XDG_CACHE_HOME: '', NODE_COMPILE_CACHE: undefined }
      const run = spawnSync(process.execPath, [built.script, 'help'], { env: { ...process.env, ...places, ...env } })
      expect(run.status).toBe(0)
      return readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).length
    }
    expect(kept({ NODE_DISABLE_COMPILE_CACHE: '1' })).toBe(0)
    const files = kept({})
    expect(files > 0).toBe('enableCompileCache' in nodeModule)
    expect(kept({})).toBe(files)
    rmSync(home, { recursive: true })
  })

  test('brings the licences of what is in it', () => {
    const licences = readFileSync(join(dirname(built.script), 'LICENSES.txt'), 'utf8')
    const code = readFileSync(join(dirname(built.script), 'start.cjs'), 'utf8')
    expect(code).toContain('CommanderError')
    for (const name of ['commander', 'picocolors', 'hash-wasm', 'fast-myers-diff', 'better-sqlite3']) {
      expect(licences).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\((MIT|ISC)\\)$`, 'm'))
    }
  })

  test('says which version it is', () => {
    const run = spawnSync(process.execPath, [built.script, '--version'], { encoding: 'utf8' })
    expect(run.stdout).toBe(`varve ${readVersion()}\n`)
  })
})

describe('interrupted', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('by %s a commit ends with %d and leaves a clean store', async (signal, status) => {
    expect(await interrupted([signal])).toEqual({ status, err: `varve: interrupted by ${signal}\n` })
    expect(await bench.json('verify')).toMatchObject({ ok: true })
  })

  test('twice it ends at once', async () => {
    expect(await interrupted(['SIGINT', 'SIGINT'])).toMatchObject({ status: 130 })
    expect(await bench.json('verify')).toMatchObject({ ok: true })
  })
})

describe('a pipe whose reader leaves', () => {
  test('ends the command without a word', async () => {
    await bench.commit('small', 'all of it')
    const child = start('cat', 'main:long')
    const end = ended(child)
    child.stdout.once('data', () => child.stdout.destroy())
    expect(await end).toEqual({ status: 141, err: '' })
  })

  test('gets everything when it stays', async () => {
    const run = spawnSync(process.execPath, [built.script, 'cat', 'main:long'], {
      cwd: bench.folder,
      maxBuffer: 1 << 26,
    })
    expect(run.status).toBe(0)
    expect(run.stdout.length).toBe(3 << 20)
  })
})

test.runIf(existsSync('/dev/full'))('output that finds no room is an error', () => {
  const full = openSync('/dev/full', 'w')
  const run = spawnSync(process.execPath, [built.script, 'config'], {
    cwd: bench.folder,
    stdio: ['ignore', full, 'pipe'],
  })
  closeSync(full)
  expect(run.status).toBe(6)
  expect(String(run.stderr)).toMatch(/^varve: cannot write the output: .*ENOSPC/)
})

test('in a folder that was deleted: a sentence, and what needs no folder works', () => {
  const inGone = (...argv: string[]) => {
    const folder = mkdtempSync(join(tmpdir(), 'varve-cli-gone-'))
    const script = 'cd "$0" && rmdir "$0" && exec "$@"'
    const ended = spawnSync('sh', ['-c', script, folder, process.execPath, built.script, ...argv], { encoding: 'utf8' })
    return { status: ended.status, out: ended.stdout, err: ended.stderr }
  }
  for (const argv of [
    ['status'],
    ['commit', '-m', 'x'],
    ['-C', 'below', 'log'],
    ['init'],
    ['--store', 's.varve', 'log'],
  ]) {
    expect({ argv, ...inGone(...argv) }).toEqual({
      argv,
      status: 3,
      out: '',
      err: 'varve: the folder that this command is given in was deleted\nhint: go to one that is there, or name one: -C DIR\n',
    })
  }
  expect(inGone('help')).toMatchObject({ status: 0, err: '' })
  expect(inGone('-C', bench.folder, 'branch')).toMatchObject({ status: 0, err: '' })
})
