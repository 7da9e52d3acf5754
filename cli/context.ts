/** What a running verb has at hand: outputs, options that all verbs share, the store, progress, the signal to stop. */
import { statSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import type { OpenOptions, Progress, Repository, WorkingFolder } from '../src/index.js'
import type { GlobalOptions, VerbCommand } from './command.js'
import { NoStoreError } from './errors.js'
import { helpColumnsFor, type Io } from './io.js'
import { type Colors, colorsFor, Output } from './output.js'
import { PagedOutput, pagerCommand } from './pager.js'
import { ProgressLine } from './progress.js'
import { namedStore } from './store.js'
import { plainText } from './text.js'
import { trimSlashes } from './values.js'

type Library = typeof import('../src/index.js')

export class Context {
  readonly io: Io
  readonly options: GlobalOptions
  readonly out: Output
  readonly colors: Colors
  /** `varve` itself, for help and completion. */
  readonly program: VerbCommand
  /** `undefined`: relative to one that was deleted. */
  readonly #start: string | undefined
  readonly #opened: Repository[] = []
  readonly #paged: PagedOutput | undefined
  #progress: ProgressLine | undefined
  #workingFolder: WorkingFolder | undefined

  /** @param pages - Whether what the verb prints is for a pager, where there is a person. */
  constructor(io: Io, program: VerbCommand, options: GlobalOptions, pages = false) {
    const pager = pages && options.pager && !options.json && io.stdout.isTerminal ? pagerCommand(io.env) : undefined
    this.#paged = pager && new PagedOutput(io, pager)
    const { stdout, stderr, signal } = this.#paged ?? io
    this.io = { ...io, stdout, stderr, signal }
    this.program = program
    this.options = options
    this.out = new Output(stdout, () => {
      this.clearProgress()
      // Nothing may draw over the pager.
      if (this.#paged) this.#progress = undefined
    })
    this.colors = colorsFor(io.stdout, io.env)
    const { directory = '' } = options
    this.#start = io.cwd === undefined && !isAbsolute(directory) ? undefined : resolve(io.cwd ?? '', directory)
    const shown = options.progress && !options.quiet && !options.json && io.stderr.isTerminal
    this.#progress = shown ? new ProgressLine(io.stderr, () => io.nowMs()) : undefined
  }

  get json(): boolean {
    return this.options.json
  }

  get signal(): AbortSignal {
    return this.io.signal
  }

  get nowMs(): number {
    return this.io.nowMs()
  }

  /** For every long operation of the library. */
  get work(): { signal: AbortSignal; onProgress?: (progress: Progress) => void } {
    if (!this.#progress) return { signal: this.signal }
    return { signal: this.signal, onProgress: (progress) => this.#progress?.report(progress) }
  }

  /** How wide help gets: however wide the terminal is, lines stay readable. */
  get helpColumns(): number {
    return helpColumnsFor(this.io.stdout)
  }

  /** An argument that names a file or folder, made absolute. */
  resolvePath(path: string): string {
    return resolve(this.folder, path)
  }

  library(): Promise<Library> {
    return import('../src/index.js')
  }

  /** The store named by --store or VARVE_STORE. */
  get namedStorePath(): string | undefined {
    return namedStore({ folder: this.folder, store: this.options.store, env: this.io.env })
  }

  /**
   * Opens the store that the command line means: the one that is named, else that of the working folder; closed when the
   * verb is over.
   */
  async open(options: OpenOptions = {}): Promise<Repository> {
    const named = this.namedStorePath
    if (named === undefined) return (await this.openFolder(options)).repository
    this.#requireFolder()
    const { Repository } = await this.library()
    const repository = this.adopt(await Repository.open(named, options))
    await this.#warnOfAbsent(repository, options)
    return repository
  }

  /** Opens the working folder that the command is given in; closed when the verb is over. */
  async openFolder(options: OpenOptions = {}): Promise<WorkingFolder> {
    this.#requireFolder()
    const { WorkingFolder, isVarveError } = await this.library()
    try {
      const folder = await WorkingFolder.open(this.folder, options)
      this.adopt(folder.repository)
      this.#workingFolder = folder
      await this.#warnOfAbsent(folder.repository, options)
      return folder
    } catch (error) {
      if (!isVarveError(error, 'WORKTREE_NOT_FOUND') || error.details.id !== undefined) throw error
      throw new NoStoreError(`no store here: neither ${this.folder} nor a folder above it is a working folder`)
    }
  }

  /** Where the command is given: what relative paths start from. */
  get folder(): string {
    if (this.#start !== undefined) return this.#start
    throw new NoStoreError(
      'the folder that this command is given in was deleted',
      'go to one that is there, or name one: -C DIR',
    )
  }

  /**
   * A path of the tree, as an operand names it, once the store is open: from where the command is given, in a working
   * folder; from the root, of a store that is named.
   */
  pathInTree(path: string): string {
    return this.#workingFolder?.pathWithin(path, this.folder) ?? trimSlashes(path)
  }

  /** The branch that the working folder stands on, once the store is open; `undefined` if there is none. */
  get branch(): string | undefined {
    return this.#workingFolder?.head.branch
  }

  /** Opens the store to read from it only. */
  openToRead(options: Pick<OpenOptions, 'cacheBytes'> = {}): Promise<Repository> {
    return this.open({ ...options, readOnly: true })
  }

  /**
   * Opens the store for a long read: with a lease, so that nothing is cleared away under it, where the store can be
   * written to; on media that cannot, nothing is cleared away anyhow.
   */
  async openToReadLong(): Promise<Repository> {
    const { isVarveError } = await this.library()
    try {
      return await this.open()
    } catch (error) {
      if (!isVarveError(error, 'STORAGE_READ_ONLY', 'STORAGE_DENIED')) throw error
      return this.openToRead()
    }
  }

  /** Has the store closed when the verb is over. */
  adopt(repository: Repository): Repository {
    this.#opened.push(repository)
    return repository
  }

  /** A store that does without a volume is as good as one without its copies. What shows volumes says so itself. */
  async #warnOfAbsent({ absentVolumes }: Repository, { partial }: OpenOptions): Promise<void> {
    if (partial) return
    for (const { message } of absentVolumes) await this.warn(`${message}; what it holds is read from other copies`)
  }

  /** A line for people about what was done; silent with -q and --json. */
  async say(text: string): Promise<void> {
    this.#progress?.clear()
    if (!this.options.quiet && !this.json) await this.out.line(text)
  }

  /** A line on stderr about what went less well; in JSON the result says it. */
  async warn(text: string): Promise<void> {
    this.#progress?.clear()
    if (!this.json) await this.io.stderr.write(`warning: ${plainText(text)}\n`)
  }

  /** Takes the progress line off the terminal before other output. */
  clearProgress(): void {
    this.#progress?.clear()
  }

  /** Closes the store, then lets the person read to the end. */
  async close(): Promise<void> {
    this.clearProgress()
    try {
      for (const repository of this.#opened.splice(0)) await repository.close()
    } finally {
      await this.#paged?.end()
    }
  }

  #requireFolder(): void {
    if (statSync(this.folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
      throw new NoStoreError(`no such folder: ${this.folder}`)
    }
  }
}
