import { rmSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { exportTree } from '../../src/worktree/exportTree.js'
import { nodeFileSystem } from '../../src/worktree/nodeFileSystem.js'
import { storeTree } from '../../src/worktree/storeTree.js'
import { createMemoryObjects } from '../support/memoryObjects.js'
import { tempFolder } from '../support/tempFolder.js'
import { type DiskNode, directory, file, makeTree, readTree, symlink } from '../support/trees.js'

/** Any bytes that can be a name; not UTF-8 where the system takes it. */
const name = fc
  .uint8Array({ min: 1, max: 255, minLength: 1, maxLength: 12 })
  .map((bytes) => Buffer.from(bytes).toString(process.platform === 'linux' ? 'latin1' : 'hex'))
  .filter((text) => !text.includes('/') && text !== '.' && text !== '..' && !/^\.?varve/i.test(text))

const time = fc.oneof(
  fc.bigInt({ min: -2_000_000_000n, max: 4_000_000_000n }).map((seconds) => seconds * 1_000_000_000n),
  fc.bigInt({ min: 0n, max: 4_000_000_000_000_000_000n }),
)

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  // Around the sizes at which reading and writing change their ways.
  fc
    .tuple(
      fc.constantFrom(2048, 64 * 1024, 256 * 1024, 1024 * 1024, 3 * 1024 * 1024),
      fc.integer({ min: -1, max: 1 }),
      fc.nat(255),
    )
    .map(([size, more, seed]) => patterned(size + more, seed)),
)

const fileMode = fc.constantFrom(0o644, 0o755, 0o600, 0o400, 0o444, 0o711, 0o777)
const folderMode = fc.constantFrom(0o755, 0o700, 0o1777, 0o555)

const { tree } = fc.letrec<{ tree: DiskNode; entry: DiskNode }>((tie) => ({
  entry: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.tuple(bytes, fileMode, time).map(([content, mode, mtimeNs]) => file(content, { mode, mtimeNs })),
    fc
      .tuple(fc.uint8Array({ min: 1, minLength: 1, maxLength: 30 }), time)
      .map(([target, mtimeNs]) => symlink(target, { mtimeNs })),
    tie('tree'),
  ),
  tree: fc
    .tuple(fc.array(fc.tuple(name, tie('entry')), { maxLength: 6 }), folderMode, time)
    .map(([entries, mode, mtimeNs]) => directory(new Map(entries), { mode, mtimeNs })),
}))

test('any tree that is stored comes back the same, with modes and times', async () => {
  const folder = tempFolder()
  let run = 0
  await fc.assert(
    fc.asyncProperty(tree, async (original) => {
      const source = join(folder, `source${++run}`)
      const copy = join(folder, `copy${run}`)
      makeTree(source, original)
      const objects = await createMemoryObjects()
      const stored = await storeTree(objects, nodeFileSystem, source)
      const exported = await exportTree(objects, stored, nodeFileSystem, copy)
      expect(readTree(copy)).toEqual(original)
      expect(exported).toEqual({
        files: stored.files,
        directories: stored.directories,
        bytes: stored.bytes,
        warnings: [],
      })
      expect(stored.skipped).toEqual([])
      rmSync(source, { recursive: true })
      rmSync(copy, { recursive: true })
    }),
    { numRuns: 40 },
  )
})

/** Half of it zeros, so that there are holes; the rest differs from place to place. */
function patterned(size: number, seed: number): Buffer {
  const whole = Buffer.alloc(size)
  for (let index = size >> 1; index < size; index++) whole[index] = (index * 31 + (index >> 8) * 7 + seed) & 0xff
  return whole
}
