/** The program in a process of its own: its arguments, streams, signals and exit status. */
import { watchInterruptions } from './interrupt.js'
import { processIo } from './io.js'
import { main } from './program.js'

export async function start(argv: readonly string[]): Promise<void> {
  process.exitCode = await main(argv, processIo(watchInterruptions()))
}
