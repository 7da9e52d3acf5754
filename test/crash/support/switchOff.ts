/** Switches the safety rules off, one after the other (rules.ts), to see their tests fail. */
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { RuleTest, SwitchedOff } from './rules.js'

const PROJECT = fileURLToPath(new URL('../../..', import.meta.url))

/** Why a row does not fit the sources any more; `undefined` when it does. */
export function misfit(row: SwitchedOff): string | undefined {
  const times = readFileSync(join(PROJECT, row.file), 'utf8').split(row.find).length - 1
  if (times !== 1) return `${row.rule} (${row.what}): ${row.file} has ${times} times: ${row.find}`
  if (readFileSync(join(PROJECT, row.test.file), 'utf8').includes(literalPart(row.test.name))) return undefined
  return `${row.rule} (${row.what}): ${row.test.file} has no test named ${row.test.name}`
}

/** Some tests are named by a template, which ends the name with what differs. */
function literalPart(name: string): string {
  return name
    .replace(/ \((small|large)\)$/, '')
    .replace(/^drafts: /, '')
    .replace(/\bof stage\b.*$/, 'of ')
}

export interface RuleOutcome {
  readonly row: SwitchedOff
  /** Without the edit. */
  readonly passes: boolean
  /** With it: each test itself, not merely its file. */
  readonly fails: boolean
}

/** Runs the tests of every row with and without its edit, in a copy of the project. */
export async function switchOff(
  rows: readonly SwitchedOff[],
  onOutcome?: (outcome: RuleOutcome) => void,
): Promise<RuleOutcome[]> {
  const copy = mkdtempSync(join(tmpdir(), 'varve-rules-'))
  try {
    for (const name of ['src', 'cli', 'test', 'bench', 'package.json', 'tsconfig.json', 'vitest.config.ts']) {
      cpSync(join(PROJECT, name), join(copy, name), { recursive: true })
    }
    symlinkSync(join(PROJECT, 'node_modules'), join(copy, 'node_modules'))
    const outcomes: RuleOutcome[] = []
    for (const row of rows) {
      const path = join(copy, row.file)
      const source = readFileSync(path, 'utf8')
      const tests = testsOf(row)
      const sound = await runAll(copy, tests)
      writeFileSync(
        path,
        source.replace(row.find, () => row.replace),
      )
      const broken = await runAll(copy, tests)
      writeFileSync(path, source)
      const outcome = {
        row,
        passes: sound.every(({ passed, failed }) => passed > 0 && failed === 0),
        fails: broken.every(({ failed }) => failed > 0),
      }
      outcomes.push(outcome)
      onOutcome?.(outcome)
    }
    return outcomes
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

/** Schedules of a simulation are told by their numbers. */
const SCHEDULES = 1000

function testsOf({ test, simulated }: SwitchedOff): RuleTest[] {
  if (simulated === undefined) return [test]
  const file = `test/simulation/${simulated === 1 ? 'oneFile' : 'severalVolumes'}.test.ts`
  return [test, { file, name: 'schedules ', pvs: simulated }]
}

interface Counts {
  readonly passed: number
  readonly failed: number
}

async function runAll(folder: string, tests: readonly RuleTest[]): Promise<Counts[]> {
  const counts: Counts[] = []
  for (const test of tests) counts.push(await runTest(folder, test))
  return counts
}

async function runTest(folder: string, { file, name, pvs }: RuleTest): Promise<Counts> {
  const report = join(folder, 'report.json')
  rmSync(report, { force: true })
  const pattern = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const project = file.startsWith('test/simulation/') ? 'simulation' : pvs === 1 ? 'one-pv' : 'three-pv'
  const args = ['run', '--root', folder, '--project', project]
  args.push(file, '-t', pattern, '--reporter=json', `--outputFile=${report}`)
  const child = spawn(process.execPath, [join(PROJECT, 'node_modules/vitest/vitest.mjs'), ...args], {
    cwd: folder,
    env: { ...process.env, VARVE_TEST_SCHEDULES: String(SCHEDULES) },
    stdio: 'ignore',
  })
  await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject))
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    testResults: { assertionResults: { status: string }[] }[]
  }
  const states = testResults.flatMap(({ assertionResults }) => assertionResults.map(({ status }) => status))
  const count = (state: string): number => states.filter((other) => other === state).length
  return { passed: count('passed'), failed: count('failed') }
}
