import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { CorruptionError, type VarveError } from '../../src/base/errors.js'
import { KIB, MIB } from '../../src/base/units.js'
import type { ObjectReader } from '../../src/cas/objects.js'
import { KIND } from '../../src/format/kinds.js'
import type { TreeRoot } from '../../src/history/entries.js'
import { requireRecorded } from '../../src/history/listing.js'
import { parsePath } from '../../src/history/paths.js'
import { type ExportTreeOptions, exportTree } from '../../src/worktree/exportTree.js'
import { nodeFileSystem } from '../../src/worktree/nodeFileSystem.js'
import { storeTree } from '../../src/worktree/storeTree.js'
import { createMemoryObjects } from '../support/memoryObjects.js'
import { tempFolder } from '../support/tempFolder.js'
import { directory, file, makeTree, pathsBelow, readTree, symlink } from '../support/trees.js'
import { type Call, failing, type Hook, hooked } from './faultyFileSystem.js'

const LARGE = 4 * MIB

async function sample() {
  const objects = await createMemoryObjects()
  const source = join(tempFolder(), 'source')
  const large = Buffer.alloc(LARGE, 3)
  for (let index = 0; index < LARGE; index += 4096) large.writeUInt32LE(index, index)
  makeTree(
    source,
    directory({
      a: file('first'),
      b: file('second'),
      large: file(large),
      link: symlink('a'),
      sub: directory({ z: file('last') }),
    }),
  )
  return { objects, tree: await storeTree(objects, nodeFileSystem, source), to: join(tempFolder(), 'to') }
}

type Sample = Awaited<ReturnType<typeof sample>>

async function failureOf({ objects, tree, to }: Sample, hook: Hook, options?: ExportTreeOptions): Promise<VarveError> {
  const error: unknown = await exportTree(objects, tree as TreeRoot, hooked(hook), to, options).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof Error)) throw new Error('it did not fail')
  return error as VarveError
}

const CODES = [
  ['ENOSPC', 'STORAGE_FULL'],
  ['EDQUOT', 'STORAGE_FULL'],
  ['EIO', 'STORAGE_IO'],
  ['EACCES', 'STORAGE_DENIED'],
  ['EROFS', 'STORAGE_READ_ONLY'],
] as const

const WHERE: readonly (readonly [string, Call, string])[] = [
  ['making a file', 'open', 'b'],
  ['writing a small file', 'file.write', 'b'],
  ['closing a file', 'file.close', 'b'],
  ['setting a mode', 'file.chmod', 'b'],
  ['setting a time', 'file.utimes', 'b'],
  ['writing a large file', 'file.write', 'large'],
  ['giving it its size', 'file.truncate', 'large'],
  ['making a symlink', 'symlink', 'link'],
  ['making a folder', 'mkdir', 'sub'],
]

describe('safety rule 7: an error while writing', () => {
  test.each(CODES)('%s is %s, with path and hint, whatever was being done', async (systemCode, code) => {
    for (const [, call, name] of WHERE) {
      const one = await sample()
      const path = join(one.to, name)
      const error = await failureOf(
        one,
        failing(systemCode, (at, where) => at === call && where === path),
      )
      expect(error).toMatchObject({ code, details: { path: name } })
      expect(error.message).toContain(JSON.stringify(name))
      expect(error.message).toContain(systemCode)
      // What was being written is gone, what was written before is whole.
      expect(existsSync(path)).toBe(false)
      for (const other of pathsBelow(one.to)) expect(['a', 'b', 'large', 'sub', 'sub/z']).toContain(other)
    }
  })

  test('what was written before stays, and the message says so', async () => {
    const one = await sample()
    let windows = 0
    const error = await failureOf(
      one,
      failing('ENOSPC', (call, path) => call === 'file.write' && path.endsWith('/large') && ++windows === 3),
    )
    expect(error.message).toContain('the 2 files written before stay in')
    expect(error.details.filesWritten).toBe(2)
    expect(error.hint).toContain('space')
    expect(pathsBelow(one.to)).toEqual(['a', 'b'])
    expect(readTree(join(one.to, 'b'))).toEqual(file('second'))
  })

  test('a file that was to be replaced is still the old one', async () => {
    for (const call of ['file.write', 'file.close', 'rename'] as const) {
      const one = await sample()
      makeTree(one.to, directory({ large: file('old'), link: file('old') }))
      const into = { into: true, overwrite: true, paths: ['large', 'link'] }
      const error = await failureOf(
        one,
        failing('EIO', (at) => at === call),
        into,
      )
      expect(error.code).toBe('STORAGE_IO')
      expect(readTree(join(one.to, 'large'))).toEqual(file('old'))
      expect(pathsBelow(one.to)).toEqual(['large', 'link'])
    }
  })

  test('a name that is too long for the file system is said to be one', async () => {
    const one = await sample()
    const error = await failureOf(
      one,
      failing('ENAMETOOLONG', (call, path) => call === 'open' && path.endsWith('/b')),
    )
    expect(error).toMatchObject({ code: 'INVALID_PATH', details: { path: 'b' } })
  })

  test('a destination that cannot be looked at is said to be one', async () => {
    const one = await sample()
    makeTree(one.to, directory())
    for (const call of ['list', 'isCaseInsensitive'] as const) {
      const error = await failureOf(
        one,
        failing('EACCES', (at) => at === call),
      )
      expect(error).toMatchObject({ code: 'STORAGE_DENIED', details: { path: one.to } })
    }
  })
})

