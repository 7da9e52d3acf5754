import { beforeEach, describe, expect, test } from 'vitest'
import { isVarveError } from '../../src/base/errors.js'
import { describeRef, type Refs, type RefUpdate } from '../../src/refs/refs.js'
import type { Catalog } from '../../src/volume/catalog.js'
import { type HandClock, idOf, LOG, openRefs, START_MS } from './catalogs.js'

let refs: Refs
let catalog: Catalog
let clock: HandClock
beforeEach(() => {
  ;({ refs, catalog, clock } = openRefs())
})

const A = idOf('a')
const B = idOf('b')
const C = idOf('c')
const MAIN = 'heads/main'

function apply(...updates: RefUpdate[]): void {
  catalog.write((tx) => refs.apply(tx, updates, LOG))
}

function thrownBy(body: () => unknown): unknown {
  try {
    body()
  } catch (error) {
    if (isVarveError(error)) return { code: error.code, ...error.details }
    throw error
  }
  return undefined
}

/** Everything that refs write. */
function state(): unknown {
  return [refs.list(), refs.reflog(), refs.operations(), catalog.counter('refs_sequence')]
}

describe('apply', () => {
  test('makes, moves and deletes', () => {
    apply({ name: MAIN, expected: null, target: A })
    expect(refs.get(MAIN)).toEqual({ name: MAIN, target: A, message: '', timeMs: START_MS })
    clock.ms += 5
    apply({ name: MAIN, expected: A, target: B })
    expect(refs.get(MAIN)).toMatchObject({ target: B, timeMs: START_MS + 5 })
    apply({ name: MAIN, expected: 'any', target: C })
    apply({ name: MAIN, expected: C, target: null })
    expect(refs.get(MAIN)).toBeUndefined()
  })

  test.each<[string, RefUpdate, { expected: unknown; actual: unknown }]>([
    ['moved', { name: MAIN, expected: B, target: C }, { expected: B, actual: A }],
    ['there', { name: MAIN, expected: null, target: C }, { expected: undefined, actual: A }],
    ['there, at the same place', { name: MAIN, expected: null, target: A }, { expected: undefined, actual: A }],
    ['there, to be deleted', { name: MAIN, expected: B, target: null }, { expected: B, actual: A }],
    ['gone', { name: 'heads/gone', expected: A, target: B }, { expected: A, actual: undefined }],
    ['gone, to be deleted', { name: 'heads/gone', expected: A, target: null }, { expected: A, actual: undefined }],
    ['moved to where it is', { name: MAIN, expected: B, target: A }, { expected: B, actual: A }],
  ])('refuses a ref that is %s', (_, update, details) => {
    apply({ name: MAIN, expected: null, target: A })
    const before = state()
    expect(thrownBy(() => apply(update))).toEqual({ code: 'REF_CONFLICT', ref: update.name, ...details })
    expect(state()).toEqual(before)
  })

  test('does all of its updates, or none', () => {
    apply({ name: MAIN, expected: null, target: A })
    const before = state()
    const updates: RefUpdate[] = [
      { name: 'heads/new', expected: null, target: B },
      { name: MAIN, expected: C, target: B },
    ]
    expect(thrownBy(() => apply(...updates))).toMatchObject({ code: 'REF_CONFLICT' })
    expect(state()).toEqual(before)
  })

  test('writes a reflog row an update, one operation row, and counts once', () => {
    apply({ name: MAIN, expected: null, target: A })
    clock.ms += 1
    apply({ name: MAIN, expected: A, target: B }, { name: 'tags/v1', expected: null, target: A, message: 'first' })
    expect(refs.reflog()).toEqual([
      { ref: 'v1', kind: 'tag', old: undefined, new: A, timeMs: START_MS + 1, ...LOG },
      { ref: 'main', kind: 'branch', old: A, new: B, timeMs: START_MS + 1, ...LOG },
      { ref: 'main', kind: 'branch', old: undefined, new: A, timeMs: START_MS, ...LOG },
    ])
    const { operation: kind, ...rest } = LOG
    expect(refs.operations()).toEqual([
      {
        sequence: 2,
        timeMs: START_MS + 1,
        kind,
        ...rest,
        refs: [
          { name: MAIN, before: A, after: B },
          { name: 'tags/v1', before: undefined, after: A },
        ],
      },
      { sequence: 1, timeMs: START_MS, kind, ...rest, refs: [{ name: MAIN, before: undefined, after: A }] },
    ])
    expect(catalog.counter('refs_sequence')).toBe(2)
  })

  test('an update that changes nothing writes nothing', () => {
    apply({ name: MAIN, expected: null, target: A })
    const before = state()
    clock.ms += 1
    apply({ name: MAIN, expected: A, target: A }, { name: 'heads/none', expected: null, target: null })
    apply({ name: MAIN, expected: 'any', target: A })
    expect(state()).toEqual(before)
  })

  test('refuses what is no name, and the same name twice', () => {
    expect(thrownBy(() => apply({ name: 'main', expected: null, target: A }))).toMatchObject({
      code: 'INVALID_REF_NAME',
    })
    expect(thrownBy(() => apply({ name: 'heads/a b', expected: null, target: A }))).toMatchObject({
      code: 'INVALID_REF_NAME',
    })
    const update: RefUpdate = { name: MAIN, expected: 'any', target: A }
    expect(thrownBy(() => apply(update, update))).toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(refs.list()).toEqual([])
  })

  test('deleting what is not there is an error', () => {
    expect(thrownBy(() => apply({ name: MAIN, expected: 'any', target: null }))).toMatchObject({
      code: 'REF_NOT_FOUND',
    })
  })
})

