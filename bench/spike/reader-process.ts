import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Waits } from './busy.ts'

export interface ReaderReport {
  transactions: number
  chunks: number
  seconds: number
  waits: Waits
}

/** Starts the reader and waits until it reads. The child inherits the loader from execArgv. */
export async function startReader(config: string, path: string): Promise<{ stop(): Promise<ReaderReport> }> {
  const child = fork(fileURLToPath(new URL('reader.ts', import.meta.url)), [config, path])
  await once(child, 'message')
  return {
    async stop() {
      const report = once(child, 'message')
      child.send('stop')
      return (await report)[0] as ReaderReport
    },
  }
}
