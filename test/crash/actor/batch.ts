import { Repository } from '../../../src/index.js'
import { say } from './say.js'

/** What commit number `at` holds, of one run. */
export function batchedText(run: string, at: number): string {
  return `run ${run}, commit ${at}\n`.repeat(1 + (at % 50) * 20)
}

/**
 * Commits to two branches in batches, and says what was synced after each sync; in between, the batch is written by size and by time.
 * The commit's message is its number.
 */
export async function batchUntilKilled(store = '', run = '', durability = ''): Promise<void> {
  const repo = await Repository.open(store, { durability: durability === 'normal' ? 'normal' : 'full' })
  say('ready')
  await repo.batch({ flushBytes: 64 * 1024, flushMs: 20 })
  for (let at = 0; ; at++) {
    const draft = await repo.draft(`${run}-${at % 2}`)
    await draft.write(`${at % 10}.txt`, batchedText(run, at))
    await draft.commit({ message: String(at) })
    if (at % 37 !== 36) continue
    await repo.sync()
    say(`synced ${at}`)
  }
}
