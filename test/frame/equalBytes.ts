/** Before each suite: bytes are compared at once. Vitest does it byte by byte, and takes seconds for a MiB. */
import { expect } from 'vitest'

/** This file is run once for each suite, and suites of a process have one `expect`. */
const IS_DONE = Symbol.for('varve: bytes are compared at once')

if (!Reflect.has(globalThis, IS_DONE)) {
  Reflect.set(globalThis, IS_DONE, true)
  expect.addEqualityTesters([
    (a: unknown, b: unknown): boolean | undefined =>
      Buffer.isBuffer(a) && Buffer.isBuffer(b) ? a.equals(b) : undefined,
  ])
}
