/**
 * A switch that ends at any call of the file system, as if its process had been killed there: nothing that it did not come
 * to is undone, nothing is tidied up. Whatever the call, the switch can be gone on with and back on, to the very tree.
 */
import { chmodSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MIB } from '../../src/base/units.js'
import { WorkingFolder } from '../../src/index.js'
import { describeFolder } from '../support/oddFolder.js'
import { changesOf, contentsOf, empty, newFolder, write } from '../support/workFolders.js'
import { type Call, hooked, systemError } from '../worktree/faultyFileSystem.js'

/** Calls that change something. */
const CHANGES: ReadonlySet<Call> = new Set<Call>([
  'mkdir',
  'symlink',
  'link',
  'rename',
  'unlink',
  'rmdir',
  'chmod',
  'file.write',
  'file.truncate',
  'file.chmod',
  'file.close',
])

function makeOne(dir: string): void {
  write(dir, {
    same: 's',
    changed: '1',
    'd/deep/x': 'x',
    'd/gone': 'g',
    becomes: 'a file',
    'private/x': 'p',
    mode: 'm',
  })
  linkSync(join(dir, 'changed'), join(dir, 'd/linked'))
  linkSync(join(dir, 'same'), join(dir, 'd/same too'))
  writeFileSync(join(dir, 'large'), Buffer.alloc(2 * MIB, 1))
  symlinkSync('same', join(dir, 's'))
  mkdirSync(join(dir, 'empty'))
}

function makeTwo(dir: string): void {
  write(dir, {
    same: 's',
    changed: '2',
    'd/deep/x': '2',
    'becomes/a/folder': 'f',
    'private/x': 'p',
    mode: 'm',
    new: 'n',
  })
  write(dir, { 'made/private/y': 'y', s: 'a file now', 'd/same too': 's' })
  linkSync(join(dir, 'changed'), join(dir, 'd/linked'))
  linkSync(join(dir, 'new'), join(dir, 'd/new too'))
  writeFileSync(join(dir, 'large'), Buffer.alloc(2 * MIB, 2))
  chmodSync(join(dir, 'private'), 0o700)
  chmodSync(join(dir, 'mode'), 0o600)
  chmodSync(join(dir, 'made/private'), 0o750)
  chmodSync(join(dir, 'made'), 0o711)
}

/** All but times and owners. */
function factsOf(dir: string): unknown {
  return [...describeFolder(dir)]
    .filter(([path]) => path !== '')
    .map(([path, { facts }]) => [path, { ...facts, microseconds: 0 }])
}

test('killed at any call: gone on with, or back on', { timeout: 180_000 }, async () => {
  let left = Number.POSITIVE_INFINITY
  let isDead = false
  const fileSystem = hooked((call) => {
    if (isDead || (CHANGES.has(call) && left-- <= 0)) {
      isDead = true
      throw Object.assign(new Error('killed'), { code: 'EIO' })
    }
  })
  const { folder, dir } = await newFolder(fileSystem)
  makeOne(dir)
  await folder.commit({ message: 'One' })
  const one = factsOf(dir)
  await folder.switchTo('HEAD', { create: 'two' })
  empty(dir)
  makeTwo(dir)
  await folder.commit({ message: 'Two' })
  const two = factsOf(dir)
  await folder.switchTo('main')
  expect(factsOf(dir)).toEqual(one)
  await folder.switchTo('two')
  expect(factsOf(dir)).toEqual(two)
  await folder.switchTo('main')
  await folder.close()

  const trees = { main: one, two } as const
  let kills = 0
  for (let moment = 0, isDone = false; !isDone; moment++) {
    // There and back in turn, gone on with and back on in turn.
    const [from, to] = moment % 2 === 0 ? (['main', 'two'] as const) : (['two', 'main'] as const)
    const goesOn = moment % 3 > 0
    const doomed = await WorkingFolder.open(dir, { fileSystem })
    if (doomed.head.branch !== from) await doomed.switchTo(from)
    write(dir, { untracked: 'mine' })
    left = moment
    const outcome = await doomed.switchTo(to).then(
      () => 'done',
      () => 'killed',
    )
    isDone = outcome === 'done'
    left = Number.POSITIVE_INFINITY
    isDead = false
    await doomed.close()
    rmSync(join(dir, '.varve/lock'), { force: true })
    if (isDone) break
    kills++
    const about = `${from} to ${to}, killed at change ${moment}, ${goesOn ? 'on' : 'back'}`
    const folder = await WorkingFolder.open(dir)
    const { interrupted, branch } = await folder.status()
    // Before the note is written, or behind the move.
    const wanted = !interrupted ? branch : branch === to || goesOn ? to : from
    if (interrupted) await (goesOn ? folder.continueSwitch() : folder.abortSwitch())
    expect(contentsOf(dir).untracked, about).toBe('mine')
    rmSync(join(dir, 'untracked'))
    expect(factsOf(dir), about).toEqual(trees[wanted as keyof typeof trees])
    expect(folder.head.branch, about).toBe(wanted)
    expect(await changesOf(folder), about).toEqual([])
    expect((await folder.commit({ message: 'Nothing?' })).commit, about).toBeUndefined()
    await folder.close()
  }
  expect(kills).toBeGreaterThan(40)
})

