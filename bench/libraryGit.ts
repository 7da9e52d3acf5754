/**
 * isomorphic-git in two ways. The usual one writes the file, `add`s it and `commit`s the index. The other leaves out
 * working folder and index and writes blob, trees and commit itself: the least that it can be made to do. Neither
 * syncs anything to disk: the library cannot.
 */
import fs from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import git, { type TreeObject } from 'isomorphic-git'
import type { Contender, DocumentStore } from './libraryWorkload.js'

const author = { name: 'Bench', email: 'bench@example.org' }

export const isomorphicGit: Contender = {
  name: 'isomorphic-git',
  method: '`writeFile`, `add`, `commit` with a shared cache; not synced',
  async open(dir) {
    const cache = {}
    await git.init({ fs, dir, defaultBranch: 'main' })
    return {
      async commit(documents, message) {
        for (const [filepath, text] of documents) {
          await mkdir(dirname(join(dir, filepath)), { recursive: true })
          await writeFile(join(dir, filepath), text)
          await git.add({ fs, dir, filepath, cache })
        }
        return git.commit({ fs, dir, message, author, cache })
      },
      ...readingFrom(dir, cache),
    }
  },
}

export const isomorphicGitObjects: Contender = {
  name: 'isomorphic-git, objects only',
  method:
    '`writeBlob`, `writeTree` for folder and root, `commit` with that tree; no working folder, no index; not synced',
  async open(dir) {
    const cache = {}
    await git.init({ fs, dir, defaultBranch: 'main' })
    const folders = new Map<string, Map<string, string>>()
    const roots = new Map<string, string>()
    return {
      async commit(documents, message) {
        const touched = new Set<string>()
        for (const [path, text] of documents) {
          const [folder = '', name = ''] = path.split('/')
          const entries = folders.get(folder) ?? new Map<string, string>()
          folders.set(folder, entries.set(name, await git.writeBlob({ fs, dir, blob: Buffer.from(text) })))
          touched.add(folder)
        }
        for (const folder of touched) {
          const entries = [...(folders.get(folder) ?? [])].map(([path, oid]) => entryOf('blob', path, oid))
          roots.set(folder, await git.writeTree({ fs, dir, tree: entries }))
        }
        const entries = [...roots].map(([path, oid]) => entryOf('tree', path, oid))
        const tree = await git.writeTree({ fs, dir, tree: entries })
        return git.commit({ fs, dir, message, author, tree, cache })
      },
      ...readingFrom(dir, cache),
    }
  },
}

function entryOf(type: 'blob' | 'tree', path: string, oid: string): TreeObject[number] {
  return { mode: type === 'blob' ? '100644' : '040000', path, oid, type }
}

function readingFrom(dir: string, cache: object): Omit<DocumentStore, 'commit'> {
  return {
    async log(depth) {
      const commits = await git.log({ fs, dir, depth, cache })
      return commits.filter(({ commit }) => commit.message !== '').length
    },
    async read(oid, filepath) {
      const { blob } = await git.readBlob({ fs, dir, oid, filepath, cache })
      return Buffer.from(blob).toString()
    },
    close: () => Promise.resolve(),
  }
}
