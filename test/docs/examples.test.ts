/** The examples of the documents and docstrings are run as they stand. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BuiltCommand, buildCommand } from '../support/builtCommand.js'
import { matchesShown, parseSteps, runSteps } from './consoleBlocks.js'
import { type PublicInterface, readPublicInterface } from './docstrings.js'
import { CompiledExamples, type Example, PROJECT, PUBLIC_ENTRY, projectOptions, writeFiles } from './examples.js'
import { fencedBlocks } from './markdown.js'
import { FOLDER_FILES, withPrelude } from './prelude.js'

const DOCUMENTS = ['README.md', ...listDocs()]
  .filter((name) => existsSync(join(PROJECT, name)))
  .map((name) => ({ name, blocks: fencedBlocks(readFileSync(join(PROJECT, name), 'utf8')).filter(isRun) }))
const FACE: PublicInterface = existsSync(PUBLIC_ENTRY)
  ? readPublicInterface(PUBLIC_ENTRY, PROJECT, projectOptions())
  : { exportedNames: [], exportedValues: [], items: [] }

const EXAMPLES: Example[] = [
  ...DOCUMENTS.flatMap(({ name, blocks }) =>
    blocks
      .filter(({ language }) => language === 'ts')
      .map(({ line, text }) => ({ name: `${name}:${line}`, code: `${text}export {}\n` })),
  ),
  ...FACE.items.flatMap(({ name, place, examples }) =>
    examples.map((code, index) => ({
      name: `${name} (${place})${index > 0 ? ` ${index + 1}` : ''}`,
      code: withPrelude(code, FACE),
    })),
  ),
]
const SESSIONS = DOCUMENTS.map(({ name, blocks }) => ({
  name,
  steps: blocks.filter(({ language }) => language === 'console').flatMap(({ text }) => parseSteps(text)),
})).filter(({ steps }) => steps.length > 0)

function listDocs(): string[] {
  const folder = join(PROJECT, 'docs')
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith('.md'))
    .sort()
    .map((name) => `docs/${name}`)
}

function isRun({ tags }: { readonly tags: readonly string[] }): boolean {
  return tags.includes('run')
}

let scratch: string
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'varve-docs-'))
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

describe('TypeScript in documents and docstrings', () => {
  let compiled: CompiledExamples
  beforeAll(async () => {
    compiled = await CompiledExamples.compile(EXAMPLES)
  })
  afterAll(() => compiled.remove())

  test('has no type errors', () => {
    expect(Object.fromEntries(compiled.typeErrors())).toEqual({})
  })

  test.concurrent.for(EXAMPLES)('$name', async ({ name }, { expect: expectHere }) => {
    const folder = mkdtempSync(join(scratch, 'example-'))
    writeFiles(folder, FOLDER_FILES)
    await expectHere(compiled.run(name, folder)).resolves.toEqual(expect.any(String))
  })
})

test('README.md has examples of the library and of the command that are run', () => {
  const blocks = DOCUMENTS.find(({ name }) => name === 'README.md')?.blocks ?? []
  expect(new Set(blocks.map(({ language }) => language))).toEqual(new Set(['ts', 'console']))
})

describe('what varve exports', () => {
  const listed = (items: PublicInterface['items']) => items.map(({ name, place }) => `${name} (${place})`)

  test('has docstrings on classes, functions and methods', () => {
    expect(listed(FACE.items.filter(({ kind, hasDocstring }) => kind !== 'data' && !hasDocstring))).toEqual([])
  })

  test('shows in an example how each function and method is called', () => {
    expect(listed(FACE.items.filter(({ kind, examples }) => kind === 'callable' && examples.length === 0))).toEqual([])
  })
})

describe.runIf(SESSIONS.length > 0)('sessions in documents', () => {
  let command: BuiltCommand
  beforeAll(async () => {
    command = await buildCommand()
  })
  afterAll(() => command.remove())

  test.each(SESSIONS)('$name', ({ steps }) => {
    const folder = mkdtempSync(join(scratch, 'session-'))
    const home = join(folder, 'home')
    const work = join(folder, 'work')
    mkdirSync(home)
    mkdirSync(work)
    const environment = {
      PATH: `${command.binFolder}:${process.env.PATH}`,
      HOME: home,
      TZ: 'UTC',
      LC_ALL: 'C.UTF-8',
    }
    const results = runSteps(steps, work, environment)
    for (const { command: shown, output, status, actualOutput, actualStatus } of results) {
      expect(actualStatus, `status of: ${shown}\n${actualOutput}`).toBe(status)
      // Compared as texts only when they differ, for a readable difference.
      if (!matchesShown(output, actualOutput)) expect(actualOutput, `output of: ${shown}`).toBe(output)
    }
  })
})
