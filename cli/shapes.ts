/**
 * What objects of the library look like in JSON. The shapes are public: fields are added, never renamed. Their
 * description, `SHAPES`, is what `varve help json` and docs/CLI.md print.
 */
import type { Change, CommitInfo, EntryInfo, PhysicalVolumeInfo, RefInfo } from '../src/index.js'
import { isoTime } from './text.js'

export const SHAPES = `
Commit    { id, tree: string | null,         // tree: null where there are no files
            files, sizeBytes: number,        // of the whole tree
            parents: string[],
            author, committer: { who, time },
            message,
            pruned?: { time, policy } }      // when it lost its files, and by which policy
Entry     { path, kind: "file" | "directory" | "symlink" | "gitlink",
            executable: boolean, sizeBytes, files: number,
            id: string | null,               // null for what is empty
            target?: string,                 // symlinks, where it was looked up
            mtimeNs?: string, mode?: number, uid?, gid?: number,    // as far as recorded
            linkGroup?: string }             // the same on all hard links of a file
Change    { path, kind: "added" | "removed" | "modified" | "type-changed" | "mode-changed" | "renamed",
            before, after: { kind, executable, sizeBytes, id } | null,
            from?, similarity?: number,             // renamed: the path before; percent, 100: the same content
            addedBytes?, removedBytes?: number,     // bytes that really differ
            binary?: boolean,                       // diff alone, like what follows
            addedLines?, removedLines?: number,     // texts
            hunks?: Hunk[] }                        // texts
Hunk      { beforeStart, beforeCount, afterStart, afterCount: number,     // lines from 1, as in @@ -1,2 +1,3 @@
            lines: string[] }                       // each begins with " ", "-", "+" or "\\", as in a unified diff
Ref       { name, kind: "branch" | "tag", target, message: string | null, time }
Volume    { number, uuid, path: string, allocatable: boolean, tags: string[],
            capacityBytes, freeBytes: number | null,     // null: as the disk allows
            extents, storedBytes, fileBytes: number,     // fileBytes: size of the file
            problem: { code, message } | null }          // why it cannot be used: missing, stale ...`

type Signature = CommitInfo['author']

function signatureJson(signature: Signature) {
  return { who: signature.who, time: isoTime(signature.timeMs, signature.zoneMinutes) }
}

export function commitJson(commit: CommitInfo) {
  return {
    id: commit.id,
    tree: commit.tree.id ?? null,
    files: commit.tree.files,
    sizeBytes: commit.tree.sizeBytes,
    parents: commit.parents,
    author: signatureJson(commit.author),
    committer: signatureJson(commit.committer),
    message: commit.message,
    ...(commit.pruned ? { pruned: { time: isoTime(commit.pruned.timeMs), policy: commit.pruned.policy } } : {}),
  }
}

/** `path`, and the bytes themselves where they are not UTF-8 and `path` shows U+FFFD. */
export function pathJson(path: string, pathBytes: Uint8Array) {
  const faithful = Buffer.from(path, 'utf8').equals(pathBytes)
  return faithful ? { path } : { path, pathBase64: Buffer.from(pathBytes).toString('base64') }
}

export function entryJson(entry: EntryInfo) {
  const { mtimeNs, mode, owner, linkGroup } = entry.attributes
  return {
    ...pathJson(entry.path, entry.pathBytes),
    kind: entry.kind,
    executable: entry.executable,
    sizeBytes: entry.sizeBytes,
    files: entry.files,
    id: entry.id ?? null,
    ...(entry.target === undefined ? {} : { target: entry.target }),
    ...(mtimeNs === undefined ? {} : { mtimeNs }),
    ...(mode === undefined ? {} : { mode }),
    ...(owner === undefined ? {} : { uid: owner.uid, gid: owner.gid }),
    ...(linkGroup === undefined ? {} : { linkGroup }),
  }
}

function summaryJson(entry: Change['before']) {
  if (entry === undefined) return null
  return { kind: entry.kind, executable: entry.executable, sizeBytes: entry.sizeBytes, id: entry.id ?? null }
}

function fromJson({ from, fromBytes, similarity }: Change) {
  if (from === undefined || fromBytes === undefined) return {}
  const { pathBase64 } = { pathBase64: undefined, ...pathJson(from, fromBytes) }
  return { from, ...(pathBase64 === undefined ? {} : { fromBase64: pathBase64 }), similarity }
}

export function changeJson(change: Change) {
  return {
    ...pathJson(change.path, change.pathBytes),
    kind: change.kind,
    before: summaryJson(change.before),
    after: summaryJson(change.after),
    ...fromJson(change),
    ...(change.addedBytes === undefined ? {} : { addedBytes: change.addedBytes }),
    ...(change.removedBytes === undefined ? {} : { removedBytes: change.removedBytes }),
  }
}

export function refJson(ref: RefInfo) {
  const message = ref.message === undefined || ref.message === '' ? null : ref.message
  return { name: ref.name, kind: ref.kind, target: ref.target, message, time: isoTime(ref.timeMs) }
}

export function volumeJson(volume: PhysicalVolumeInfo) {
  return {
    number: volume.number,
    uuid: volume.uuid,
    path: volume.path,
    allocatable: volume.allocatable,
    tags: volume.tags,
    capacityBytes: volume.capacityBytes,
    freeBytes: volume.freeBytes,
    extents: volume.extents,
    storedBytes: volume.storedBytes,
    fileBytes: volume.fileBytes,
    problem: volume.problem ?? null,
  }
}
