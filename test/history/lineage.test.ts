/** What new parts of a file take the place of. */
import { describe, expect, test } from 'vitest'
import type { Hash } from '../../src/base/hash.js'
import { Lineage, type Part } from '../../src/history/lineage.js'

/** A letter each, 10 bytes long, or as a number behind it says. */
function parts(text: string): Part[] {
  return text
    .split(' ')
    .filter((each) => each !== '')
    .map((each) => ({ id: each as Hash, length: Number(/\d+$/.exec(each)?.[0] ?? 10) }))
}

async function* runsOf(old: readonly Part[], size = 3): AsyncGenerator<readonly Part[]> {
  for (let at = 0; at < old.length; at += size) yield old.slice(at, at + size)
}

/** For each new part that is not in the old ones, what it may take the place of; asked at the end, or at once. */
async function replaced(before: string | readonly Part[], after: string | readonly Part[], isAtOnce = false) {
  const old = typeof before === 'string' ? parts(before) : before
  const known = new Set(old.map(({ id }) => id))
  const lineage = await Lineage.of(runsOf(old))
  const asked: { readonly id: string; readonly ids: () => unknown }[] = []
  const found: Record<string, string> = {}
  for (const part of typeof after === 'string' ? parts(after) : after) {
    const candidates = lineage.next(part.length)
    if (!known.has(part.id)) {
      if (isAtOnce) found[part.id] = ((await candidates()) as Hash[]).join(' ')
      else asked.push({ id: part.id, ids: candidates })
    }
    await lineage.wrote(part)
  }
  for (const { id, ids } of asked) found[id] = ((await ids()) as Hash[]).join(' ')
  return found
}

describe('a new part takes the place of', () => {
  test('the old one between the same neighbours', async () => {
    expect(await replaced('a b c d', 'a X c d')).toEqual({ X: 'b' })
    expect(await replaced('a b c d', 'X b c Y')).toEqual({ X: 'a', Y: 'd' })
  })

  test('those that lie where it lies, if more than one is new', async () => {
    expect(await replaced('a b c d e f', 'a X Y f')).toEqual({ X: 'b c', Y: 'd e' })
    expect(await replaced('a b40 f', 'a X Y f')).toEqual({ X: 'b40', Y: 'b40' })
    expect(await replaced('a b c d e f', 'a X30 Y10 f')).toEqual({ X30: 'b c d', Y10: 'e' })
  })

  test('nothing, where it was put in between two that were neighbours, or at the end', async () => {
    expect(await replaced('a b c', 'a X b c')).toEqual({ X: '' })
    expect(await replaced('a b c', 'a b c X Y')).toEqual({ X: '', Y: '' })
    expect(await replaced('', 'X Y')).toEqual({ X: '', Y: '' })
  })

  test('what comes next, as long as nobody knows better', async () => {
    expect(await replaced('a b c d e f', 'a X Y f', true)).toEqual({ X: 'b', Y: 'c' })
    expect(await replaced('a b c d', 'W X Y Z', true)).toEqual({ W: 'a', X: 'b', Y: 'c', Z: 'd' })
    // The end of the file is no neighbour: those are guesses as well.
    expect(await replaced('a b c d', 'a X Y')).toEqual({ X: 'b', Y: 'c' })
  })

  test('nothing, when what follows was taken away', async () => {
    expect(await replaced('a b c d', 'a b')).toEqual({})
    expect(await replaced('a b c d', 'c d X')).toEqual({ X: '' })
  })
})

describe('the place is found again', () => {
  test('behind blocks that changed places', async () => {
    const before = 'a b c d e f g h i j k l m n o p q r s t u v w x y z'
    const after = 'a b c n o p X r s t d e f Y h i z'
    expect(await replaced(before, after)).toEqual({ X: 'q', Y: 'g' })
  })

  test('far away only by two in a row: one alone may have been copied there', async () => {
    const far = Array.from({ length: 60 }, (_, index) => `p${index}x`)
    const before = far.join(' ')
    expect(await replaced(before, ['p0x', 'p50x', 'X', 'p3x', 'p4x'].join(' '))).toEqual({ X: 'p2x' })
    expect(await replaced(before, ['p0x', 'p50x', 'p51x', 'X', 'p53x'].join(' '))).toEqual({ X: 'p52x' })
  })

  test('among parts that are there many times, which mark no place', async () => {
    expect(await replaced('z z z a z z b z z', 'z z z a z X b z z')).toEqual({ X: 'z' })
    // All that is known is that the old ones went on: it may have been put in between.
    expect(await replaced('z z z z z z z z', 'z z X z z')).toEqual({ X: '' })
    expect(await replaced('a z z z z b', 'a z z z z z z z b X')).toEqual({ X: '' })
  })
})

describe('is bounded', () => {
  const many = (count: number, name: string): Part[] =>
    Array.from({ length: count }, (_, index) => ({ id: `${name}${index}` as Hash, length: 10 }))

  test('reads no further ahead than it has to', async () => {
    let read = 0
    async function* counted(): AsyncGenerator<readonly Part[]> {
      for await (const run of runsOf(many(100_000, 'p'), 10)) {
        read += run.length
        yield run
      }
    }
    const lineage = await Lineage.of(counted())
    for (const part of many(100, 'p')) {
      lineage.next(part.length)
      await lineage.wrote(part)
    }
    expect(read).toBeLessThan(1000)
    // The longer nothing is found, the further: what follows may have been taken out.
    for (const part of many(1000, 'new')) await lineage.wrote(part)
    expect(read).toBeGreaterThan(2000)
    expect(read).toBeLessThan(4000)
    for (const part of many(100_000, 'other')) await lineage.wrote(part)
    expect(read).toBeLessThan(70_000)
  })

  test('of new parts without an end each has a few candidates, never all', async () => {
    const lineage = await Lineage.of(runsOf(many(5000, 'p'), 100))
    for (const part of many(5000, 'new')) {
      const ids = (await lineage.next(part.length)()) as Hash[]
      expect(ids.length).toBeLessThanOrEqual(2)
      await lineage.wrote(part)
    }
  })
})

test('a whole file of new parts: each finds its place without looking at all the others', async () => {
  const count = 60_000
  const numbered = (name: string) =>
    Array.from({ length: count }, (_, index) => ({ id: `${name}${index}` as Hash, length: 10 }))
  const end = { id: 'end' as Hash, length: 10 }
  for (const isAtOnce of [false, true]) {
    const found = await replaced([...numbered('old'), end], [...numbered('new'), end], isAtOnce)
    expect(found.new0).toBe('old0')
    expect(found[`new${count - 1}`]).toBe(`old${count - 1}`)
  }
})