describe('tags', () => {
  const tag = { name: 'tags/v1', expected: null, target: A, message: 'first' } as const

  test('do not move unless forced to', () => {
    apply(tag)
    const exists = { code: 'REF_EXISTS', ref: 'tags/v1', actual: A }
    expect(thrownBy(() => apply({ ...tag, target: B }))).toEqual(exists)
    expect(thrownBy(() => apply({ ...tag, expected: A, target: B }))).toEqual(exists)
    expect(thrownBy(() => apply({ ...tag, expected: 'any', target: B }))).toEqual(exists)
    expect(thrownBy(() => apply({ ...tag, expected: 'any', message: 'other' }))).toEqual(exists)
    expect(refs.get('tags/v1')).toMatchObject({ target: A, message: 'first' })
    apply({ ...tag, expected: 'any', target: B, message: 'second', force: true })
    expect(refs.get('tags/v1')).toMatchObject({ target: B, message: 'second' })
  })

  test('can be deleted', () => {
    apply(tag)
    apply({ ...tag, expected: A, target: null })
    expect(refs.list('tags/')).toEqual([])
  })

  test('are described with their message', () => {
    apply(tag, { name: MAIN, expected: null, target: B })
    expect(refs.list().map(describeRef)).toEqual([
      { name: 'main', kind: 'branch', target: B, timeMs: START_MS },
      { name: 'v1', kind: 'tag', target: A, message: 'first', timeMs: START_MS },
    ])
  })
})

describe('list', () => {
  test('is sorted, and takes a prefix', () => {
    for (const name of ['heads/b', 'tags/a', 'heads/a/x', 'heads/ä']) apply({ name, expected: null, target: A })
    expect(refs.list('heads/').map(({ name }) => name)).toEqual(['heads/a/x', 'heads/b', 'heads/ä'])
    expect(refs.list('tags/').map(({ name }) => name)).toEqual(['tags/a'])
    expect(refs.list()).toHaveLength(4)
  })
})

describe('rename', () => {
  const rename = (from: string, to: string) => catalog.write((tx) => refs.rename(tx, from, to, LOG))

  test('takes the reflog along', () => {
    apply({ name: MAIN, expected: null, target: A })
    apply({ name: MAIN, expected: A, target: B })
    rename(MAIN, 'heads/trunk')
    expect(refs.get(MAIN)).toBeUndefined()
    expect(refs.get('heads/trunk')?.target).toBe(B)
    expect(refs.reflog(MAIN)).toEqual([])
    expect(refs.reflog('heads/trunk').map((entry) => [entry.old, entry.new])).toEqual([
      [B, B],
      [A, B],
      [undefined, A],
    ])
    expect(refs.operations(1)[0]?.refs).toEqual([
      { name: MAIN, before: B, after: undefined },
      { name: 'heads/trunk', before: undefined, after: B },
    ])
    expect(catalog.counter('refs_sequence')).toBe(3)
  })

  test('needs a ref, and a free name', () => {
    apply({ name: MAIN, expected: null, target: A }, { name: 'heads/x', expected: null, target: A })
    const before = state()
    expect(thrownBy(() => rename('heads/none', 'heads/y'))).toMatchObject({ code: 'REF_NOT_FOUND' })
    expect(thrownBy(() => rename(MAIN, 'heads/x'))).toMatchObject({ code: 'REF_EXISTS' })
    expect(thrownBy(() => rename(MAIN, 'heads/a..b'))).toMatchObject({ code: 'INVALID_REF_NAME' })
    expect(state()).toEqual(before)
  })
})

describe('reflog', () => {
  test('of one ref or all, newest first, some or all', () => {
    apply({ name: MAIN, expected: null, target: A })
    apply({ name: 'heads/x', expected: null, target: A })
    apply({ name: MAIN, expected: A, target: null })
    expect(refs.reflog().map(({ ref }) => ref)).toEqual(['main', 'x', 'main'])
    expect(refs.reflog(MAIN).map((entry) => entry.new)).toEqual([undefined, A])
    expect(refs.reflog(undefined, 2)).toHaveLength(2)
    expect(refs.reflog(MAIN, 1)).toHaveLength(1)
    expect(refs.operations(2).map(({ sequence }) => sequence)).toEqual([3, 2])
  })
})

describe('a damaged row is never read', () => {
  beforeEach(() => apply({ name: MAIN, expected: null, target: A }, { name: 'tags/v1', expected: null, target: B }))

  test.each([
    ['ref', 'target', Buffer.alloc(32, 1), () => refs.get(MAIN)],
    ['ref', 'message', 'x', () => refs.list()],
    ['ref', 'time_ms', 7, () => refs.get(MAIN)],
    ['ref', 'target', Buffer.alloc(31, 1), () => apply({ name: MAIN, expected: 'any', target: C })],
    ['reflog', 'new', Buffer.alloc(32, 1), () => refs.reflog()],
    ['reflog', 'old', Buffer.alloc(32, 1), () => refs.history.entryAt(MAIN, 0)],
    ['reflog', 'who', 'x', () => refs.history.entryBefore(MAIN, START_MS)],
    ['reflog', 'operation_seq', 9, () => refs.history.firstEntry(MAIN)],
    ['reflog', 'message', 'x', () => catalog.write((tx) => refs.rename(tx, MAIN, 'heads/y', LOG))],
    ['operation', 'detail', '{}', () => refs.operations()],
    ['operation', 'time_ms', 0, () => refs.operations()],
  ])('%s.%s', (table, column, value, read) => {
    catalog.run(`UPDATE ${table} SET ${column} = ?`, value)
    expect(thrownBy(read)).toMatchObject({ code: 'CORRUPT_CATALOG', table })
  })
})
