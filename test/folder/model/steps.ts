/** What is done next, drawn by chance, so that names, contents and commits meet often. */
import { type Chance, noise } from '../../crash/support/chance.js'
import { append, type Edit, makeDirectory, overwrite, remove, rename, replace, setMode, touch, write } from './edits.js'
import type { FolderModel, Remembered } from './folderModel.js'
import { IGNORE_FILE } from './ignoring.js'
import { blockerOf, differences, isDirectory, type Node, type Path, type Tree } from './trees.js'

export type Verb =
  | { readonly do: 'status' }
  | { readonly do: 'commit'; readonly paths?: readonly Path[] }
  | { readonly do: 'switch'; readonly to: Goal; readonly force: boolean }
  | BrokenSwitch
  | { readonly do: 'restore'; readonly paths: readonly Path[]; readonly from?: Remembered }
  | { readonly do: 'reopen' }
  | { readonly do: 'look back'; readonly commit: Remembered; readonly other: Remembered }

export interface BrokenSwitch {
  readonly do: 'broken switch'
  readonly to: Goal
  readonly force: boolean
  /** Which call that changes the folder fails. */
  readonly failAt: number
  /** Or back. */
  readonly goesOn: boolean
}

export interface Goal {
  /** `undefined`: detached. */
  readonly branch: string | undefined
  readonly isNew: boolean
  readonly commit: Remembered
}

export interface Step {
  readonly edits: readonly Edit[]
  readonly verb?: Verb
  /** Whether a file is overwritten in the very moment in which the verb is done. */
  readonly isHasty: boolean
}

/** Some are beginnings of others, and sort before and after them with a `/`. */
const NAMES = ['a', 'b', 'd', 'd-', 'd.txt', 'build', 'tmp', 'x.log', 'keep.log', "e '\xc3\xa9"]
/** Bytes that are no UTF-8 make no name elsewhere. */
if (process.platform === 'linux') NAMES.push('n\xff')
/** One that leads to itself Git takes for no symlink. */
const TARGETS = ['.', '../b', 'nowhere']
const BRANCHES = ['main', 'one', 'two', 'dir/three']
const IGNORE_LINES = [
  '*.log',
  '!keep.log',
  'build/',
  'build',
  '/tmp',
  '!/tmp',
  'tmp/',
  'd/a',
  '!d/a',
  'a',
  'd*',
  '!d-',
  '/d/*',
  '?',
]
const MODES = [0o644, 0o755, 0o600, 0o755, 0o644]
const FOLDER_MODES = [0o755, 0o711, 0o750]
const ENTRIES_AT_MOST = 18
const LARGE_BYTES = 120_000
const OLD_SECONDS = 1_000_000_000
const GOALS_LOOKED_AT = 3

type Weighted<T> = readonly (readonly [number, T])[]

export class Steps {
  constructor(
    private readonly chance: Chance,
    private readonly model: FolderModel,
  ) {}

