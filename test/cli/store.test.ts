import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { NoStoreError } from '../../cli/errors.js'
import { findStore, namedStore, STORE_IN_FOLDER } from '../../cli/store.js'

const folder = mkdtempSync(join(tmpdir(), 'varve-cli-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function place(path: string): string {
  const file = join(folder, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, '')
  return file
}

describe('the store that is meant', () => {
  const outer = place(join('outer', STORE_IN_FOLDER))
  const inner = place(join('outer/inner', STORE_IN_FOLDER))
  mkdirSync(join(folder, 'outer/inner/deep/er'), { recursive: true })
  mkdirSync(join(folder, 'outer/beside'), { recursive: true })

  test.each([
    ['outer', outer],
    ['outer/beside', outer],
    ['outer/inner', inner],
    ['outer/inner/deep/er', inner],
  ])('from %s it is that of the nearest folder', (from, store) => {
    expect(findStore({ folder: join(folder, from), env: {} })).toBe(store)
  })

  test('--store goes before VARVE_STORE, that before the folders; relative paths start from the folder', () => {
    const from = join(folder, 'outer')
    expect(findStore({ folder: from, store: 'a', env: { VARVE_STORE: 'b' } })).toBe(join(from, 'a'))
    expect(findStore({ folder: from, env: { VARVE_STORE: 'b' } })).toBe(join(from, 'b'))
    expect(findStore({ folder: from, env: { VARVE_STORE: '/c' } })).toBe('/c')
    expect(findStore({ folder: from, env: { VARVE_STORE: '' } })).toBe(outer)
    expect(namedStore({ folder: from, env: {} })).toBeUndefined()
  })

  test('where there is none, it is said where one was looked for', () => {
    mkdirSync(join(folder, 'none'))
    expect(() => findStore({ folder: join(folder, 'none'), env: {} })).toThrow(NoStoreError)
    expect(() => findStore({ folder: join(folder, 'none'), env: {} })).toThrow(join(folder, 'none'))
  })
})
