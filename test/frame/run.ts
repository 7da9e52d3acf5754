/**
 * `npm test`: the static checks side by side, then the tests, then a summary whose last line counts both.
 *
 * A check that fails does not keep the next from running, so that one run tells everything. Each static check counts
 * as one; so does a test file that does not load, and a test run that ends badly though every test passed.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { REPORT_VARIABLE } from './reporter.js'
import { type RunReport, type TestTally, tallyOf } from './tally.js'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))

/** Programs are started by their scripts: a `.bin` entry would cost a shell on some platforms. */
const STATIC_CHECKS = [
  { name: 'lint and format', script: '@biomejs/biome/bin/biome', args: ['check', '--error-on-warnings'] },
  { name: 'types', script: 'typescript/bin/tsc', args: ['-p', 'tsconfig.json'] },
  {
    name: 'layers',
    script: 'dependency-cruiser/bin/dependency-cruise.mjs',
    args: ['--config', '.dependency-cruiser.cjs', '--output-type', 'err-long', 'src', 'cli'],
  },
  { name: 'dead code', script: 'knip/bin/knip.js', args: [] },
] as const

interface Ended {
  readonly status: number
  readonly output: string
  readonly seconds: number
}

function runScript(
  script: string,
  args: readonly string[],
  output: 'kept' | 'shown',
  variables: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const startedMs = Date.now()
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(PROJECT, 'node_modules', script), ...args], {
      cwd: PROJECT,
      env: { ...process.env, ...(process.stdout.isTTY ? {} : { NO_COLOR: '1' }), ...variables },
      stdio: output === 'shown' ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    })
    const pieces: Buffer[] = []
    child.stdout?.on('data', (piece: Buffer) => pieces.push(piece))
    child.stderr?.on('data', (piece: Buffer) => pieces.push(piece))
    child.on('error', reject)
    child.on('close', (code) => {
      resolve({
        status: code ?? 1,
        output: Buffer.concat(pieces).toString(),
        seconds: (Date.now() - startedMs) / 1000,
      })
    })
  })
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

const summary: string[] = []
function summarise(name: string, outcome: string, seconds: number): void {
  summary.push(`${name.padEnd(18)}${outcome}  (${seconds.toFixed(1)} s)`)
}

async function runStaticChecks(): Promise<number> {
  let failed = 0
  const all = await Promise.all(STATIC_CHECKS.map(({ script, args }) => runScript(script, args, 'kept')))
  for (const [index, { name }] of STATIC_CHECKS.entries()) {
    const ended = all[index] as Ended
    const passed = ended.status === 0
    if (!passed) {
      failed++
      print(`── ${name} ──\n${ended.output.trimEnd()}\n`)
    }
    summarise(name, passed ? 'passed' : 'FAILED', ended.seconds)
  }
  return failed
}

async function runTests(): Promise<TestTally> {
  const folder = mkdtempSync(join(tmpdir(), 'varve-test-report-'))
  const reportFile = join(folder, 'report.json')
  try {
    const args = ['run', '--reporter=dot', '--reporter=./test/frame/reporter.ts']
    const ended = await runScript('vitest/vitest.mjs', args, 'shown', { [REPORT_VARIABLE]: reportFile })
    const report = existsSync(reportFile) ? (JSON.parse(readFileSync(reportFile, 'utf8')) as RunReport) : undefined
    const tally = tallyOf(report, ended.status)
    const outcome = `${tally.passed} passed, ${tally.failures.length} failed, ${tally.skipped.length} skipped`
    summarise('tests', outcome, ended.seconds)
    return tally
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const failedChecks = await runStaticChecks()
const tests = await runTests()
const passed = STATIC_CHECKS.length - failedChecks + tests.passed
const failed = failedChecks + tests.failures.length

print('')
for (const name of tests.skipped) print(`skipped: ${name}`)
for (const name of tests.failures) print(`failed: ${name}`)
for (const line of summary) print(line)
print(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
