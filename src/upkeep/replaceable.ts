/**
 * Whether one object can take the place of another: it must be all that the entries say which name the other. Of a commit they say
 * nothing; of all else its kind and size, of a directory also its names and how many files are in it.
 */
import { VarveError } from '../base/errors.js'
import { type Hash, shortHash } from '../base/hash.js'
import { type ChunkStore, describeKind } from '../cas/chunkStore.js'
import { KIND, type Kind } from '../format/kinds.js'
import { ATTRIBUTES } from '../history/attributeTree.js'
import { isAncestor } from '../history/commits.js'
import { TREE } from '../history/directory.js'
import { MANIFEST } from '../history/manifestFormat.js'
import { type ReachRoot, reachable } from '../history/reach.js'
import type { SequenceChild, SequenceFormat, SequenceKey } from '../history/sequence.js'

export interface StoredObject {
  readonly kind: Kind
  readonly id: Hash
}

/** @throws {VarveError} `INVALID_ARGUMENT` that says what keeps `b` from taking the place of `a`; as reading them does */
export async function requireReplaceable(store: ChunkStore, a: StoredObject, b: StoredObject): Promise<void> {
  const problem = await differenceOf(store.originals, a, b)
  if (problem === undefined) return
  throw new VarveError(
    'INVALID_ARGUMENT',
    `${nameOf(b)} cannot take the place of ${nameOf(a)}: ${problem}`,
    b.kind === a.kind && b.kind !== KIND.commit
      ? { id: a.id, hint: 'What names the one would lie about the other. Replace the commit, and be free.' }
      : { id: a.id },
  )
}

/**
 * Whether somebody who reads below `b` comes to `a`: then he would never come to an end once it stands in its place.
 * @param reader sees what is replaced already
 */
export async function leadsTo(reader: ChunkStore, b: StoredObject, a: StoredObject): Promise<boolean> {
  if (b.kind === KIND.commit) return isAncestor(reader, a.id, b.id)
  // Chunks lead nowhere, and manifests to what is lower.
  if (b.kind !== KIND.tree && b.kind !== KIND.attributes) return false
  const roots: readonly ReachRoot[] = [b]
  for await (const { id } of reachable(reader, roots)) if (id === a.id) return true
  return false
}

/** In words; `undefined` for none that matters. */
export async function differenceOf(
  originals: ChunkStore,
  a: StoredObject,
  b: StoredObject,
): Promise<string | undefined> {
  if (a.kind !== b.kind) return `the one is of kind ${describeKind(b.kind)}, the other of kind ${describeKind(a.kind)}`
  const bytes = await originals.get(b.kind, b.id)
  switch (a.kind) {
    case KIND.commit:
      return undefined
    case KIND.chunk: {
      // Not read: what it was may be just what is damaged.
      const length = (await originals.find([a.id])).get(a.id)?.length
      return length === bytes.length ? undefined : `the one has ${bytes.length} bytes, the other ${length}`
    }
    case KIND.manifest:
      return nodeDifference(MANIFEST, await originals.get(a.kind, a.id), bytes, ({ size }) => [`${size} bytes`])
    case KIND.tree:
      return nodeDifference(TREE, await originals.get(a.kind, a.id), bytes, ({ size, files, entries }) => [
        `${size} bytes`,
        `${files} files`,
        `${entries} entries`,
      ])
    case KIND.attributes:
      return nodeDifference(ATTRIBUTES, await originals.get(a.kind, a.id), bytes, ({ entries }) => [
        `${entries} entries`,
      ])
  }
}

/** @param tell what is told of a node by the one above it, for people */
function nodeDifference<Entry extends object, Child extends SequenceChild, Key extends SequenceKey>(
  format: SequenceFormat<Entry, Child, Key>,
  a: Buffer,
  b: Buffer,
  tell: (child: Child) => readonly string[],
): string | undefined {
  const [before, after] = [summaryOf(format, a), summaryOf(format, b)]
  if (before.level !== after.level)
    return `the one is a node of level ${after.level}, the other of level ${before.level}`
  const told = tell(before.child)
  for (const [index, text] of tell(after.child).entries()) {
    if (text !== told[index]) return `the one has ${text}, the other ${told[index]}`
  }
  // Whoever looks for a name goes by those that are there.
  return before.names === after.names && format.agree(before.child, after.child)
    ? undefined
    : 'they have other names in them'
}

function summaryOf<Entry extends object, Child extends SequenceChild, Key extends SequenceKey>(
  format: SequenceFormat<Entry, Child, Key>,
  bytes: Buffer,
) {
  const node = format.decode(bytes)
  const nobody = '' as Hash
  return 'entries' in node
    ? { level: 0, child: format.leaf.summarize(nobody, node.entries), names: namesOf(node.entries) }
    : { level: node.level, child: format.inner.summarize(nobody, node.children), names: namesOf(node.children) }
}

/** Of a manifest, which has none, nothing. */
function namesOf(items: readonly object[]): string {
  return items.map((item) => ('name' in item ? item.name : 'lastName' in item ? item.lastName : '')).join('/')
}

export function nameOf({ kind, id }: StoredObject): string {
  return `${describeKind(kind)} ${shortHash(id)}`
}
