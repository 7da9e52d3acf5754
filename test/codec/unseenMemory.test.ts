/** Native objects that JavaScript's collector does not see do not pile up. */
import { expect, test } from 'vitest'
import { KIB, MIB } from '../../src/base/units.js'
import { decodeFrameAsync, encodeFrame } from '../../src/codec/compressor.js'
import { packagedZstd } from '../../src/codec/zstd.js'
import { pseudoText } from './inputs.js'

test('encoders and decoders with dictionaries take the memory of a few, however many there are', async () => {
  const text = pseudoText(512 * KIB, 1)
  const [dictionary, raw] = [[text.subarray(0, 256 * KIB)], text.subarray(200 * KIB, 456 * KIB)]
  await packagedZstd.encodeAsync(raw, 9, dictionary)
  const before = process.memoryUsage.rss()
  let most = 0
  for (let number = 0; number < 200; number++) {
    const frame = await packagedZstd.encodeAsync(raw, 9, dictionary)
    await packagedZstd.decodeAsync(frame, raw.length, dictionary)
    most = Math.max(most, process.memoryUsage.rss() - before)
  }
  expect(most).toBeLessThan(200 * MIB)
})

test('so do decoders of short frames, which keep a program from waiting for anything', async () => {
  const text = pseudoText(512 * KIB, 2)
  const [dictionary, raw] = [[text], text.subarray(1000, 1000 + 40 * KIB)]
  const { codec, frame } = encodeFrame(raw, { codec: 'zstd', level: 3 }, dictionary)
  const before = process.memoryUsage.rss()
  for (let number = 0; number < 600; number++) await decodeFrameAsync(codec, frame, raw.length, dictionary)
  expect(process.memoryUsage.rss() - before).toBeLessThan(150 * MIB)
})
