/** `npm pack`, put into an empty project: what it holds, that it starts, and that its declarations stand by themselves. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transform } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fencedBlocks } from '../docs/markdown.js'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
const NPM = process.platform === 'win32' ? 'npm.cmd' : 'npm'

/** Types are bundled as well, which takes long on a busy machine. */
const PACKING_MS = 300_000

describe('the packed package', () => {
  let folder: string
  let project: string
  let files: string[]

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'varve-packed-'))
    // Builds first, as publishing does.
    execFileSync(NPM, ['pack', '--pack-destination', folder], { cwd: PROJECT, stdio: 'pipe' })
    const archive = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? 'none'
    project = join(folder, 'project')
    const modules = join(project, 'node_modules')
    mkdirSync(modules, { recursive: true })
    writeFileSync(join(project, 'package.json'), '{"type":"module"}')
    execFileSync('tar', ['-xzf', join(folder, archive), '-C', modules])
    const installed = join(modules, 'varve')
    renameSync(join(modules, 'package'), installed)
    files = readdirSync(installed, { recursive: true, encoding: 'utf8', withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(installed.length + 1))
    // What it declares, and nothing else: an undeclared import fails here as it would elsewhere.
    const { dependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>
    }
    for (const name of Object.keys(dependencies)) {
      mkdirSync(dirname(join(modules, name)), { recursive: true })
      symlinkSync(join(PROJECT, 'node_modules', name), join(modules, name))
    }
  }, PACKING_MS)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('holds what is used, and no sources, tests or machine', () => {
    expect(files).toEqual(
      expect.arrayContaining([
        'package.json',
        'README.md',
        'LICENSE',
        'CHANGELOG.md',
        'cli/varve.cjs',
        'dist/cli/main.cjs',
        'dist/cli/start.cjs',
        'dist/cli/LICENSES.txt',
        'dist/src/index.js',
        'dist/src/index.d.ts',
        'dist/man/varve.1',
        'dist/man/varve-commit.1',
        'dist/man/varve-vg-extend.1',
        'dist/man/varve-revisions.7',
      ]),
    )
    const expected =
      /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|cli\/varve\.cjs|docs\/[^/]+\.md|dist\/src\/.+\.(js|d\.ts)|dist\/cli\/((library|main|start)\.cjs|LICENSES\.txt)|dist\/man\/[a-z-]+\.[17])$/
    expect(files.filter((file) => !expected.test(file))).toEqual([])
    const texts = files.map((file) => ({ file, text: readFileSync(join(project, 'node_modules/varve', file), 'utf8') }))
    expect(texts.filter(({ text }) => text.includes(PROJECT)).map(({ file }) => file)).toEqual([])
  })

  test('its manual pages are those that npm is told of', () => {
    const { man } = JSON.parse(readFileSync(join(project, 'node_modules/varve/package.json'), 'utf8')) as {
      man: string[]
    }
    const packed = files.filter((file) => file.startsWith(join('dist', 'man')))
    expect(man.map((page) => normalize(page)).sort()).toEqual(packed.sort())
  })

  test('its command starts', () => {
    const launcher = join(project, 'node_modules/varve/cli/varve.cjs')
    const ended = spawnSync(process.execPath, [launcher, '--version'], { cwd: project, encoding: 'utf8' })
    expect(ended).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/^varve \d+\.\d+\.\d+\n$/) })
  })

  test('its declarations need no types but Node’s', () => {
    writeFileSync(join(project, 'use.ts'), "import * as varve from 'varve'\nexport const face: object = varve\n")
    const compiler = join(PROJECT, 'node_modules/typescript/bin/tsc')
    const types = ['--types', 'node', '--typeRoots', join(PROJECT, 'node_modules/@types')]
    const options = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--lib',
      'es2023,esnext.disposable',
    ]
    const ended = spawnSync(process.execPath, [compiler, ...options, ...types, 'use.ts'], {
      cwd: project,
      encoding: 'utf8',
    })
    expect(ended.stdout).toBe('')
    expect(ended.status).toBe(0)
  })

  test('runs the library examples of README.md', async () => {
    const readme = readFileSync(join(project, 'node_modules/varve/README.md'), 'utf8')
    const blocks = fencedBlocks(readme).filter(({ language, tags }) => language === 'ts' && tags.includes('run'))
    expect(blocks.length).toBeGreaterThan(0)
    for (const { line, text } of blocks) {
      const script = join(project, `readme${line}.mjs`)
      writeFileSync(script, (await transform(text, { loader: 'ts', target: 'node20.19' })).code)
      const work = mkdtempSync(join(folder, 'work-'))
      const ended = spawnSync(process.execPath, [script], { cwd: work, encoding: 'utf8' })
      expect(ended, `README.md:${line}`).toMatchObject({ status: 0, stderr: '' })
    }
  })
})
