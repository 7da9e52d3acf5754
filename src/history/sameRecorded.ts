/** Whether two attribute sequences record the same, times aside: a new mtime alone never makes a commit. */
import type { ObjectReader } from '../cas/objects.js'
import type { Attributes, AttributesEntry } from '../format/attributes.js'
import type { Content } from '../format/content.js'
import { listAttributes } from './attributeTree.js'

export async function sameRecorded(reader: ObjectReader, a: Content, b: Content): Promise<boolean> {
  if (a.id === b.id && a.shape === b.shape) return true
  const left = listAttributes(reader, a)[Symbol.asyncIterator]()
  const right = listAttributes(reader, b)[Symbol.asyncIterator]()
  try {
    for (;;) {
      const [one, other] = await Promise.all([left.next(), right.next()])
      if (one.done || other.done) return Boolean(one.done && other.done)
      if (!(await sameEntry(reader, one.value, other.value))) return false
    }
  } finally {
    await left.return?.()
    await right.return?.()
  }
}

async function sameEntry(reader: ObjectReader, a: AttributesEntry, b: AttributesEntry): Promise<boolean> {
  return a.name === b.name && sameButTimes(a.attributes, b.attributes) && sameRecorded(reader, a.below, b.below)
}

function sameButTimes(a: Attributes, b: Attributes): boolean {
  return (
    // Whether times are recorded at all is a difference; which they are is not.
    (a.mtimeNs === undefined) === (b.mtimeNs === undefined) &&
    a.mode === b.mode &&
    a.owner?.uid === b.owner?.uid &&
    a.owner?.gid === b.owner?.gid &&
    (a.xattrs?.length ?? 0) === (b.xattrs?.length ?? 0) &&
    (a.xattrs ?? []).every((xattr, index) => {
      const other = b.xattrs?.[index]
      return xattr.name === other?.name && xattr.value.equals(other.value)
    })
  )
}
