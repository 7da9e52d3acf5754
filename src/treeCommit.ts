/** `commitFrom`: the state of a folder becomes a commit. */
import { resolve } from 'node:path'
import { isVarveError, VarveError } from './base/errors.js'
import { type ByteName, nameFromBytes, nameToBytes, nameToText } from './base/names.js'
import type { WorkOptions } from './base/progress.js'
import type { ObjectReader, ObjectWriter } from './cas/objects.js'
import type { Commit } from './format/commit.js'
import { type Content, EMPTY_CONTENT } from './format/content.js'
import type { TreeEntryKind } from './format/tree.js'
import { sameRecorded } from './history/attributeTree.js'
import type { CommitInfo } from './history/commits.js'
import { Draft } from './history/draft.js'
import { entryAt, rootEntry, type TreeRoot } from './history/entries.js'
import { joinPath } from './history/paths.js'
import { diffTrees } from './history/treeDiff.js'
import { type AttributeName, parseAttributes } from './refs/properties.js'
import { branchTip, openWriter, publishCommit, retrying, type Session, signatureNow, spaceWarnings } from './session.js'
import type { UnreadableFile } from './worktree/readFailure.js'
import { storeTree } from './worktree/storeTree.js'

export interface CommitFromOptions extends WorkOptions {
  /** Default: the store's `default-branch`. Made by its first commit. */
  readonly branch?: string | undefined
  readonly message: string
  /** `Name <mail>`. Default: the store's `author`, else user@host. */
  readonly author?: string | undefined
  /** Patterns in the syntax of .gitignore: what they match is left out. */
  readonly ignore?: readonly string[] | undefined
  /** Honour .varveignore and .gitignore files in the folder. Default false. */
  readonly ignoreFiles?: boolean | undefined
  /** Leave out what cannot be read or keeps changing, and say so, instead of failing. */
  readonly skipUnreadable?: boolean | undefined
  /** Commit even when nothing changed. */
  readonly allowEmpty?: boolean | undefined
  /** What to record beside contents. Default: the store's `attributes`. */
  readonly attributes?: readonly AttributeName[] | undefined
  /** How often to try again when another process moves the branch meanwhile. Default 0. */
  readonly retry?: number | undefined
}

export interface CommitFromResult {
  /** `undefined`: the folder is as the branch has it, and nothing was committed. */
  readonly commit: CommitInfo | undefined
  readonly branch: string
  /** Everything in the folder that is not a directory. */
  readonly files: number
  readonly bytes: number
  /** Entries left out by ignore rules. */
  readonly ignored: number
  /** Raw bytes of chunks that were not known before. */
  readonly newBytes: number
  /** What those and the new objects take, compressed. */
  readonly storedBytes: number
  readonly skipped: readonly UnreadableFile[]
  /** Sockets, devices and the like that were passed over, and other things worth knowing. */
  readonly warnings: readonly string[]
}

export const EMPTY_TREE: TreeRoot = { tree: EMPTY_CONTENT, files: 0, attributes: EMPTY_CONTENT }

export async function commitFrom(session: Session, dir: string, options: CommitFromOptions): Promise<CommitFromResult> {
  requireMessage(options.message)
  const branch = options.branch ?? session.properties.get('default-branch').value
  const author = signatureNow(session, options.author)
  const before = await branchTip(session, branch)
  const writer = openWriter(session, [branch], options.signal)
  try {
    const stored = await storeTree(writer, session.fileSystem, resolve(dir), {
      ignore: options.ignore,
      ignoreFiles: options.ignoreFiles,
      skipUnreadable: options.skipUnreadable,
      attributes: options.attributes ?? parseAttributes(session.properties.get('attributes').value),
      storeFiles: storeFiles(session),
      before: before?.commit,
      signal: options.signal,
      onProgress: options.onProgress,
    })
    const result = {
      branch,
      files: stored.files,
      bytes: stored.tree.size,
      ignored: stored.ignored,
      skipped: stored.skipped,
      warnings: stored.warnings,
    }
    const tree = { tree: stored.tree, files: stored.files, attributes: stored.attributes }
    const unchanged = before && (await isUnchanged(writer, before.commit, tree))
    if (unchanged && !options.allowEmpty) {
      await writer.abandon()
      return { ...result, commit: undefined, newBytes: 0, storedBytes: 0 }
    }
    options.onProgress?.({
      phase: 'publish',
      itemsDone: stored.files,
      itemsTotal: stored.files,
      bytesDone: stored.tree.size,
      bytesTotal: stored.tree.size,
    })
    let onto = before
    let rebased: TreeRoot = tree
    const attempt = (): Promise<CommitInfo> =>
      publishCommit(session, writer, {
        branch,
        parent: onto?.id,
        tree: rebased,
        message: options.message,
        author,
        operation: 'commit',
      })
    const commit = await retrying(options.retry ?? 0, attempt, async () => {
      onto = await branchTip(session, branch)
      rebased = await rebaseTree(writer, before?.commit ?? EMPTY_TREE, tree, onto?.commit ?? EMPTY_TREE)
    })
    const { newBytes, storedBytes } = writer.stats
    const warnings = [...result.warnings, ...spaceWarnings(session, branch)]
    return { ...result, warnings, commit, newBytes, storedBytes }
  } catch (error) {
    // The error at hand is the one to tell. A lease left behind is swept once this process is gone.
    await writer.abandon().catch(() => undefined)
    throw error
  }
}

