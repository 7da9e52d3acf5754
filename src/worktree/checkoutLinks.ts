/**
 * Which files of a checkout become names of one file, and which one of their own.
 *
 * Model: the second tree says what belongs together (linkGroups.ts). What a checkout touches is brought into that order;
 * what it does not touch stays as it is, and is linked to if it is what the tree has. A file that is there already is
 * written anew only where names hang on it that do not belong to it.
 */
import type { FileStat } from '../base/filesystem.js'
import { type ByteName, joinNames, ROOT_NAME } from '../base/names.js'
import type { ObjectReader } from '../cas/objects.js'
import type { Content } from '../format/content.js'
import { listAttributes } from '../history/attributeTree.js'
import { lookup } from '../history/directory.js'
import type { TreeRoot } from '../history/entries.js'
import type { RecordedSide } from '../history/recordedDiff.js'
import type { KeptFile } from './exportTree.js'
import { inodeOf, linkKeyOf } from './linkGroups.js'

/** A file of the second tree that a checkout touches. */
export interface TouchedFile {
  readonly path: ByteName
  readonly before: RecordedSide | undefined
  readonly after: RecordedSide
  /** Of one that is there as the second tree has it; `undefined`: it is written. */
  readonly stat: FileStat | undefined
}

export interface LinkPlan {
  /** Are there, and are written all the same: as other names of a file, or as files of their own. */
  readonly rewritten: readonly KeptFile[]
  /** Are there, and get more names. */
  readonly linkTo: readonly KeptFile[]
}

/** All of one file that are to be, by whether a checkout touches them. */
interface Members {
  readonly untouched: KeptFile[]
  readonly touched: KeptFile[]
  isWritten: boolean
}

/** @param lookAt What is at a path of the folder, if it is as the second tree has it. */
export async function planLinks(
  reader: ObjectReader,
  to: TreeRoot,
  touched: readonly TouchedFile[],
  lookAt: (path: ByteName, side: RecordedSide) => Promise<FileStat | undefined>,
): Promise<LinkPlan> {
  const rewritten: KeptFile[] = []
  const byKey = new Map<string, Members>()
  const membersOf = (key: string): Members => {
    const members = byKey.get(key) ?? { untouched: [], touched: [], isWritten: false }
    byKey.set(key, members)
    return members
  }
  const groups = new Set<string>()
  for (const { path, before, after, stat } of touched) {
    const { linkGroup } = after.attributes
    const key = linkKeyOf(after.entry, after.attributes, false)
    // Others of the group that it was in may still hang on it.
    const left = before?.attributes.linkGroup
    if (stat && left !== undefined && left !== linkGroup) groups.add(left)
    if (linkGroup !== undefined) groups.add(linkGroup)
    if (key === undefined) {
      if (stat && stat.nlink > 1) rewritten.push({ path, stat })
    } else if (stat) membersOf(key).touched.push({ path, stat })
    else membersOf(key).isWritten = true
  }
  if (byKey.size === 0) return { rewritten, linkTo: [] }

  const keyByInode = new Map<string, string>()
  const isTouched = new Set(touched.map(({ path }) => path))
  for await (const { path, side } of membersOfGroups(reader, to.tree, to.attributes, groups)) {
    const stat = isTouched.has(path) ? undefined : await lookAt(path, side)
    const key = linkKeyOf(side.entry, side.attributes, false)
    if (!stat || key === undefined) continue
    membersOf(key).untouched.push({ path, stat })
    // What is not touched keeps its file.
    if (!keyByInode.has(inodeOf(stat))) keyByInode.set(inodeOf(stat), key)
  }
  for (const [key, members] of byKey) {
    for (const { stat } of members.touched) if (!keyByInode.has(inodeOf(stat))) keyByInode.set(inodeOf(stat), key)
  }
  const linkTo: KeptFile[] = []
  for (const [key, { untouched, touched: there, isWritten }] of byKey) {
    const source = untouched[0] ?? there.find(({ stat }) => keyByInode.get(inodeOf(stat)) === key)
    const apart = there.filter(({ stat }) => !source || inodeOf(stat) !== inodeOf(source.stat))
    rewritten.push(...apart)
    if (source && (isWritten || apart.length > 0)) linkTo.push(source)
  }
  return { rewritten, linkTo }
}

interface GroupMember {
  readonly path: ByteName
  readonly side: RecordedSide
}

/** In the order of the walk. Reads what is recorded of the whole tree, and of its entries only those in these groups. */
async function* membersOfGroups(
  reader: ObjectReader,
  directory: Content,
  attributes: Content,
  groups: ReadonlySet<string>,
  prefix: ByteName = ROOT_NAME,
): AsyncGenerator<GroupMember> {
  for await (const { name, attributes: own, below } of listAttributes(reader, attributes)) {
    const isMember = own.linkGroup !== undefined && groups.has(own.linkGroup)
    if (name === ROOT_NAME || (!isMember && below.shape === 0)) continue
    const entry = await lookup(reader, directory, name)
    const path = joinNames(prefix, name)
    if (entry?.kind === 'directory') yield* membersOfGroups(reader, entry.content, below, groups, path)
    else if (entry && isMember) yield { path, side: { entry, attributes: own } }
  }
}
