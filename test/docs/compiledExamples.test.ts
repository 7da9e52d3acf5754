import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CompiledExamples } from './examples.js'

const LIBRARY = `
export class Box {
  async [Symbol.asyncDispose](): Promise<void> { console.log('closed') }
  open(): string { return 'opened' }
}
`
const EXAMPLES = [
  {
    name: 'good',
    code: "import { Box } from 'varve'\nawait using box = new Box()\nconsole.log(box.open(), process.cwd())\n",
  },
  { name: 'wrong type', code: "import { Box } from 'varve'\nconst n: number = new Box().open()\n" },
  { name: 'throws', code: "console.log('before')\nthrow new Error('thrown on purpose')\n" },
  { name: 'unknown import', code: "import { Lid } from 'varve'\nnew Lid()\n" },
  { name: 'no syntax', code: 'const = 1\n' },
]

describe('CompiledExamples', () => {
  let folder: string
  let compiled: CompiledExamples
  beforeAll(async () => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'varve-examples-')))
    writeFileSync(join(folder, 'index.ts'), LIBRARY)
    compiled = await CompiledExamples.compile(EXAMPLES, join(folder, 'index.ts'))
  })
  afterAll(() => {
    compiled.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  test('runs an example in the folder given and returns what it prints', async () => {
    await expect(compiled.run('good', folder)).resolves.toBe(`opened ${folder}\nclosed\n`)
  })

  test('tells what the compiler objects to, each by its example', () => {
    const errors = compiled.typeErrors()
    expect([...errors.keys()].sort()).toEqual(['no syntax', 'unknown import', 'wrong type'])
    expect(errors.get('wrong type')).toContain('not assignable')
  })

  test('an example that throws fails, with what it printed', async () => {
    await expect(compiled.run('throws', folder)).rejects.toThrow(/before.*thrown on purpose/s)
  })

  test.each(['unknown import', 'no syntax'])('one that does not compile fails alone: %s', async (name) => {
    await expect(compiled.run(name, folder)).rejects.toThrow(/Lid|Expected/)
  })
})
