/** Stores whose clock the test moves, and what is in them, for tests of `which` and `explain`. */
import { createRequire } from 'node:module'

import type { Clock } from '../../src/base/clock.js'
import type { Hash } from '../../src/base/hash.js'
import { DAY_MS } from '../../src/base/units.js'
import { KIND } from '../../src/format/kinds.js'

import { type Link, linksOf } from '../../src/history/links.js'
import type { Repository } from '../../src/repository.js'

import { pseudoRandom } from '../codec/inputs.js'
import { createRepository, openRepository } from '../support/repositories.js'

export const Database = createRequire(import.meta.url)('better-sqlite3') as typeof import('better-sqlite3')
export const GRACE_DAYS = 14

export async function newStore() {
  let nowMs = Date.UTC(2026, 0, 1)
  const clock: Clock = { nowMs: () => nowMs, zoneMinutes: () => 0 }
  const store = await createRepository({ clock })
  const pass = (days: number): void => {
    nowMs += days * DAY_MS
  }
  return { ...store, clock, pass, now: () => nowMs }
}

export const bytes = (seed: number, length = 200_000): Buffer => pseudoRandom(length, seed)

export async function idOf(repo: Repository, rev: string, path: string): Promise<Hash> {
  return (await (await repo.at(rev)).stat(path)).id as Hash
}

/** The chunks of a file that is long enough to have a manifest. */
export async function chunksOf(repo: Repository, rev: string, path: string): Promise<Hash[]> {
  const chunks: Hash[] = []
  for (let links = [{ kind: KIND.manifest, id: await idOf(repo, rev, path) } as Link]; links.length > 0; ) {
    const [link, ...rest] = links as [Link, ...Link[]]
    if (link.kind === KIND.chunk) chunks.push(link.id)
    const below = link.kind === KIND.chunk ? [] : linksOf(link, await repo.parts.store.get(link.kind, link.id))
    links = [...below, ...rest]
  }
  return chunks
}

export const shown = (files: readonly { revision: string; path: string }[]) =>
  files.map(({ revision, path }) => `${revision}:${path}`)

export async function damage(repo: Repository, extent: number): Promise<Repository> {
  const { path, parts } = repo
  const files = parts.group.volumes.map(({ location }) => location)
  await repo.close()
  for (const file of files) {
    const database = new Database(file)
    database.prepare('UPDATE payload SET frame = zeroblob(length(frame)) WHERE eid = ?').run(extent)
    database.close()
  }
  return openRepository(path)
}
