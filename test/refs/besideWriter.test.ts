/** Rows are compared with counts and sums of the same moment: another process that writes in between is not damage. */
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { systemClock } from '../../src/base/clock.js'
import { Properties } from '../../src/refs/properties.js'
import { Refs } from '../../src/refs/refs.js'
import { Worktrees } from '../../src/refs/worktrees.js'
import { Catalog } from '../../src/volume/catalog.js'
import { SqlDatabase } from '../../src/volume/sqlite.js'
import { tempFolder } from '../support/tempFolder.js'
import { CATALOG_OPTIONS, idOf, LOG } from './catalogs.js'

function twoConnections(): { reader: Catalog; writer: Catalog } {
  const path = join(tempFolder(), 'store.varve')
  const first = SqlDatabase.create(path, CATALOG_OPTIONS, (made) => new Catalog(made).initialise())
  const second = SqlDatabase.open(path, { lockTimeoutMs: 0 })
  onTestFinished(() => {
    first.close()
    second.close()
  })
  return { reader: new Catalog(first), writer: new Catalog(second) }
}

/** Everything that is written: a branch with its logs, a working folder, a property. */
function writeAll(catalog: Catalog, name: string): void {
  catalog.write((tx) => {
    new Refs(catalog, systemClock).apply(tx, [{ name: `heads/${name}`, expected: null, target: idOf('1') }], LOG)
    new Worktrees(catalog).add(tx, { id: name, path: `/${name}`, branch: `heads/${name}`, head: undefined })
    new Properties(catalog).set(tx, 'author', name)
  })
}

const READS: [string, (catalog: Catalog) => unknown][] = [
  ['refs', (catalog) => new Refs(catalog, systemClock).list().map(({ name }) => name)],
  ['the reflog', (catalog) => new Refs(catalog, systemClock).reflog().map(({ ref }) => `heads/${ref}`)],
  ['operations', (catalog) => new Refs(catalog, systemClock).operations().flatMap(({ refs }) => refs[0]?.name)],
  ['working folders', (catalog) => new Worktrees(catalog).list().map(({ branch }) => branch)],
  ['properties', (catalog) => [`heads/${new Properties(catalog).get('author').value}`]],
]

test.each(READS)('%s are read as they were at one moment, while somebody writes', (_, read) => {
  const { reader, writer } = twoConnections()
  writeAll(writer, 'before')
  const counter = reader.counter.bind(reader)
  let writes = 0
  vi.spyOn(reader, 'counter').mockImplementation((name) => {
    if (writes++ === 0) writeAll(writer, 'between')
    return counter(name)
  })
  expect(read(reader)).toEqual(['heads/before'])
  expect(writes).toBeGreaterThan(0)
  expect(read(reader)).toContain('heads/between')
})

test('extents and their copies are of one moment', () => {
  const { reader, writer } = twoConnections()
  const publish = (eid: number) =>
    writer.write(() => {
      const sizes = { class: 1, rawBytes: 1, storedBytes: 1, chunks: 1 } as const
      writer.addExtent({ eid, ...sizes, checksum: Buffer.alloc(16), bases: [] }, [0])
    })
  publish(1)
  const seen: number[] = []
  reader.eachExtent(({ record }) => {
    if (seen.push(record.eid) === 1) publish(2)
  })
  expect(seen).toEqual([1])
  reader.eachExtent(({ record }) => seen.push(record.eid))
  expect(seen).toEqual([1, 1, 2])
})
