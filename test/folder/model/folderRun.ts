/**
 * One sequence of steps: each is done in a working folder, in the model and, where it has the same notion, in Git; then
 * all of them must agree.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Change, WorkingFolder } from '../../../src/index.js'
import { Chance } from '../../crash/support/chance.js'
import { VOLUMES } from '../../support/groups.js'
import { agree, agreeTrees, bytesOf, refused, sideBySide, textOf } from './agreement.js'
import type { Edit } from './edits.js'
import { changesBetween, FolderModel, type Remembered, type ToldChange } from './folderModel.js'
import { GitSide } from './gitSide.js'
import { HAS_GIT } from './gitTwin.js'
import { takenFrom } from './ignoring.js'
import { picked, restored, switched } from './moves.js'
import { type BrokenSwitch, describeVerb, type Goal, Steps, type Verb } from './steps.js'
import { TestDisk } from './testDisk.js'
import { isAlike, isDirectory, type Path, readTree, sameNode, type Tree } from './trees.js'

const SHOWN_STEPS = 20
/** After them Git is always asked what has changed, after other steps now and then. */
const GIT_VERBS: ReadonlySet<string | undefined> = new Set(['commit', 'switch', 'broken switch', 'restore'])
const GIT_STATUS_EVERY = 4
const FOLDER_STATE = '.varve'
/** Of clocks of file systems. */
const TICKS_MS = [0, 10, 40]

export interface SequenceOptions {
  readonly seed: string
  readonly sequence: number
  readonly steps: number
  /** Empty. */
  readonly folder: string
}

/**
 * @returns what was done in each step
 * @throws {Error} that tells the seed, the last steps, and what does not agree
 */
export async function runSequence({ seed, sequence, steps, folder }: SequenceOptions): Promise<readonly string[]> {
  const run = await FolderRun.begin(folder, new Chance(seed, 'folder', sequence))
  try {
    for (let step = 0; step < steps; step++) await run.step()
    await run.verify()
    return run.log
  } catch (error) {
    const { code, message } = error as Error & { readonly code?: string }
    const about = `sequence ${sequence} of seed ${seed}, at step ${run.log.length}`
    throw new Error(`${about}: ${code ? `${code}: ` : ''}${message}\nThe last steps:\n${run.lastSteps()}`, {
      cause: error,
    })
  } finally {
    await run.close()
  }
}

class FolderRun {
  /** Of steps, the current one included. */
  readonly log: string[] = []
  readonly #dir: string
  readonly #model: FolderModel
  readonly #steps: Steps
  readonly #git: GitSide | undefined
  readonly #disk: TestDisk
  #folder: WorkingFolder

  private constructor(
    folder: WorkingFolder,
    disk: TestDisk,
    model: FolderModel,
    git: GitSide | undefined,
    chance: Chance,
  ) {
    this.#folder = folder
    this.#dir = folder.path
    this.#disk = disk
    this.#model = model
    this.#git = git
    this.#steps = new Steps(chance, model)
  }

  static async begin(base: string, chance: Chance): Promise<FolderRun> {
    const disk = new TestDisk(chance.pick(TICKS_MS))
    const folder = await WorkingFolder.init(join(base, 'work'), { fileSystem: disk.fileSystem })
    for (let number = 1; number < VOLUMES; number++) {
      await folder.repository.extendVolumeGroup(join(base, `pv${number}.varve`))
    }
    if (VOLUMES > 1) await folder.repository.convertLogicalVolume('default', { type: 'striped' })
    const model = new FolderModel()
    const git = HAS_GIT ? await GitSide.begin(base, model) : undefined
    return new FolderRun(folder, disk, model, git, chance)
  }

  async close(): Promise<void> {
    await this.#git?.close()
    await this.#folder.close()
  }

  lastSteps(): string {
    const first = Math.max(0, this.log.length - SHOWN_STEPS)
    return this.log
      .slice(first)
      .map((text, index) => `${first + index + 1}. ${text}`)
      .join('\n')
  }

  async step(): Promise<void> {
    const { edits, verb, isHasty } = this.#steps.next()
    this.log.push([...edits.map(({ text }) => text), ...(verb ? [describeVerb(verb)] : [])].join('; '))
    for (const edit of edits) this.#edit(edit)
    if (verb) await this.#do(verb)
    const hasty = isHasty ? this.#steps.hasty() : undefined
    if (hasty) {
      this.#note(`; at once ${hasty.text}`)
      this.#edit(hasty)
    }
    await this.#compare(GIT_VERBS.has(verb?.do) || this.log.length % GIT_STATUS_EVERY === 0)
  }

