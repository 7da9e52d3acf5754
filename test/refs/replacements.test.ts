import { expect, test } from 'vitest'
import { type Replacement, Replacements } from '../../src/refs/replacements.js'
import { Catalog } from '../../src/volume/catalog.js'
import { CATALOG_SCHEMA, NEWER_SCHEMAS } from '../../src/volume/schema.js'
import { SqlDatabase } from '../../src/volume/sqlite.js'
import { tempFolder } from '../support/tempFolder.js'
import { CATALOG_OPTIONS, idOf, openRefs, START_MS } from './catalogs.js'

const ROW: Replacement = { id: idOf('b'), by: idOf('c'), reason: 'a reason', who: 'Ada', timeMs: START_MS }
const DAMAGED = expect.objectContaining({ code: 'CORRUPT_CATALOG' })

function open(catalog: Catalog = openRefs().catalog) {
  const replacements = new Replacements(catalog)
  const add = (row: Replacement): void => catalog.write((tx) => replacements.add(tx, row))
  return { catalog, replacements, add }
}

test('are kept as they were put, by id; a later one takes the place of an earlier', () => {
  const { catalog, replacements, add } = open()
  expect([replacements.list(), replacements.get(ROW.id), replacements.resolve(ROW.id)]).toEqual([[], undefined, ROW.id])
  add(ROW)
  const first = { ...ROW, id: idOf('a'), reason: 'ö \n x' }
  add(first)
  expect(replacements.list()).toEqual([first, ROW])
  expect(replacements.get(ROW.id)).toEqual(ROW)
  const other = { ...ROW, by: idOf('d') }
  add(other)
  expect(replacements.list()).toEqual([first, other])
  expect(replacements.get(ROW.id)).toEqual(other)
  expect(catalog.write((tx) => replacements.remove(tx, ROW.id))).toBe(true)
  expect(catalog.write((tx) => replacements.remove(tx, ROW.id))).toBe(false)
  expect([replacements.list(), replacements.resolve(ROW.id)]).toEqual([[first], ROW.id])
  catalog.write((tx) => replacements.remove(tx, first.id))
  // As if there never had been any.
  expect(replacements.stamp).toBe(0)
})

test('one leads to the next, in whatever order they came', () => {
  const { replacements, add } = open()
  add({ ...ROW, id: idOf('c'), by: idOf('d') })
  add({ ...ROW, id: idOf('a'), by: idOf('b') })
  add(ROW)
  for (const digit of ['a', 'b', 'c', 'd']) expect(replacements.resolve(idOf(digit))).toBe(idOf('d'))
  expect(replacements.get(idOf('a'))?.by).toBe(idOf('b'))
  expect([...replacements.ends.keys()].sort()).toEqual([idOf('a'), idOf('b'), idOf('c')])
})

test('what was rolled back was never there', () => {
  const { catalog, replacements } = open()
  expect(() =>
    catalog.write((tx) => {
      replacements.add(tx, ROW)
      expect(replacements.resolve(ROW.id)).toBe(ROW.by)
      throw new Error('given up')
    }),
  ).toThrow('given up')
  expect(replacements.resolve(ROW.id)).toBe(ROW.id)
})

test('what another connection changes counts from then on', () => {
  const path = `${tempFolder()}/catalog`
  const here = SqlDatabase.create(path, CATALOG_OPTIONS, (made) => new Catalog(made).initialise())
  const there = SqlDatabase.open(path, { lockTimeoutMs: 0 })
  const [mine, other] = [open(new Catalog(here)), open(new Catalog(there))]
  expect(mine.replacements.resolve(ROW.id)).toBe(ROW.id)
  other.add(ROW)
  expect(mine.replacements.resolve(ROW.id)).toBe(ROW.by)
  other.catalog.write((tx) => other.replacements.remove(tx, ROW.id))
  expect(mine.replacements.resolve(ROW.id)).toBe(ROW.id)
  here.close()
  there.close()
})

test.each([
  ['another id', "UPDATE replacement SET by = x'00'"],
  ['another reason', "UPDATE replacement SET reason = 'other'"],
  ['another time', 'UPDATE replacement SET time_ms = time_ms + 1'],
  ['a row that vanished', 'DELETE FROM replacement WHERE id = (SELECT min(id) FROM replacement)'],
  ['all rows that vanished', 'DELETE FROM replacement'],
  ['a sum that vanished', "DELETE FROM counter WHERE name = 'replacements_check'"],
])('%s is damage', (_, sql) => {
  const { catalog, add } = open()
  add(ROW)
  add({ ...ROW, id: idOf('a') })
  catalog.run(sql)
  const found = new Replacements(catalog)
  expect(() => found.list()).toThrow(DAMAGED)
  expect(() => found.get(ROW.id)).toThrow(DAMAGED)
  expect(() => found.resolve(idOf('9'))).toThrow(DAMAGED)
})

test('rows that lead back to themselves are damage, and not followed for ever', () => {
  const { replacements, add } = open()
  add(ROW)
  add({ ...ROW, id: idOf('a'), by: idOf('b') })
  add({ ...ROW, id: idOf('c'), by: idOf('a') })
  expect(() => replacements.resolve(ROW.id)).toThrow(DAMAGED)
  expect(replacements.list()).toHaveLength(3)
})

test('a catalog of the first format has none, until it is upgraded', () => {
  const schema = [...NEWER_SCHEMAS.values()].reduce((rest, newer) => rest.replace(newer, ''), CATALOG_SCHEMA)
  const options = { ...CATALOG_OPTIONS, userVersion: 1, schema }
  const database = SqlDatabase.create(':memory:', options, (made) => new Catalog(made).initialise())
  const { catalog, replacements, add } = open(new Catalog(database))
  expect([replacements.list(), replacements.get(ROW.id), replacements.resolve(ROW.id)]).toEqual([[], undefined, ROW.id])
  catalog.upgrade()
  add(ROW)
  expect(replacements.list()).toEqual([ROW])
  expect(replacements.resolve(ROW.id)).toBe(ROW.by)
  database.close()
})
