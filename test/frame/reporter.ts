import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { SerializedError } from 'vitest'
import type { Reporter, TestModule } from 'vitest/node'
import type { RunReport } from './tally.js'

/** Where `npm test` wants the report. */
export const REPORT_VARIABLE = 'VARVE_TEST_REPORT'

/** Vitest's own JSON report leaves out the project, and with it whether a suite failed on one or on three volumes. */
export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const file = process.env[REPORT_VARIABLE]
    if (file === undefined) return
    const report: RunReport = {
      files: modules.map((module) => ({
        name: `${module.project.name} ${relative(process.cwd(), module.moduleId)}`,
        tests: [...module.children.allTests()].map((test) => ({ name: test.fullName, state: test.result().state })),
        errors: [...module.errors(), ...[...module.children.allSuites()].flatMap((suite) => suite.errors())].map(
          firstLine,
        ),
      })),
      unhandled: unhandled.map(firstLine),
    }
    writeFileSync(file, JSON.stringify(report))
  }
}

function firstLine(error: { readonly message?: string }): string {
  return error.message?.split('\n')[0] ?? 'unknown error'
}
