/** Two commands at once in one working folder, and locks that were left behind. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { systemRandomness } from '../../src/base/random.js'
import { FolderFiles, type LockOwner } from '../../src/worktree/folderFiles.js'
import { nodeFileSystem } from '../../src/worktree/nodeFileSystem.js'
import { processBegin } from '../../src/worktree/processBegin.js'
import { tempFolder } from '../support/tempFolder.js'
import { systemError } from '../worktree/faultyFileSystem.js'
import { committed, committedFolder, failureOf, opened, openedWithHook, write } from './folders.js'

/** Of a process that is gone. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid
}

async function folderWithLock(content: Partial<LockOwner> | string) {
  const dir = await committedFolder({ a: 'a' })
  const lock = join(dir, '.varve/lock')
  writeFileSync(lock, typeof content === 'string' ? content : JSON.stringify(content))
  write(dir, { a: 'changed' })
  return { dir, lock, folder: await opened(dir) }
}

describe('two at once', () => {
  test('the second is told who is at work, and looking still goes', async () => {
    const dir = await committedFolder({ a: 'a' })
    let isDone = false
    const [first, second] = [await openedWithHook(dir), await opened(dir)]
    write(dir, { a: 'changed' })
    let told: Promise<unknown> | undefined
    let seen: Promise<unknown> | undefined
    first.set((call, path) => {
      if (call !== 'open' || path !== join(dir, 'a') || isDone) return
      isDone = true
      told = failureOf(second.commit({ message: 'Mine' }))
      seen = second.status()
    })
    await first.folder.commit({ message: 'First of two' })
    expect(await told).toMatchObject({
      code: 'STORE_LOCKED',
      message: `process ${process.pid} on ${hostname()} is at work in ${dir}`,
      hint: expect.stringContaining(join(dir, '.varve/lock')),
    })
    expect(await seen).toMatchObject({ branch: 'main' })
    expect(existsSync(join(dir, '.varve/lock'))).toBe(false)
    write(dir, { a: 'again' })
    await second.commit({ message: 'Second' })
    expect(await committed(second)).toEqual({ a: 'again' })
  })

  test('a process of its own, alive: it is not taken over', async () => {
    const other = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] })
    onTestFinished(() => {
      other.kill()
    })
    const pid = other.pid as number
    for (const began of [processBegin(pid), undefined]) {
      const { folder, lock } = await folderWithLock({ pid, host: hostname(), began })
      expect((await failureOf(folder.commit({ message: 'x' }))).message).toContain(`process ${pid} on ${hostname()}`)
      expect(existsSync(lock)).toBe(true)
    }
  })

  test('one of another machine is never judged', async () => {
    const { folder, lock, dir } = await folderWithLock({ pid: deadPid(), host: 'elsewhere' })
    const error = await failureOf(folder.commit({ message: 'x' }))
    expect(error).toMatchObject({ code: 'STORE_LOCKED', hint: expect.stringContaining(`remove ${lock}`) })
    expect(error.message).toContain('on elsewhere')
    expect(existsSync(lock)).toBe(true)
    rmSync(join(dir, '.varve/lock'))
    await folder.commit({ message: 'x' })
  })
})

describe('left behind', () => {
  test('by a process that is gone: taken over', async () => {
    const { folder, lock } = await folderWithLock({ pid: deadPid(), host: hostname() })
    await folder.commit({ message: 'x' })
    expect(existsSync(lock)).toBe(false)
    expect(await committed(folder)).toEqual({ a: 'changed' })
  })

  test('by a process whose number another one has now, even this one: taken over', async () => {
    const began = processBegin(process.pid)
    // Where the system does not tell when a process began, its number is all there is.
    const isTaken = began !== undefined
    const { folder } = await folderWithLock({ pid: process.pid, host: hostname(), began: 'another boot 1' })
    const run = folder.commit({ message: 'x' })
    if (isTaken) await run
    else expect((await failureOf(run)).code).toBe('STORE_LOCKED')
    expect(await committed(folder)).toEqual({ a: isTaken ? 'changed' : 'a' })
  })

  test.each(['', '{', '{"pid":', 'null', '[]', '{"pid":"1","host":2}', '\0\0\0\0'])(
    'before it said whose it is (%j): waited for, then taken over',
    async (content) => {
      const { folder, lock } = await folderWithLock(content)
      const error = await failureOf(folder.commit({ message: 'x' }))
      expect(error).toMatchObject({ code: 'STORE_LOCKED', hint: expect.stringContaining(`remove ${lock}`) })
      expect(readFileSync(lock, 'utf8')).toBe(content)
      const longAgo = Date.now() / 1000 - 60
      utimesSync(lock, longAgo, longAgo)
      await folder.commit({ message: 'x' })
      expect(await committed(folder)).toEqual({ a: 'changed' })
    },
  )

  test('before it said whose it is, by a clock that was set back since: it stays, and is named', async () => {
    const { folder, lock } = await folderWithLock('')
    const ahead = Date.now() / 1000 + 3600
    utimesSync(lock, ahead, ahead)
    expect((await failureOf(folder.commit({ message: 'x' }))).hint).toContain(lock)
  })

  test('two that find it at once: the second does not take away what the first has put there', () => {
    const root = tempFolder()
    mkdirSync(join(root, '.varve'))
    const lock = join(root, '.varve/lock')
    const files = new FolderFiles(nodeFileSystem, Buffer.from(root), systemRandomness)
    const isGone = ({ pid }: LockOwner): boolean => pid === 1
    const [gone, first, second] = [1, 2, 3].map((pid) => ({ pid, host: hostname() })) as [
      LockOwner,
      LockOwner,
      LockOwner,
    ]
    writeFileSync(lock, JSON.stringify(gone))
    let unlock: (() => void) | undefined
    expect(() =>
      files.lock(second, isGone, (body) => {
        // Found left behind; before it is looked at again, the other one was quicker.
        unlock ??= files.lock(first, isGone, (inner) => inner())
        body()
      }),
    ).toThrow(expect.objectContaining({ code: 'STORE_LOCKED', message: expect.stringContaining('process 2 on') }))
    expect(JSON.parse(readFileSync(lock, 'utf8'))).toEqual(first)
    unlock?.()
    expect(existsSync(lock)).toBe(false)
  })

  test('a full disk leaves none', async () => {
    const dir = await committedFolder({ a: 'a' })
    const { folder, set } = await openedWithHook(dir)
    write(dir, { a: 'changed' })
    for (const code of ['ENOSPC', 'EIO', 'EDQUOT']) {
      set((call, path) => {
        if (call === 'file.write' && path.endsWith('/lock')) throw systemError(code)
      })
      const error = await failureOf(folder.commit({ message: 'x' }))
      expect(error).toMatchObject({
        code: code === 'EIO' ? 'STORAGE_IO' : 'STORAGE_FULL',
        hint: expect.any(String),
      })
      expect(existsSync(join(dir, '.varve/lock'))).toBe(false)
    }
    set(() => undefined)
    await folder.commit({ message: 'x' })
  })
})

test('what was put in its place meanwhile is not taken away at the end', async () => {
  const dir = await committedFolder({ a: 'a' })
  const { folder, set } = await openedWithHook(dir)
  const lock = join(dir, '.varve/lock')
  write(dir, { a: 'changed' })
  set((call, path) => {
    if (call === 'open' && path === join(dir, 'a')) writeFileSync(lock, '{"pid":1,"host":"elsewhere"}')
  })
  await folder.commit({ message: 'x' })
  expect(readFileSync(lock, 'utf8')).toContain('elsewhere')
})

test('something else is in the place of the lock: it is named', async () => {
  const dir = await committedFolder({ a: 'a' })
  mkdirSync(join(dir, '.varve/lock'))
  const error = await failureOf((await opened(dir)).commit({ message: 'x' }))
  expect(error.message).toContain(join(dir, '.varve/lock'))
})
