/**
 * What stands beside an extent's frame in its row.
 *
 *   slots   count varint ‖ (kind u8 ‖ length varint ‖ step zigzag)*
 *           step = chunk id - previous chunk id - 1, with -1 before the first: consecutive ids cost one byte
 *   bases   count varint ‖ (eid varint ‖ slots: count varint ‖ slot varint each)*
 */
import { SLOTS_MAX } from '../base/limits.js'
import { ByteReader, ByteWriter, ZIGZAG_MAX } from './bytes.js'
import { isKind, type Kind } from './kinds.js'
import { isCount, type Problem, problem, refuseDecoded, refuseToEncode } from './rules.js'

/**
 * One chunk or object in an extent: the directory beside the frame. Slot n starts where slot n - 1 ends.
 * With the frame it is all that is needed to rebuild the chunk table.
 */
export interface Slot {
  readonly kind: Kind
  /** Raw bytes. */
  readonly length: number
  /** The dense number that bitmaps use; kept when the chunk is re-encoded. */
  readonly chunkId: number
}

/** A base of a delta: an extent with a lower number, and the slots of it that make up the dictionary, in order. */
export interface ExtentBase {
  readonly eid: number
  readonly slots: readonly number[]
}

const SLOTS_WHAT = 'a slot directory'
const BASES_WHAT = 'a list of bases'

export function encodeSlots(slots: readonly Slot[]): Buffer {
  refuseToEncode(SLOTS_WHAT, slotsProblem(slots))
  const writer = new ByteWriter(8 + 6 * slots.length)
  writer.varint(slots.length)
  let previous = -1
  for (const { kind, length, chunkId } of slots) {
    writer
      .u8(kind)
      .varint(length)
      .zigzag(chunkId - previous - 1)
    previous = chunkId
  }
  return writer.finish()
}

/** @throws {CorruptionError} `CORRUPT_OBJECT` */
export function decodeSlots(bytes: Uint8Array): Slot[] {
  const reader = new ByteReader(bytes, SLOTS_WHAT)
  const slots: Slot[] = []
  let previous = -1
  for (let left = decodeCount(reader); left > 0; left--) {
    const kind = reader.u8()
    if (!isKind(kind)) throw reader.fail('has a slot of unknown kind', { actual: kind })
    const length = reader.varint()
    const chunkId = previous + 1 + reader.zigzag()
    slots.push({ kind, length, chunkId })
    previous = chunkId
  }
  reader.end()
  refuseDecoded(reader, slotsProblem(slots))
  return slots
}

export function encodeBases(bases: readonly ExtentBase[]): Buffer {
  refuseToEncode(BASES_WHAT, basesProblem(bases))
  const writer = new ByteWriter()
  writer.varint(bases.length)
  for (const { eid, slots } of bases) {
    writer.varint(eid).varint(slots.length)
    for (const slot of slots) writer.varint(slot)
  }
  return writer.finish()
}

/** @throws {CorruptionError} `CORRUPT_OBJECT` */
export function decodeBases(bytes: Uint8Array): ExtentBase[] {
  const reader = new ByteReader(bytes, BASES_WHAT)
  const bases: ExtentBase[] = []
  for (let left = decodeCount(reader); left > 0; left--) {
    const eid = reader.varint()
    const slots: number[] = []
    for (let slotsLeft = decodeCount(reader); slotsLeft > 0; slotsLeft--) slots.push(reader.varint())
    bases.push({ eid, slots })
  }
  reader.end()
  refuseDecoded(reader, basesProblem(bases))
  return bases
}

function decodeCount(reader: ByteReader): number {
  const count = reader.varint()
  if (count > reader.remaining) throw reader.fail('is cut short', { expected: count, actual: reader.remaining })
  return count
}

function slotsProblem(slots: readonly Slot[]): Problem | undefined {
  if (slots.length > SLOTS_MAX) return problem(`has more than ${SLOTS_MAX} slots`, 'LIMIT_EXCEEDED')
  for (const { kind, length, chunkId } of slots) {
    if (!isKind(kind)) return problem(`has a slot of unknown kind ${kind}`)
    if (!isCount(length) || length === 0) return problem(`has a slot of length ${length}`)
    // The step to any other id then fits a zigzag varint.
    if (!isCount(chunkId) || chunkId > ZIGZAG_MAX) return problem(`has the impossible chunk id ${chunkId}`)
  }
  return undefined
}

function basesProblem(bases: readonly ExtentBase[]): Problem | undefined {
  let previousEid: number | undefined
  for (const { eid, slots } of bases) {
    if (!isCount(eid)) return problem(`has the impossible extent number ${eid}`)
    // Two entries in a row of one extent would be a second way to write one entry.
    if (eid === previousEid) return problem(`names extent ${eid} twice in a row`)
    previousEid = eid
    if (slots.length === 0) return problem(`names no slots of extent ${eid}`)
    if (slots.length > SLOTS_MAX) return problem(`has more than ${SLOTS_MAX} slots`, 'LIMIT_EXCEEDED')
    for (const slot of slots) {
      if (!isCount(slot) || slot >= SLOTS_MAX) return problem(`has the impossible slot ${slot}`)
    }
  }
  return undefined
}
