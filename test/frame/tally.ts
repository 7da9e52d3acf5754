/** A finished test run, as the reporter tells it and `npm test` counts it. */
export interface RunReport {
  readonly files: readonly {
    /** Project and file: `three-pv test/cas/publish.test.ts`. */
    readonly name: string
    readonly tests: readonly { readonly name: string; readonly state: string }[]
    /** Why the file as a whole failed: it did not load, or a hook threw. */
    readonly errors: readonly string[]
  }[]
  /** Rejections and exceptions that no test awaited. */
  readonly unhandled: readonly string[]
}

export interface TestTally {
  readonly passed: number
  /** One entry a failure. */
  readonly failures: readonly string[]
  readonly skipped: readonly string[]
}

/**
 * Counts a run. Nothing that went wrong may count as nothing: no report, no test, an error outside of tests, and a bad
 * exit status without any of these are a failure each.
 */
export function tallyOf(report: RunReport | undefined, exitStatus: number): TestTally {
  if (report === undefined) {
    return { passed: 0, failures: [`the test run ended with status ${exitStatus} and without a report`], skipped: [] }
  }
  let passed = 0
  const failures: string[] = []
  const skipped: string[] = []
  for (const file of report.files) {
    for (const test of file.tests) {
      if (test.state === 'passed') passed++
      else (test.state === 'failed' ? failures : skipped).push(`${file.name}: ${test.name}`)
    }
    for (const error of file.errors) failures.push(`${file.name}: ${error}`)
  }
  for (const error of report.unhandled) failures.push(`outside of tests: ${error}`)
  if (failures.length === 0 && (exitStatus !== 0 || passed === 0)) {
    failures.push(`the test run ended with status ${exitStatus} after ${passed} passed tests`)
  }
  return { passed, failures, skipped }
}
