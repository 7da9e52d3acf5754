/** gc by itself, as `git gc --auto`: a commit starts it in the background when it is time, and does not wait for it. */
import { resolve } from 'node:path'
import type { Repository } from '../src/index.js'
import type { Context } from './context.js'

/** Slow enough not to be noticed, quick enough for a store that grows each day. */
const RATE = '16M'

/**
 * What was started by the first process goes with it, or is killed with it: in a container that runs one command, or under a
 * service manager. A gc that is killed leaves a lease there that only its own machine clears.
 */
function isOutlived(): boolean {
  return process.pid > 1 && process.ppid > 1
}

/** Whether `gc --auto` packs. */
export async function mayPack(repository: Repository): Promise<boolean> {
  return (await repository.config.get('pack-auto')).value === 'on' && (await repository.isPackDue())
}

/** To be called when a commit is made. What keeps gc from starting must not make the commit look as if it had failed. */
export async function startGcIfDue(context: Context, repository: Repository): Promise<void> {
  try {
    if ((await repository.config.get('gc-auto')).value !== 'on') return
    if (!(await repository.isGcDue()) && !(await mayPack(repository))) return
  } catch (error) {
    const { isVarveError } = await context.library()
    // Damage: whoever looks after the store hears of it, from gc and verify.
    if (isVarveError(error)) return
    throw error
  }
  if (!isOutlived()) return
  await context.io.startInBackground(['--store', resolve(repository.path), '--quiet', 'gc', '--auto', '--rate', RATE])
}
