import { expect, test } from 'vitest'
import { diskPathOf, namesBelow } from '../../src/worktree/diskPath.js'

test('a path is text only where that names the same', () => {
  const text = Buffer.from('/tmp/ä')
  expect(namesBelow(text)('plain')).toBe('/tmp/ä/plain')
  // The name is bytes, one a character: as text it would be another.
  expect(namesBelow(text)('\u00e4')).toEqual(Buffer.concat([text, Buffer.from('/'), Buffer.from([0xe4])]))
  const bytes = Buffer.from([0x2f, 0xff])
  expect(namesBelow(bytes)('plain')).toEqual(Buffer.from([0x2f, 0xff, ...Buffer.from('/plain')]))
  expect(namesBelow(bytes)('plain')).toEqual(diskPathOf(bytes, 'plain'))
})