  async verify(): Promise<void> {
    this.#note('; verify')
    const { problems } = await this.#folder.repository.verify()
    agree('what verify finds', problems, [])
  }

  #note(text: string): void {
    this.log.push(`${this.log.pop() ?? ''}${text}`)
  }

  #edit(edit: Edit): void {
    const before = this.#model.disk
    edit.onDisk(this.#dir)
    this.#model.edit((disk) => edit.inModel(disk))
    this.#git?.follow(before)
  }

  async #do(verb: Verb): Promise<void> {
    switch (verb.do) {
      case 'status':
        await this.#folder.status()
        return
      case 'commit':
        return this.#commit(verb.paths)
      case 'switch':
        return this.#switch(verb.to, verb.force)
      case 'broken switch':
        return this.#breakSwitch(verb)
      case 'restore':
        return this.#restore(verb.paths, verb.from)
      case 'reopen':
        await this.#folder.close()
        this.#folder = await WorkingFolder.open(this.#dir, { fileSystem: this.#disk.fileSystem })
        return
      case 'look back':
        return this.#lookBack(verb.commit, verb.other)
    }
  }

  async #commit(paths: readonly Path[] | undefined): Promise<void> {
    const { here, taken, head } = this.#model
    const tree = paths ? picked(here, taken.tree, paths) : taken.tree
    const commit = () => this.#folder.commit({ message: 'model', paths: paths?.map(bytesOf) })
    if (!tree) {
      await refused('PATH_NOT_FOUND', commit)
      return
    }
    const made = (await commit()).commit
    const changes = changesBetween(here, tree)
    agree(`whether a commit is made of ${listed(changes)}`, made !== undefined, !head || changes.length > 0)
    if (!made) return
    agree('the parents of a commit', made.parents, head ? [head.id] : [])
    const gitId = (await this.#git?.commit(paths, tree)) ?? ''
    this.#model.commit(tree, made.id, gitId)
  }

  async #switch(to: Goal, force: boolean): Promise<void> {
    await this.#bringTo(to, force, () => this.#switchFolder(to, force))
  }

  /** @returns whether it is done, and not refused */
  async #bringTo(to: Goal, force: boolean, bring: () => Promise<unknown>): Promise<boolean> {
    const { conflicts, disk } = switched(this.#model.disk, this.#model.here, to.commit.tree, force)
    if (conflicts.length === 0) await bring()
    else {
      const { details } = await refused('UNCOMMITTED_CHANGES', bring)
      agree('what is in the way', details.paths, conflicts.map(textOf))
    }
    await this.#follow(to, force, disk, conflicts)
    return conflicts.length === 0
  }

  /** Git and the model do what was done in the folder. */
  async #follow(to: Goal, force: boolean, disk: Tree, conflicts: readonly Path[] = []): Promise<void> {
    if (this.#git) return this.#git.switchTo(to, force, disk, conflicts)
    if (conflicts.length > 0) return
    this.#model.disk = disk
    this.#model.moveTo(to.branch, to.commit)
  }

  #switchFolder({ branch, isNew, commit }: Goal, force: boolean) {
    const rev = branch === undefined || isNew ? commit.id : branch
    return this.#folder.switchTo(rev, { create: isNew ? branch : undefined, detach: branch === undefined, force })
  }

  async #breakSwitch({ to, force, failAt, goesOn }: BrokenSwitch): Promise<void> {
    const { disk, here } = this.#model
    const there = to.commit.tree
    const expected = switched(disk, here, there, force)
    if (expected.conflicts.length > 0) return this.#switch(to, force)
    const failed = await this.#disk.fail(failAt, () => this.#switchFolder(to, force))
    if (failed === undefined) {
      this.#note(' (it did not)')
      return this.#follow(to, force, expected.disk)
    }
    this.#note(` (${failed})`)
    agree('the interrupted switch', (await this.#folder.status()).interrupted?.to, to.commit.id)
    this.#standBetween(disk, expected.disk)
    const meanwhile = this.#steps.meanwhile()
    if (meanwhile) {
      this.#note(`; meanwhile ${meanwhile.text}`)
      this.#edit(meanwhile)
    } else {
      const resumed = switched(this.#model.disk, here, there, force)
      agree('what is in the way of going on', resumed.conflicts.map(textOf), [])
      agreeTrees('what going on leads to', resumed.disk, expected.disk)
    }
    if (goesOn && (await this.#bringTo(to, force, () => this.#folder.continueSwitch({ force })))) return
    const between = this.#model.disk
    await this.#folder.abortSwitch()
    this.#model.disk = switched(between, there, here, false, true).disk
    this.#git?.follow(between)
  }

  /** What an interrupted switch leaves is at each path as before it, or as behind it. */
  #standBetween(before: Tree, after: Tree): void {
    const found = readTree(this.#dir, FOLDER_STATE)
    const isKnown = (path: Path): boolean =>
      isDirectory(found.get(path)) || [before, after].some((tree) => isAlike(tree.get(path), found.get(path)))
    const unknown = [...found.keys()].filter((path) => !isKnown(path))
    if (unknown.length > 0) throw new Error(`interrupted:\n${sideBySide(unknown, { found, before, after })}`)
    this.#model.disk = found
    this.#git?.follow(before)
  }

  async #restore(paths: readonly Path[], from: Remembered | undefined): Promise<void> {
    const { disk, here } = this.#model
    const expected = restored(disk, here, from?.tree ?? here, paths)
    const restore = () => this.#folder.restore(paths.map(bytesOf), { from: from?.id })
    if (expected === 'nowhere') {
      await refused('PATH_NOT_FOUND', restore)
      return
    }
    if (expected.conflicts.length > 0) {
      const { details } = await refused('UNCOMMITTED_CHANGES', restore)
      agree('what would be lost', details.paths, expected.conflicts.map(textOf))
      return
    }
    await restore()
    this.#model.disk = expected.disk
    await this.#git?.restore(paths, from, disk)
  }

  /** At what is not in the folder: old commits, and how they and the folder differ. */
  async #lookBack(commit: Remembered, other: Remembered): Promise<void> {
    const { repository } = this.#folder
    const into = `${this.#dir}-exported`
    await repository.export(commit.id, into)
    agreeTrees('what is exported', readTree(into, ''), commit.tree)
    rmSync(into, { recursive: true })
    const told: string[] = []
    for await (const change of repository.diff(commit.id, other.id)) told.push(lineOf(change))
    const between = changesBetween(commit.tree, withModesOf(other.tree, commit.tree))
    agree('the diff of two commits', told, oneForEachPath(listed(between)))
    const taken = takenFrom(this.#model.disk, other.tree)
    agree(
      'the diff with the folder',
      (await this.#folder.diff(other.id)).map(lineOf),
      listed(changesBetween(other.tree, taken.tree)),
    )
  }

  async #compare(asksGit: boolean): Promise<void> {
    const { disk, here, taken, branch, head } = this.#model
    agreeTrees('the folder', readTree(this.#dir, FOLDER_STATE), disk)
    this.#git?.compareFolders()
    const [told] = await Promise.all([this.#folder.status(), asksGit ? this.#git?.compareStatus() : undefined])
    agree('where it stands', [told.branch, told.id, told.interrupted], [branch, head?.id, undefined])
    agree('status', told.changes.map(lineOf), listed(changesBetween(here, taken.tree)))
    const files = [...taken.tree.values()].filter((node) => !isDirectory(node)).length
    agree('the number of files, and of what is ignored', [told.files, told.ignored], [files, taken.ignored])
  }
}

function lineOf({ kind, pathBytes }: Change): string {
  return `${kind} ${pathBytes.toString('latin1')}`
}

function listed(changes: readonly ToldChange[]): string[] {
  return changes.map(({ kind, path }) => `${kind} ${path}`)
}

/** Between commits a mode alone is no difference. */
function withModesOf(tree: Tree, like: Tree): Tree {
  return new Map(
    [...tree].map(([path, node]) => {
      const other = like.get(path)
      return [path, other && sameNode(node, other) ? other : node]
    }),
  )
}

/** Between commits a directory that became something else, or the reverse, is one change. */
function oneForEachPath(told: readonly string[]): string[] {
  return told.flatMap((line, index) => {
    const path = line.slice(line.indexOf(' ') + 1)
    if (told[index - 1] === `removed ${path}`) return []
    return told[index + 1] === `added ${path}` ? [`type-changed ${path}`] : [line]
  })
}
