/**
 * What upkeep did to the golden stores from format 2 on: a branch that was deleted and collected, a path erased from all history, a
 * commit and a file replaced, commits pruned, a scrub that came to its end and one that was interrupted, and a gc that left
 * something waiting. It ends with rows in every table that upkeep has.
 */
import { isVarveError } from '../../src/base/errors.js'
import { DAY_MS } from '../../src/base/units.js'
import type { Repository } from '../../src/repository.js'
import { pseudoRandom } from '../codec/inputs.js'

/** @param tick moves the clock on */
export async function keepUp(repo: Repository, tick: (ms?: number) => void): Promise<void> {
  const { value: main } = await repo.config.get('default-branch')
  const commit = async (branch: string, message: string, files: Readonly<Record<string, string | Buffer>>) => {
    tick()
    const draft = await repo.draft(branch)
    for (const [path, content] of Object.entries(files)) await draft.write(path, content)
    return (await draft.commit({ message })).id
  }

  await repo.createBranch('dropped', `${main}~1`)
  await commit('dropped', 'Nobody wants this', { 'unwanted.bin': pseudoRandom(700, 3) })
  await repo.deleteBranch('dropped')
  tick(DAY_MS)
  await repo.gc({ now: true })

  const shrink = await repo.draft(main)
  await shrink.remove('many')
  await shrink.commit({ message: 'Fewer files' })
  await commit(main, 'A slip', { 'secret.txt': 'open sesame\n', 'beside.txt': 'what stays\n' })
  await commit(main, 'After the slip', { 'beside.txt': 'what stays, changed\n' })
  tick()
  await repo.erase({ paths: ['secret.txt'], reason: 'it was a password' })

  // Replaced below: a commit that stays in the history, and a file wherever it is used.
  await commit(main, 'A commit with a nmae', { 'notes.txt': 'the customer is Ada\n' })
  await commit(main, 'One more', { 'beside.txt': 'what stays, changed again\n' })
  await repo.createBranch('mended', `${main}~2`)
  await commit('mended', 'A commit with a name', { 'notes.txt': 'the customer is Eve\n' })
  tick()
  await repo.replace(`${main}~1`, 'mended', { reason: 'a slip of the pen' })
  await commit(main, 'Two of a size', { 'a.txt': 'no longer shown\n', 'b.txt': 'shown in place\n\n' })
  tick()
  await repo.replace(`${main}:a.txt`, `${main}:b.txt`, { reason: 'not for everybody' })

  await repo.createBranch('daily', main)
  for (const day of [1, 2, 3, 4]) {
    tick(DAY_MS)
    await commit('daily', `Day ${day}`, { 'report.bin': pseudoRandom(700, 10 + day) })
  }
  await repo.prune({ keepLast: 2, branches: ['daily'] })

  tick()
  await repo.scrub()
  tick(DAY_MS)
  await repo.gc()
  // It keeps the sets of chunks that it made for the answer.
  await repo.space({ by: 'commit', branch: 'mended' })
  tick()
  await interruptedScrub(repo)
}

/** Begun, and left to the next. */
async function interruptedScrub(repo: Repository): Promise<void> {
  await repo.scrub({ signal: AbortSignal.abort() }).catch((error: unknown) => {
    if (!isVarveError(error, 'CANCELLED')) throw error
  })
  const { current } = await repo.scrubStatus()
  if (!current) throw new Error('the scrub was to be interrupted')
}
