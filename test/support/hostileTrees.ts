/** Trees as a stranger may make them, and commits of them. */
import type { Hash } from '../../src/base/hash.js'
import { joinNames, nameFromText, ROOT_NAME } from '../../src/base/names.js'
import type { ObjectWriter } from '../../src/cas/objects.js'
import type { AttributesEntry } from '../../src/format/attributes.js'
import { ByteWriter } from '../../src/format/bytes.js'
import { type Content, EMPTY_CONTENT } from '../../src/format/content.js'
import { KIND } from '../../src/format/kinds.js'
import type { TreeEntry } from '../../src/format/tree.js'
import { writeAttributes } from '../../src/history/attributeTree.js'
import { writeContent, writeSymlinkTarget } from '../../src/history/contentWrite.js'
import { writeDirectory } from '../../src/history/directory.js'
import type { TreeRoot } from '../../src/history/entries.js'
import type { Repository } from '../../src/repository.js'
import { openWriter, publishCommit, signatureNow } from '../../src/session.js'

/** Leaves are text, `{ to }` is a symlink. */
export interface HostileTree {
  readonly [name: string]: string | HostileTree | { readonly to: string }
}

/** @param links By path: files of one group claim to be one file. */
export async function writeHostileTree(
  writer: ObjectWriter,
  tree: HostileTree,
  links: Readonly<Record<string, string>> = {},
): Promise<TreeRoot> {
  return writeTree(writer, tree, ROOT_NAME, links)
}

async function writeTree(
  writer: ObjectWriter,
  tree: HostileTree,
  prefix: string,
  links: Readonly<Record<string, string>>,
): Promise<TreeRoot> {
  const entries: TreeEntry[] = []
  const records: AttributesEntry[] = []
  for (const [text, node] of Object.entries(tree)) {
    const name = nameFromText(text)
    const path = joinNames(nameFromText(prefix), name)
    const plain = { name, executable: false, files: 0 }
    let below: Content = EMPTY_CONTENT
    if (typeof node === 'string') {
      entries.push({ ...plain, kind: 'file', content: await writeContent(writer, Buffer.from(node)) })
    } else if ('to' in node && typeof node.to === 'string') {
      const content = node.to === '' ? EMPTY_CONTENT : await writeSymlinkTarget(writer, Buffer.from(node.to))
      entries.push({ ...plain, kind: 'symlink', content })
    } else {
      const written = await writeTree(writer, node as HostileTree, path, links)
      below = written.attributes
      entries.push({ ...plain, kind: 'directory', content: written.tree, files: written.files })
    }
    const linkGroup = links[path]
    if (linkGroup !== undefined || below.shape !== 0)
      records.push({ name, attributes: linkGroup === undefined ? {} : { linkGroup }, below })
  }
  const byName = (a: { readonly name: string }, b: { readonly name: string }) => (a.name < b.name ? -1 : 1)
  const { content, files } = await writeDirectory(writer, entries.sort(byName))
  return { tree: content, files, attributes: await writeAttributes(writer, records.sort(byName)) }
}

/** A tree of one file whose name no encoder would write. */
export async function writeImpossibleName(writer: ObjectWriter, name: string): Promise<TreeRoot> {
  const bytes = new ByteWriter(64)
  bytes.u8(0).blob(Buffer.from(name)).u8(0)
  const content = await writeContent(writer, Buffer.from('pwned'))
  bytes.u8(content.shape).varint(content.size).hash(content.id!)
  const id = await writer.put(KIND.tree, bytes.finish())
  return { tree: { shape: 2, size: content.size, id }, files: 1, attributes: EMPTY_CONTENT }
}

/** The first commit of a branch. */
export async function commitTree(
  repo: Repository,
  branch: string,
  make: (writer: ObjectWriter) => Promise<TreeRoot>,
): Promise<Hash> {
  const session = repo.parts
  const writer = openWriter(session, [branch])
  const { id } = await publishCommit(session, writer, {
    branch,
    parent: undefined,
    tree: await make(writer),
    message: 'From a stranger',
    author: signatureNow(session, 'Stranger <stranger@example.org>'),
    operation: 'commit',
  })
  return id
}
