/**
 * Where Node.js keeps what it compiled of the command, so that the next run need not compile it again.
 *
 * What is kept is run, so it lies in the user's own cache folder: not in the temporary folder that all share, which is
 * Node's default, nor beside the package, which may belong to somebody else. It may be deleted at any time. That what is
 * kept belongs to the source and is undamaged, Node.js checks; that it cannot be written, it passes over in silence.
 *
 * Node.js 20 has no such cache and gets none: V8 alone takes damaged code for good, so all that Node.js checks would have
 * to be done here, for a line of Node.js that has come to its end.
 */
import { statSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { posix, win32 } from 'node:path'

type Environment = Readonly<Record<string, string | undefined>>

/** What the type declarations of Node 20 do not know yet. */
interface CompileCaching {
  enableCompileCache?(folder: string): unknown
}

/** Does nothing where NODE_COMPILE_CACHE names a folder, or NODE_DISABLE_COMPILE_CACHE forbids it. */
export function keepCompiled(): void {
  const { enableCompileCache } = nodeModule as CompileCaching
  if (enableCompileCache === undefined) return
  const place = compileCacheOf(process.platform, process.env)
  if (place && isOwn(place.base)) enableCompileCache(place.folder)
}

/** @returns The folder, and the one it lies below; `undefined` where nobody says what is the user's. */
export function compileCacheOf(
  platform: NodeJS.Platform,
  env: Environment,
): { readonly base: string; readonly folder: string } | undefined {
  const { isAbsolute, join } = platform === 'win32' ? win32 : posix
  const below = (base: string | undefined, ...names: readonly string[]) =>
    base !== undefined && isAbsolute(base) ? { base, folder: join(base, ...names, 'varve', 'compiled') } : undefined
  if (platform === 'win32') return below(env.LOCALAPPDATA)
  if (platform === 'darwin') return below(env.HOME, 'Library', 'Caches')
  return below(env.XDG_CACHE_HOME) ?? below(env.HOME, '.cache')
}

/** Under `sudo` the home may be another user's: who can write there must not say what root runs. */
function isOwn(folder: string): boolean {
  try {
    const { uid } = statSync(folder)
    return process.geteuid === undefined || uid === process.geteuid()
  } catch {
    // It only saves time.
    return false
  }
}