describe('cancelling', () => {
  test.each(['b', 'large'])('leaves what is whole and nothing else: while %s is written', async (name) => {
    const one = await sample()
    const controller = new AbortController()
    const reason = new Error('Ctrl-C')
    const hook: Hook = (call, path) => {
      if (call === 'file.write' && path.endsWith(`/${name}`)) controller.abort(reason)
    }
    const error = await failureOf(one, hook, { signal: controller.signal })
    expect(error.code).toBe('CANCELLED')
    expect(error.cause).toBe(reason)
    expect(error.message).toContain('stay in')
    expect(pathsBelow(one.to)).toEqual(['a', 'b'])
    expect(readTree(join(one.to, 'b'))).toEqual(file('second'))
  })

  test('before it began leaves nothing at all', async () => {
    const one = await sample()
    const error = await failureOf(one, () => undefined, { signal: AbortSignal.abort() })
    expect(error.code).toBe('CANCELLED')
    expect(existsSync(one.to)).toBe(false)
  })
})

describe('safety rule 6: damage in the store', () => {
  test.each(['b', 'large'])('names the file, and leaves none with wrong bytes: %s', async (name) => {
    const one = await sample()
    const { entry } = await requireRecorded(one.objects, one.tree, parsePath(name))
    const kind = name === 'b' ? KIND.chunk : KIND.manifest
    // The memory store does not check ids: a chunk of another length must be noticed here.
    one.objects.place(kind, entry.content.id!, Buffer.from('x'))
    const error = await failureOf(one, () => undefined)
    expect(error).toBeInstanceOf(CorruptionError)
    expect(error).toMatchObject({ code: 'CORRUPT_OBJECT', details: { path: name } })
    expect(error.message).toContain(JSON.stringify(name))
    expect(existsSync(join(one.to, name))).toBe(false)
    expect(existsSync(join(one.to, 'a'))).toBe(true)
  })

  test('a store that gives fewer chunks than it should leaves no shorter file', async () => {
    for (const name of ['medium', 'large']) {
      const objects = await createMemoryObjects()
      const source = join(tempFolder(), 'source')
      const bytes = Buffer.alloc(name === 'large' ? LARGE : 512 * KIB)
      for (let index = 0; index < bytes.length; index += 64) bytes.writeUInt32LE(index, index)
      makeTree(source, directory({ [name]: file(bytes) }))
      const tree = await storeTree(objects, nodeFileSystem, source)
      const forgetful: ObjectReader = {
        get: (kind, id) => objects.get(kind, id),
        async *getMany(kind, ids) {
          let given = 0
          for await (const chunk of objects.getMany(kind, ids)) if (++given <= 3) yield chunk
        },
        readAhead: () => undefined,
      }
      const to = join(tempFolder(), 'to')
      const run = exportTree(forgetful, tree, nodeFileSystem, to)
      await expect(run).rejects.toMatchObject({ code: 'CORRUPT_OBJECT', details: { path: name } })
      expect(pathsBelow(to)).toEqual([])
    }
  })
})
