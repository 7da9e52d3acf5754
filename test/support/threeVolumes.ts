/** Stores of three volumes, with some commits, and what is to stay true of them. */
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { Repository } from '../../src/repository.js'
import { pseudoRandom } from '../codec/inputs.js'
import { commitFiles } from './repositories.js'
import { tempFolder } from './tempFolder.js'

export const COMMITS = 6
export const content = (number: number): Buffer => pseudoRandom(150_000, number)

export async function threeVolumes() {
  const folder = tempFolder()
  const path = join(folder, 'store.varve')
  const repo = await Repository.create(path, {})
  onTestFinished(() => repo.close().catch(() => undefined))
  for (const name of ['one', 'two']) await repo.extendVolumeGroup(join(folder, `${name}.varve`))
  for (let number = 0; number < COMMITS; number++) await commitFiles(repo, { f: content(number) }, `${number}`)
  return { repo, path, folder }
}

export async function expectSound(repo: Repository): Promise<void> {
  expect((await repo.verify()).problems).toEqual([])
  await expectReadable(repo)
}

export async function expectReadable(repo: Repository): Promise<void> {
  for (let number = 0; number < COMMITS; number++) {
    const read = await (await repo.at(`main~${COMMITS - 1 - number}`)).read('f')
    expect(read.equals(content(number))).toBe(true)
  }
}

export const theOne = async (repo: Repository) => {
  const [volume] = await repo.logicalVolumes()
  if (!volume) throw new Error('there is no logical volume')
  return volume
}

export const copiesOf = ({ parts }: Repository): number[][] => {
  const found: number[][] = []
  parts.group.catalog.eachExtent(({ pvs }) => found.push([...pvs]))
  return found
}