  next(): Step {
    const verb = this.model.commits.length === 0 || this.#happens(0.55) ? this.#rarely() : this.#verb()
    const edits: Edit[] = []
    // Each edit is chosen for the folder as those before leave it.
    const before = this.model.disk
    const count = verb && !this.#happens(0.25) ? 0 : this.chance.between(1, 3)
    for (let number = 0; number < count; number++) {
      const edit = this.#edit()
      edits.push(edit)
      this.model.edit((disk) => edit.inModel(disk))
    }
    this.model.disk = before
    return { edits, ...(verb ? { verb } : {}), isHasty: verb !== undefined && this.#happens(0.4) }
  }

  /** Of the same size, in place. */
  hasty(): Edit | undefined {
    const files = this.#paths((node) => node.kind === 'file' && node.bytes.length > 0)
    if (files.length === 0) return undefined
    const path = this.chance.pick(files)
    const { bytes } = this.model.disk.get(path) as Node & { kind: 'file' }
    return overwrite(path, bytes, Buffer.from([(bytes[0] ?? 0) ^ this.chance.between(1, 3)]), this.#happens(0.2))
  }

  /** While a switch is interrupted. */
  meanwhile(): Edit | undefined {
    return this.#happens(0.4) ? this.#edit() : undefined
  }

  #rarely(): Verb | undefined {
    if (this.model.commits.length === 0) return this.#happens(0.4) ? { do: 'commit' } : undefined
    return this.#happens(0.1) ? { do: 'status' } : undefined
  }

  #verb(): Verb {
    const verbs: Weighted<() => Verb> = [
      [22, () => ({ do: 'commit' })],
      [12, () => ({ do: 'commit', paths: this.#somePaths(this.model.taken.tree, this.model.here) })],
      [28, () => ({ do: 'switch', to: this.#goal(), force: false })],
      [7, () => ({ do: 'switch', to: this.#goal(), force: true })],
      [10, () => this.#brokenSwitch()],
      [16, () => this.#restore()],
      [4, () => ({ do: 'reopen' })],
      [4, () => ({ do: 'status' })],
      [5, () => ({ do: 'look back', commit: this.#commit(), other: this.#commit() })],
    ]
    return this.#pick(verbs)()
  }

  /** To where something is to be done. */
  #brokenSwitch(): Verb {
    const goals = Array.from({ length: GOALS_LOOKED_AT }, () => this.#goal())
    const to = goals.find(({ commit }) => differences(this.model.here, commit.tree).length > 0) ?? this.#goal()
    const [force, goesOn] = [this.#happens(0.4), this.#happens(0.5)]
    return { do: 'broken switch', to, force, failAt: this.chance.below(this.chance.pick([3, 8, 16])), goesOn }
  }

  #restore(): Verb {
    const from = this.#happens(0.6) ? this.#commit() : undefined
    const paths = this.#somePaths(this.model.disk, from?.tree ?? this.model.here, this.model.here)
    return { do: 'restore', paths, ...(from ? { from } : {}) }
  }

  #goal(): Goal {
    const { branches } = this.model
    const free = BRANCHES.filter((name) => !branches.has(name))
    if (free.length > 0 && this.#happens(0.3)) {
      const commit = this.#happens(0.6) && this.model.head ? this.model.head : this.#commit()
      return { branch: this.chance.pick(free), isNew: true, commit }
    }
    if (branches.size === 0 || this.#happens(0.2)) return { branch: undefined, isNew: false, commit: this.#commit() }
    const branch = this.chance.pick([...branches.keys()])
    return { branch, isNew: false, commit: branches.get(branch) as Remembered }
  }

  #commit(): Remembered {
    const { commits } = this.model
    return this.chance.pick(this.#happens(0.7) ? commits.slice(-6) : commits)
  }

  /** Most of them where the first two of these trees differ. */
  #somePaths(a: Tree, b: Tree, ...others: readonly Tree[]): Path[] {
    const known = [...new Set([a, b, ...others].flatMap((tree) => [...tree.keys()]))].sort()
    const differing = differences(a, b).map(({ path }) => path)
    const choose = (): Path => {
      if (this.#happens(0.05)) return this.#anyPath()
      if (this.#happens(0.04)) return ''
      const paths = differing.length > 0 && this.#happens(0.6) ? differing : known
      return paths.length === 0 ? this.#anyPath() : this.chance.pick(paths)
    }
    return Array.from({ length: this.chance.between(1, 2) }, choose)
  }

  #edit(): Edit {
    const { disk } = this.model
    const isFull = disk.size > ENTRIES_AT_MOST
    const edits: Weighted<() => Edit | undefined> = [
      [isFull ? 4 : 20, () => this.#write()],
      [
        isFull ? 30 : 7,
        () =>
          this.#on(
            () => true,
            (path) => remove(path),
          ),
      ],
      [8, () => this.#onFile((path, bytes) => overwrite(path, bytes, this.#sameSize(bytes), this.#happens(0.4)))],
      [6, () => this.#onFile((path, bytes) => append(path, bytes, this.#bytes()))],
      [8, () => this.#rename()],
      [6, () => this.#onFile((path) => setMode(path, this.chance.pick(MODES)))],
      [2, () => this.#on(isDirectory, (path) => setMode(path, this.chance.pick(FOLDER_MODES)))],
      [5, () => this.#onFile((path) => touch(path, OLD_SECONDS + this.chance.below(2)))],
      [5, () => this.#symlink()],
      [6, () => this.#changeSort()],
      [5, () => this.#makeDirectory()],
      [4, () => this.#ignoreFile()],
      [16, () => this.#asElsewhere()],
    ]
    for (;;) {
      const edit = this.#pick(edits)()
      if (edit) return edit
    }
  }

  #makeDirectory(): Edit | undefined {
    const path = this.#openPath()
    const found = this.model.disk.get(path)
    return found && !isDirectory(found) ? undefined : makeDirectory(path)
  }

  #write(): Edit | undefined {
    const path = this.#openPath()
    const found = this.model.disk.get(path)
    if (isDirectory(found)) return undefined
    const bytes = this.#bytes()
    if (found?.kind === 'file' && this.#happens(0.5)) return write(path, bytes)
    return found ? replace(path, { kind: 'file', bytes, mode: this.chance.pick(MODES) }) : write(path, bytes)
  }

  #rename(): Edit | undefined {
    const to = this.#openPath()
    return this.#on(
      (node, path) =>
        !isDirectory(this.model.disk.get(to)) &&
        !`${to}/`.startsWith(`${path}/`) &&
        (!this.model.disk.has(to) || !isDirectory(node)),
      (from) => rename(from, to),
    )
  }

  #symlink(): Edit | undefined {
    const path = this.#happens(0.5)
      ? this.#openPath()
      : this.chance.pick([...this.#paths((node) => node.kind === 'symlink'), 'a'])
    if (blockerOf(this.model.disk, path) !== undefined || isDirectory(this.model.disk.get(path))) return undefined
    return replace(path, { kind: 'symlink', target: this.chance.pick(TARGETS) })
  }

  /** A file becomes a directory, or the reverse. */
  #changeSort(): Edit | undefined {
    return this.#on(
      () => true,
      (path, node) => {
        const after = isDirectory(node) ? write(path, this.#bytes()) : this.#inside(path)
        const before = remove(path)
        return {
          text: `${before.text}, ${after.text}`,
          onDisk: (root) => {
            before.onDisk(root)
            after.onDisk(root)
          },
          inModel: (disk) => {
            before.inModel(disk)
            after.inModel(disk)
          },
        }
      },
    )
  }

  #inside(path: Path): Edit {
    if (this.#happens(0.2)) return makeDirectory(path)
    return write(`${path}/${this.chance.pick(NAMES)}`, this.#bytes())
  }

  #ignoreFile(): Edit | undefined {
    const directories = ['', '', ...this.#paths(isDirectory)]
    const directory = this.chance.pick(directories)
    const path = directory === '' ? IGNORE_FILE : `${directory}/${IGNORE_FILE}`
    const found = this.model.disk.get(path)
    if (found && this.#happens(0.4)) return remove(path)
    if (found && found.kind !== 'file') return undefined
    const lines = Array.from({ length: this.chance.between(1, 3) }, () => this.chance.pick(IGNORE_LINES))
    return write(path, Buffer.from(`${lines.join('\n')}\n`, 'latin1'))
  }

  /** A file is made what a commit has there: so it happens that what a switch would bring is there already. */
  #asElsewhere(): Edit | undefined {
    if (this.model.commits.length === 0) return undefined
    const { branches } = this.model
    const tree =
      this.#happens(0.7) && branches.size > 0 ? this.chance.pick([...branches.values()]).tree : this.#commit().tree
    const differing = [...tree.keys()].filter(
      (path) =>
        !isDirectory(tree.get(path)) &&
        blockerOf(this.model.disk, path) === undefined &&
        !isDirectory(this.model.disk.get(path)),
    )
    if (differing.length === 0) return undefined
    const path = this.chance.pick(differing)
    const node = tree.get(path) as Node
    return replace(path, node)
  }

  #bytes(): Buffer {
    return this.#pick<() => Buffer>([
      [8, () => Buffer.alloc(0)],
      [60, () => Buffer.from(`text ${this.chance.below(5)}\n`)],
      [20, () => noise(`${this.chance.below(1000)}`, this.chance.between(1, 300))],
      [10, () => noise(`${this.chance.below(3)}`, 20_000)],
      [4, () => noise(`${this.chance.below(3)}`, LARGE_BYTES)],
    ])()
  }

  #sameSize(bytes: Buffer): Buffer {
    return Buffer.from(bytes.subarray(0, Math.min(bytes.length, 40)).map((byte) => byte ^ this.chance.below(4)))
  }

  #anyPath(): Path {
    const depth = this.chance.between(1, 3)
    return Array.from({ length: depth }, () => this.chance.pick(NAMES)).join('/')
  }

  /** One to which directories lead, or could. */
  #openPath(): Path {
    for (;;) {
      const path = this.#anyPath()
      if (blockerOf(this.model.disk, path) === undefined) return path
      const top = path.split('/')[0] as string
      if (this.#happens(0.3) && !isDirectory(this.model.disk.get(top))) return top
    }
  }

  #paths(isWanted: (node: Node, path: Path) => boolean): Path[] {
    return [...this.model.disk].flatMap(([path, node]) => (isWanted(node, path) ? [path] : [])).sort()
  }

  #on(isWanted: (node: Node, path: Path) => boolean, make: (path: Path, node: Node) => Edit): Edit | undefined {
    const paths = this.#paths(isWanted)
    if (paths.length === 0) return undefined
    const path = this.chance.pick(paths)
    return make(path, this.model.disk.get(path) as Node)
  }

  #onFile(make: (path: Path, bytes: Buffer) => Edit): Edit | undefined {
    return this.#on(
      (node) => node.kind === 'file',
      (path, node) => make(path, (node as Node & { kind: 'file' }).bytes),
    )
  }

  #happens(share: number): boolean {
    return this.chance.next() < share
  }

  #pick<T>(weighted: Weighted<T>): T {
    let left = this.chance.next() * weighted.reduce((sum, [weight]) => sum + weight, 0)
    for (const [weight, item] of weighted) {
      left -= weight
      if (left < 0) return item
    }
    return (weighted.at(-1) as (typeof weighted)[number])[1]
  }
}

export function describeVerb(verb: Verb): string {
  const shown = (value: unknown): string => JSON.stringify(value)
  const numberOf = ({ number }: Remembered): string => `commit ${number}`
  const nameOf = ({ branch, isNew, commit }: Goal): string =>
    `${branch === undefined ? 'no branch' : `${isNew ? 'new ' : ''}${branch}`} (${numberOf(commit)})`
  switch (verb.do) {
    case 'commit':
      return verb.paths ? `commit ${shown(verb.paths)}` : 'commit'
    case 'switch':
      return `switch ${verb.force ? '--force ' : ''}to ${nameOf(verb.to)}`
    case 'broken switch':
      return `switch ${verb.force ? '--force ' : ''}to ${nameOf(verb.to)}, call ${verb.failAt} fails, go ${verb.goesOn ? 'on' : 'back'}`
    case 'restore':
      return `restore ${shown(verb.paths)}${verb.from ? ` from ${numberOf(verb.from)}` : ''}`
    case 'look back':
      return `look back at ${numberOf(verb.commit)} and ${numberOf(verb.other)}`
    default:
      return verb.do
  }
}
