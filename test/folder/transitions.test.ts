/**
 * One path, and all that it can be in the commit that is left, in the one that is come to, and on the disk: what is nobody
 * else's is never lost, what is refused changes nothing, and Git, where it knows the case, says the same.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { nameFromText } from '../../src/base/names.js'
import { EMPTY_CONTENT } from '../../src/format/content.js'
import type { TreeEntry } from '../../src/format/tree.js'
import { writeDirectory } from '../../src/history/directory.js'
import { isVarveError } from '../../src/index.js'
import { commitTree } from '../support/hostileTrees.js'
import { tempFolder } from '../support/tempFolder.js'
import { changesOf, contentsOf, newFolder, type WorkFolder, write } from '../support/workFolders.js'

const KINDS = ['nothing', 'file', 'symlink', 'folder', 'empty folder'] as const
type Kind = (typeof KINDS)[number]

/** `p`, as a commit has it or somebody made it, beside a file that is always the same. */
function contentsWith(kind: Kind, text: string): Record<string, string> {
  const beside = { beside: 'b' }
  switch (kind) {
    case 'nothing':
      return beside
    case 'file':
      return { ...beside, p: text }
    case 'symlink':
      return { ...beside, p: `-> ${text}` }
    case 'folder':
      return { ...beside, 'p/x': text, [`p/only ${text}`]: text }
    case 'empty folder':
      return { ...beside, p: '/' }
  }
}

function put(dir: string, contents: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(contents)) {
    mkdirSync(join(dir, path, '..'), { recursive: true })
    if (text === '/') mkdirSync(join(dir, path))
    else if (text.startsWith('-> ')) symlinkSync(text.slice(3), join(dir, path))
    else writeFileSync(join(dir, path), text)
  }
}

/** What somebody did before the switch. */
const DEEDS: Readonly<Record<string, (dir: string, to: Kind) => void>> = {
  'did nothing': () => undefined,
  'removed it': (dir) => remove(dir),
  'has a file there': (dir) => {
    remove(dir)
    put(dir, { p: 'mine' })
  },
  'has a symlink there': (dir) => {
    remove(dir)
    put(dir, { p: '-> mine' })
  },
  'has a folder there': (dir) => {
    remove(dir)
    put(dir, { 'p/mine': 'mine' })
  },
  'has an empty folder there': (dir) => {
    remove(dir)
    put(dir, { p: '/' })
  },
  'put something into it': (dir) => {
    if (contentsOf(dir)['p/x'] !== undefined || contentsOf(dir).p === '/') put(dir, { 'p/mine': 'mine' })
  },
  'changed something in it': (dir) => {
    if (contentsOf(dir)['p/x'] !== undefined) write(dir, { 'p/x': 'mine' })
  },
  'made what is to come': (dir, to) => {
    remove(dir)
    const { beside: _, ...contents } = contentsWith(to, 'to')
    put(dir, contents)
  },
}

function remove(dir: string): void {
  rmSync(join(dir, 'p'), { recursive: true, force: true })
}

interface Case {
  readonly from: Kind
  readonly to: Kind
  readonly deed: string
}

function casesOf(deed: string): Case[] {
  return KINDS.flatMap((from) => KINDS.map((to) => ({ from, to, deed })))
}

async function withBranches(): Promise<WorkFolder> {
  const made = await newFolder()
  const { folder, dir } = made
  write(dir, { beside: 'b' })
  await folder.commit({ message: 'First' })
  for (const side of ['from', 'to'] as const) {
    for (const kind of KINDS) {
      remove(dir)
      const { beside: _, ...contents } = contentsWith(kind, side)
      put(dir, contents)
      await folder.commit({ message: `${side} ${kind}`, allowEmpty: true })
      await folder.repository.createBranch(branchOf(side, kind), 'HEAD')
    }
  }
  return made
}

function branchOf(side: 'from' | 'to', kind: Kind): string {
  return `${side}-${KINDS.indexOf(kind)}`
}

/** Brings the folder to the beginning of a case. */
async function begin({ folder, dir }: WorkFolder, { from, to, deed }: Case): Promise<void> {
  remove(dir)
  await folder.switchTo(branchOf('from', from), { detach: true, force: true })
  expect(contentsOf(dir)).toEqual(contentsWith(from, 'from'))
  DEEDS[deed]?.(dir, to)
}

