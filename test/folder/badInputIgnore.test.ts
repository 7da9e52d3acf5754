/** Ignore files that are huge, hostile, or no files. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ByteName } from '../../src/base/names.js'
import { IgnoreRules } from '../../src/worktree/ignoreRules.js'
import { changesOf, committedFolder, failureOf, opened, openedWithHook, write } from './folders.js'

const MIB = 1 << 20

/** So many lines that they are a megabyte. */
function megabyteOf(line: (index: number) => string): string {
  const lines: string[] = []
  for (let bytes = 0; bytes < MIB; ) {
    const text = line(lines.length)
    lines.push(text)
    bytes += text.length + 1
  }
  return lines.join('\n')
}

/** What took time in proportion to the product of some lengths, or to powers of two of them. */
const HOSTILE: Readonly<Record<string, string>> = {
  'names, one a line': megabyteOf((index) => `name-${index}`),
  beginnings: megabyteOf((index) => `begin-${index}*`),
  middles: megabyteOf((index) => `*mid-${index}*x`),
  'middles at the end': megabyteOf((index) => `*mid-${index}*`),
  'middles of every length': Array.from({ length: 1400 }, (_, index) => `q/*${'m'.repeat(index + 1)}*`).join('\n'),
  'paths with stars': megabyteOf((index) => `/d*/s?/f${index}*.o*`),
  'stars between folders': megabyteOf((index) => `**/p*/**/p*p*p*/**/p*b${'?'.repeat(index % 20)}`),
  'nothing to go by': megabyteOf((index) => `${index.toString(2).replace(/0/g, '?').replace(/1/g, '*')}[!x]`),
  'one line of stars and letters': `${'p*'.repeat(MIB / 2)}b`,
  'one line of stars between letters, of a path': `/${'**/p*/'.repeat(MIB / 6)}b`,
  'one line of any bytes': '?'.repeat(MIB),
  'one line of brackets': '['.repeat(MIB),
  'one line of classes': '[[:'.repeat(MIB / 3),
  'one line of spaces': ' '.repeat(MIB),
  'one line of backslashes': '\\'.repeat(MIB),
  'only ends of lines': '\n'.repeat(MIB),
  'only NULs': '\0'.repeat(MIB),
  'what doubles with each star, when it is tried in all ways': [
    `**/${'*a'.repeat(30)}*b`,
    `${'*p'.repeat(60)}*b`,
    `${'**/*p*/'.repeat(12)}b`,
    `**/${'p*/**/'.repeat(8)}*b`,
  ].join('\n'),
}

/** Longest of names, and of paths. */
const NAMES = ['p'.repeat(255), `${'p'.repeat(250)}/`.repeat(16).slice(0, -1), `${'p/'.repeat(2000)}p`] as ByteName[]

describe('a megabyte of patterns', () => {
  test.each(Object.keys(HOSTILE))('%s: comes to an end', (name) => {
    const rules = IgnoreRules.fromPatterns([HOSTILE[name] as string])
    for (const path of NAMES) expect(typeof rules.ignores(path, false)).toBe('boolean')
  })

  test('in a folder, with what it ignores left out', async () => {
    const dir = await committedFolder({ a: 'a', 'd/b': 'b' })
    write(dir, {
      '.gitignore': `${HOSTILE['names, one a line']}\nsecret\n`,
      secret: 's',
      'd/secret': 's',
      'name-7': 'n',
    })
    const folder = await opened(dir)
    expect(await changesOf(folder)).toEqual(['added .gitignore'])
    expect((await folder.commit({ message: 'Second' })).ignored).toBe(3)
  })

  test.each(['middles', 'middles at the end', 'middles of every length', 'beginnings'])(
    '%s: found by search or by look-up, the same',
    (name) => {
      const lines = (HOSTILE[name] as string).split('\n').slice(0, 1400)
      const all = IgnoreRules.fromPatterns([lines.join('\n')])
      for (const path of [
        'begin-7',
        'xmid-70yx',
        'mid-7x',
        'xmid-7',
        'xmid-',
        'q/xmmmx',
        'q/mm',
        'q/x',
        'd/s/f',
      ] as ByteName[]) {
        const one = lines.some((line) => IgnoreRules.fromPatterns([line]).ignores(path, false))
        expect({ path, ignored: all.ignores(path, false) }).toEqual({ path, ignored: one })
      }
    },
  )
})

