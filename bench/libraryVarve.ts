import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Repository } from '../src/index.js'
import type { Contender, DocumentStore } from './libraryWorkload.js'

/** The library as it is installed: built, not the sources. The types are those of the sources. */
const BUILT = pathToFileURL(join(import.meta.dirname, '../dist/src/index.js')).href

export const varveLibrary: Contender = {
  name: 'varve',
  method: '`draft`, `write`, `commit`; durable when `commit` resolves',
  open: async (folder) => storeOn(await openedIn(folder)),
}

export const varveBatched: Contender = {
  name: 'varve, batched',
  method: 'the same within `batch`, with a `sync` at the end: visible to this program at once, durable within a second',
  async open(folder) {
    const repository = await openedIn(folder)
    // Ended when the repository is closed.
    await repository.batch()
    return { ...storeOn(repository), sync: () => repository.sync() }
  },
}

async function openedIn(folder: string): Promise<Repository> {
  const { Repository } = (await import(BUILT)) as typeof import('../src/index.js')
  const { existsSync } = await import('node:fs')
  const path = join(folder, 'store.varve')
  return existsSync(path) ? Repository.open(path) : Repository.create(path)
}

function storeOn(repository: Repository): DocumentStore {
  return {
    async commit(documents, message) {
      const draft = await repository.draft('main')
      for (const [document, text] of documents) await draft.write(document, text)
      const { id } = await draft.commit({ message, author: 'Bench <bench@example.org>' })
      return String(id)
    },
    async log(limit) {
      let commits = 0
      for await (const { message } of repository.log({ limit })) if (message !== '') commits++
      return commits
    },
    async read(commit, document) {
      const snapshot = await repository.at(commit)
      return (await snapshot.read(document)).toString()
    },
    close: () => repository.close(),
  }
}
