import { expect, test } from 'vitest'
import { Worktrees } from '../../src/refs/worktrees.js'
import { idOf, openRefs } from './catalogs.js'

const ROW = { id: 'one', path: '/one', branch: 'heads/main', head: idOf('a') }

test('are kept as they were put, by path; a branch is in one folder', () => {
  const { catalog } = openRefs()
  const worktrees = new Worktrees(catalog)
  const bare = { id: 'two', path: '/a', branch: undefined, head: undefined }
  catalog.write((tx) => {
    worktrees.add(tx, ROW)
    worktrees.add(tx, bare)
  })
  expect(worktrees.list()).toEqual([bare, ROW])
  expect(worktrees.get('one')).toEqual(ROW)
  expect(worktrees.get('three')).toBeUndefined()
  const taken = { ...bare, branch: 'heads/main' }
  expect(() => catalog.write((tx) => worktrees.move(tx, bare, taken))).toThrow(
    expect.objectContaining({ code: 'REF_CONFLICT', message: expect.stringContaining('/one') }),
  )
  catalog.write((tx) => worktrees.remove(tx, 'one'))
  catalog.write((tx) => worktrees.move(tx, bare, taken))
  expect(worktrees.list()).toEqual([taken])
})

test('move only from where they were expected', () => {
  const { catalog } = openRefs()
  const worktrees = new Worktrees(catalog)
  catalog.write((tx) => worktrees.add(tx, ROW))
  const next = { ...ROW, head: idOf('b') }
  for (const wrong of [
    { ...ROW, head: idOf('c') },
    { ...ROW, branch: undefined },
    { ...ROW, id: 'nobody' },
  ]) {
    expect(() => catalog.write((tx) => worktrees.move(tx, wrong, next))).toThrow(
      expect.objectContaining({ code: 'REF_CONFLICT' }),
    )
  }
  catalog.write((tx) => worktrees.move(tx, ROW, next))
  expect(worktrees.list()).toEqual([next])
})

test('a row that changed or vanished is damage', () => {
  const { catalog } = openRefs()
  const worktrees = new Worktrees(catalog)
  catalog.write((tx) => worktrees.add(tx, ROW))
  catalog.run("UPDATE worktree SET branch = 'heads/other'")
  expect(() => worktrees.list()).toThrow(expect.objectContaining({ code: 'CORRUPT_CATALOG' }))
  catalog.run("UPDATE worktree SET branch = 'heads/main'")
  expect(worktrees.list()).toEqual([ROW])
  catalog.run('DELETE FROM worktree')
  expect(() => worktrees.list()).toThrow(expect.objectContaining({ code: 'CORRUPT_CATALOG' }))
})
