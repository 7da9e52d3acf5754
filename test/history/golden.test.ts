/**
 * Ids are forever: these were computed when the format was frozen. If one changes, stores in the world no longer
 * deduplicate against what is written now, and that takes a new encoding version.
 */
import { describe, expect, test } from 'vitest'
import { nameFromText } from '../../src/base/names.js'
import { writeAttributes } from '../../src/history/attributeTree.js'
import { writeDirectory } from '../../src/history/directory.js'
import { truncateContent, writeContent } from '../../src/history/manifest.js'
import { createMemoryObjects } from '../support/memoryObjects.js'
import { noise } from './bytes.js'
import { madeUpFile, name, sorted } from './trees.js'

describe.each([
  {
    hash: 'sha256' as const,
    manifest: '02595dc55344755d378a9ec8e9c5cd6f63581dccdf34601471ac619474f632ea',
    sparse: '5849222b350ac71912e0e2c89727b8ed1fe3937d72d827049df6de36a81986ce',
    directory: '2b4f8216202413f853fbf12de039a149ed74d7acf65ef373535bba3c48827f32',
    attributes: '8a2d59b9e9d1a3d268604446fa33d72e10b2606033056976788943cd87c17e9d',
  },
  {
    hash: 'blake3' as const,
    manifest: '978696c295cf64e3871d966619beddbd3ee7bc920f420210c8b80144776d9436',
    sparse: '380114122a3a7c95cbfb6d415fb51555dccd506bae04258c45ead2caab25b1df',
    directory: 'fb22852b6634a729c2f52acde176a8377777206a0e42ea1e91f7f746aa6ff522',
    attributes: '170c8f9d968f68b9b984ed2122ac9c8b0516cc57d72dead610005e41e7f0ac5e',
  },
])('with $hash', ({ hash, manifest, sparse, directory, attributes }) => {
  const names = Array.from({ length: 20_000 }, (_, index) => `entry ${index} é`)

  test('a manifest of several levels', async () => {
    const objects = await createMemoryObjects({ hash })
    const content = await writeContent(objects, noise(3_000_000, 1))
    expect(content).toEqual({ shape: 3, size: 3_000_000, id: manifest })
    expect(await truncateContent(objects, content, 2 ** 45 + 1)).toMatchObject({ size: 2 ** 45 + 1, id: sparse })
  })

  test('a directory of several levels', async () => {
    const objects = await createMemoryObjects({ hash })
    const entries = sorted(names.map((of, index) => madeUpFile(nameFromText(of), index)))
    expect((await writeDirectory(objects, entries)).content).toEqual({ shape: 4, size: 199_990_000, id: directory })
  })

  test('attributes of several levels', async () => {
    const objects = await createMemoryObjects({ hash })
    const entries = sorted(
      names.map((of, index) => ({
        name: name(of),
        attributes: { mode: index % 4096 },
        below: { shape: 0, size: 0 } as const,
      })),
    )
    expect(await writeAttributes(objects, entries)).toEqual({ shape: 4, size: 0, id: attributes })
  })
})
