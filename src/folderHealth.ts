/** How the working folders are that a store knows: there, and whole, or left in the middle of a switch. */
import { hostname } from 'node:os'
import { isVarveError } from './base/errors.js'
import { filesOf, placeIfAllowed } from './folderPlace.js'
import type { Session } from './session.js'
import type { FolderHealth } from './upkeep/doctor.js'
import { isProcessAlive } from './volume/lease.js'
import type { FolderFiles, LockOwner } from './worktree/folderFiles.js'

/** Looks at a few files of each, and not at what is in it. */
export function foldersHealth({ worktrees, fileSystem, random }: Session): FolderHealth[] {
  return worktrees.list().map(({ id, path }): FolderHealth => {
    try {
      if (placeIfAllowed(fileSystem, path, random)?.id !== id) return { path, state: 'gone' }
      const files = filesOf(fileSystem, path, random)
      const isLeft = files.read('switch') !== undefined && !isAtWork(files)
      return { path, state: isLeft ? 'interrupted' : 'fine' }
    } catch (error) {
      if (!isVarveError(error)) throw error
      return { path, state: 'unreadable', why: error.message }
    }
  })
}

/** Has folders read their files again. Of one that cannot be reached it is left: it holds names and ids, and no contents. */
export function forgetStatCaches(session: Session): void {
  for (const { path, state } of foldersHealth(session)) {
    if (state !== 'fine') continue
    try {
      filesOf(session.fileSystem, path, session.random).remove('stat-cache')
    } catch (error) {
      if (!isVarveError(error)) throw error
    }
  }
}

/** Whether a process has the folder to itself: then its switch goes on. */
function isAtWork(files: FolderFiles): boolean {
  const bytes = files.read('lock')
  if (!bytes) return false
  try {
    const { pid, host } = JSON.parse(bytes.toString('utf8')) as Partial<LockOwner>
    // Of another machine nobody knows.
    return host !== hostname() || (typeof pid === 'number' && isProcessAlive(pid))
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}
