/** House rules that neither the compiler, Biome nor dependency-cruiser know; each says why, and breaks on an example. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))

interface HouseRule {
  readonly name: string
  readonly why: string
  readonly within: readonly string[]
  /** Where the thing has its place. */
  readonly except?: RegExp
  readonly forbidden: RegExp
  /** Lines that break the rule, and lines that only look like it. */
  readonly broken: readonly string[]
  readonly kept: readonly string[]
}

/** What `node:` modules export only since releases younger than the first that ran ES modules well. */
const YOUNG_EXPORTS = ['crc32', 'hash', 'zstd\\w*', 'createZstd\\w*', 'styleText', 'parseEnv', 'enableCompileCache']

const RULES: readonly HouseRule[] = [
  {
    name: 'the library neither prints nor exits',
    why: 'what is said to people, and with which status a process ends, is the command line’s to decide',
    within: ['src'],
    forbidden: /\bprocess\.(exit\b|exitCode|stdout|stderr|stdin|abort)/,
    broken: ['process.exit(1)', 'process.stdout.write(text)', 'process.exitCode = 2'],
    kept: ['process.version', 'process.pid'],
  },
  {
    name: 'time comes from the injected clock',
    why: 'simulations drive the whole store, and a leap of the clock must be testable',
    within: ['src'],
    except: /^src\/base\/clock\.ts$/,
    forbidden: /\bDate\.now\b|\bnew Date\(\)|\bDate\(\)/,
    broken: ['const now = Date.now()', 'new Date().getTime()'],
    kept: ['new Date(timeMs)', 'clock.nowMs()'],
  },
  {
    name: 'randomness is injected',
    why: 'simulations repeat from a seed',
    within: ['src'],
    except: /^src\/base\/random\.ts$/,
    forbidden: /\bMath\.random\b|\brandom(Bytes|UUID|Int|FillSync|Fill)\b|\bgetRandomValues\b/,
    broken: ['Math.random()', "import { randomUUID } from 'node:crypto'"],
    kept: ['random.bytes(16)', 'newUuid(random)'],
  },
  {
    name: 'only volume/ names better-sqlite3',
    why: 'a PV may one day not be SQLite, and `require` passes by the import rules',
    within: ['src', 'cli'],
    except: /^(src\/volume|cli\/build)\//,
    forbidden: /['"]better-sqlite3['"]/,
    broken: ["require('better-sqlite3')"],
    kept: ['// only volume/ opens SQLite'],
  },
  {
    name: 'no young export of a node: module is imported by name',
    why: 'an old Node would fail to link it, with a message of its own, before src/base/supportedNode.ts can refuse',
    within: ['src'],
    forbidden: new RegExp(`^import \\{[^}]*\\b(${YOUNG_EXPORTS.join('|')})\\b[^}]*\\} from 'node:`),
    broken: ["import { crc32 } from 'node:zlib'", "import { createHash, hash } from 'node:crypto'"],
    kept: [
      "import * as zlib from 'node:zlib'",
      "import { createHash } from 'node:crypto'",
      "import type { Hash } from './hash.js'",
    ],
  },
  {
    name: 'the compiler is not silenced',
    why: 'an error that is silenced is found by a user',
    within: ['src', 'cli', 'bench', 'test'],
    except: /^test\/frame\/sources\.test\.ts$/,
    forbidden: /@ts-(ignore|nocheck|expect-error)/,
    broken: ['// @ts-ignore', '// @ts-expect-error it works'],
    kept: ['// the compiler cannot know'],
  },
]

function sourceFiles(folder: string): string[] {
  return readdirSync(join(PROJECT, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .filter((name) => /\.(ts|cjs)$/.test(name))
    .sort()
}

describe.each(RULES)('$name', ({ why, within, except, forbidden, broken, kept }) => {
  test('in every file', () => {
    const offences = within.flatMap(sourceFiles).flatMap((file) =>
      except?.test(file) === true
        ? []
        : readFileSync(join(PROJECT, file), 'utf8')
            .split('\n')
            .flatMap((line, index) => (forbidden.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : [])),
    )
    expect(offences, why).toEqual([])
  })

  test('tells what breaks it from what does not', () => {
    expect(broken.filter((line) => !forbidden.test(line))).toEqual([])
    expect(kept.filter((line) => forbidden.test(line))).toEqual([])
  })
})

test('no file is too long to read in one sitting', () => {
  const long = ['src', 'cli', 'test', 'bench']
    .flatMap(sourceFiles)
    .map((file) => ({ file, lines: readFileSync(join(PROJECT, file), 'utf8').split('\n').length }))
    .filter(({ lines }) => lines > 500)
  expect(long).toEqual([])
})
