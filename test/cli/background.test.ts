/** What is started in the background: what it gets, what it does not, and that nobody is told when it cannot be started. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { processIo } from '../../cli/io.js'
import { tempFolder } from '../support/tempFolder.js'

/** Says what it was started with, in the file that its first argument names. */
const SCRIPT = `
const { renameSync, writeFileSync } = require('node:fs')
const [, , file, ...args] = process.argv
writeFileSync(file + '.new', JSON.stringify({ args, cwd: process.cwd(), execArgv: process.execArgv }))
renameSync(file + '.new', file)
`

const { startInBackground } = processIo(new AbortController().signal)
const { argv, execArgv, execPath } = process
let folder: string
beforeEach(() => {
  folder = tempFolder()
  const script = join(folder, 'script.cjs')
  writeFileSync(script, SCRIPT)
  process.argv = [execPath, script]
})
afterEach(() => {
  Object.assign(process, { argv, execArgv, execPath })
})

test('it is this program, with other arguments, in a folder that nobody removes', async () => {
  const file = join(folder, 'told')
  process.execArgv = ['--no-deprecation', '--inspect=127.0.0.1:0']
  await startInBackground([file, 'gc', '--auto'])
  await vi.waitUntil(() => existsSync(file), { timeout: 30_000 })
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
    args: ['gc', '--auto'],
    cwd: homedir(),
    execArgv: ['--no-deprecation'],
  })
})

test.each([
  ['there is no such program', '/nowhere/node', ['gc']],
  ['the system refuses', execPath, ['x'.repeat(4 << 20)]],
])('that it cannot be started is no error: %s', async (_why, program, args) => {
  process.execPath = program
  await startInBackground(args)
  // The system may say so later.
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
})
