/**
 * Sequences sorted by name: directories and attributes. Boundaries come from names alone, so that a change of
 * content never moves one: FNV-1a (32 bits) over a byte with the level and the bytes of the name (in inner nodes,
 * of the child's last name), then the finalizer of MurmurHash3, because the low bits of FNV mix badly.
 */
import { VarveError } from '../base/errors.js'
import { type ByteName, nameToText } from '../base/names.js'
import type { ObjectReader, ObjectWriter } from '../cas/objects.js'
import type { LeafEntries } from '../format/leaves.js'
import { indexAt, type SequenceChild, type SequenceFormat, type SequenceRoot, type SummarizedRoot } from './sequence.js'
import type { Before } from './sequenceBefore.js'
import { SequenceBuilder } from './sequenceBuilder.js'
import { NodeCursor } from './sequenceCursor.js'
import { type Replacement, spliceSequence } from './sequenceSplice.js'

export interface Named {
  readonly name: ByteName
}

export interface NamedChild extends SequenceChild {
  readonly lastName: ByteName
}

export interface NamedFormat<Entry extends Named, Child extends NamedChild>
  extends SequenceFormat<Entry, Child, string> {
  readonly leafEntries: LeafEntries<Entry>
}

const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

export function nameBoundary(level: number, name: ByteName): number {
  let hash = Math.imul(FNV_OFFSET ^ level, FNV_PRIME)
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), FNV_PRIME)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** The least string above `name`. Names hold no NUL. */
export function endOfName(name: ByteName): string {
  return `${name}\0`
}

/** The greatest name of a node. */
export function lastNameOf(names: readonly (Named | NamedChild)[]): ByteName {
  const last = names.at(-1)
  if (!last) throw new VarveError('INVALID_ARGUMENT', 'a node without entries has no last name')
  return 'lastName' in last ? last.lastName : last.name
}

/** A `SequenceBuilder` that refuses entries out of order. */
export class NamedBuilder<Entry extends Named, Child extends NamedChild> {
  readonly #builder: SequenceBuilder<Entry, Child, string>
  #lastName: ByteName | undefined

  /** @param before what it takes the place of, and is likely to be much like */
  constructor(writer: ObjectWriter, format: NamedFormat<Entry, Child>, before?: Before) {
    this.#builder = new SequenceBuilder(writer, format, before)
  }

  append(entry: Entry): Promise<void> | undefined {
    const { name } = entry
    if (this.#lastName !== undefined && !(this.#lastName < name)) {
      throw new VarveError('INVALID_ARGUMENT', `entries must be sorted by name: ${JSON.stringify(nameToText(name))}`, {
        expected: `a name after ${JSON.stringify(nameToText(this.#lastName))}`,
        actual: nameToText(name),
      })
    }
    this.#lastName = name
    return this.#builder.append(entry)
  }

  finish(): Promise<SummarizedRoot<Child> | undefined> {
    return this.#builder.finish()
  }
}

/** Loads one node a level. */
export async function findNamed<Entry extends Named, Child extends NamedChild>(
  reader: ObjectReader,
  format: NamedFormat<Entry, Child>,
  root: SequenceRoot | undefined,
  name: ByteName,
): Promise<Entry | undefined> {
  if (!root) return undefined
  const { items, ends } = await new NodeCursor(reader, format, format.leaf, 0, root).seek(name)
  const entry = items[indexAt(ends, name)]
  return entry?.name === name ? entry : undefined
}

/** `null` removes; removing what is not there changes nothing. */
export function editNamed<Entry extends Named, Child extends NamedChild>(
  writer: ObjectWriter,
  format: NamedFormat<Entry, Child>,
  root: SequenceRoot | undefined,
  edits: ReadonlyMap<ByteName, Entry | null>,
): Promise<SummarizedRoot<Child> | undefined> {
  const replacements: Replacement<Entry, string>[] = []
  for (const [name, entry] of edits) {
    if (entry && entry.name !== name) {
      throw new VarveError('INVALID_ARGUMENT', 'an edit names another entry than it holds', {
        expected: nameToText(name),
        actual: nameToText(entry.name),
      })
    }
    replacements.push({ from: name, to: endOfName(name), items: entry ? [entry] : [] })
  }
  replacements.sort((a, b) => (a.from < b.from ? -1 : 1))
  return spliceSequence(writer, format, root, replacements)
}
