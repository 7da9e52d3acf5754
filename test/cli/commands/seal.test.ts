import { afterAll, beforeAll, expect, test } from 'vitest'
import { Workbench } from '../support.js'

const bench = new Workbench()
beforeAll(async () => {
  await bench.init()
  bench.write('tree/f', 'f\n')
  await bench.commit('tree', 'first')
})
afterAll(() => bench.remove())

test('seals, and what reads goes on', async () => {
  expect(await bench.ok('seal')).toMatch(/^sealed .*store\.varve\n$/)
  expect(await bench.ok('cat', 'main:f')).toBe('f\n')
  expect(await bench.json('seal')).toEqual({ path: expect.stringContaining('store.varve') })
  expect(await bench.run('seal', 'it')).toMatchObject({ status: 2 })
  expect(await bench.run('seal', '--store', 'nowhere')).toMatchObject({ status: 3 })
})
