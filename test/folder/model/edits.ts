/** What somebody does to the files of a folder: on the disk, and in the model. */
import {
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import {
  DIRECTORY,
  diskPath,
  isDirectory,
  type Node,
  type Path,
  parentOf,
  parentsOf,
  pathsBelow,
  put,
  removeAll,
} from './trees.js'

export interface Edit {
  readonly text: string
  onDisk(root: string): void
  inModel(disk: Map<Path, Node>): void
}

const FILE_MODE = 0o644
const FOLDER_MODE = 0o755
const MS_PER_SECOND = 1000

function makeFolder(root: string, path: Path): void {
  for (const folder of path === '' ? [] : [...parentsOf(path), path]) {
    try {
      mkdirSync(diskPath(root, folder))
      chmodSync(diskPath(root, folder), FOLDER_MODE)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

/** What is there keeps its mode. */
function modeIn(disk: ReadonlyMap<Path, Node>, path: Path): number {
  const was = disk.get(path)
  return was?.kind === 'file' ? was.mode : FILE_MODE
}

/** In place, through the same inode; what is there is a file or nothing. */
export function write(path: Path, bytes: Buffer): Edit {
  return {
    text: `write ${JSON.stringify(path)} (${bytes.length} bytes${bytes.length < 20 ? ` ${JSON.stringify(bytes.toString('latin1'))}` : ''})`,
    onDisk: (root) => {
      makeFolder(root, parentOf(path))
      writeFileSync(diskPath(root, path), bytes, { mode: FILE_MODE })
    },
    inModel: (disk) => put(disk, path, { kind: 'file', bytes, mode: modeIn(disk, path) }),
  }
}

/**
 * Only the first bytes, as databases write: the size stays.
 * @param setsBack whether the time of the last change is made what it was
 */
export function overwrite(path: Path, before: Buffer, bytes: Buffer, setsBack = false): Edit {
  return {
    text: `overwrite ${bytes.length} bytes of ${JSON.stringify(path)} with as many${setsBack ? ', and set its time back' : ''}`,
    onDisk: (root) => {
      const where = diskPath(root, path)
      const { mtimeMs } = lstatSync(where)
      const file = openSync(where, 'r+')
      writeSync(file, bytes, 0, bytes.length, 0)
      closeSync(file)
      if (setsBack) utimesSync(where, mtimeMs / MS_PER_SECOND, mtimeMs / MS_PER_SECOND)
    },
    inModel: (disk) => {
      const whole = Buffer.concat([bytes, before.subarray(bytes.length)])
      put(disk, path, { kind: 'file', bytes: whole, mode: modeIn(disk, path) })
    },
  }
}

/** As editors save: what is written beside is renamed over whatever was there, if it was no directory. */
export function replace(path: Path, node: Node): Edit {
  const what = node.kind === 'file' ? `a file of ${node.bytes.length} bytes` : node.kind
  return {
    text: `replace ${JSON.stringify(path)} by ${what}${node.kind === 'symlink' ? ` to ${node.target}` : ''}`,
    onDisk: (root) => {
      makeFolder(root, parentOf(path))
      const beside = diskPath(root, `${path}~`)
      if (node.kind === 'symlink') symlinkSync(Buffer.from(node.target, 'latin1'), beside)
      else if (node.kind === 'file') {
        writeFileSync(beside, node.bytes)
        chmodSync(beside, node.mode)
      }
      renameSync(beside, diskPath(root, path))
    },
    inModel: (disk) => put(disk, path, node),
  }
}

export function append(path: Path, before: Buffer, bytes: Buffer): Edit {
  return {
    text: `append ${bytes.length} bytes to ${JSON.stringify(path)}`,
    onDisk: (root) => writeFileSync(diskPath(root, path), bytes, { flag: 'a' }),
    inModel: (disk) =>
      put(disk, path, { kind: 'file', bytes: Buffer.concat([before, bytes]), mode: modeIn(disk, path) }),
  }
}

export function remove(path: Path): Edit {
  return {
    text: `remove ${JSON.stringify(path)}`,
    onDisk: (root) => rmSync(diskPath(root, path), { recursive: true }),
    inModel: (disk) => removeAll(disk, path),
  }
}

/** Over a file or symlink, or to where nothing is. */
export function rename(from: Path, to: Path): Edit {
  return {
    text: `rename ${JSON.stringify(from)} to ${JSON.stringify(to)}`,
    onDisk: (root) => {
      makeFolder(root, parentOf(to))
      renameSync(diskPath(root, from), diskPath(root, to))
    },
    inModel: (disk) => {
      const moved = [from, ...pathsBelow(disk, from)].map((path): [Path, Node] => [path, disk.get(path) ?? DIRECTORY])
      removeAll(disk, from)
      for (const [path, node] of moved) put(disk, `${to}${path.slice(from.length)}`, node)
    },
  }
}

export function setMode(path: Path, mode: number): Edit {
  return {
    text: `chmod ${mode.toString(8)} ${JSON.stringify(path)}`,
    onDisk: (root) => chmodSync(diskPath(root, path), mode),
    inModel: (disk) => {
      const was = disk.get(path)
      if (was && was.kind !== 'symlink') disk.set(path, { ...was, mode })
    },
  }
}

/** A new time, and nothing else. */
export function touch(path: Path, seconds: number): Edit {
  return {
    text: `touch ${JSON.stringify(path)}`,
    onDisk: (root) => utimesSync(diskPath(root, path), seconds, seconds),
    inModel: () => undefined,
  }
}

export function makeDirectory(path: Path): Edit {
  return {
    text: `mkdir ${JSON.stringify(path)}`,
    onDisk: (root) => makeFolder(root, path),
    inModel: (disk) => {
      if (!isDirectory(disk.get(path))) put(disk, path, DIRECTORY)
    },
  }
}
