/**
 * Ids of many chunks, computed in a thread of its own: where a whole store is hashed, the processor that reads and decodes has
 * enough to do. One thread, memory for a few extents that is used again and again, and nothing is lost without it: then, and for
 * what does not fit, ids are computed here.
 */
import type { Worker } from 'node:worker_threads'
import { HASH_BYTES, type Hash, hashFromBytes } from '../base/hash.js'
import { KIB, MIB } from '../base/units.js'
import type { Kind } from '../format/kinds.js'
import type { Hasher } from './hasher.js'

/** What is to be hashed, one after the other in the same bytes. */
export interface HashedPart {
  readonly kind: Kind
  readonly length: number
}

interface Answer {
  readonly number: number
  readonly memory: ArrayBuffer
  /** Of all parts, one after the other. */
  readonly ids: Uint8Array
}

/** Pieces of memory, which go there and come back: to and fro nothing is copied. */
const MEMORIES = 4
/** The first so many are hashed before a thread has begun. */
const FIRST_BYTES = 4 * MIB

export interface HashThreadOptions {
  /** What is asked for ahead of the thread at most: beyond that, ids are computed here. */
  readonly memories?: number | undefined
  /** As many raw bytes are hashed here before the thread is started: a store that has no more never starts one. */
  readonly firstBytes?: number | undefined
}

/** Computed here, of one part after the other. */
export function idsOf(hasher: Hasher, raw: Buffer, parts: readonly HashedPart[]): Hash[] {
  let offset = 0
  return parts.map(({ kind, length }) => {
    offset += length
    return hasher.id(kind, raw.subarray(offset - length, offset))
  })
}

/**
 * In plain JavaScript, and in a text, so that it needs no file wherever the library is bundled. SHA-256 alone: that is the
 * runtime's own. As `createHasher` has it, up to 16 KiB are copied together with their kind.
 */
const PROGRAM = `
const { parentPort, workerData } = require('node:worker_threads')
const { createHash, hash } = require('node:crypto')
const scratch = Buffer.allocUnsafeSlow(1 + workerData.oneShotBytes)
const kindByte = new Uint8Array(1)
function digest(kind, bytes) {
  if (bytes.length <= workerData.oneShotBytes) {
    scratch[0] = kind
    scratch.set(bytes, 1)
    return hash('sha256', scratch.subarray(0, 1 + bytes.length), 'buffer')
  }
  kindByte[0] = kind
  return createHash('sha256').update(kindByte).update(bytes).digest()
}
parentPort.on('message', ({ number, memory, parts }) => {
  const raw = new Uint8Array(memory)
  const ids = new Uint8Array(${HASH_BYTES} * (parts.length / 2))
  let offset = 0
  for (let index = 0; 2 * index < parts.length; index++) {
    const length = parts[2 * index + 1]
    ids.set(digest(parts[2 * index], raw.subarray(offset, offset + length)), ${HASH_BYTES} * index)
    offset += length
  }
  parentPort.postMessage({ number, memory, ids }, [memory, ids.buffer])
})
`

export class HashThread {
  readonly #hasher: Hasher
  readonly #mostBytes: number
  readonly #free: ArrayBuffer[] = []
  readonly #waiting = new Map<number, (ids: Uint8Array | undefined) => void>()
  #asked = 0
  /** That may still be made. */
  #memories: number
  /** To be hashed here. */
  #firstBytes: number
  #worker: Worker | undefined
  /** Stopped, or ended by itself: all else is computed here. */
  #isOver = false

  /** @param mostBytes of what is hashed at a time */
  constructor(hasher: Hasher, mostBytes: number, options: HashThreadOptions = {}) {
    this.#hasher = hasher
    this.#mostBytes = mostBytes
    this.#memories = options.memories ?? MEMORIES
    this.#firstBytes = options.firstBytes ?? FIRST_BYTES
  }

  /** The ids of all parts of `raw`, which must not change until it resolves. */
  async ids(raw: Buffer, parts: readonly HashedPart[]): Promise<Hash[]> {
    const fits = this.#hasher.name === 'sha256' && raw.length <= this.#mostBytes
    const isFirst = this.#firstBytes > 0
    this.#firstBytes -= raw.length
    const memory = fits && !isFirst && !this.#isOver ? this.#memory() : undefined
    const bytes = memory && (await this.#ask(memory, raw, parts))
    if (!bytes) return idsOf(this.#hasher, raw, parts)
    return parts.map((_, index) => hashFromBytes(bytes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES)))
  }

  /** To be called in any case: the thread keeps the process alive. */
  async stop(): Promise<void> {
    this.#isOver = true
    await this.#worker?.terminate()
  }

  /** `undefined` where all that there may be is on its way. */
  #memory(): ArrayBuffer | undefined {
    const memory = this.#free.pop()
    if (memory || this.#memories === 0) return memory
    this.#memories--
    return new ArrayBuffer(this.#mostBytes)
  }

  /** `undefined` where there is no thread, for whatever reason. */
  #ask(memory: ArrayBuffer, raw: Buffer, parts: readonly HashedPart[]): Promise<Uint8Array | undefined> {
    new Uint8Array(memory).set(raw)
    const number = this.#asked++
    return new Promise((resolve) => {
      this.#waiting.set(number, resolve)
      try {
        this.#worker ??= this.#start()
        // Kinds and lengths, in turn.
        const numbers = Uint32Array.from(parts.flatMap(({ kind, length }) => [kind, length]))
        this.#worker.postMessage({ number, memory, parts: numbers }, [memory])
      } catch {
        // Programs may be run without the permission to start threads.
        this.#end()
      }
    })
  }

  #start(): Worker {
    // Loaded here: most commands start none.
    const threads = process.getBuiltinModule('node:worker_threads')
    const worker = new threads.Worker(PROGRAM, { eval: true, workerData: { oneShotBytes: 16 * KIB } })
    worker.on('message', ({ number, memory, ids }: Answer) => {
      this.#free.push(memory)
      this.#answer(number, ids)
    })
    // It could not begin, or ran out of memory: its end follows.
    worker.on('error', () => undefined)
    worker.on('exit', () => this.#end())
    return worker
  }

  /** What it was asked for is computed here, and so is all that comes. */
  #end(): void {
    this.#isOver = true
    for (const number of [...this.#waiting.keys()]) this.#answer(number, undefined)
  }

  #answer(number: number, ids: Uint8Array | undefined): void {
    const resolve = this.#waiting.get(number)
    this.#waiting.delete(number)
    resolve?.(ids)
  }
}
