/**
 * A working folder among things that must not change, in content or time, and every way that leads into it: for commits of
 * a stranger.
 */
import { lstatSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import type { ObjectWriter } from '../../src/cas/objects.js'
import type { TreeRoot } from '../../src/history/entries.js'
import { isVarveError, WorkingFolder } from '../../src/index.js'
import { type HostileTree, writeHostileTree, writeImpossibleName } from '../support/hostileTrees.js'
import { readTree } from '../support/trees.js'
import { contentsOf, newFolder, type WorkFolder, write } from '../support/workFolders.js'
import { type Hook, hooked } from '../worktree/faultyFileSystem.js'

/** A name that a checkout would take for what it left behind itself, if it lay in the folder. */
export const LEFT_BEHIND = '.varve-unfinished-0123456789abcdef'

interface Scene extends WorkFolder {
  /** Beside the folder, and not to be touched. */
  readonly outside: string
  /** Fails if anything outside the folder changed, or the folder's own state. */
  check(about: string): void
  /** Set before what is to be disturbed. */
  hook(hook: Hook): void
}

/** At its first commit: `a`, `d/x` and `s`, a symlink. @param place an empty folder, for all of it */
export async function scene(place?: string): Promise<Scene> {
  let current: Hook = () => undefined
  const made = await newFolder(
    hooked((...call) => current(...call)),
    place,
  )
  const { folder, dir } = made
  write(dir, { a: 'first a', 'd/x': 'first x' })
  symlinkSync('a', join(dir, 's'))
  await folder.commit({ message: 'First' })
  const outside = join(dir, '..', 'outside')
  write(outside, {
    x: 'first x',
    secret: 'secret',
    [LEFT_BEHIND]: 'somebody is at work here',
    'deep/x': 'deep',
    [`deep/${LEFT_BEHIND}`]: 'here, too',
  })
  const around = () => Object.fromEntries(['outside'].map((name) => [name, readTree(join(dir, '..', name))]))
  const state = () => ({
    names: readdirSync(join(dir, '.varve')).filter((name) => !/^(switch|stat-cache)$|-(wal|shm)$/.test(name)),
    place: readFileSync(join(dir, '.varve/worktree'), 'utf8'),
    store: lstatSync(join(dir, '.varve/store.varve')).ino,
    beside: readdirSync(join(dir, '..')).filter((name) => !/^(pv\d|beside)/.test(name)),
  })
  const before = { around: around(), state: state() }
  const check = (about: string) => expect({ around: around(), state: state() }, about).toEqual(before)
  return { ...made, outside, check, hook: (hook) => (current = hook) }
}

/** What a working folder can be told to do with a commit, each beginning at the first one. */
export const WAYS: Readonly<Record<string, (at: Scene, id: Hash) => Promise<unknown>>> = {
  switch: ({ folder }, id) => folder.switchTo(id, { detach: true }),
  'switch --force': ({ folder }, id) => folder.switchTo(id, { detach: true, force: true }),
  'restore all': ({ folder }, id) => folder.restore([''], { from: id }),
  'restore each': async ({ folder }, id) => {
    const names: Buffer[] = []
    for await (const { pathBytes } of (await folder.repository.at(id)).list()) names.push(pathBytes)
    let failure: unknown
    for (const name of names) {
      try {
        await folder.restore([name], { from: id })
      } catch (error) {
        failure = error
      }
    }
    if (failure) throw failure
  },
  'worktree add': async ({ folder, dir }, id) => {
    const beside = join(dir, '..', 'beside')
    onTestFinished(() => rmSync(beside, { recursive: true, force: true }))
    const second = await WorkingFolder.add(folder.repository.path, beside, id, { detach: true })
    await second.close()
    await WorkingFolder.remove(folder.repository, beside, { force: true })
    rmSync(beside, { recursive: true })
  },
  'switch --continue': (at, id) => {
    interrupt(at, id)
    return at.folder.continueSwitch()
  },
  'switch --continue --force': (at, id) => {
    interrupt(at, id)
    return at.folder.continueSwitch({ force: true })
  },
  'switch --abort': (at, id) => {
    interrupt(at, id)
    return at.folder.abortSwitch()
  },
  'switch --abort --force': (at, id) => {
    interrupt(at, id)
    return at.folder.abortSwitch({ force: true })
  },
  'standing at it, switch': async (at, id) => {
    stand(at, id)
    await at.folder.switchTo('main')
  },
  'standing at it, switch --force': async (at, id) => {
    stand(at, id)
    await at.folder.switchTo('main', { force: true })
  },
  'standing at it, restore all': async (at, id) => {
    stand(at, id)
    await at.folder.restore([''], { from: 'main' })
    await at.folder.restore([''])
  },
}

/** As a process that was killed at its very beginning leaves it. */
function interrupt({ folder, dir }: Scene, id: Hash): void {
  writeFileSync(join(dir, '.varve/switch'), JSON.stringify({ from: folder.head.id, to: id, branch: null }))
}

/** As a folder that is made to know its store stands at whatever its branch holds. */
export function stand({ folder }: Pick<WorkFolder, 'folder'>, id: Hash): void {
  const { group, worktrees } = folder.repository.parts
  const [row] = worktrees.list()
  if (!row) throw new Error('no folder')
  group.catalog.write((tx) => worktrees.move(tx, row, { ...row, branch: undefined, head: id }))
}

/** Brings the folder to its first commit again, whatever was done. */
export async function begin(at: Scene): Promise<void> {
  at.hook(() => undefined)
  const { folder, dir } = at
  rmSync(join(dir, '.varve/switch'), { force: true })
  stand(at, await folder.repository.resolve('main'))
  for (const name of readdirSync(dir)) if (name !== '.varve') rmSync(join(dir, name), { recursive: true, force: true })
  await folder.switchTo('main', { force: true })
  expect(contentsOf(dir)).toEqual({ a: 'first a', 'd/x': 'first x', s: '-> a' })
}

export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'done'
  } catch (error) {
    if (isVarveError(error)) return error.code
    throw error
  }
}

export type Make = (writer: ObjectWriter) => Promise<TreeRoot>
export const tree =
  (hostile: HostileTree, links?: Readonly<Record<string, string>>): Make =>
  (writer) =>
    writeHostileTree(writer, hostile, links)
export const impossible =
  (name: string): Make =>
  (writer) =>
    writeImpossibleName(writer, name)

/** The ways back from what a stranger made: they end in one of many ways. */
export const BACK = /abort|standing/
