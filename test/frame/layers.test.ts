/** Each import rule of .dependency-cruiser.cjs, broken on purpose in a small tree: it must be the rule that speaks. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))
const LAYERS = [
  'base',
  'format',
  'codec',
  'volume',
  'cas',
  'history',
  'refs',
  'worktree',
  'upkeep',
  'transfer',
] as const

/** File → what it imports. Every layer has a `good.ts` that nothing may complain of. */
const GOOD: Record<string, string[]> = {
  ...Object.fromEntries(LAYERS.map((layer) => [`src/${layer}/good.ts`, []])),
  'src/format/uses.ts': ['../base/good.js', './good.js', 'node:zlib'],
  'src/worktree/nodeFileSystem.ts': ['node:fs', 'node:fs/promises'],
  'src/volume/sql.ts': ['better-sqlite3', 'node:fs', '../format/good.js', '../codec/good.js'],
  'src/codec/hash.ts': ['hash-wasm', 'lz4-napi', 'node:crypto'],
  'src/transfer/all.ts': LAYERS.map((layer) => `../${layer}/good.js`),
  'src/repository.ts': ['./transfer/good.js', './base/good.js'],
  'src/index.ts': ['./repository.js'],
  'cli/main.ts': ['../src/index.js', './output.js', 'commander'],
  'cli/output.ts': ['picocolors'],
}

const BAD: { rule: string; file: string; imports: string }[] = [
  ...LAYERS.slice(0, -1).map((layer, index) => ({
    rule: `layer-${layer}`,
    file: `src/${layer}/upwards.ts`,
    imports: `../${LAYERS[index + 1]}/good.js`,
  })),
  { rule: 'layer-base', file: 'src/base/far.ts', imports: '../transfer/good.js' },
  { rule: 'layer-transfer', file: 'src/transfer/top.ts', imports: '../repository.js' },
  { rule: 'no-unknown-layer', file: 'src/repositoryMore.ts', imports: './helpers/drawer.js' },
  { rule: 'no-cycles', file: 'src/cas/ring.ts', imports: './ringBack.js' },
  { rule: 'index-is-outermost', file: 'src/repositoryFace.ts', imports: './index.js' },
  { rule: 'cli-uses-the-public-api', file: 'cli/deep.ts', imports: '../src/base/good.js' },
  { rule: 'src-stands-alone', file: 'src/cas/tested.ts', imports: '../../test/support.js' },
  { rule: 'src-stands-alone', file: 'src/cas/printed.ts', imports: '../../cli/output.js' },
  { rule: 'nothing-ships-test-code', file: 'cli/tested.ts', imports: '../test/support.js' },
  { rule: 'only-volume-speaks-sql', file: 'src/refs/sql.ts', imports: 'better-sqlite3' },
  { rule: 'only-codec-hashes-and-compresses', file: 'src/cas/hash.ts', imports: 'hash-wasm' },
  { rule: 'only-cli-meets-people', file: 'src/worktree/colours.ts', imports: 'picocolors' },
  { rule: 'file-system-is-injected', file: 'src/worktree/disk.ts', imports: 'node:fs' },
  { rule: 'file-system-is-injected', file: 'src/base/disk.ts', imports: 'node:fs' },
  { rule: 'file-system-is-injected', file: 'src/refs/disk.ts', imports: 'node:fs/promises' },
  { rule: 'format-and-history-are-pure', file: 'src/format/random.ts', imports: 'node:crypto' },
  { rule: 'codec-and-cas-know-no-paths', file: 'src/cas/path.ts', imports: 'node:path' },
  { rule: 'no-undeclared-packages', file: 'src/base/developer.ts', imports: 'only-for-developers' },
  { rule: 'no-unresolvable', file: 'src/base/nowhere.ts', imports: './nowhereToBeFound.js' },
]
const TARGETS: Record<string, string[]> = {
  'src/helpers/drawer.ts': [],
  'src/cas/ringBack.ts': ['./ring.js'],
  'test/support.ts': [],
}

const DECLARED = ['better-sqlite3', 'hash-wasm', 'lz4-napi', 'commander', 'picocolors']

interface Violation {
  readonly from: string
  readonly rule: { readonly name: string }
}

let folder: string
let violations: readonly Violation[]

function put(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'varve-layers-'))
  const files = { ...GOOD, ...TARGETS, ...Object.fromEntries(BAD.map(({ file, imports }) => [file, [imports]])) }
  for (const [path, imports] of Object.entries(files)) {
    // Types alone, to see that these count as well; only of development packages may types be had.
    const lines = imports.map((specifier, index) =>
      specifier === 'only-for-developers'
        ? `import '${specifier}'`
        : `import type * as part${index} from '${specifier}'`,
    )
    put(path, [...lines, 'export const here = 1', ''].join('\n'))
  }
  for (const name of [...DECLARED, 'only-for-developers']) {
    put(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' }))
    put(`node_modules/${name}/index.js`, 'module.exports = {}\n')
  }
  const dependencies = Object.fromEntries(DECLARED.map((name) => [name, '1.0.0']))
  put(
    'package.json',
    JSON.stringify({ type: 'module', dependencies, devDependencies: { 'only-for-developers': '1.0.0' } }),
  )
  put('tsconfig.json', JSON.stringify({ compilerOptions: { module: 'NodeNext', target: 'ES2022' } }))
  const cruiser = join(PROJECT, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs')
  const args = [cruiser, '--config', join(PROJECT, '.dependency-cruiser.cjs'), '--output-type', 'json', 'src', 'cli']
  const output = execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  violations = (JSON.parse(output) as { summary: { violations: Violation[] } }).summary.violations
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('import rules', () => {
  test.each(BAD)('$rule: $file must not import $imports', ({ rule, file }) => {
    expect(violations.filter((violation) => violation.from === file).map((violation) => violation.rule.name)).toContain(
      rule,
    )
  })

  test('every rule is broken by an example', () => {
    const rules = new Set(violations.map((violation) => violation.rule.name))
    expect([...rules].sort()).toEqual([...new Set(BAD.map(({ rule }) => rule))].sort())
  })

  test.each(Object.keys(GOOD))('nothing is said of %s', (file) => {
    expect(violations.filter((violation) => violation.from === file)).toEqual([])
  })
})
