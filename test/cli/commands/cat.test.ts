import { createHash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Workbench } from '../support.js'

/** Bytes of every value, longer than some chunks, and no text in any encoding. */
const BYTES = Buffer.concat(
  Array.from({ length: 20_000 }, (_, index) => createHash('sha256').update(String(index)).digest()),
)

const bench = new Workbench()
beforeAll(async () => {
  await bench.init()
  bench.write('tree/data.bin', BYTES)
  bench.write('tree/empty', '')
  bench.write('tree/sub/a', 'a')
  await bench.commit('tree', 'first')
  bench.write('tree/sub/a', 'b')
  await bench.commit('tree', 'second')
})
afterAll(() => bench.remove())

async function cat(...argv: string[]): Promise<Buffer> {
  const run = await bench.run('cat', ...argv)
  expect(run).toMatchObject({ status: 0, err: '' })
  return run.bytes
}

test('prints the bytes as they are', async () => {
  expect((await cat('main:data.bin')).equals(BYTES)).toBe(true)
  expect(await cat(':empty')).toHaveLength(0)
  expect(String(await cat('HEAD:/sub/a'))).toBe('b')
  expect(String(await cat('main~1:sub/a'))).toBe('a')
})

test.each([
  ['0:10', 0, 10],
  ['100K:70K', 102_400, 71_680],
  ['639990:', 639_990, 10],
  [':3', 0, 3],
  ['639990:1M', 639_990, 10],
  ['10M:5', 640_000, 0],
  ['5:0', 5, 0],
])('prints the range %s', async (range, offset, length) => {
  expect((await cat('main:data.bin', '--range', range)).equals(BYTES.subarray(offset, offset + length))).toBe(true)
})

test('says the same in JSON', async () => {
  const whole = await bench.json<{ base64: string }>('cat', 'main:data.bin')
  expect(whole).toEqual({
    path: 'data.bin',
    sizeBytes: 640_000,
    offset: 0,
    length: 640_000,
    base64: expect.any(String),
  })
  expect(Buffer.from(whole.base64, 'base64').equals(BYTES)).toBe(true)
  expect(await bench.json('cat', ':sub/a', '--range', '0:100')).toEqual({
    path: 'sub/a',
    sizeBytes: 1,
    offset: 0,
    length: 1,
    base64: 'Yg==',
  })
  expect(await bench.json('cat', ':empty')).toMatchObject({ sizeBytes: 0, length: 0, base64: '' })
})

test('what is not there, or no file', async () => {
  await bench.fails(3, 'PATH_NOT_FOUND', 'cat', 'main:nothing')
  await bench.fails(3, 'NOT_A_FILE', 'cat', 'main:sub')
  await bench.fails(3, 'NOT_A_FILE', 'cat', 'main:')
  await bench.fails(3, 'UNKNOWN_REVISION', 'cat', 'nobranch:a')
  await bench.fails(3, 'UNKNOWN_REVISION', 'cat', 'main~9:sub/a')
  await bench.fails(2, 'INVALID_PATH', 'cat', 'main:../etc/passwd')
})
