import { join } from 'node:path'
import { Repository } from '../../../src/index.js'
import { say } from './say.js'

/** Adds one volume after the other. */
export async function extendUntilKilled(store = '', folder = '', round = ''): Promise<void> {
  const repo = await Repository.open(store)
  say('ready')
  for (let index = 0; ; index++) {
    const { number } = await repo.extendVolumeGroup(join(folder, `pv-${round}-${index}.varve`))
    say(`ack ${number}`)
  }
}
