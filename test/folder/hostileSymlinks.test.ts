/** Safety rule 8 for working folders: symlinks, of a stranger's commit or put there by somebody meanwhile. */
import { existsSync, lstatSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import { nameFromText } from '../../src/base/names.js'
import { EMPTY_CONTENT } from '../../src/format/content.js'
import { writeAttributes } from '../../src/history/attributeTree.js'
import { commitTree } from '../support/hostileTrees.js'
import { memoryFolder } from '../support/tempFolder.js'
import { contentsOf } from '../support/workFolders.js'
import { BACK, begin, codeOf, LEFT_BEHIND, type Make, scene, tree, WAYS } from './hostileScene.js'

describe('S-8: symlinks', () => {
  const TREES: readonly (readonly [string, Make, Make])[] = [
    ['a symlink, then a folder', tree({ t: { to: '../outside' } }), tree({ t: { x: 'evil', secret: 'evil' } })],
    ['a folder, then a symlink', tree({ t: { x: 'first x' } }), tree({ t: { to: '../outside' } })],
    ['a symlink, then a file', tree({ t: { to: '../outside/secret' } }), tree({ t: 'evil' })],
    ['a symlink, then another', tree({ t: { to: '../outside' } }), tree({ t: { to: '../outside/deep' } })],
    ['names of one file, one of them behind a symlink', tree({ t: { to: '../outside' }, z: '1' }), linked()],
  ]

  function linked(): Make {
    return tree(
      { t: { x: 'first x', y: 'first x' }, z: 'first x' },
      { 't/x': '1'.repeat(16), 't/y': '1'.repeat(16), z: '1'.repeat(16) },
    )
  }

  test.each(TREES)('%s: nothing is written through it', async (_what, one, two) => {
    const at = await scene()
    const { repository } = at.folder
    const ids = [await commitTree(repository, 'one', one), await commitTree(repository, 'two', two)]
    for (const [way, go] of Object.entries(WAYS)) {
      for (const [first, second] of [ids, [...ids].reverse()] as [Hash, Hash][]) {
        await begin(at)
        await at.folder.switchTo(first, { detach: true })
        const told = await codeOf(go(at, second))
        at.check(way)
        if (!BACK.test(way)) expect(told, way).toBe('done')
      }
    }
  })

  test.each(['d', 'a', 's'])(
    'one that somebody put at %s before: it is in the way, or is replaced itself',
    async (name) => {
      const at = await scene()
      const { dir, folder, outside } = at
      const id = await commitTree(
        folder.repository,
        'stranger',
        tree({ a: 'evil', d: { x: 'evil', secret: 'evil' }, s: 'evil' }),
      )
      for (const [way, go] of Object.entries(WAYS)) {
        await begin(at)
        rmSync(join(dir, name), { recursive: true })
        symlinkSync(outside, join(dir, name))
        await codeOf(go(at, id))
        at.check(way)
      }
    },
  )

  /** Calls at which nothing has been looked at that is to be done next. */
  const MOMENTS: ReadonlySet<string> = new Set(['list', 'isCaseInsensitive', 'file.write', 'file.chmod', 'file.close'])

  test.each(['d', 'a', 's', 'new', 'new dir', 'd/x', 'd/deep'])(
    'one that somebody puts at %s, at any moment',
    async (name) => {
      const at = await scene(memoryFolder())
      const { dir, folder, outside } = at
      const id = await commitTree(
        folder.repository,
        'stranger',
        tree({
          a: 'evil',
          d: { x: 'evil', y: 'evil', deep: { x: 'evil' } },
          'new dir': { x: 'evil', y: 'evil' },
          new: 'evil',
        }),
      )
      for (const way of ['switch --force', 'restore all', 'standing at it, switch']) {
        for (let moment = 0, isOver = false; !isOver; moment++) {
          await begin(at)
          let left = moment
          isOver = true
          at.hook((call, path) => {
            const isLook = call === 'lstat' && `${path}/`.startsWith(`${join(dir, name)}/`)
            const isMoment = MOMENTS.has(call) || isLook
            if (!isMoment || path.includes('/.varve/') || left-- !== 0) return
            isOver = false
            if (!existsSync(join(dir, name, '..'))) return
            rmSync(join(dir, name), { recursive: true, force: true })
            symlinkSync(outside, join(dir, name))
          })
          await codeOf(WAYS[way]?.(at, id) ?? Promise.resolve())
          at.hook(() => undefined)
          at.check(`${way}, ${name}, moment ${moment}`)
          if (isOver) expect(moment, way).toBeGreaterThan(2)
        }
      }
    },
  )

  test('what a killed checkout seems to have left behind a symlink stays', async () => {
    const at = await scene()
    const { dir, folder, outside } = at
    const stranger = tree({ a: '2', d: { x: 'first x', e: { y: '1' }, deep: { y: '1' } } })
    const id = await commitTree(folder.repository, 'stranger', stranger)
    for (const [way, go] of Object.entries(WAYS)) {
      await begin(at)
      rmSync(join(dir, 'd'), { recursive: true })
      symlinkSync(outside, join(dir, 'd'))
      await codeOf(go(at, id))
      for (const path of [LEFT_BEHIND, `deep/${LEFT_BEHIND}`]) expect(existsSync(join(outside, path)), way).toBe(true)
      at.check(way)
    }
  })

  test('a folder that somebody moves away and links to when the plan is made: what was in it is out of reach', async () => {
    const at = await scene()
    const { dir, folder, outside } = at
    const { repository } = folder
    const records =
      (mode: number): Make =>
      async (writer) => {
        const { tree: content, files } = await tree({ d: { m: 'mode', x: 'first x' } })(writer)
        const attributes = { mode }
        const below = await writeAttributes(writer, [{ name: nameFromText('m'), attributes, below: EMPTY_CONTENT }])
        return {
          tree: content,
          files,
          attributes: await writeAttributes(writer, [{ name: nameFromText('d'), attributes: {}, below }]),
        }
      }
    const open = await commitTree(repository, 'open', records(0o644))
    const goals = [
      await commitTree(repository, 'gone', tree({ a: '1' })),
      await commitTree(repository, 'closed', records(0o600)),
    ]
    for (const goal of goals) {
      await begin(at)
      await folder.switchTo(open, { detach: true })
      const moved = join(outside, '..', 'beside')
      at.hook((call, path) => {
        if (call !== 'rename' || !path.endsWith('.varve/switch')) return
        renameSync(join(dir, 'd'), moved)
        symlinkSync(moved, join(dir, 'd'))
      })
      await folder.switchTo(goal, { detach: true })
      at.hook(() => undefined)
      expect(contentsOf(moved)).toEqual({ m: 'mode', x: 'first x' })
      expect(lstatSync(join(moved, 'm')).mode & 0o777).toBe(0o644)
      rmSync(moved, { recursive: true })
    }
  })
})