/**
 * What changed from `base` to `ours`, done again on `onto`.
 * @throws {VarveError} `REF_CONFLICT` naming the paths that `onto` changed as well
 */
async function rebaseTree(writer: ObjectWriter, base: TreeRoot, ours: TreeRoot, onto: TreeRoot): Promise<TreeRoot> {
  const draft = await changesOn(writer, base, ours)
  const conflicts = await draft.rebaseOnto(onto)
  if (conflicts.length > 0) {
    const paths = conflicts.map(nameToText)
    throw new VarveError('REF_CONFLICT', `the branch moved, and both sides changed ${paths.join(', ')}`, { paths })
  }
  return draft.toTree()
}

/** What changed from `base` to `ours`, as edits on `base`. */
async function changesOn(writer: ObjectWriter, base: TreeRoot, ours: TreeRoot): Promise<Draft> {
  const draft = new Draft(writer, base)
  // What goes makes room for what comes: a file comes before what was in the directory that it took the place of.
  for await (const { path, before, after } of diffTrees(writer, base.tree, ours.tree)) {
    if (!before || before.kind === after?.kind) continue
    await draft.remove(nameToBytes(path))
    if (!after) await removeEmptied(writer, draft, ours, path)
  }
  for await (const { path, after } of diffTrees(writer, base.tree, ours.tree)) {
    if (after) await draft.copy(nameToBytes(path), nameToBytes(path), ours)
  }
  return draft
}

/** `base`, but at and below some paths as `ours` has it. */
export async function pickPaths(
  writer: ObjectWriter,
  base: TreeRoot,
  ours: TreeRoot,
  paths: readonly (readonly ByteName[])[],
): Promise<TreeRoot> {
  if (paths.some((path) => path.length === 0)) return ours
  const draft = new Draft(writer, base)
  for (const path of paths) await pickPath(writer, draft, ours, path)
  return draft.toTree()
}

async function pickPath(writer: ObjectWriter, draft: Draft, ours: TreeRoot, path: readonly ByteName[]): Promise<void> {
  const whole = nameToBytes(joinPath(path))
  if (!(await entryAt(writer, rootEntry(ours), path))) {
    if (!(await kindIn(draft, path))) return
    await draft.remove(whole)
    return removeEmptied(writer, draft, ours, joinPath(path))
  }
  for (let depth = 1; depth < path.length; depth++) {
    const parent = path.slice(0, depth)
    const kind = await kindIn(draft, parent)
    if (kind === 'directory') continue
    // A directory that is new, or took the place of something else, comes with what is recorded of it.
    if (kind) await draft.remove(nameToBytes(joinPath(parent)))
    await draft.copy(nameToBytes(joinPath(parent)), nameToBytes(joinPath(parent)), ours)
    return removeBeside(draft, path, depth)
  }
  if (await kindIn(draft, path)) await draft.remove(whole)
  await draft.copy(whole, whole, ours)
}

/** All that is not on the way to a path, from a depth on. */
async function removeBeside(draft: Draft, path: readonly ByteName[], from: number): Promise<void> {
  for (let depth = from; depth < path.length; depth++) {
    const onTheWay = joinPath(path.slice(0, depth + 1))
    const beside: Buffer[] = []
    for await (const { pathBytes } of draft.list(nameToBytes(joinPath(path.slice(0, depth))))) {
      if (nameFromBytes(pathBytes) !== onTheWay) beside.push(pathBytes)
    }
    for (const other of beside) await draft.remove(other)
  }
}

async function kindIn(draft: Draft, path: readonly ByteName[]): Promise<TreeEntryKind | undefined> {
  try {
    return (await draft.stat(nameToBytes(joinPath(path)))).kind
  } catch (error) {
    if (isVarveError(error, 'PATH_NOT_FOUND', 'NOT_A_DIRECTORY')) return undefined
    throw error
  }
}

/** Directories above what was removed that `ours` does not have either, once nothing is left in them. */
async function removeEmptied(writer: ObjectWriter, draft: Draft, ours: TreeRoot, path: ByteName): Promise<void> {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    const parent = path.slice(0, end) as ByteName
    if ((await entryAt(writer, rootEntry(ours), parent.split('/') as ByteName[]))?.kind === 'directory') return
    for await (const _ of draft.list(nameToBytes(parent))) return
    await draft.remove(nameToBytes(parent))
  }
}

export function requireMessage(message: string): void {
  if (typeof message !== 'string' || message.trim() === '')
    throw new VarveError('INVALID_ARGUMENT', 'a commit needs a message', { actual: message })
}

/** Same content, and nothing recorded differs but times: a new mtime alone never makes a commit. */
export async function isUnchanged(
  reader: ObjectReader,
  before: Pick<Commit, 'tree' | 'attributes'>,
  now: { readonly tree: Content; readonly attributes: Content },
): Promise<boolean> {
  if (before.tree.id !== now.tree.id || before.tree.shape !== now.tree.shape) return false
  return sameRecorded(reader, before.attributes, now.attributes)
}

/** A store that lies in the folder it versions is not part of it. */
export function storeFiles(session: Session): string[] {
  return session.group.volumes.flatMap(({ location }) => [
    location,
    `${location}-wal`,
    `${location}-shm`,
    `${location}-journal`,
    `${location}-reserve`,
    `${location}-scratch`,
  ])
}
