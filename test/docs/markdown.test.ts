import { describe, expect, test } from 'vitest'
import { fencedBlocks } from './markdown.js'

describe('fencedBlocks', () => {
  test('tells language, tags, text and place', () => {
    expect(fencedBlocks('# Title\n\n```ts run\nconst a = 1\n\nb()\n```\ntext\n```\nplain\n```\n')).toEqual([
      { language: 'ts', tags: ['run'], text: 'const a = 1\n\nb()\n', line: 3 },
      { language: '', tags: [], text: 'plain\n', line: 9 },
    ])
  })

  test('a longer fence holds a shorter one', () => {
    expect(fencedBlocks('````md\n```ts run\nx\n```\n````\n')).toEqual([
      { language: 'md', tags: [], text: '```ts run\nx\n```\n', line: 1 },
    ])
  })

  test('takes the indentation of the fence away, and no more', () => {
    expect(fencedBlocks('- item\n  ```ts run\n  if (a) {\n    b()\n  }\n\n  ```\n')[0]?.text).toBe(
      'if (a) {\n  b()\n}\n\n',
    )
  })

  test('an open fence is an error', () => {
    expect(() => fencedBlocks('text\n```ts run\nx\n')).toThrow('line 2')
  })
})