/** The paths that are in the way, or `undefined` when it was done. */
async function refusedFor(work: Promise<unknown>): Promise<readonly string[] | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    if (isVarveError(error, 'UNCOMMITTED_CHANGES')) return error.details.paths as readonly string[]
    throw error
  }
}

/** What is in one and no commit: less empty folders, in which nothing is. */
function ownOf(contents: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(contents).filter(([, text]) => text === 'mine' || text === '-> mine'))
}

describe('switch', () => {
  test.each(Object.keys(DEEDS))(
    'somebody %s: it is not lost; what is refused changes nothing; --force gives up what is in the way',
    async (deed) => {
      const made = await withBranches()
      const { folder, dir } = made
      const without = (contents: Record<string, string>, own: Record<string, string>) =>
        Object.fromEntries(Object.entries(contents).filter(([path]) => !(path in own)))
      for (const each of casesOf(deed)) {
        const about = JSON.stringify(each)
        await begin(made, each)
        const before = contentsOf(dir)
        const own = ownOf(before)
        const { id } = folder.head
        const refused = await refusedFor(folder.switchTo(branchOf('to', each.to), { detach: true }))
        const after = contentsOf(dir)
        const wanted = contentsWith(each.to, 'to')
        if (refused) {
          expect(after, about).toEqual(before)
          expect(folder.head.id, about).toBe(id)
          expect((await folder.status()).interrupted, about).toBeUndefined()
          for (const path of refused) expect([...Object.keys(before), 'p'], about).toContain(path)
          // Somebody has something there.
          expect(each.deed, about).not.toBe('did nothing')
          expect(before, about).not.toEqual(contentsWith(each.from, 'from'))
        } else {
          expect(after, about).toMatchObject(own)
          // An empty folder is in nobody's way; one that both have may be gone.
          const isSame = each.from === 'empty folder' && each.to === each.from
          if (Object.keys(own).length === 0 && each.deed !== 'has an empty folder there' && !isSame) {
            expect(after, about).toEqual(wanted)
            expect(await changesOf(folder), about).toEqual([])
          } else if (Object.keys(own).length > 0) {
            // All else is as it is to be, where there is room for it.
            const rest = without(after, own)
            for (const [path, text] of Object.entries(rest)) expect(wanted[path], about).toBe(text)
          }
          await begin(made, each)
        }
        expect(await refusedFor(folder.switchTo(branchOf('to', each.to), { detach: true, force: true })), about).toBe(
          undefined,
        )
        const forced = contentsOf(dir)
        const kept = ownOf(forced)
        for (const [path, text] of Object.entries(wanted)) {
          if (text !== '/' || !('p/mine' in kept)) expect(forced[path], about).toBe(text)
        }
        // What is left is in nobody's way.
        for (const [path, text] of Object.entries(forced)) {
          if (path in kept) expect(wanted, about).not.toHaveProperty([path])
          else expect(wanted[path] ?? '/', about).toBe(text)
        }
        const changes = (await changesOf(folder)).filter((change) => !change.startsWith('added '))
        expect(changes, about).toEqual([])
      }
    },
  )

  const HAS_GIT = process.platform !== 'win32' && spawnSync('git', ['--version']).status === 0

  test(`Git does the same, ${HAS_GIT ? 'but for what is told here' : 'but there is none to compare with'}`, async () => {
    if (!HAS_GIT) return
    const made = await withBranches()
    const git = new Git()
    const different: string[] = []
    for (const each of Object.keys(DEEDS).flatMap(casesOf)) {
      // Git knows no empty folders.
      if ([each.from, each.to].includes('empty folder')) continue
      const { from, to, deed } = each
      await begin(made, each)
      const refused = await refusedFor(made.folder.switchTo(branchOf('to', to), { detach: true }))
      git.begin(branchOf('from', from))
      expect(contentsOf(git.dir)).toEqual(contentsWith(from, 'from'))
      DEEDS[deed]?.(git.dir, to)
      const theirs = git.run('switch', '--quiet', '--detach', branchOf('to', to))
      const about = `${from} to ${to}, somebody ${deed}`
      if ((refused !== undefined) !== (theirs !== 0)) {
        different.push(`${about}: ${refused ? 'refused' : 'done'} here, ${theirs ? 'refused' : 'done'} there`)
      } else if (!refused) expect(contentsOf(made.dir), about).toEqual(contentsOf(git.dir))
    }
    // Nothing is lost by it in any of these cases.
    const isHarmless = new RegExp(
      [
        'somebody made what is to come: done here, refused there$',
        'somebody has an empty folder there: done here, refused there$',
        '^(file|symlink) to folder, somebody has a folder there: done here, refused there$',
        '^folder to nothing, somebody has a file there: done here, refused there$',
      ].join('|'),
    )
    expect(different.filter((text) => !isHarmless.test(text))).toEqual([])
    expect(different.length).toBeGreaterThan(0)
  })

  class Git {
    readonly dir = tempFolder()

    constructor() {
      this.run('init', '--quiet', '--template=')
      write(this.dir, { beside: 'b' })
      this.commit('First')
      for (const side of ['from', 'to'] as const) {
        for (const kind of KINDS) {
          remove(this.dir)
          const { beside: _, ...contents } = contentsWith(kind, side)
          put(this.dir, contents)
          this.commit(`${side} ${kind}`)
          this.run('branch', branchOf(side, kind))
        }
      }
    }

    commit(message: string): void {
      this.run('add', '--all')
      const who = ['-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'commit.gpgSign=false']
      if (this.run(...who, 'commit', '--quiet', '--allow-empty', '-m', message) !== 0) throw new Error('no commit')
    }

    begin(branch: string): void {
      remove(this.dir)
      if (this.run('checkout', '--quiet', '--force', '--detach', branch) !== 0) throw new Error(`not to ${branch}`)
    }

    /** Its exit status. */
    run(...args: readonly string[]): number | null {
      const home = this.dir
      const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', HOME: home }
      return spawnSync('git', ['-C', this.dir, ...args], { env, encoding: 'utf8' }).status
    }
  }
})

describe('restore', () => {
  test.each(Object.keys(DEEDS))('somebody %s: what no commit has stays, or is itself what was named', async (deed) => {
    const made = await withBranches()
    const { folder, dir } = made
    for (const each of casesOf(deed)) {
      for (const path of ['p', '']) {
        const about = `${JSON.stringify(each)}, restore ${JSON.stringify(path)}`
        const { from, to } = each
        await begin(made, each)
        const before = contentsOf(dir)
        const isTracked = (own: string) => !['/', undefined].includes(contentsWith(from, 'from')[own])
        // A file that the folder's commit has is given up, and one that is named and in the way.
        const own = Object.keys(ownOf(before)).filter((each) => (each !== path || to === 'nothing') && !isTracked(each))
        if (from === 'nothing' && to === 'nothing' && path === 'p') {
          await expect(folder.restore([path], { from: branchOf('to', to) })).rejects.toMatchObject({
            code: 'PATH_NOT_FOUND',
          })
          continue
        }
        const refused = await refusedFor(folder.restore([path], { from: branchOf('to', to) }))
        const after = contentsOf(dir)
        if (refused) {
          expect(after, about).toEqual(before)
          for (const each of refused) expect(own, about).toContain(each)
          continue
        }
        const wanted = contentsWith(to, 'to')
        for (const each of own) expect(after[each], about).toBe(before[each])
        for (const [each, text] of Object.entries(wanted)) {
          if (text !== '/' || own.length === 0) expect(after[each], about).toBe(text)
        }
        for (const [each, text] of Object.entries(after)) {
          if (!own.includes(each)) expect(wanted[each] ?? '/', about).toBe(text)
        }
        // As it is to be, and told so.
        expect(
          await folder.diff(branchOf('to', to)).then((changes) => changes.filter(({ before }) => before)),
          about,
        ).toEqual([])
      }
    }
  })

  test.each<[string, Kind, string, readonly string[] | undefined]>([
    ['a file where a folder was, named', 'folder', 'has a file there', undefined],
    ['an empty folder where a file was', 'file', 'has an empty folder there', undefined],
    ['a folder with something in it where a file was', 'file', 'has a folder there', ['p/mine']],
    ['a symlink where a folder was, named', 'folder', 'has a symlink there', undefined],
    ['something more in the folder', 'folder', 'put something into it', undefined],
  ])('%s', async (_what, kind, deed, refused) => {
    const made = await withBranches()
    await begin(made, { from: kind, to: kind, deed })
    expect(await refusedFor(made.folder.restore(['p']))).toEqual(refused)
    if (!refused) expect(contentsOf(made.dir)).toMatchObject(contentsWith(kind, 'from'))
  })

  test('a file where a folder was, when something in it is named: is listed, and goes once it is named', async () => {
    const made = await withBranches()
    await begin(made, { from: 'folder', to: 'folder', deed: 'has a file there' })
    for (const paths of [['p/x'], [''], ['beside', 'p/x']])
      expect(await refusedFor(made.folder.restore(paths))).toEqual(['p'])
    expect(contentsOf(made.dir)).toEqual({ beside: 'b', p: 'mine' })
    await made.folder.restore(['', 'p'])
    expect(await changesOf(made.folder)).toEqual([])
  })

  test('an unchanged file of the commit makes way for a folder, and the reverse', async () => {
    const made = await withBranches()
    const { folder, dir } = made
    await begin(made, { from: 'file', to: 'folder', deed: 'did nothing' })
    await folder.restore(['p/x'], { from: branchOf('to', 'folder') })
    expect(contentsOf(dir)).toEqual({ beside: 'b', 'p/x': 'to' })
    await begin(made, { from: 'folder', to: 'file', deed: 'did nothing' })
    await folder.restore(['p'], { from: branchOf('to', 'file') })
    expect(contentsOf(dir)).toEqual({ beside: 'b', p: 'to' })
  })
})

describe('a folder that makes room for a file', () => {
  test('what somebody has in a folder of it is in the way, although all that was in that one goes', async () => {
    const { folder, dir } = await newFolder()
    write(dir, { 'p/sub/x': '1', 'p/deep/er/x': '1' })
    await folder.commit({ message: 'One' })
    await folder.switchTo('HEAD', { create: 'two' })
    remove(dir)
    write(dir, { p: '2' })
    await folder.commit({ message: 'Two' })
    await folder.switchTo('main')
    write(dir, { 'p/sub/mine': 'm', 'p/deep/er/mine': 'm' })
    expect(await refusedFor(folder.switchTo('two'))).toEqual(['p/deep/er/mine', 'p/sub/mine'])
    expect(await refusedFor(folder.restore(['p'], { from: 'two' }))).toEqual(['p/deep/er/mine', 'p/sub/mine'])
    expect(contentsOf(dir)).toMatchObject({ 'p/sub/x': '1', 'p/sub/mine': 'm' })
    await folder.switchTo('two', { force: true })
    expect(contentsOf(dir)).toEqual({ p: '2' })
  })
})

describe('a gitlink', () => {
  test('is an empty folder, and what is put into it stays', async () => {
    const { folder, dir } = await newFolder()
    const commit = (branch: string, entry?: Partial<TreeEntry>) =>
      commitTree(folder.repository, branch, async (writer) => {
        const plain = { executable: false, files: 0, content: EMPTY_CONTENT }
        const entries: TreeEntry[] = entry ? [{ ...plain, name: nameFromText('sub'), kind: 'gitlink', ...entry }] : []
        const { content, files } = await writeDirectory(writer, entries)
        return { tree: content, files, attributes: EMPTY_CONTENT }
      })
    await commit('none')
    await commit('one', { foreignId: '01'.repeat(20) })
    await commit('two', { foreignId: '02'.repeat(20) })
    await commit('file', { kind: 'file' })
    await folder.switchTo('one')
    expect(contentsOf(dir)).toEqual({ sub: '/' })
    await folder.switchTo('none')
    expect(contentsOf(dir)).toEqual({})
    await folder.switchTo('one')
    write(dir, { 'sub/mine': 'm' })
    await folder.switchTo('two')
    await folder.switchTo('none')
    expect(contentsOf(dir)).toEqual({ 'sub/mine': 'm' })
    await folder.switchTo('one')
    expect(await refusedFor(folder.switchTo('file'))).toEqual(['sub/mine'])
    rmSync(join(dir, 'sub/mine'))
    await folder.switchTo('file')
    expect(contentsOf(dir)).toEqual({ sub: '' })
    await folder.switchTo('two')
    expect(contentsOf(dir)).toEqual({ sub: '/' })
  })
})