describe('what an ignore file is made of', () => {
  test.each([
    ['ends of lines as Windows has them', 'secret\r\n*.o\r\n'],
    ['a mark of UTF-8 at the beginning', '\ufeffsecret\n*.o\n'],
    ['a NUL and what is behind it', 'secret\0 and more\n*.o\0\n'],
    ['no end of the last line', '*.o\nsecret'],
  ])('%s', async (_, text) => {
    const dir = await committedFolder({ a: 'a' })
    write(dir, { '.varveignore': text, secret: 's', 'x.o': 'o', other: 'o' })
    expect(await changesOf(await opened(dir))).toEqual(['added .varveignore', 'added other'])
  })

  test('any bytes are patterns or none', async () => {
    const dir = await committedFolder({ a: 'a' })
    const bytes = Buffer.alloc(MIB)
    for (let at = 0; at < MIB; at++) bytes[at] = Math.imul(at, 2654435761) >>> 24
    writeFileSync(join(dir, '.gitignore'), bytes)
    expect((await (await opened(dir)).status()).unreadable).toEqual([])
  })
})

describe('in the place of an ignore file', () => {
  test.each(['.gitignore', '.varveignore'])('%s: a folder is a folder', async (name) => {
    const dir = await committedFolder({ a: 'a' })
    mkdirSync(join(dir, name))
    write(dir, { [`${name}/secret`]: 's', secret: 's' })
    expect(await changesOf(await opened(dir))).toEqual([`added ${name}/secret`, 'added secret'])
  })

  test.each(['.gitignore', '.varveignore'])(
    '%s: a symlink is recorded and not followed, as Git has it',
    async (name) => {
      const dir = await committedFolder({ a: 'a' })
      writeFileSync(join(dir, '../patterns'), 'secret\n')
      symlinkSync('../patterns', join(dir, name))
      write(dir, { secret: 's' })
      expect(await changesOf(await opened(dir))).toEqual([`added ${name}`, 'added secret'])
    },
  )

  test('a pipe is named, and nobody waits for it', async () => {
    const dir = await committedFolder({ a: 'a' })
    execFileSync('mkfifo', [join(dir, '.gitignore')])
    write(dir, { secret: 's' })
    const folder = await opened(dir)
    const { changes, warnings } = await folder.status()
    expect(changes.map(({ path }) => path)).toEqual(['secret'])
    expect(warnings).toEqual([expect.stringContaining('".gitignore"')])
    await folder.commit({ message: 'Second' })
  })

  test.each(['symlink', 'folder'])(
    'a %s that took its place while it was looked for is not taken for one',
    async (what) => {
      const dir = await committedFolder({ a: 'a', '.gitignore': 'secret\n' })
      const { folder, set } = await openedWithHook(dir)
      write(dir, { secret: 's' })
      const path = join(dir, '.gitignore')
      let isDone = false
      set((call, where) => {
        if (call !== 'open' || where !== path || isDone) return
        isDone = true
        rmSync(path)
        if (what === 'pipe') execFileSync('mkfifo', [path])
        else if (what === 'folder') mkdirSync(path)
        else symlinkSync('a', path)
      })
      const error = await failureOf(folder.commit({ message: 'x' }))
      expect(error).toMatchObject({ code: 'UNREADABLE_FILES', details: { paths: ['.gitignore'] } })
      set(() => undefined)
      expect((await changesOf(folder)).filter((change) => change.includes('secret'))).toEqual(['added secret'])
    },
  )
})
