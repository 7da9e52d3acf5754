/**
 * Where the `varve` command starts. Answers `--version` by itself and loads the rest only when it is needed: the
 * program loads the one verb that was asked for, the verb loads the library when it opens a store.
 */
import { keepCompiled } from './compileCache.js'
import { optimiseLater } from './optimiseLater.js'
import { readVersion } from './version.js'

const argv = process.argv.slice(2)

if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
  process.stdout.write(`varve ${readVersion()}\n`)
} else {
  keepCompiled()
  // Loaded where it is needed: even that takes a millisecond.
  optimiseLater(process.versions.v8, (flag) => process.getBuiltinModule('node:v8').setFlagsFromString(flag))
  import('./start.js').then(({ start }) => start(argv)).catch(failToStart)
}

/** Only what keeps the command from loading comes here; what a verb meets is told by program.ts. */
function failToStart(error: unknown): void {
  process.stderr.write(`varve: ${error instanceof Error ? error.stack : error}\n`)
  process.exitCode = 1
}
