import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** Out of the process when it returns, whatever becomes of the process. */
export function say(line: string): void {
  writeSync(1, `${line}\n`)
}

export interface Orders {
  /** Waits for a line from the one who started this process. */
  next(): Promise<unknown>
  /** So that waiting for more does not keep the process alive. */
  close(): void
}

export function listen(): Orders {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  return { next: () => lines.next(), close: () => process.stdin.destroy() }
}
