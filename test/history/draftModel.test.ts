import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isVarveError } from '../../src/base/errors.js'
import { nameToText } from '../../src/base/names.js'
import { Draft } from '../../src/history/draft.js'
import type { EntryInfo } from '../../src/history/entries.js'
import { createMemoryObjects } from '../support/memoryObjects.js'
import { TINY_CHUNKS } from './bytes.js'
import { anyEdit, anyModel, isWithin, Model, perform } from './draftModel.js'
import { collect } from './trees.js'

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    if (isVarveError(error)) return error.code
    throw error
  }
}

async function walk(draft: Draft, path = ''): Promise<EntryInfo[]> {
  const found: EntryInfo[] = []
  for (const entry of await collect(draft.list(path))) {
    found.push(entry)
    if (entry.kind === 'directory') found.push(...(await walk(draft, entry.path)))
  }
  return found
}

async function expectSame(draft: Draft, model: Model): Promise<void> {
  const entries = await walk(draft)
  expect(entries.map(({ path }) => path).sort()).toEqual([...model.entries.keys()].filter(Boolean).sort())
  for (const info of [await draft.stat(''), ...entries]) {
    const { kind, bytes, executable, recorded } = model.entries.get(info.path) as NonNullable<ReturnType<Model['find']>>
    const within = [...model.entries].filter(([path, entry]) => isWithin(path, info.path) && entry.kind !== 'directory')
    const sizeBytes = within.reduce((sum, [, entry]) => sum + entry.bytes.length, 0)
    expect(info).toMatchObject({ kind, executable, sizeBytes, files: within.length })
    expect(info.attributes).toEqual(recorded ?? {})
    const { target, ...again } = await draft.stat(info.path)
    expect(again).toEqual(info)
    expect(target).toEqual(kind === 'symlink' ? bytes.toString() : undefined)
    if (kind === 'file') expect((await draft.read(info.path)).equals(bytes)).toBe(true)
  }
}

describe.each([
  ['without anything recorded', false],
  ['with what is recorded', true],
])('any edits, %s', (_, keepsRecords) => {
  test('give what the naive model gives, and the tree built from nothing', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyModel(keepsRecords),
        anyModel(true),
        fc.array(anyEdit, { maxLength: 15 }),
        fc.boolean(),
        async (base, other, edits, awaits) => {
          const objects = await createMemoryObjects(TINY_CHUNKS)
          const baseRoot = await base.write(objects)
          const otherRoot = await other.write(objects)
          const model = new Model(new Map(base.entries), baseRoot.attributes.shape !== 0)
          const draft = new Draft(objects, baseRoot)
          const results: Promise<string | undefined>[] = []
          const expected: (string | undefined)[] = []
          for (const edit of edits) {
            expected.push(model.apply(edit, other))
            const result = codeOf(perform(draft, edit, otherRoot))
            if (awaits) await result
            results.push(result)
          }
          expect(await Promise.all(results)).toEqual(expected)
          await expectSame(draft, model)
          const root = await draft.toTree()
          expect(root).toEqual(await model.write(objects))
          expect(await draft.toTree()).toEqual(root)
        },
      ),
      { numRuns: 250 },
    )
  })
})

test('any two sets of edits are merged, or said to conflict where they meet', async () => {
  let merged = 0
  await fc.assert(
    fc.asyncProperty(
      anyModel(false),
      fc.array(anyEdit, { maxLength: 5 }),
      fc.array(anyEdit, { maxLength: 5 }),
      async (base, edits, otherEdits) => {
        const objects = await createMemoryObjects(TINY_CHUNKS)
        const empty = new Model()
        const baseRoot = await base.write(objects)
        const emptyRoot = await empty.write(objects)
        const theirs = base.copy()
        for (const edit of otherEdits) theirs.apply(edit, empty)
        const ours = base.copy()
        const draft = new Draft(objects, baseRoot)
        for (const edit of edits) {
          ours.apply(edit, empty)
          await codeOf(perform(draft, edit, emptyRoot))
        }
        const before = await draft.toTree()
        const conflicts = (await draft.rebaseOnto(await theirs.write(objects))).map(nameToText)
        const isSame = (a: Model, b: Model, path: string) => describeEntry(a, path) === describeEntry(b, path)
        const paths = new Set([...base.entries.keys(), ...theirs.entries.keys(), ...ours.entries.keys()])
        for (const conflict of conflicts) {
          const changed = [...paths].filter((path) => !isSame(base, theirs, path))
          expect(changed.some((path) => isWithin(path, conflict) || isWithin(conflict, path))).toBe(true)
        }
        if (conflicts.length > 0) {
          expect(await draft.toTree()).toEqual(before)
          return
        }
        merged++
        const expected = new Model(new Map())
        for (const path of paths) {
          const entry = (isSame(base, ours, path) ? theirs : ours).entries.get(path)
          if (entry) expected.entries.set(path, entry)
        }
        await expectSame(draft, expected)
        expect(await draft.toTree()).toEqual(await expected.write(objects))
      },
    ),
    { numRuns: 300 },
  )
  expect(merged).toBeGreaterThan(50)
})

function describeEntry(model: Model, path: string): string {
  const entry = model.entries.get(path)
  return entry ? `${entry.kind} ${entry.executable} ${entry.bytes.toString('latin1')}` : ''
}
