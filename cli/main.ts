/**
 * Where the `varve` command starts. Answers `--version` by itself and loads the rest only when it is needed: the
 * program loads the one verb that was asked for, the verb loads the library when it opens a store.
 */
import { watchInterruptions } from './interrupt.js'
import { processIo } from './io.js'
import { readVersion } from './version.js'

const argv = process.argv.slice(2)

if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
  process.stdout.write(`varve ${readVersion()}\n`)
} else {
  const { main } = await import('./program.js')
  process.exitCode = await main(argv, processIo(watchInterruptions()))
}
