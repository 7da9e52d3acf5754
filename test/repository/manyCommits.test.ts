/** What a program costs that never waits for anything else: it commits in a loop. */
import { expect, test } from 'vitest'
import { MIB } from '../../src/base/units.js'
import { versionOf } from '../support/basedStores.js'
import { commitFiles, createRepository } from '../support/repositories.js'

const COMMITS = 500
const LENGTH = 60_000

test('commits one after the other take no more memory the more they are', async () => {
  const { repo } = await createRepository({ durability: 'normal' })
  const commitAll = async (first: number, end: number) => {
    for (let version = first; version < end; version++)
      await commitFiles(repo, { 'edited.bin': versionOf(1, version, LENGTH) }, `Version ${version}`)
  }
  // The program itself, its caches, and what it compiles.
  await commitAll(0, 50)
  const before = process.memoryUsage.rss()
  await commitAll(50, COMMITS)
  expect(process.memoryUsage.rss() - before).toBeLessThan(60 * MIB)
})
