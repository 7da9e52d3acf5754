/** Paths that are longer than the system takes, names as long as they may be, and what is neither file nor folder. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WorkingFolder } from '../../src/index.js'
import { tempFolder } from '../support/tempFolder.js'
import { changesOf, clockGoesOn, committed, committedFolder, failureOf, filesIn, opened, write } from './folders.js'

/** Makes a file at the bottom of so many folders, one name a step: the whole path would be too long. */
function makeDeep(dir: string, name: string, depth: number): void {
  const script = `let i = ${depth}; while (i-- > 0) { fs.mkdirSync(${JSON.stringify(name)}); process.chdir(${JSON.stringify(name)}) }
    fs.writeFileSync('bottom', 'b')`
  execFileSync(process.execPath, ['-e', script], { cwd: dir })
}

/** `rm` goes down step by step; Node does not. */
function removedAtEnd(dir: string): void {
  onTestFinished(() => {
    execFileSync('rm', ['-rf', dir])
  })
}

const LONG = 'n'.repeat(200)

describe('a folder that lies deeper than the system takes a path', () => {
  test('is named, not taken for empty, and all else is compared and committed', async () => {
    const dir = await committedFolder({ a: 'a' })
    removedAtEnd(dir)
    makeDeep(dir, LONG, 25)
    write(dir, { a: 'changed' })
    const folder = await opened(dir)
    const { unreadable, changes } = await folder.status()
    expect(unreadable).toMatchObject([{ code: 'ENAMETOOLONG', reason: expect.stringContaining('too long') }])
    expect(changes).toContainEqual(expect.objectContaining({ kind: 'modified', path: 'a' }))
    const error = await failureOf(folder.commit({ message: 'x' }))
    expect(error).toMatchObject({ code: 'UNREADABLE_FILES' })
    expect(error.message).toContain('too long')
    expect(await committed(folder)).toEqual({ a: 'a' })
    expect((await folder.commit({ message: 'x', skipUnreadable: true })).skipped).toHaveLength(1)
    expect(await committed(folder)).toMatchObject({ a: 'changed' })
    write(dir, { '.varveignore': `${LONG}/\n` })
    expect((await folder.commit({ message: 'Without it' })).skipped).toEqual([])
  })
})

describe('a commit whose paths are too long for where it should go', () => {
  test('a new folder: nothing is left of it', async () => {
    const deep = Array.from({ length: 18 }, () => LONG).join('/')
    const dir = await committedFolder({ [`${deep}/f`]: 'f' })
    const base = join(tempFolder(), ...Array.from({ length: 3 }, () => 'p'.repeat(200)))
    mkdirSync(base, { recursive: true })
    const store = join(dir, '.varve/store.varve')
    const error = await failureOf(WorkingFolder.add(store, join(base, 'new'), 'main', { create: 'x' }))
    expect(error.message).toContain('too long')
    expect(error.hint).toBeDefined()
    expect(filesIn(base)).toEqual({})
    expect(() => statSync(join(base, 'new'))).toThrow()
  })
})

test('names as long as they may be are replaced, removed and brought back', async () => {
  const longest = {
    [`${'x'.repeat(255)}`]: '1',
    [`${'y'.repeat(255)}/${'z'.repeat(255)}`]: '1',
    ['é'.repeat(127)]: '1',
  }
  const dir = await committedFolder(longest)
  const folder = await opened(dir)
  await folder.switchTo('HEAD', { create: 'other' })
  write(dir, Object.fromEntries(Object.keys(longest).map((path) => [path, '2'])))
  await folder.commit({ message: 'Second' })
  await folder.switchTo('main')
  expect(filesIn(dir)).toEqual(longest)
  await folder.switchTo('other')
  rmSync(join(dir, 'x'.repeat(255)))
  await folder.restore(Object.keys(longest), { from: 'main' })
  expect(filesIn(dir)).toEqual(longest)
})

/** Calls what makes something at a path that is neither a file nor a folder. */
const SPECIAL: Readonly<Record<string, (path: string) => Promise<void> | void>> = {
  'a pipe': (path) => {
    execFileSync('mkfifo', [path])
  },
  'a socket': (path) => {
    const server = createServer()
    onTestFinished(
      () =>
        new Promise<void>((resolve) => {
          server.close(() => resolve())
        }),
    )
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      // A path of a socket has few bytes: it is made elsewhere.
      const short = join(tempFolder(), 's')
      server.listen(short, () => {
        renameSync(short, path)
        resolve()
      })
    })
  },
}

describe.each(Object.keys(SPECIAL))('%s', (name) => {
  const make = SPECIAL[name] as (path: string) => Promise<void> | void

  test('in the folder is named and left alone', async () => {
    const dir = await committedFolder({ a: 'a', 'd/b': 'b' })
    const folder = await opened(dir)
    await make(join(dir, 'd/special'))
    const left = [expect.stringContaining('left out "d/special"')]
    expect(await folder.status()).toMatchObject({ changes: [], warnings: left })
    write(dir, { a: 'changed' })
    expect((await folder.commit({ message: 'Second' })).warnings).toEqual(left)
    await folder.switchTo('HEAD~1', { create: 'old' })
    await folder.switchTo('main', { force: true })
    expect(filesIn(dir)).toEqual({ a: 'changed', 'd/b': 'b', 'd/special': 'no file' })
  })

  test('in the place of a file: the file is gone, and nothing is written over what is there', async () => {
    const dir = await committedFolder({ a: 'a', b: 'b' })
    const folder = await opened(dir)
    await folder.switchTo('HEAD', { create: 'other' })
    write(dir, { a: 'other' })
    await folder.commit({ message: 'Second' })
    await clockGoesOn()
    await folder.status()
    rmSync(join(dir, 'a'))
    await make(join(dir, 'a'))
    expect(await changesOf(folder)).toEqual(['removed a'])
    expect(await failureOf(folder.switchTo('main'))).toMatchObject({
      code: 'UNCOMMITTED_CHANGES',
      details: { paths: ['a'] },
    })
    expect(filesIn(dir)).toEqual({ a: 'no file', b: 'b' })
    await folder.commit({ message: 'Without it' })
    expect(await committed(folder)).toEqual({ b: 'b' })
  })
})

test('a file that is as large as it says, and empty, is read as it is', async () => {
  const dir = await committedFolder({ a: 'a' })
  const folder = await opened(dir)
  writeFileSync(join(dir, 'hole'), '')
  truncateSync(join(dir, 'hole'), 3 << 20)
  await folder.commit({ message: 'Hole' })
  expect((await (await folder.repository.at('HEAD')).stat('hole')).sizeBytes).toBe(3 << 20)
})
