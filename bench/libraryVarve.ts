import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Contender } from './libraryWorkload.js'

/** The library as it is installed: built, not the sources. The types are those of the sources. */
const BUILT = pathToFileURL(join(import.meta.dirname, '../dist/src/index.js')).href

export const varveLibrary: Contender = {
  name: 'varve',
  method: '`draft`, `write`, `commit`; durable when `commit` resolves',
  async open(folder) {
    const { Repository } = (await import(BUILT)) as typeof import('../src/index.js')
    const { existsSync } = await import('node:fs')
    const path = join(folder, 'store.varve')
    const repository = existsSync(path) ? await Repository.open(path) : await Repository.create(path)
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
  },
}
