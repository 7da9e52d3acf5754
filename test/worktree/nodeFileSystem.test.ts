import { execFileSync } from 'node:child_process'
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { nodeFileSystem as fs } from '../../src/worktree/nodeFileSystem.js'
import { tempFolder } from '../support/tempFolder.js'

function at(folder: string, name: string): Buffer {
  return Buffer.from(join(folder, name))
}

describe('the real file system', () => {
  test('says what is there, without following symlinks', () => {
    const folder = tempFolder()
    writeFileSync(join(folder, 'file'), 'abc')
    chmodSync(join(folder, 'file'), 0o2751)
    symlinkSync('file', join(folder, 'link'))
    expect(fs.lstat(at(folder, 'file'))).toMatchObject({ type: 'file', size: 3, mode: 0o2751, nlink: 1 })
    expect(fs.lstat(at(folder, 'link'))).toMatchObject({ type: 'symlink', size: 4 })
    expect(fs.lstat(Buffer.from(folder))?.type).toBe('directory')
    expect(fs.readlink(at(folder, 'link')).toString()).toBe('file')
  })

  test('says that nothing is there, also below a file', () => {
    const folder = tempFolder()
    writeFileSync(join(folder, 'file'), '')
    expect(fs.lstat(at(folder, 'none'))).toBeUndefined()
    expect(fs.lstat(at(folder, 'file/none'))).toBeUndefined()
  })

  test.skipIf(process.platform !== 'linux')('lists names as bytes, with their types', () => {
    const folder = tempFolder()
    const odd = Buffer.concat([Buffer.from(folder), Buffer.from([0x2f, 0xff, 0xfe])])
    fs.open(odd, 'create').closeSync()
    mkdirSync(join(folder, 'd'))
    symlinkSync('x', join(folder, 'l'))
    execFileSync('mkfifo', [join(folder, 'pipe')])
    const listed = fs.list(Buffer.from(folder)).map(({ name, type }) => [name, type])
    expect(listed.sort()).toEqual([
      ['d', 'directory'],
      ['l', 'symlink'],
      ['pipe', 'other'],
      ['\u00ff\u00fe', 'file'],
    ])
  })

  test.skipIf(process.platform === 'win32')('opens a pipe without waiting for somebody to write to it', () => {
    const folder = tempFolder()
    execFileSync('mkfifo', [join(folder, 'pipe')])
    const pipe = fs.open(at(folder, 'pipe'), 'read')
    expect(pipe.stat().type).toBe('other')
    pipe.closeSync()
  })

  test('opens no symlink, whatever it points to', () => {
    const folder = tempFolder()
    writeFileSync(join(folder, 'file'), 'secret')
    symlinkSync('file', join(folder, 'link'))
    expect(() => fs.open(at(folder, 'link'), 'read')).toThrow(/ELOOP/)
    symlinkSync('new', join(folder, 'dangling'))
    expect(() => fs.open(at(folder, 'dangling'), 'create')).toThrow(/EEXIST/)
    expect(readdirSync(folder)).not.toContain('new')
  })

  test('creates only what is not there, for the owner alone', () => {
    const folder = tempFolder()
    fs.open(at(folder, 'new'), 'create').closeSync()
    fs.mkdir(at(folder, 'sub'))
    expect(lstatSync(join(folder, 'new')).mode & 0o777).toBe(0o600)
    expect(lstatSync(join(folder, 'sub')).mode & 0o777).toBe(0o700)
    expect(() => fs.open(at(folder, 'new'), 'create')).toThrow(/EEXIST/)
    expect(() => fs.mkdir(at(folder, 'sub'))).toThrow(/EEXIST/)
  })

  test('writes and reads at positions, leaving holes', async () => {
    const folder = tempFolder()
    const file = fs.open(at(folder, 'f'), 'create')
    await file.write(Buffer.from('world'), 6)
    file.writeSync(Buffer.from('hello'), 0)
    file.truncateSync(20)
    file.chmodSync(0o640)
    file.closeSync()
    expect(readFileSync(join(folder, 'f'), 'latin1')).toBe(`hello\0world${'\0'.repeat(9)}`)
    const reopened = fs.open(at(folder, 'f'), 'read')
    const into = Buffer.alloc(8)
    expect(await reopened.read(into, 1, 5, 6)).toBe(5)
    expect(reopened.readSync(into, 0, 8, 20)).toBe(0)
    expect(reopened.stat()).toMatchObject({ size: 20, mode: 0o640 })
    reopened.closeSync()
    expect(into.toString('latin1')).toBe('\0world\0\0')
  })

  test.each([
    1_700_000_000_123_456_789n,
    1_700_000_000_999_999_999n,
    1_700_000_000_000_000_000n,
    4_000_000_000_000_001_999n,
    999n,
    0n,
    -1n,
    -1_234_567_890_123_456_789n,
  ])('sets the time %s rounded down to the microsecond, and the same when set again', (timeNs) => {
    const folder = tempFolder()
    const path = at(folder, 'f')
    const link = at(folder, 'l')
    fs.open(path, 'create').closeSync()
    fs.symlink(Buffer.from('f'), link)
    const rounded = timeNs - (((timeNs % 1000n) + 1000n) % 1000n)
    fs.utimes(path, timeNs)
    expect(fs.lstat(path)?.mtimeNs).toBe(rounded)
    fs.utimes(path, rounded)
    expect(fs.lstat(path)?.mtimeNs).toBe(rounded)
    fs.utimes(link, timeNs, true)
    expect(fs.lstat(link)?.mtimeNs).toBe(rounded)
    const other = fs.open(at(folder, 'g'), 'create')
    other.utimesSync(timeNs)
    other.closeSync()
    expect(fs.lstat(at(folder, 'g'))?.mtimeNs).toBe(rounded)
  })

  test.each([[], ['a'], ['1', 'Grün'], ['1', '\u00e9']])(
    'says whether case matters beside %j, and leaves nothing',
    (...names) => {
      const folder = tempFolder()
      for (const name of names) writeFileSync(join(folder, name), '')
      const sub = join(tempFolder(), 'sub')
      mkdirSync(sub)
      writeFileSync(join(sub, 'a'), '')
      const folds = lstatSync(join(sub, 'A'), { throwIfNoEntry: false }) !== undefined
      expect(fs.isCaseInsensitive(Buffer.from(folder))).toBe(folds)
      expect(readdirSync(folder).sort()).toEqual([...names].sort())
    },
  )

  test('asks without writing where there is a name with a letter', () => {
    const folder = tempFolder()
    writeFileSync(join(folder, 'a'), '')
    const before = lstatSync(folder, { bigint: true }).mtimeNs
    fs.isCaseInsensitive(Buffer.from(folder))
    expect(lstatSync(folder, { bigint: true }).mtimeNs).toBe(before)
  })
})
