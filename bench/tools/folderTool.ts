/** A tool that works in a folder, as data: the commands that a task takes. */

import type { Step } from '../measure.js'
import { git } from './git.js'
import { varve } from './varve.js'

export interface FolderTool {
  readonly name: string
  readonly versionStep: Step
  /** Its own entries in the folder. */
  readonly ownNames: readonly string[]
  in(folder: string): {
    readonly init: readonly Step[]
    readonly status: readonly Step[]
    commit(message: string): readonly Step[]
    /** Makes a branch and stands on it. */
    branch(name: string): readonly Step[]
    switchTo(branch: string): readonly Step[]
    exportTo(branch: string, target: string): readonly Step[]
  }
}

/** The status of `git commit` when there is nothing to commit. */
const NOTHING_TO_COMMIT = 1
/** Attribute files of a tree may ask for other line ends; here every tool gives back the bytes it got. */
const KEEP_BYTES =
  'mkdir -p .git/info && printf "* -text -ident -filter -working-tree-encoding\\n" > .git/info/attributes'

export const folderGit: FolderTool = {
  name: git.name,
  versionStep: git.versionStep,
  ownNames: ['.git'],
  in(folder) {
    const run = (...args: string[]): Step => ({ ...git.versionStep, args, folder })
    return {
      init: [run('init', '-q', '-b', 'main', '.'), { program: 'sh', args: ['-c', KEEP_BYTES], folder }],
      status: [run('status', '--short')],
      commit: (message) => [
        run('add', '-A'),
        { ...run('commit', '-q', '-m', message), successes: [0, NOTHING_TO_COMMIT] },
      ],
      branch: (name) => [run('checkout', '-q', '-b', name)],
      switchTo: (branch) => [run('checkout', '-q', branch)],
      exportTo: (branch, target) => [run(`--work-tree=${target}`, 'checkout', '-q', '-f', branch, '--', '.')],
    }
  },
}

export const folderVarve: FolderTool = {
  name: varve.name,
  versionStep: varve.versionStep,
  ownNames: ['.varve'],
  in(folder) {
    const [launcher = ''] = varve.versionStep.args
    const run = (...args: string[]): Step => ({ ...varve.versionStep, args: [launcher, ...args], folder })
    return {
      init: [run('init', '-q')],
      status: [run('status', '--short')],
      commit: (message) => [run('commit', '-q', '--no-progress', '-m', message)],
      branch: (name) => [run('switch', '-q', '-c', name)],
      switchTo: (branch) => [run('switch', '-q', '--no-progress', branch)],
      exportTo: (branch, target) => [run('export', '-q', '--no-progress', branch, target)],
    }
  },
}
