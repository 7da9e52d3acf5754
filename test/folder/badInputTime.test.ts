/** Clocks that were set back, and files whose times are far away. */
import { lutimesSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Clock } from '../../src/base/clock.js'
import type { FileStat, FileSystem } from '../../src/base/filesystem.js'
import { hooked } from '../worktree/faultyFileSystem.js'
import { changesOf, clockGoesOn, committed, committedFolder, filesIn, opened, write } from './folders.js'

const DAY_MS = 86_400_000
const NOON_MS = Date.UTC(2030, 5, 15, 12)

function clockAt(nowMs: number): Clock & { nowMs: () => number; set: (ms: number) => void } {
  let now = nowMs
  return {
    nowMs: () => now,
    zoneMinutes: () => 0,
    set: (ms) => {
      now = ms
    },
  }
}

/** As `fs`, where files have other times than they have. */
function withTimes(change: (path: string, stat: FileStat) => FileStat): FileSystem {
  const inner = hooked(() => undefined)
  return {
    ...inner,
    lstat: (path) => {
      const stat = inner.lstat(path)
      return stat && change(path.toString(), stat)
    },
    open: (path, how) => {
      const file = inner.open(path, how)
      return { ...file, stat: () => change(path.toString(), file.stat()) }
    },
  }
}

describe('the clock of commits was set back', () => {
  test('history is in the order in which it was made, and the reflog says what it was told', async () => {
    const clock = clockAt(NOON_MS)
    const dir = await committedFolder({ a: 'one' }, { clock })
    const folder = await opened(dir, { clock })
    const commitAt = async (text: string, ms: number) => {
      clock.set(ms)
      write(dir, { a: text })
      return (await folder.commit({ message: text })).commit?.id
    }
    const ahead = await commitAt('ahead by ten years', NOON_MS + 3650 * DAY_MS)
    const back = await commitAt('back', NOON_MS - 2 * DAY_MS)
    const now = await commitAt('now', NOON_MS + 60_000)

    const log: string[] = []
    for await (const { message } of folder.repository.log()) log.push(message)
    expect(log).toEqual(['now', 'back', 'ahead by ten years', 'First'])
    const { repository } = folder
    expect(await repository.resolve('main@{0}')).toBe(now)
    expect(await repository.resolve('main@{2}')).toBe(ahead)
    expect(await repository.resolve('main~2')).toBe(ahead)
    // The last move that was not later than that: the one that a clock was ahead at is passed over.
    expect(await repository.resolve('main@{yesterday}')).toBe(back)
    expect(await repository.resolve('main@{now}')).toBe(now)
    clock.set(NOON_MS - 30 * DAY_MS)
    await expect(repository.resolve('main@{now}')).rejects.toMatchObject({ code: 'UNKNOWN_REVISION' })
    expect((await repository.verify()).ok).toBe(true)

    await folder.switchTo('HEAD~3', { create: 'old' })
    await folder.switchTo('main')
    expect(filesIn(dir)).toEqual({ a: 'now' })
  })
})

describe('the clock of the file system', () => {
  /** The moments that files made to ask for the time get. */
  const asking = (shiftNs: bigint) => (path: string, stat: FileStat) =>
    path.includes('/.varve/unfinished-') ? { ...stat, mtimeNs: stat.mtimeNs + shiftNs } : stat

  test('was set back since files were written: all are read again, and no change is missed', async () => {
    const dir = await committedFolder({ a: 'one', b: 'b' })
    await clockGoesOn()
    const folder = await opened(dir, { fileSystem: withTimes(asking(-3_600_000_000_000n)) })
    expect(await changesOf(folder)).toEqual([])
    const { mtime } = statSync(join(dir, 'a'))
    for (const text of ['two', 'six', 'one']) {
      writeFileSync(join(dir, 'a'), text)
      utimesSync(join(dir, 'a'), mtime, mtime)
      expect(await changesOf(folder)).toEqual(text === 'one' ? [] : ['modified a'])
    }
  })

  test('cannot be asked: files are read, and no change is missed', async () => {
    const dir = await committedFolder({ a: 'one' })
    const fileSystem = hooked((call, path) => {
      if (call === 'open' && path.includes('/.varve/unfinished-'))
        throw Object.assign(new Error('x'), { code: 'EACCES' })
    })
    const folder = await opened(dir, { fileSystem })
    for (const text of ['one', 'two', 'six', 'one']) {
      writeFileSync(join(dir, 'a'), text)
      expect(await changesOf(folder)).toEqual(text === 'one' ? [] : ['modified a'])
    }
  })
})

describe('a change that leaves size and time as they were', () => {
  test.each([0, -1_000_000_000, 1, 2 ** 31, 2 ** 32, 9_000_000_000])('%d seconds: is seen', async (seconds) => {
    const dir = await committedFolder({ a: 'one', b: 'b' })
    const folder = await opened(dir)
    const path = join(dir, 'a')
    utimesSync(path, String(seconds), String(seconds))
    await folder.commit({ message: 'Times are recorded', allowEmpty: true })
    await clockGoesOn()
    expect(await changesOf(folder)).toEqual([])
    expect(await changesOf(folder)).toEqual([])
    writeFileSync(path, 'two')
    utimesSync(path, String(seconds), String(seconds))
    expect(await changesOf(folder)).toEqual(['modified a'])
    await folder.commit({ message: 'Second' })
    expect(await committed(folder)).toEqual({ a: 'two', b: 'b' })
    expect((await (await folder.repository.at('HEAD')).stat('a')).attributes.mtimeNs).toBe(
      BigInt(seconds) * 1_000_000_000n,
    )
  })
})

test.each([
  -1n,
  -999_999_999n,
  999_999_999n,
  2n ** 62n,
  -(2n ** 62n),
  2n ** 63n - 1n,
  -(2n ** 63n),
  2n ** 63n,
  -(2n ** 63n) - 1n,
  // As far as a record of it goes: 2^52 seconds.
  (2n ** 52n - 1n) * 1_000_000_000n,
  -(2n ** 52n) * 1_000_000_000n,
])('a file of %d ns since 1970 is compared and committed', async (mtimeNs) => {
  const dir = await committedFolder({ a: 'one' })
  const far = (path: string, stat: FileStat) => (path === join(dir, 'a') ? { ...stat, mtimeNs } : stat)
  const folder = await opened(dir, { fileSystem: withTimes(far) })
  await clockGoesOn()
  for (let look = 0; look < 2; look++) expect(await changesOf(folder)).toEqual([])
  writeFileSync(join(dir, 'a'), 'two')
  expect(await changesOf(folder)).toEqual(['modified a'])
  await folder.commit({ message: 'Second' })
  expect((await (await folder.repository.at('HEAD')).stat('a')).attributes.mtimeNs).toBe(mtimeNs)
  expect(await changesOf(folder)).toEqual([])
  writeFileSync(join(dir, 'a'), 'six')
  expect(await changesOf(folder)).toEqual(['modified a'])
})

test('a symlink from before 1970 comes back', async () => {
  const dir = await committedFolder({ a: 'a' })
  symlinkSync('a', join(dir, 'link'))
  lutimesSync(join(dir, 'link'), '-1000000000.25', '-1000000000.25')
  const folder = await opened(dir)
  await folder.commit({ message: 'Link' })
  await folder.switchTo('HEAD~1', { detach: true })
  await folder.switchTo('main')
  expect(readFileSync(join(dir, 'link'), 'utf8')).toBe('a')
  expect(await changesOf(folder)).toEqual([])
})
