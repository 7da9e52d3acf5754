/**
 * Where the cuts of bytes are: FastCDC in WebAssembly of our own (cli/build/cutKernel.ts), which bytes are copied into and
 * nothing out of. One for all chunkers, since calls do not overlap. Where it cannot be had, the package `fastcdc-wasm`
 * does the same, with more copying.
 */
import type { ChunkerProfile } from '../format/profile.js'
import { CUT_KERNEL, CUTS_AT, CUTS_MAX, INPUT_AT, INPUT_BYTES } from './cutKernelBytes.js'
import { fastcdc } from './packages.js'

/** The most bytes that can be asked about at once. */
export const PIECE_BYTES = INPUT_BYTES

/**
 * The ends of the chunks of `piece` that are final: behind the start of each there were `maxBytes`, or the end. Valid until the
 * next call. `piece` is at most `PIECE_BYTES` long.
 */
export type FindCuts = (piece: Uint8Array, atEnd: boolean, profile: ChunkerProfile) => Uint32Array

interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer }
  cut(
    start: number,
    end: number,
    atEnd: number,
    min: number,
    center: number,
    max: number,
    maskSmall: number,
    maskLarge: number,
    out: number,
  ): number
}

/** What the type declarations of Node know no values of. */
interface WebAssemblyValues {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: object }
}

let chosen: FindCuts | undefined

export const findCuts: FindCuts = (piece, atEnd, profile) => {
  chosen ??= kernelCuts() ?? packagedCuts
  return chosen(piece, atEnd, profile)
}

/** `undefined` where the runtime does not let it start: it has too little room for its memory, say. */
export function kernelCuts(): FindCuts | undefined {
  let kernel: Kernel
  try {
    const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyValues }).WebAssembly
    kernel = new Instance(new Module(Buffer.from(CUT_KERNEL, 'base64'))).exports as Kernel
  } catch {
    return undefined
  }
  const input = new Uint8Array(kernel.memory.buffer, INPUT_AT, INPUT_BYTES)
  const cuts = new Uint32Array(kernel.memory.buffer, CUTS_AT, CUTS_MAX)
  return (piece, atEnd, { minBytes, averageBytes, maxBytes }) => {
    input.set(piece)
    const bits = Math.round(Math.log2(averageBytes))
    // From the average on it is easier to cut, so that chunks get about as long as that.
    const center = averageBytes - Math.min(averageBytes, minBytes + Math.ceil(minBytes / 2))
    const end = kernel.cut(
      INPUT_AT,
      INPUT_AT + piece.length,
      Number(atEnd),
      minBytes,
      center,
      maxBytes,
      2 ** (bits + 1) - 1,
      2 ** (bits - 1) - 1,
      CUTS_AT,
    )
    const found = cuts.subarray(0, (end - CUTS_AT) / Uint32Array.BYTES_PER_ELEMENT)
    for (let index = 0; index < found.length; index++) found[index] = (found[index] ?? 0) - INPUT_AT
    return found
  }
}

export const packagedCuts: FindCuts = (piece, atEnd, { minBytes, averageBytes, maxBytes }) => {
  if (piece.length === 0) return new Uint32Array(0)
  const cuts = fastcdc().get_chunks(piece, minBytes, averageBytes, maxBytes)
  // The first is 0. What is cut too near the end might be cut elsewhere if more followed.
  let count = 1
  while (count < cuts.length && (atEnd || piece.length - (cuts[count - 1] ?? 0) >= maxBytes)) count++
  return Uint32Array.from(cuts.subarray(1, count))
}
