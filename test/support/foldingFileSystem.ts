/** The real file system as one that takes names for one that differ only in case, as those of Windows and macOS do. */
import type { FileSystem } from '../../src/base/filesystem.js'
import { nodeFileSystem } from '../../src/worktree/nodeFileSystem.js'

/** @param below Only there names are folded. */
export function foldingFileSystem(below: () => string, inner: FileSystem = nodeFileSystem): FileSystem {
  /** The path as it is on the disk, as far as it is there. */
  function found(path: Buffer): Buffer {
    const text = path.toString('latin1')
    const root = below()
    if (!text.startsWith(`${root}/`)) return path
    let at = root
    for (const name of text.slice(root.length + 1).split('/')) {
      const stat = inner.lstat(Buffer.from(at, 'latin1'))
      const names =
        stat?.type === 'directory' ? inner.list(Buffer.from(at, 'latin1')).map((each) => each.name as string) : []
      const same = names.includes(name) ? name : names.find((each) => each.toLowerCase() === name.toLowerCase())
      at = `${at}/${same ?? name}`
    }
    return Buffer.from(at, 'latin1')
  }
  /** Renaming gives the new name, also where the old one differed only in case. */
  function rename(from: Buffer, to: Buffer): void {
    const there = found(to)
    if (inner.lstat(there)?.type !== 'directory' && !there.equals(found(from))) {
      inner.rename(found(from), there)
      return
    }
    inner.rename(found(from), to)
  }
  return {
    lstat: (path) => inner.lstat(found(Buffer.from(path))),
    list: (path) => inner.list(found(path)),
    readlink: (path) => inner.readlink(found(path)),
    open: (path, how) => inner.open(found(path), how),
    mkdir: (path) => inner.mkdir(found(path)),
    symlink: (target, path) => inner.symlink(target, found(path)),
    link: (existing, path) => inner.link(found(existing), found(path)),
    rename,
    unlink: (path) => inner.unlink(found(path)),
    rmdir: (path) => inner.rmdir(found(path)),
    chmod: (path, mode) => inner.chmod(found(path), mode),
    utimes: (path, mtimeNs, symlink) => inner.utimes(found(path), mtimeNs, symlink),
    chown: (path, uid, gid) => inner.chown(found(path), uid, gid),
    isCaseInsensitive: () => true,
  }
}