test('what somebody changes while a switch is at work is noticed, and stays', async () => {
  let current: (call: Call, path: string) => void = () => undefined
  const { folder, dir } = await newFolder(hooked((call, path) => current(call, path)))
  write(dir, { a: '1', b: '1', c: '1', 'd/e': '1' })
  await folder.commit({ message: 'One' })
  await folder.switchTo('HEAD', { create: 'two' })
  rmSync(join(dir, 'c'))
  write(dir, { a: '2', b: '2', 'd/e': '2', new: '2' })
  await folder.commit({ message: 'Two' })
  const two = contentsOf(dir)
  await folder.switchTo('main')

  // When the plan is made and written down, and when the first file is about to get its place.
  for (const moment of [/\.varve\/switch$/, /work\/a$/]) {
    for (const name of ['b', 'd/e', 'new']) {
      current = (call, path) => {
        if (call === 'rename' && moment.test(path)) write(dir, { [name]: 'mine' })
      }
      await expect(folder.switchTo('two'), `${name} at ${moment}`).rejects.toMatchObject({
        code: 'ALREADY_EXISTS',
        details: { path: name },
      })
      current = () => undefined
      expect(contentsOf(dir)[name], `${name} at ${moment}`).toBe('mine')
      // And it is said what is in the way.
      await expect(folder.continueSwitch()).rejects.toMatchObject({
        code: 'UNCOMMITTED_CHANGES',
        details: { paths: [name] },
      })
      await folder.continueSwitch({ force: true })
      expect(contentsOf(dir)).toEqual(two)
      await folder.switchTo('main')
    }
  }
  // What was to go is left.
  current = (call, path) => {
    if (call === 'rename' && path.endsWith('.varve/switch')) write(dir, { c: 'mine' })
  }
  await folder.switchTo('two')
  expect(contentsOf(dir)).toEqual({ ...two, c: 'mine' })
  expect(await changesOf(folder)).toEqual(['added c'])
})

test('going back never refuses, and what somebody has in the way stays', async () => {
  let left = Number.POSITIVE_INFINITY
  const { folder, dir } = await newFolder(
    hooked((call, path) => {
      if (call === 'rename' && !path.includes('/.varve/') && left-- === 0) throw systemError('EIO')
    }),
  )
  write(dir, { a: '1', edited: '1', file: '1', gone: '1', 'was/a folder': '1', z: '1' })
  await folder.commit({ message: 'One' })
  await folder.switchTo('HEAD', { create: 'two' })
  empty(dir)
  write(dir, { a: '2', edited: '2', 'file/in it': '2', 'new/x': '2', was: '2', z: '2' })
  await folder.commit({ message: 'Two' })
  const two = contentsOf(dir)
  // In the place of a directory that only the commit has that is left.
  rmSync(join(dir, 'new'), { recursive: true })
  write(dir, { new: 'mine' })
  left = 2
  await expect(folder.switchTo('main')).rejects.toMatchObject({ code: 'STORAGE_IO' })
  left = Number.POSITIVE_INFINITY
  const between = contentsOf(dir)
  expect(between).not.toEqual({ ...two, new: 'mine' })
  expect(between).toMatchObject({ a: '1', z: '2' })

  write(dir, { edited: 'mine', gone: 'mine', 'file/mine': 'mine' })
  rmSync(join(dir, 'was'), { recursive: true, force: true })
  write(dir, { 'was/mine/x': 'mine' })
  mkdirSync(join(dir, 'was/empty'))
  await expect(folder.continueSwitch()).rejects.toMatchObject({ code: 'UNCOMMITTED_CHANGES' })
  await folder.abortSwitch()
  const { new: _, was: __, 'new/x': ___, ...others } = two
  expect(contentsOf(dir)).toEqual({
    ...others,
    edited: 'mine',
    'file/mine': 'mine',
    gone: 'mine',
    new: 'mine',
    'was/empty': '/',
    'was/mine/x': 'mine',
  })
  expect((await folder.status()).interrupted).toBeUndefined()
  expect(folder.head.branch).toBe('two')
  await expect(folder.abortSwitch()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
})
