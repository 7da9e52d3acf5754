import { expect, test } from 'vitest'
import { PROPERTIES } from '../../src/refs/properties.js'

test('ignore is patterns, one a line, kept as they are', () => {
  const { accept, default: none } = PROPERTIES.ignore
  expect(none).toBe('')
  expect(accept('*.tmp\n!keep.tmp\n\n# why\n')).toBe('*.tmp\n!keep.tmp\n\n# why\n')
  expect(() => accept('a\0b')).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})
