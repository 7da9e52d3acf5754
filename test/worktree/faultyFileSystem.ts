/** The real file system with a hook before every call, to fail it or to change the disk behind its back. */
import type { FileStat, FileSystem, OpenFile } from '../../src/base/filesystem.js'
import { nodeFileSystem } from '../../src/worktree/nodeFileSystem.js'

export type Call =
  | keyof FileSystem
  | 'file.stat'
  | 'file.read'
  | 'file.write'
  | 'file.truncate'
  | 'file.chmod'
  | 'file.utimes'
  | 'file.close'

/** May throw. `path` is UTF-8. */
export type Hook = (call: Call, path: string, detail?: string) => void

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code, syscall: 'test' })
}

/** Fails with `code` what `matches` says, as often as `times`. */
export function failing(
  code: string,
  matches: (call: Call, path: string, detail?: string) => boolean,
  times = Number.POSITIVE_INFINITY,
): Hook {
  let left = times
  return (call, path, detail) => {
    if (!matches(call, path, detail) || left-- <= 0) return
    throw systemError(code)
  }
}

export function hooked(hook: Hook, inner: FileSystem = nodeFileSystem): FileSystem {
  function before<T>(call: Call, path: Buffer | string, body: () => T, detail?: string): T {
    hook(call, path.toString(), detail)
    return body()
  }
  return {
    lstat: (path) => before('lstat', path, () => inner.lstat(path)),
    list: (path) => before('list', path, () => inner.list(path)),
    readlink: (path) => before('readlink', path, () => inner.readlink(path)),
    open: (path, how) => before('open', path, () => hookedFile(hook, path.toString(), inner.open(path, how)), how),
    mkdir: (path) => before('mkdir', path, () => inner.mkdir(path)),
    symlink: (target, path) => before('symlink', path, () => inner.symlink(target, path)),
    link: (existing, path) => before('link', path, () => inner.link(existing, path)),
    rename: (from, to) => before('rename', to, () => inner.rename(from, to)),
    unlink: (path) => before('unlink', path, () => inner.unlink(path)),
    rmdir: (path) => before('rmdir', path, () => inner.rmdir(path)),
    chmod: (path, mode) => before('chmod', path, () => inner.chmod(path, mode)),
    utimes: (path, mtimeNs, symlink) => before('utimes', path, () => inner.utimes(path, mtimeNs, symlink)),
    chown: (path, uid, gid) => before('chown', path, () => inner.chown(path, uid, gid)),
    isCaseInsensitive: (path) => before('isCaseInsensitive', path, () => inner.isCaseInsensitive(path)),
  }
}

function hookedFile(hook: Hook, path: string, inner: OpenFile): OpenFile {
  return {
    stat(): FileStat {
      hook('file.stat', path)
      return inner.stat()
    },
    async read(into, offset, length, position) {
      hook('file.read', path)
      return inner.read(into, offset, length, position)
    },
    readSync(into, offset, length, position) {
      hook('file.read', path)
      return inner.readSync(into, offset, length, position)
    },
    async write(bytes, position) {
      hook('file.write', path)
      return inner.write(bytes, position)
    },
    writeSync(bytes, position) {
      hook('file.write', path)
      inner.writeSync(bytes, position)
    },
    truncateSync(size) {
      hook('file.truncate', path)
      inner.truncateSync(size)
    },
    chmodSync(mode) {
      hook('file.chmod', path)
      inner.chmodSync(mode)
    },
    utimesSync(mtimeNs) {
      hook('file.utimes', path)
      inner.utimesSync(mtimeNs)
    },
    syncSync: () => inner.syncSync(),
    closeSync() {
      hook('file.close', path)
      inner.closeSync()
    },
  }
}
