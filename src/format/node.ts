/** What the nodes of all Merkle sequences share: the level byte, and a bounded number of entries that is never 0. */
import { NODE_ENTRIES_MAX } from '../base/limits.js'
import type { ByteReader, ByteWriter } from './bytes.js'
import { MAX_HEIGHT } from './content.js'
import { type Problem, problem, refuseDecoded, refuseToEncode } from './rules.js'

/** `least` is 1 for inner nodes. */
export function encodeLevel(writer: ByteWriter, level: number, least = 0): void {
  refuseToEncode('a node', levelProblem(level, least))
  writer.u8(level)
}

export function decodeLevel(reader: ByteReader): number {
  const level = reader.u8()
  refuseDecoded(reader, levelProblem(level, 0))
  return level
}

export function entriesProblem(entries: readonly unknown[]): Problem | undefined {
  if (entries.length === 0) return problem('has no entries')
  if (entries.length > NODE_ENTRIES_MAX) {
    return problem(`has ${entries.length} entries, more than ${NODE_ENTRIES_MAX}`, 'LIMIT_EXCEEDED')
  }
  return undefined
}

function levelProblem(level: number, least: number): Problem | undefined {
  return Number.isInteger(level) && level >= least && level <= MAX_HEIGHT
    ? undefined
    : problem(`has the impossible level ${level}`)
}
