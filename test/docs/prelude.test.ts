import { describe, expect, test } from 'vitest'
import { withPrelude } from './prelude.js'

const FACE = {
  exportedNames: ['Repository', 'StoreStats', 'VarveError'],
  exportedValues: ['Repository', 'VarveError'],
  items: [],
}

describe('withPrelude', () => {
  test('imports what is used, types as types', () => {
    const code = withPrelude('const stats: StoreStats = 1\nnew VarveError()\n', FACE)
    expect(code).toMatch(/^import { type StoreStats, VarveError } from 'varve'\n/)
    expect(code).not.toContain('Repository')
  })

  test('leaves alone what the example imports or declares', () => {
    const own = "import { Repository } from 'varve'\nconst dir = '/x'\nawait using repo = await Repository.open(dir)\n"
    expect(withPrelude(own, FACE)).toBe(`${own}export {}\n`)
  })

  test('gives dir and repo to an example that uses them', () => {
    expect(withPrelude('await repo.close()\n', FACE)).toContain('await using repo')
    expect(withPrelude('console.log(dir)\n', FACE)).toContain('const dir')
  })

  test('a member or a word that only begins alike is not a use', () => {
    expect(withPrelude('entry.dir; directory; repository; my.Repository\n', FACE)).toBe(
      'entry.dir; directory; repository; my.Repository\nexport {}\n',
    )
  })
})
