/** Contents that are easily found in raw bytes, and looking for them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { StoreWriter } from '../../src/cas/storeWriter.js'
import { readCommit, writeCommit } from '../../src/history/commits.js'
import type { Hash } from '../../src/index.js'
import type { Repository } from '../../src/repository.js'
import { nothingElse } from '../support/groups.js'

/** Never the same for two names. */
export function secret(name: string): string {
  return Array.from({ length: 40 }, (_, line) => `SECRET-${name}-${line}-${'x'.repeat(30)}\n`).join('')
}

/** All files of a folder, with those that SQLite keeps beside its own. */
export function filesIn(folder: string): Map<string, Buffer> {
  const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile())
  return new Map(names.map(({ name }) => [name, readFileSync(join(folder, name))]))
}

/** Names of those that hold the bytes anywhere. */
export function filesWith(folder: string, bytes: string | Buffer): string[] {
  return [...filesIn(folder)].flatMap(([name, all]) => (all.includes(bytes) ? [name] : []))
}

/** A commit on `main` that has the tree of one and the parents given; with a signature. */
export async function commitMerge(
  repo: Repository,
  of: string,
  parents: readonly string[],
  branch: string,
): Promise<Hash> {
  const { store, refs } = repo.parts
  const writer = new StoreWriter(store, { compression: { codec: 'none', level: 0 } })
  const commit = await readCommit(store, (await repo.resolve(of)) as Hash)
  const id = await writeCommit(writer, {
    ...commit,
    parents: parents as Hash[],
    message: 'a merge',
    extraHeaders: [{ key: 'encoding', value: 'latin1' }],
    signature: Buffer.from('signed'),
  })
  await writer.publish({
    apply: (tx) => {
      const log = { operation: 'merge', message: '', who: 'test' }
      refs.apply(tx, [{ name: `heads/${branch}`, expected: 'any', target: id }], log)
    },
    reach: nothingElse,
  })
  return id
}
