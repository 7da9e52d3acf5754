/** Damage to stores of the workbench, made behind their back. */
import { closeSync, existsSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import type { Workbench } from './support.js'

/** Files that contents may lie in. */
const FILES = ['.varve/store.varve', '.varve/store.varve-wal', '.varve/volume-1', '.varve/volume-2']

/** Flips a bit in the first copy of `content`, which is found because the store does not compress. */
export function flipContent(bench: Workbench, content: Buffer, files: readonly string[] = FILES): void {
  for (const file of files) {
    let bytes: Buffer
    try {
      bytes = readFileSync(bench.path(file))
    } catch {
      continue
    }
    const at = bytes.indexOf(content)
    if (at < 0) continue
    const handle = openSync(bench.path(file), 'r+')
    writeSync(handle, Buffer.from([bytes[at]! ^ 1]), 0, 1, at)
    closeSync(handle)
    return
  }
  throw new Error('the content is nowhere')
}

/** A bit of each copy, also of those that SQLite left behind when it moved rows, and that nobody reads any more. */
export function flipEverywhere(bench: Workbench, content: Buffer): void {
  let flips = 0
  for (const path of FILES.map((file) => bench.path(file)).filter((file) => existsSync(file))) {
    const bytes = readFileSync(path)
    for (let at = bytes.indexOf(content); at >= 0; at = bytes.indexOf(content, at + 1)) {
      bytes[at]! ^= 1
      flips++
    }
    writeFileSync(path, bytes)
  }
  if (flips === 0) throw new Error('the content is nowhere')
}
