/**
 * `npm run demo`: the main job on real input. Takes an installed package of tens of MB, commits it, changes some files,
 * commits again, looks at the history, writes both versions out and compares them with the originals: names, kinds,
 * contents, modes and times, by a comparer of its own. Ends with status 1 if anything differs.
 *
 * Uses the built command as anybody would. Needs no network. What it makes stays in a temporary folder.
 */
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const PROJECT = fileURLToPath(new URL('..', import.meta.url))
const COMMAND = join(PROJECT, 'cli/varve.cjs')
const PACKAGE = join(PROJECT, 'node_modules/typescript')

const folder = mkdtempSync(join(tmpdir(), 'varve-demo-'))
let spentSeconds = 0

/** Runs `varve` in the demo's folder, prints command, output and time. */
function varve(...argv: string[]): void {
  const shown = argv.map((word) => (/[\s"]/.test(word) || word === '' ? JSON.stringify(word) : word)).join(' ')
  process.stdout.write(`\n$ varve ${shown}\n`)
  const startedMs = performance.now()
  const ended = spawnSync(process.execPath, [COMMAND, ...argv], { cwd: folder, stdio: 'inherit' })
  const seconds = (performance.now() - startedMs) / 1000
  spentSeconds += seconds
  process.stdout.write(`  (${seconds.toFixed(2)} s)\n`)
  if (ended.status !== 0) {
    process.stderr.write(`demo: varve ended with status ${ended.status}; its files are in ${folder}\n`)
    process.exit(1)
  }
}

function say(text: string): void {
  process.stdout.write(`\n${text}\n`)
}

/** Changes of every kind: bytes in the middle, at the end, new, gone, renamed, executable, a symlink. */
function changeSomething(root: string): void {
  const library = join(root, 'lib/typescript.js')
  const file = openSync(library, 'r+')
  writeSync(file, '/* changed in the middle of nine megabytes */', Math.floor(lstatSync(library).size / 2))
  appendFileSync(join(root, 'README.md'), '\nOne more line.\n')
  writeFileSync(join(root, 'NOTES.txt'), 'A new file.\n')
  writeFileSync(join(root, 'empty'), '')
  rmSync(join(root, 'lib/zh-tw'), { recursive: true, force: true })
  renameSync(join(root, 'LICENSE.txt'), join(root, 'COPYING.txt'))
  cpSync(join(root, 'lib/lib.dom.d.ts'), join(root, 'lib/lib.dom.copy.d.ts'), { preserveTimestamps: true })
  chmodSync(join(root, 'NOTES.txt'), 0o755)
  symlinkSync('COPYING.txt', join(root, 'LICENSE'))
}

/** One file, folder or symlink: all that has to come back. */
interface Entry {
  readonly kind: string
  /** In octal. */
  readonly mode: string
  readonly mtimeNs: bigint
  /** A file's bytes, a symlink's target. */
  readonly content: Buffer
}

/** A tree as it is, by path. */
function readTree(root: string): Map<string, Entry> {
  const entries = new Map<string, Entry>()
  const visit = (path: string): void => {
    const stat = lstatSync(path, { bigint: true })
    const kind = stat.isSymbolicLink() ? 'symlink' : stat.isDirectory() ? 'folder' : 'file'
    const content =
      kind === 'symlink' ? Buffer.from(readlinkSync(path)) : kind === 'file' ? readFileSync(path) : Buffer.alloc(0)
    const mode = (stat.mode & 0o7777n).toString(8)
    entries.set(relative(root, path) || '.', { kind, mode, mtimeNs: stat.mtimeNs, content })
    if (kind === 'folder') for (const name of readdirSync(path)) visit(join(path, name))
  }
  visit(root)
  return entries
}

/** Every difference between two trees, in words. */
function differences(before: ReadonlyMap<string, Entry>, after: ReadonlyMap<string, Entry>): string[] {
  const found: string[] = []
  for (const [path, one] of before) {
    const two = after.get(path)
    if (two === undefined) found.push(`${path}: missing`)
    else if (one.kind !== two.kind) found.push(`${path}: ${one.kind} became ${two.kind}`)
    else {
      if (!one.content.equals(two.content)) found.push(`${path}: other bytes`)
      if (one.mode !== two.mode) found.push(`${path}: mode ${one.mode} became ${two.mode}`)
      // Node can set times in whole microseconds only.
      if (one.mtimeNs / 1000n !== two.mtimeNs / 1000n) found.push(`${path}: time ${one.mtimeNs} became ${two.mtimeNs}`)
    }
  }
  for (const path of after.keys()) if (!before.has(path)) found.push(`${path}: too much`)
  return found
}

/** Prints whether `exported` is what was committed. @returns Whether it is. */
function compare(name: string, committed: ReadonlyMap<string, Entry>, exported: string): boolean {
  const found = differences(committed, readTree(exported))
  for (const difference of found.slice(0, 20)) process.stderr.write(`  ${difference}\n`)
  const bytes = [...committed.values()].reduce((sum, entry) => sum + entry.content.length, 0)
  say(
    found.length === 0
      ? `${name}: ${committed.size} entries, ${bytes} bytes: contents, kinds, modes and times (to the microsecond) are identical.`
      : `${name}: ${found.length} differences!`,
  )
  return found.length === 0
}

if (!existsSync(join(PROJECT, 'dist/cli/main.cjs'))) {
  process.stderr.write('demo: varve is not built; run npm ci or npm run build first\n')
  process.exit(1)
}

const work = join(folder, 'work')
say(`Copying ${relative(PROJECT, PACKAGE)} to ${work}`)
cpSync(PACKAGE, work, { recursive: true, preserveTimestamps: true })

varve('init')
const first = readTree(work)
varve('commit', '--from', 'work', '-m', 'as installed')
changeSomething(work)
say('Changed some files: bytes in the middle, a line at the end, new, removed, renamed and copied files, a symlink.')
const second = readTree(work)
varve('commit', '--from', 'work', '-m', 'some changes')
varve('log')
varve('diff', '--stat', 'main~1', 'main')
varve('stats')
varve('verify')
varve('export', 'main~1', 'first')
varve('export', 'main', 'second')

const same = [
  compare('first version', first, join(folder, 'first')),
  compare('second version', second, join(folder, 'second')),
].every((each) => each)
say(`The store is ${join(folder, '.varve/store.varve')}, the rest of the demo lies beside it.`)
say(`Look around:  node ${relative(process.cwd(), COMMAND)} -C ${folder} show   (--help lists the rest)`)
say(`varve took ${spentSeconds.toFixed(1)} s in all. Remove everything:  rm -r ${folder}`)
process.exit(same ? 0 : 1)
