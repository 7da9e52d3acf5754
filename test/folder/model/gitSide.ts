/** The steps of a sequence as Git does them, in a repository that is kept as the model is; and whether it does the same. */
import { agree, agreeTrees, sideBySide } from './agreement.js'
import { changesBetween, type FolderModel, type Remembered, type ToldChange } from './folderModel.js'
import { hasEmptiness, mayBeDoneByGitAlone, mayBeRefusedByGitAlone, mayDiffer } from './gitDiffers.js'
import { asInGit, GitTwin } from './gitTwin.js'
import type { Goal } from './steps.js'
import { differingPaths, holdsFiles, isAtOrBelow, isDirectory, type Path, type Tree } from './trees.js'

const LETTERS: Readonly<Record<ToldChange['kind'], string>> = {
  added: '??',
  removed: 'D',
  modified: 'M',
  'mode-changed': 'M',
  'type-changed': 'T',
}

export class GitSide {
  readonly #twin: GitTwin
  readonly #model: FolderModel

  private constructor(twin: GitTwin, model: FolderModel) {
    this.#twin = twin
    this.#model = model
  }

  static async begin(folder: string, model: FolderModel): Promise<GitSide> {
    return new GitSide(await GitTwin.make(folder), model)
  }

  close(): Promise<void> {
    return this.#twin.close()
  }

  /** Its files are made what the model's are. @param before what they are */
  follow(before: Tree): void {
    this.#twin.put(before, this.#model.disk)
  }

  /** @param tree what is committed. @returns the id of the commit */
  async commit(paths: readonly Path[] | undefined, tree: Tree): Promise<string> {
    const { here, taken } = this.#model
    if (!paths) await this.#twin.run('add', '--all')
    else {
      const kept = paths.filter((path) => holdsFiles(taken.tree, path))
      const gone = paths.filter((path) => holdsFiles(here, path) && !kept.includes(path))
      // Where an empty directory takes the place of a file, Git has nothing to take instead.
      const replaced = [...here].flatMap(([path, node]) => {
        const isAbove = paths.some((named) => !kept.includes(named) && isAtOrBelow(named, path))
        return isAbove && !isDirectory(node) && isDirectory(tree.get(path)) ? [path] : []
      })
      if (gone.length + replaced.length > 0) {
        await this.#twin.run('rm', '-r', '--quiet', '--cached', '--', ...gone, ...replaced)
      }
      // An ignored path that holds something tracked is taken, and complained about.
      if (kept.length > 0) await this.#twin.try('add', '--all', '--', ...kept.map(orTop))
    }
    await this.#twin.run('commit', '--quiet', '--allow-empty', '--message=model')
    return this.#twin.head
  }

  /**
   * Comes after the switch here; moves the model if that was done.
   * @param conflicts for which it was refused here
   */
  async switchTo(to: Goal, force: boolean, after: Tree, conflicts: readonly Path[]): Promise<void> {
    const { disk, here, branch, head } = this.#model
    const { status, stderr } = await this.#twin.try(...switchCommand(to, force))
    const isDone = conflicts.length === 0
    if (isDone) {
      this.#model.disk = after
      this.#model.moveTo(to.branch, to.commit)
    }
    const situation = { disk, from: here, to: to.commit.tree }
    const isDoneByGit = status === 0
    let strange: Path[]
    if (isDone && isDoneByGit) {
      const other = differingPaths(asInGit(after), asInGit(this.#twin.read()))
      if (other.length === 0) return
      strange = other.filter((path) => !mayDiffer(situation, path))
    } else if (isDone) {
      const named = [...stderr.matchAll(/^\t(.*)$/gm)].map((match) => match[1] ?? '')
      if (named.length === 0) throw new Error(`Git fails to switch: ${stderr}`)
      strange = named.filter((path) => !mayBeRefusedByGitAlone(situation, path))
    } else {
      if (!isDoneByGit) return
      strange = conflicts.filter((path) => !mayBeDoneByGitAlone(situation, path))
    }
    if (strange.length > 0) {
      const trees = { before: disk, here, there: to.commit.tree, 'in Git': this.#twin.read() }
      throw new Error(
        `a switch is ${isDone ? 'done' : 'refused'} here, ${isDoneByGit ? 'done' : 'refused'} in Git, and not the same: ` +
          `${JSON.stringify(strange)}\n${sideBySide(strange, trees)}\n${stderr}`,
      )
    }
    if (isDone) await this.#twin.force(to.branch, to.commit.gitId, after)
    else if (head) {
      await this.#twin.force(branch, head.gitId, disk)
      if (to.isNew) await this.#twin.run('update-ref', '-d', `refs/heads/${to.branch}`)
    }
  }

  /** Comes after the restore here. @param before the disk before it */
  async restore(paths: readonly Path[], from: Remembered | undefined, before: Tree): Promise<void> {
    const { disk, here, head } = this.#model
    const source = from?.tree ?? here
    // One below another is not found any more where the other makes a file of its directory.
    const outer = paths.filter((path) => !paths.some((other) => other !== path && isAtOrBelow(path, other)))
    const known = outer.filter((path) => [here, source].some((tree) => holdsFiles(tree, path)))
    if (known.length > 0) {
      const rev = (from ?? head)?.gitId ?? 'HEAD'
      await this.#twin.run('restore', '--quiet', '--worktree', `--source=${rev}`, '--', ...known.map(orTop))
    }
    const found = this.#twin.read()
    const other = differingPaths(asInGit(found), asInGit(disk))
    const strange = other.filter((path) => !hasEmptiness(source, path))
    if (strange.length > 0) {
      const trees = { before, here, source, 'in Git': found }
      throw new Error(`a restore is not the same in Git: ${JSON.stringify(strange)}\n${sideBySide(strange, trees)}`)
    }
    this.#twin.put(found, disk)
  }

  compareFolders(): void {
    agreeTrees('Git’s folder', asInGit(this.#twin.read()), asInGit(this.#model.disk))
  }

  async compareStatus(): Promise<void> {
    const { here, taken } = this.#model
    const letters = changesBetween(asInGit(here), asInGit(taken.tree)).map(
      ({ kind, path }) => `${LETTERS[kind]} ${path}`,
    )
    agree('Git’s status', await this.#twin.status(), letters.sort())
  }
}

/** `--no-overwrite-ignore`: else what is ignored is lost without a word. */
function switchCommand({ branch, isNew, commit }: Goal, force: boolean): string[] {
  const where = branch === undefined ? ['--detach', commit.gitId] : isNew ? ['-c', branch, commit.gitId] : [branch]
  return ['switch', '--quiet', '--no-overwrite-ignore', ...(force ? ['--force'] : []), ...where]
}

function orTop(path: Path): string {
  return path === '' ? '.' : path
}
