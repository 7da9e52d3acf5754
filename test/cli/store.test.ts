import { join } from 'node:path'
import { expect, test } from 'vitest'
import { namedStore } from '../../cli/store.js'

test('--store goes before VARVE_STORE; relative paths start from the folder', () => {
  const folder = '/somewhere'
  expect(namedStore({ folder, store: 'a', env: { VARVE_STORE: 'b' } })).toBe(join(folder, 'a'))
  expect(namedStore({ folder, env: { VARVE_STORE: 'b' } })).toBe(join(folder, 'b'))
  expect(namedStore({ folder, env: { VARVE_STORE: '/c' } })).toBe('/c')
  expect(namedStore({ folder, env: { VARVE_STORE: '' } })).toBeUndefined()
  expect(namedStore({ folder, env: {} })).toBeUndefined()
})
