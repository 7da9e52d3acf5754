/**
 * Assembles the kernel of the chunker (src/codec/cutKernelBytes.ts): a WebAssembly module of one function, short enough to be
 * written by hand, so that no compiler is needed to have it again. A test compares what is assembled with what is committed.
 *
 * The function is FastCDC as Joran Dirk Greef's Ronomon has it, and as the crate `fastcdc` and the package `fastcdc-wasm` have
 * it from there: same table, same cuts. What it saves beside the package is copying: bytes are copied in, and nothing out
 * but where the cuts are. Within a chunk each byte waits for the one before it, so that eight are written out for a step.
 *
 * Run by itself it writes the file: `npx tsx cli/build/cutKernel.ts`.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { GEAR } from './gearTable.js'

const TARGET = new URL('../../src/codec/cutKernelBytes.ts', import.meta.url)

/** Where the cuts go, and where the input lies; the table lies at 0. */
export const CUTS_AT = 4096
const CUTS_MAX = 1 << 15
export const INPUT_AT = CUTS_AT + 4 * CUTS_MAX
export const INPUT_BYTES = 1 << 20
const WASM_PAGE_BYTES = 1 << 16
const UNROLLED = 8

type Code = readonly (number | Code)[]

const I32 = 0x7f
const NOTHING = 0x40
const [FUNC, EXPORT_FUNC, EXPORT_MEMORY] = [0x60, 0x00, 0x02]
const end = 0x0b
const [add, sub, and, shl, shrUnsigned] = [0x6a, 0x6b, 0x71, 0x74, 0x76]
const [eqz, lessUnsigned, atMostUnsigned, atLeastUnsigned, moreSigned, select] = [0x45, 0x49, 0x4d, 0x4f, 0x4a, 0x1b]

const get = (local: number): Code => [0x20, local]
const set = (local: number): Code => [0x21, local]
const constant = (value: number): Code => [0x41, signed(value)]
const block = (...body: Code): Code => [0x02, NOTHING, body, end]
const loop = (...body: Code): Code => [0x03, NOTHING, body, end]
const when = (...body: Code): Code => [0x04, NOTHING, body, end]
const br = (depth: number): Code => [0x0c, depth]
const brIf = (depth: number): Code => [0x0d, depth]
const loadByte = (offset: number): Code => [0x2d, 0, unsigned(offset)]
const loadWord = (offset: number): Code => [0x28, 2, unsigned(offset)]
const storeWord = (offset: number): Code => [0x36, 2, unsigned(offset)]

// Parameters, and what follows them.
const [START, END, AT_END, MIN, CENTER, MAX, MASK_SMALL, MASK_LARGE, OUT] = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const
const [POSITION, HASH, LEFT, STOP, LAST] = [9, 10, 11, 12, 13] as const
const PARAMETERS = 9
const LOCALS = 5

const smaller = (a: Code, b: Code): Code => [a, b, a, b, lessUnsigned, select]

/** hash = (hash >>> 1) + table[byte]; where the mask takes all of it away there is a cut, behind this byte. */
const look = (offset: number, mask: number, found: number): Code => [
  [get(HASH), constant(1), shrUnsigned],
  [get(POSITION), loadByte(offset), constant(2), shl, loadWord(0)],
  [add, set(HASH)],
  [get(HASH), get(mask), and, eqz],
  when(get(POSITION), constant(offset + 1), add, set(POSITION), br(found + 1)),
]

/** From the position to STOP; `found` is how many blocks further out the one is that a cut leaves. */
const roll = (mask: number, found: number): Code => [
  [get(STOP), constant(UNROLLED), sub, set(LAST)],
  block(
    loop(
      [get(POSITION), get(LAST), moreSigned, brIf(1)],
      Array.from({ length: UNROLLED }, (_, offset) => look(offset, mask, found + 2)),
      [get(POSITION), constant(UNROLLED), add, set(POSITION), br(0)],
    ),
  ),
  block(
    loop([get(POSITION), get(STOP), atLeastUnsigned, brIf(1)], look(0, mask, found + 2), [
      get(POSITION),
      constant(1),
      add,
      set(POSITION),
      br(0),
    ]),
  ),
]

const BODY: Code = [
  block(
    loop(
      [get(END), get(START), sub, set(LEFT)],
      [get(LEFT), eqz, brIf(1)],
      // Only the end of all input, or `max` bytes, make a cut final.
      [get(LEFT), get(MAX), lessUnsigned, get(AT_END), eqz, and, brIf(1)],
      block(
        [get(END), set(POSITION)],
        [get(LEFT), get(MIN), atMostUnsigned, brIf(0)],
        [smaller(get(LEFT), get(MAX)), set(LEFT)],
        [get(START), get(MIN), add, set(POSITION)],
        [constant(0), set(HASH)],
        [get(START), smaller(get(CENTER), get(LEFT)), add, set(STOP)],
        roll(MASK_SMALL, 0),
        [get(START), get(LEFT), add, set(STOP)],
        roll(MASK_LARGE, 0),
      ),
      [get(OUT), get(POSITION), storeWord(0)],
      [get(OUT), constant(4), add, set(OUT)],
      [get(POSITION), set(START)],
      br(0),
    ),
  ),
  get(OUT),
]

/** The whole module: exports `memory` and `cut`, which returns where the cuts it wrote end. */
export function assembleCutKernel(): Buffer {
  const table = Buffer.alloc(4 * GEAR.length)
  GEAR.forEach((value, index) => {
    table.writeUInt32LE(value, 4 * index)
  })
  const body = flat([1, LOCALS, I32, BODY, end])
  const pages = Math.ceil((INPUT_AT + INPUT_BYTES) / WASM_PAGE_BYTES)
  return Buffer.from(
    flat([
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, [1, FUNC, PARAMETERS, Array(PARAMETERS).fill(I32), 1, I32]),
      section(3, [1, 0]),
      // No more than that: it never grows, so that views of it stay.
      section(5, [1, 1, unsigned(pages), unsigned(pages)]),
      section(7, [2, name('memory'), EXPORT_MEMORY, 0, name('cut'), EXPORT_FUNC, 0]),
      section(10, [1, unsigned(body.length), body]),
      section(11, [1, 0, constant(0), end, unsigned(table.length), [...table]]),
    ]),
  )
}

/** The file, as it is committed. */
export function cutKernelSource(): string {
  const text = assembleCutKernel().toString('base64')
  const lines = text.match(/.{1,116}/g) ?? []
  return `/** Made by cli/build/cutKernel.ts, which says what it is. */
export const CUT_KERNEL = [
${lines.map((line) => `  '${line}',`).join('\n')}
].join('')
export const CUTS_AT = ${CUTS_AT}
export const CUTS_MAX = ${CUTS_MAX}
export const INPUT_AT = ${INPUT_AT}
export const INPUT_BYTES = ${INPUT_BYTES}
`
}

function section(id: number, content: Code): Code {
  const bytes = flat(content)
  return [id, unsigned(bytes.length), bytes]
}

function name(text: string): Code {
  return [text.length, [...Buffer.from(text)]]
}

function flat(code: Code): number[] {
  return code.flatMap((part) => (typeof part === 'number' ? [part] : flat(part)))
}

/** LEB128. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, unsigned(value >>> 7)]
}

function signed(value: number): Code {
  return value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, signed(value >> 7)]
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(TARGET, cutKernelSource())
