/** Room beside a store for the moment: what comes back, and that nothing is left of it. */
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ScratchFile } from '../../src/volume/scratchFile.js'
import { pseudoRandom } from '../codec/inputs.js'
import { tempFolder } from '../support/tempFolder.js'

function scratchIn(folder: string, maxBytes: number): ScratchFile {
  const file = ScratchFile.open(join(folder, 'store.varve'), maxBytes)
  if (!file) throw new Error('no room here')
  return file
}

function readBack(file: ScratchFile, at: number | undefined, length: number): Buffer | undefined {
  const into = Buffer.alloc(length)
  return at !== undefined && file.read(at, into) ? into : undefined
}

test('what was appended is read back, in whole and in parts', () => {
  const file = scratchIn(tempFolder(), 1_000_000)
  const [one, two] = [pseudoRandom(300_000, 1), pseudoRandom(5, 2)]
  const [first, second] = [file.append(one), file.append(two)]
  expect(readBack(file, first, one.length)).toEqual(one)
  expect(readBack(file, second, two.length)).toEqual(two)
  expect(readBack(file, (first ?? 0) + 1000, 10)).toEqual(one.subarray(1000, 1010))
  file.close()
})

test('beyond its bounds nothing is taken, and what is not there is not given', () => {
  const file = scratchIn(tempFolder(), 10)
  expect(file.append(Buffer.alloc(8))).toBe(0)
  expect(file.append(Buffer.alloc(3))).toBeUndefined()
  expect(file.append(Buffer.alloc(2))).toBe(8)
  expect(readBack(file, 5, 10)).toBeUndefined()
  file.close()
})

test('it leaves nothing, be it closed or not, and takes up what somebody left who could not take it away', () => {
  const folder = tempFolder()
  writeFileSync(join(folder, 'store.varve-scratch'), 'of somebody who was killed')
  const file = scratchIn(folder, 1000)
  const isGoneAtOnce = process.platform !== 'win32'
  if (isGoneAtOnce) expect(readdirSync(folder)).toEqual([])
  const at = file.append(Buffer.from('bytes'))
  expect(readBack(file, at, 5)?.toString()).toBe('bytes')
  file.close()
  expect(readdirSync(folder)).toEqual([])
})

test('nothing is written through a link that lies in its place', () => {
  const folder = tempFolder()
  writeFileSync(join(folder, 'precious'), 'kept')
  symlinkSync(join(folder, 'precious'), join(folder, 'store.varve-scratch'))
  const file = scratchIn(folder, 1000)
  file.append(Buffer.from('bytes'))
  file.close()
  expect(readFileSync(join(folder, 'precious'), 'utf8')).toBe('kept')
  expect(readdirSync(folder)).toEqual(['precious'])
})

test('there is none where there is no room to spare, nor where no file can be made', () => {
  const folder = tempFolder()
  expect(ScratchFile.open(join(folder, 'store.varve'), Number.MAX_SAFE_INTEGER)).toBeUndefined()
  expect(ScratchFile.open(join(folder, 'not there', 'store.varve'), 1000)).toBeUndefined()
  expect(readdirSync(folder)).toEqual([])
})
