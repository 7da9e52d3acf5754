import { isVarveError, Repository } from '../../../src/index.js'
import { listen, say } from './say.js'

export const RACE_BRANCH = 'main'

export function racePath(name: string, index: number): string {
  return `${name}/${index}.txt`
}

export function raceText(name: string, index: number): string {
  return `${name} wrote this as number ${index}\n`
}

/**
 * Begins a draft on one line and commits it on the next, so that two processes can be made to clash every time.
 */
export async function raceInSteps(store = '', name = '', count = ''): Promise<void> {
  const repo = await Repository.open(store)
  const orders = listen()
  say('ready')
  for (let index = 0; index < Number(count); index++) {
    await orders.next()
    const draft = await repo.draft(RACE_BRANCH)
    await draft.write(racePath(name, index), raceText(name, index))
    say('begun')
    await orders.next()
    try {
      say(`won ${index} ${(await draft.commit({ message: `${name} ${index}` })).id}`)
    } catch (error) {
      if (!isVarveError(error)) throw error
      await draft.abandon()
      say(`lost ${index} ${error.code}`)
    }
  }
  await repo.close()
  orders.close()
}

/** Commits without waiting for anybody, with retries. */
export async function raceFreely(store = '', name = '', count = ''): Promise<void> {
  const repo = await Repository.open(store)
  const orders = listen()
  say('ready')
  await orders.next()
  for (let index = 0; index < Number(count); index++) {
    const draft = await repo.draft(RACE_BRANCH)
    await draft.write(racePath(name, index), raceText(name, index))
    const { id } = await draft.commit({ message: `${name} ${index}`, retry: 1000 })
    say(`won ${index} ${id}`)
  }
  await repo.close()
  orders.close()
}
