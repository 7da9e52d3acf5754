/**
 * The layers of src/, kept by a machine. Type-only imports count too.
 *
 * The table in docs/ARCHITECTURE.md says what lives in each layer; this file says what may import what, and each
 * rule says why. Layers import only from those named before them.
 */
'use strict'

/** From the bottom up. `never` completes "… knows nothing of what stands above it: ". */
const LAYERS = [
  { name: 'base', never: 'it is what every other part stands on' },
  { name: 'format', never: 'a byte layout is pure, so that any program can decode it without a store' },
  { name: 'codec', never: 'bytes in, bytes out: no storage, no paths' },
  { name: 'volume', never: 'it keeps extents without knowing what an object means' },
  { name: 'cas', never: 'it keeps chunks by hash without knowing trees, refs or paths' },
  { name: 'history', never: 'trees and commits stand on objects by hash, whatever stores them' },
  { name: 'refs', never: 'names point to ids; what an id holds is not their business' },
  { name: 'worktree', never: 'it moves trees between store and disk; upkeep and transfer use it, not the reverse' },
  { name: 'upkeep', never: 'it plans and applies over what exists; nothing below may depend on it' },
  { name: 'transfer', never: 'it is the last layer; only src/repository.ts and its like wire it' },
]

const layerRules = LAYERS.map(({ name, never }, index) => {
  const above = LAYERS.slice(index + 1).map((layer) => `${layer.name}/`)
  return {
    name: `layer-${name}`,
    comment: `${name}/ knows nothing of what stands above it: ${never}.`,
    severity: 'error',
    from: { path: `^src/${name}/` },
    to: { path: `^src/(${[...above, '[^/]+$'].join('|')})` },
  }
})

/** Only `folders` may import `packages`. */
function onlyIn(name, folders, packages, comment) {
  return {
    name,
    comment,
    severity: 'error',
    from: { path: '^(src|cli)/', pathNot: `^(${folders.join('|')})` },
    to: { path: `(^|node_modules/)(@types/)?(${packages.join('|')})(/|$)` },
  }
}

/** `folder` must not import the built-in `modules`. */
function withoutBuiltins(name, folder, modules, comment) {
  return {
    name,
    comment,
    severity: 'error',
    from: folder,
    to: { dependencyTypes: ['core'], path: `^(node:)?(${modules.join('|')})(/|$)` },
  }
}

const INPUT_AND_OUTPUT = ['fs', 'net', 'http', 'https', 'child_process', 'worker_threads', 'os', 'readline', 'tty']

module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'no-unknown-layer',
      comment:
        'Every folder of src/ is a layer with a place in the order; a new one is added to LAYERS and to the docs.',
      severity: 'error',
      from: {},
      to: { path: '^src/[^/]+/', pathNot: `^src/(${LAYERS.map((layer) => layer.name).join('|')})/` },
    },
    {
      name: 'no-cycles',
      comment: 'Parts of a cycle cannot be read, tested or moved one by one.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'index-is-outermost',
      comment: 'src/index.ts is the public face. What it exports must not depend on it.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^src/index\\.ts$' },
    },
    {
      name: 'cli-uses-the-public-api',
      comment: 'What the command line can do, a program can do: cli/ sees of src/ what a user of the package sees.',
      severity: 'error',
      from: { path: '^cli/' },
      to: { path: '^src/', pathNot: '^src/index\\.ts$' },
    },
    {
      name: 'src-stands-alone',
      comment: 'The library ships without command line, tests and benchmarks.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(cli|test|bench|docs)/' },
    },
    {
      name: 'nothing-ships-test-code',
      comment: 'The command ships without tests and benchmarks.',
      severity: 'error',
      from: { path: '^cli/' },
      to: { path: '^(test|bench)/' },
    },
    onlyIn(
      'only-volume-speaks-sql',
      ['src/volume/', 'cli/build/bundledDriver'],
      ['better-sqlite3'],
      'A PV may one day not be SQLite; then only volume/ changes.',
    ),
    onlyIn(
      'only-codec-hashes-and-compresses',
      ['src/codec/'],
      ['hash-wasm', 'fastcdc-wasm', '@toondepauw/node-zstd', 'lz4-napi'],
      'Ids and frames are decided in one place; another library for them is a change in codec/ alone.',
    ),
    onlyIn(
      'only-history-compares-sequences',
      ['src/history/'],
      ['fast-myers-diff'],
      'It has no limit of its own: history/boundedDiff.ts gives it one, and whoever compares lines goes through there.',
    ),
    onlyIn(
      'only-cli-meets-people',
      ['cli/'],
      ['commander', 'picocolors'],
      'The library never prints, parses a command line or draws progress.',
    ),
    withoutBuiltins(
      'file-system-is-injected',
      { path: '^src/', pathNot: '^src/(worktree/nodeFileSystem\\.ts$|volume/)' },
      ['fs'],
      'Simulations drive the store over a file system of their own: it comes in as FileSystem of base/, and one file ' +
        'makes it of the real one. ' +
        'volume/ alone has more to do with files, because SQLite opens its own.',
    ),
    withoutBuiltins(
      'format-and-history-are-pure',
      { path: '^src/(format|history)/' },
      [...INPUT_AND_OUTPUT, 'crypto'],
      'Layouts and trees are functions of bytes: the same on every machine, testable without one.',
    ),
    withoutBuiltins(
      'codec-and-cas-know-no-paths',
      { path: '^src/(codec|cas)/' },
      [...INPUT_AND_OUTPUT.filter((name) => name !== 'worker_threads'), 'path'],
      'Chunks are bytes wherever they came from.',
    ),
    {
      name: 'no-undeclared-packages',
      comment: 'What is imported is declared: an install elsewhere has only what package.json names.',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'],
        dependencyTypesNot: ['type-only'],
        pathNot: 'node_modules/@types/',
      },
    },
    {
      name: 'no-unknown-packages',
      comment: 'The command comes as a bundle, so what it needs beside the library need not be installed elsewhere.',
      severity: 'error',
      from: { path: '^cli/' },
      to: {
        dependencyTypes: ['npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['type-only'],
        pathNot: 'node_modules/@types/',
      },
    },
    {
      name: 'no-unresolvable',
      comment: 'An import that leads nowhere.',
      severity: 'error',
      from: { pathNot: '^cli/varve\\.cjs$' }, // imports what the build makes
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|cli/build)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    combinedDependencies: false,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
