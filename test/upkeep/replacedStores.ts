/** Stores of which something is about to be replaced, and what is read of them. */
import type { Hash } from '../../src/base/hash.js'
import type { Repository } from '../../src/repository.js'
import { commitFiles } from '../support/repositories.js'
import { bytes, newStore } from './usageStores.js'

export const WHY = { reason: 'held a password' }
export const GONE: Hash = '7'.repeat(64) as Hash

/** Three commits on main; `clean` takes no part in its history, and has the parent of the second. */
export async function threeCommits() {
  const store = await newStore()
  const { repo, pass } = store
  const commits: string[] = []
  for (const [message, text] of [
    ['first', 'one'],
    ['second', 'secret'],
    ['third', 'three'],
  ] as const) {
    commits.push(await commitFiles(repo, { file: text, [message]: 'm' }, message))
    pass(1 / 24)
  }
  const [first, second, third] = commits as [string, string, string]
  await repo.createBranch('clean', first)
  const clean = await commitFiles(repo, { file: 'hidden', second: 'm' }, 'second, cleaned', 'clean')
  await repo.deleteBranch('clean')
  return { ...store, first, second, third, clean }
}

/** Two files of one length, whose manifests have one height; that of `bytes(2)` is flat. */
export async function twoFiles() {
  const store = await newStore()
  const { repo } = store
  await commitFiles(repo, { 'd/a': bytes(1), 'd/small': 'abc', 'd/empty': '' }, 'first')
  await commitFiles(repo, { 'd/a': bytes(5), 'd/small': 'xyz' }, 'other', 'other')
  return store
}

export async function read(repo: Repository, rev: string, path = 'file'): Promise<string> {
  return (await (await repo.at(rev)).read(path)).toString()
}
