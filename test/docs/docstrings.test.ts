import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type PublicInterface, readPublicInterface } from './docstrings.js'

const PARTS = `
/**
 * A box.
 * @example
 * \`\`\`ts
 * new Box().open()
 * \`\`\`
 */
export class Box {
  /** Opens. */
  open(): void
  /**
   * @example First
   * \`\`\`ts
   * if (a) {
   *   box.open('b')
   * }
   * \`\`\`
   * @example
   * \`\`\`ts
   * second()
   * \`\`\`
   * \`\`\`sh
   * not run
   * \`\`\`
   */
  open(how: string): void
  open(): void {}
  bare(): void {}
  private hidden(): void {}
  #very(): void {}
  /** @internal */
  wired(): void {}
}
export function unexported(): void {}
/** What a box takes. */
export interface Options {
  /** Its size. */
  readonly sizeBytes: number
}
export const make = 1
`
const INDEX = `
export { Box, make as build, type Options } from './parts.js'
`

describe('readPublicInterface', () => {
  let folder: string
  let found: PublicInterface
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'varve-docstrings-'))
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    writeFileSync(join(folder, 'parts.ts'), PARTS)
    writeFileSync(join(folder, 'index.ts'), INDEX)
    found = readPublicInterface(join(folder, 'index.ts'), folder, {
      module: ts.ModuleKind.NodeNext,
      target: ts.ScriptTarget.ES2022,
      types: [],
    })
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('names what is exported, and nothing else', () => {
    expect([...found.exportedNames].sort()).toEqual(['Box', 'Options', 'build'])
    expect([...found.exportedValues].sort()).toEqual(['Box', 'build'])
  })

  test('finds the public members with their docstrings', () => {
    expect(found.items.map(({ name, kind, hasDocstring }) => [name, kind, hasDocstring])).toEqual([
      ['Box', 'class', true],
      ['Box.open', 'callable', true],
      ['Box.bare', 'callable', false],
      ['build', 'data', false],
      ['Options', 'data', true],
      ['Options.sizeBytes', 'data', true],
    ])
  })

  test('finds every ts block of every example, indentation kept', () => {
    const examples = Object.fromEntries(found.items.map((item) => [item.name, item.examples]))
    expect(examples.Box).toEqual(['new Box().open()\n'])
    expect(examples['Box.open']).toEqual(["if (a) {\n  box.open('b')\n}\n", 'second()\n'])
    expect(examples['Options.sizeBytes']).toEqual([])
  })

  test('says where an item stands', () => {
    expect(found.items[0]?.place).toBe('parts.ts:9')
  })
})
