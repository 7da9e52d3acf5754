/** The mode that a file or folder gets, from what was recorded of it. */
import type { Attributes } from '../format/attributes.js'
import type { TreeEntry } from '../format/tree.js'

const FILE_MODE = 0o644
const EXECUTABLE_MODE = 0o755
const FOLDER_MODE = 0o755
const SET_ID_BITS = 0o6000
const OWNER_EXECUTE = 0o100
const ALL_EXECUTE = 0o111
const ALL_READ = 0o444

/**
 * Whether a file is executable is said by its entry: what is recorded beside it may be from before that changed. Bits that
 * lend the owner's rights to whoever runs the file are only set together with that owner.
 */
export function modeOf(entry: TreeEntry, { mode, owner }: Attributes, setsOwner: boolean): number {
  if (entry.kind === 'directory') return withoutSetId(mode ?? FOLDER_MODE, setsOwner && owner !== undefined)
  if (mode === undefined) return entry.executable ? EXECUTABLE_MODE : FILE_MODE
  const recorded = withoutSetId(mode, setsOwner && owner !== undefined)
  const isExecutable = (recorded & OWNER_EXECUTE) !== 0
  if (isExecutable === entry.executable) return recorded
  // Who may read may execute, as usual.
  return entry.executable ? recorded | OWNER_EXECUTE | ((recorded & ALL_READ) >> 2) : recorded & ~ALL_EXECUTE
}

function withoutSetId(mode: number, isWanted: boolean): number {
  return isWanted ? mode : mode & ~SET_ID_BITS
}
