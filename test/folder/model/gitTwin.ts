/**
 * A repository of Git whose files are kept as the model has them; empty directories are nothing there.
 *
 * Git runs from one small shell, which starts a process in a third of the time that it takes a test worker.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import {
  diskPath,
  isAlike,
  isDirectory,
  isExecutable,
  type Node,
  type Path,
  parentsOf,
  readTree,
  type Tree,
} from './trees.js'

/** One that knows `switch`: what `-h` ends with says so. */
export const HAS_GIT = process.platform !== 'win32' && spawnSync('git', ['switch', '-h']).status === 129

const OWN = '.git'
const END = 'end-of-what-git-said'
const END_PATTERN = new RegExp(`(?:^|[\\0\\n])(${END} (\\d+)\\n)$`)

const CONFIG: Readonly<Record<string, string>> = {
  'gc.auto': '0',
  'maintenance.auto': 'false',
  'core.fsync': 'none',
  'core.excludesFile': '/dev/null',
  'core.preloadIndex': 'false',
  'advice.detachedHead': 'false',
}

interface Said {
  readonly status: number
  readonly stdout: string
  /** If it failed. */
  readonly stderr: string
}

export class GitTwin {
  readonly #dir: string
  readonly #shell: ChildProcess
  readonly #stderrFile: string
  #said: Buffer[] = []
  #onSaid: (() => void) | undefined

  private constructor(folder: string) {
    this.#dir = join(folder, 'git')
    this.#stderrFile = join(folder, 'git-stderr')
    mkdirSync(this.#dir)
    this.#shell = spawn('/bin/sh', ['-s'], {
      cwd: this.#dir,
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        PATH: process.env.PATH,
        LC_ALL: 'C',
        HOME: folder,
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_CEILING_DIRECTORIES: folder,
        GIT_LITERAL_PATHSPECS: '1',
        GIT_AUTHOR_NAME: 'model',
        GIT_AUTHOR_EMAIL: 'model@example.org',
        GIT_COMMITTER_NAME: 'model',
        GIT_COMMITTER_EMAIL: 'model@example.org',
      },
    })
    this.#shell.stdout?.on('data', (bytes: Buffer) => {
      this.#said.push(bytes)
      this.#onSaid?.()
    })
  }

  static async make(folder: string): Promise<GitTwin> {
    const twin = new GitTwin(folder)
    await twin.run('init', '--quiet', '--template=')
    await twin.run('symbolic-ref', 'HEAD', 'refs/heads/main')
    const lines = Object.entries(CONFIG).map(([name, value]) => {
      const [section, key] = name.split('.')
      return `[${section}]\n\t${key} = ${value}\n`
    })
    writeFileSync(join(twin.#dir, OWN, 'config'), lines.join(''), { flag: 'a' })
    return twin
  }

  async close(): Promise<void> {
    const ended = once(this.#shell, 'exit')
    this.#shell.stdin?.end()
    await ended
  }

  /** @param args Bytes as latin1. @throws unless it ends with 0 */
  async run(...args: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.try(...args)
    if (status !== 0) throw new Error(`git ${args.join(' ')} ended with ${status}: ${stderr}`)
    return stdout
  }

  async try(...args: readonly string[]): Promise<Said> {
    const quoted = args.map((arg) => `'${arg.replaceAll("'", "'\\''")}'`).join(' ')
    const line = `git ${quoted} 2>'${this.#stderrFile}'; printf '%s %d\\n' ${END} $?\n`
    this.#shell.stdin?.write(Buffer.from(line, 'latin1'))
    for (;;) {
      const said = Buffer.concat(this.#said).toString('latin1')
      const end = END_PATTERN.exec(said)
      if (end) {
        this.#said = []
        const status = Number(end[2])
        const stderr = status === 0 ? '' : readFileSync(this.#stderrFile, 'latin1')
        return { status, stdout: said.slice(0, -(end[1] ?? '').length), stderr }
      }
      await new Promise<void>((resolve) => {
        this.#onSaid = resolve
      })
    }
  }

  /** The commit that HEAD leads to. */
  get head(): string {
    const head = readFileSync(join(this.#dir, OWN, 'HEAD'), 'utf8').trim()
    return head.startsWith('ref: ') ? readFileSync(join(this.#dir, OWN, head.slice(5)), 'utf8').trim() : head
  }

  /** Letter and path, in the order of bytes. */
  async status(): Promise<string[]> {
    const said = await this.run('status', '--porcelain', '-z', '--no-renames', '--untracked-files=all')
    const lines = said.split('\0').slice(0, -1)
    return lines.map((line) => `${line.slice(0, 2).trim()} ${line.slice(3)}`).sort()
  }

  /** Without directories, which are nothing to Git. */
  read(): Map<Path, Node> {
    const tree = readTree(this.#dir, OWN)
    for (const [path, node] of tree) if (isDirectory(node)) tree.delete(path)
    return tree
  }

  /** Makes the files that differ as they are to be. */
  put(from: Tree, to: Tree): void {
    const left = new Map(from)
    for (const [path, node] of from) {
      if (isDirectory(node) || to.get(path)?.kind === node.kind) continue
      this.#remove(path)
      left.delete(path)
    }
    for (const [path, node] of to) {
      if (!isDirectory(node) && !isAlike(left.get(path), node)) this.#write(path, node, left.get(path))
    }
  }

  /** Makes it stand somewhere, with all its files, after it did something else than was done in the working folder. */
  async force(branch: string | undefined, id: string, disk: Tree): Promise<void> {
    if (branch === undefined) await this.run('update-ref', '--no-deref', 'HEAD', id)
    else {
      await this.run('update-ref', `refs/heads/${branch}`, id)
      await this.run('symbolic-ref', 'HEAD', `refs/heads/${branch}`)
    }
    await this.run('read-tree', '--reset', id)
    this.put(this.read(), disk)
  }

  #remove(path: Path): void {
    unlinkSync(diskPath(this.#dir, path))
    for (const parent of parentsOf(path).reverse()) {
      try {
        rmdirSync(diskPath(this.#dir, parent))
      } catch {
        // Something else is in it.
        return
      }
    }
  }

  #write(path: Path, node: Node, before: Node | undefined): void {
    const where = diskPath(this.#dir, path)
    if (!before || isDirectory(before)) {
      // What Git has left of a directory that is empty.
      if (lstatSync(where, { throwIfNoEntry: false })?.isDirectory()) rmSync(where, { recursive: true })
      for (const parent of parentsOf(path)) mkdirSync(diskPath(this.#dir, parent), { recursive: true })
    }
    if (node.kind === 'symlink') {
      if (before?.kind === 'symlink') unlinkSync(where)
      symlinkSync(Buffer.from(node.target, 'latin1'), where)
    } else if (node.kind === 'file') {
      writeFileSync(where, node.bytes)
      chmodSync(where, node.mode)
    }
  }
}

/** As Git shows a tree: no directories, of mode bits the executable one. */
export function asInGit(tree: Tree): Map<Path, Node> {
  const seen = new Map<Path, Node>()
  for (const [path, node] of tree) {
    if (node.kind === 'file') seen.set(path, { ...node, mode: isExecutable(node) ? 0o755 : 0o644 })
    else if (!isDirectory(node)) seen.set(path, node)
  }
  return seen
}
