/**
 * Memory that native objects hold and JavaScript's collector does not see: it counts what their wrappers take, a few dozen bytes, and
 * comes when there are many of them. An encoder with a dictionary holds megabytes. So the collector is asked to look at the
 * young objects once that much may be waiting for it: then the same memory is used again, which is not only less but also
 * quicker, since the first touch of fresh memory is dear.
 *
 * What was collected is freed when the event loop comes round. A program that commits or reads in a loop may never let it: promises
 * that are kept at once do not. So whoever can wait does, now and then.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { MIB } from '../base/units.js'

type Collect = (options: { readonly type: 'minor' }) => void

/** Waiting, until the collector is asked. */
const WAITING_MOST_BYTES = 4 * MIB

let waitingBytes = 0
let isCollected = false
let collect: Collect | undefined | null = null

/** To be told before an object is made that holds so many bytes, for a short while. */
export function holdsUnseen(bytes: number): void {
  waitingBytes += bytes
  if (waitingBytes < WAITING_MOST_BYTES) return
  waitingBytes = 0
  isCollected = true
  if (collect === null) collect = youngCollector()
  collect?.({ type: 'minor' })
}

/** To be awaited, where it returns a promise, before more is made: what was collected is free then. */
export function freeCollected(): Promise<void> | undefined {
  if (!isCollected) return undefined
  isCollected = false
  return nextTurn()
}

/** `undefined` where the runtime does not give it away: all goes on without. */
function youngCollector(): Collect | undefined {
  // With --expose-gc it is there, and the flag stays as it is.
  const given: unknown = Reflect.get(globalThis, 'gc')
  if (typeof given === 'function') return given as Collect
  try {
    const v8 = process.getBuiltinModule('node:v8')
    const vm = process.getBuiltinModule('node:vm')
    // Contexts made while the flag is set have the function; no other code comes to see it.
    v8.setFlagsFromString('--expose-gc')
    const found: unknown = vm.runInNewContext('gc')
    v8.setFlagsFromString('--no-expose-gc')
    return typeof found === 'function' ? (found as Collect) : undefined
  } catch {
    return undefined
  }
}
