/**
 * Canonical JSON, for the few formats that people may have to read in a damaged file: UTF-8, keys sorted,
 * no spaces, integers only. `JsonFields` reads an object field by field and refuses what it was not asked for.
 */
import { CorruptionError } from '../base/errors.js'

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue }

export function encodeJson(value: JsonValue): Buffer {
  return Buffer.from(JSON.stringify(sorted(value)), 'utf8')
}

/** @throws {CorruptionError} `CORRUPT_OBJECT` when `bytes` is not the canonical form of a JSON value. */
export function decodeJson(bytes: Uint8Array, what: string): JsonValue {
  const given = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  let value: JsonValue
  let canonical: Buffer
  try {
    value = JSON.parse(given.toString('utf8')) as JsonValue
    canonical = encodeJson(value)
  } catch (cause) {
    throw new CorruptionError('CORRUPT_OBJECT', `${what} is not JSON`, { cause })
  }
  // Invalid UTF-8, other spellings, other orders and repeated keys all change the bytes on the way back.
  if (!canonical.equals(given)) throw new CorruptionError('CORRUPT_OBJECT', `${what} is not canonical JSON`)
  return value
}

/** One object of a decoded document. Ends with `done`, which refuses fields that nobody read. */
export class JsonFields {
  readonly #fields: ReadonlyMap<string, JsonValue>
  readonly #read = new Set<string>()
  readonly #what: string

  constructor(value: JsonValue | undefined, what: string) {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) throw damaged(what, 'is no object', value)
    this.#fields = new Map(Object.entries(value))
    this.#what = what
  }

  has(key: string): boolean {
    return this.#fields.has(key)
  }

  value(key: string): JsonValue | undefined {
    this.#read.add(key)
    return this.#fields.get(key)
  }

  text(key: string, pattern?: RegExp): string {
    const value = this.value(key)
    if (typeof value !== 'string' || pattern?.test(value) === false) throw this.fail(key, value)
    return value
  }

  oneOf<Choice extends string>(key: string, choices: readonly Choice[]): Choice {
    const value = this.value(key)
    const choice = choices.find((candidate) => candidate === value)
    if (choice === undefined) throw this.fail(key, value)
    return choice
  }

  flag(key: string): boolean {
    const value = this.value(key)
    if (typeof value !== 'boolean') throw this.fail(key, value)
    return value
  }

  count(key: string, least = 0): number {
    const value = this.value(key)
    if (!isCountOf(value, least)) throw this.fail(key, value)
    return value
  }

  countOrNull(key: string): number | null {
    return this.#fields.get(key) === null ? (this.value(key) as null) : this.count(key)
  }

  texts(key: string, pattern?: RegExp): string[] {
    return this.list(key, (value) => {
      if (typeof value !== 'string' || pattern?.test(value) === false) throw this.fail(key, value)
      return value
    })
  }

  counts(key: string): number[] {
    return this.list(key, (value) => {
      if (!isCountOf(value, 0)) throw this.fail(key, value)
      return value
    })
  }

  list<Item>(key: string, decodeItem: (value: JsonValue) => Item): Item[] {
    const value = this.value(key)
    if (!Array.isArray(value)) throw this.fail(key, value)
    return value.map(decodeItem)
  }

  done(): void {
    for (const key of this.#fields.keys()) {
      if (!this.#read.has(key)) throw damaged(this.#what, `has the unknown field ${JSON.stringify(key)}`)
    }
  }

  fail(key: string, actual: unknown): CorruptionError {
    return damaged(this.#what, `has a wrong value for ${JSON.stringify(key)}`, actual)
  }
}

function isCountOf(value: JsonValue | undefined, least: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least && !Object.is(value, -0)
}

function damaged(what: string, message: string, actual?: unknown): CorruptionError {
  return new CorruptionError('CORRUPT_OBJECT', `${what} ${message}`, actual === undefined ? {} : { actual })
}

function sorted(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value)
  entries.sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, field]) => [key, sorted(field)]))
}
