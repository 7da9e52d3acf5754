import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** Out of the process when it returns, whatever becomes of the process. */
export function say(line: string): void {
  writeSync(1, `${line}\n`)
}

/** Lines from the one who started this process. */
export function listen(): AsyncIterator<string> {
  return createInterface({ input: process.stdin })[Symbol.asyncIterator]()
}
