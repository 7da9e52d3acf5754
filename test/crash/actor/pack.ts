import { Repository } from '../../../src/index.js'
import { say } from './say.js'

/**
 * Packs and kills itself at a step: before, in or after a transaction of the catalog, or at something that is done to a volume.
 * @param killAt number of the step; 0: at none
 */
export async function packUntilKilled(store = '', killAt = '0'): Promise<void> {
  const repo = await Repository.open(store)
  let step = 0
  const atStep = (name: string): void => {
    say(`step ${++step} ${name}`)
    if (step === Number(killAt)) process.kill(process.pid, 'SIGKILL')
  }
  const { group } = repo.parts
  const { catalog } = group
  const write = catalog.write.bind(catalog)
  catalog.write = (body, durability) => {
    atStep('before a transaction')
    const result = write((tx) => {
      const value = body(tx)
      atStep('in a transaction')
      return value
    }, durability)
    atStep('after a transaction')
    return result
  }
  for (const volume of group.volumes) {
    for (const name of ['remove', 'stage', 'giveBack'] as const) {
      const method = volume[name].bind(volume) as (...parameters: unknown[]) => Promise<unknown>
      Object.assign(volume, {
        [name]: async (...parameters: unknown[]) => {
          atStep(`${name} on ${volume.number}`)
          const result = await method(...parameters)
          atStep(`${name} on ${volume.number} done`)
          return result
        },
      })
    }
  }
  const { isPacked } = await repo.pack()
  say(`done ${isPacked}`)
  await repo.close()
}
