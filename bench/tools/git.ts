import { join } from 'node:path'
import type { Step } from '../measure.js'
import type { StoreTool, ToolStore } from './tool.js'

const ENVIRONMENT = {
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'Bench',
  GIT_AUTHOR_EMAIL: 'bench@example.org',
  GIT_COMMITTER_NAME: 'Bench',
  GIT_COMMITTER_EMAIL: 'bench@example.org',
  // No gc in the middle of a commit.
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'gc.auto',
  GIT_CONFIG_VALUE_0: '0',
}

/** The status of `git commit` when there is nothing to commit. */
const NOTHING_TO_COMMIT = 1

/** Attribute files of a tree may ask for other line ends; here every tool gives back the bytes it got. */
const KEEP_BYTES = 'printf "* -text -ident -filter -working-tree-encoding\\n" >"$1/info/attributes"'

export const git: StoreTool = {
  name: 'git',
  method: 'a commit is `add -A -f` and `commit` with the version as work tree; no gc; its loose objects are not synced',
  versionStep: { program: 'git', args: ['--version'], environment: ENVIRONMENT },
  storeIn(folder: string): ToolStore {
    const store = join(folder, 'store', '.git')
    const run = (workTree: string, ...args: string[]): Step => ({
      program: 'git',
      args: [`--git-dir=${store}`, `--work-tree=${workTree}`, ...args],
      folder: workTree,
      environment: ENVIRONMENT,
    })
    return {
      storeFolder: store,
      init: [
        { program: 'git', args: ['init', '-q', '-b', 'main', join(folder, 'store')], environment: ENVIRONMENT },
        { program: 'mkdir', args: ['-p', join(store, 'info')] },
        { program: 'sh', args: ['-c', KEEP_BYTES, 'sh', store] },
      ],
      commit: (source, label) => [
        run(source, 'add', '-A', '-f'),
        { ...run(source, 'commit', '-q', '-m', label), successes: [0, NOTHING_TO_COMMIT] },
      ],
      restore: (_source, _label, target) => [run(target, 'checkout', '-q', '-f', 'main', '--', '.')],
      packing: {
        list: run(folder, 'rev-list', 'main'),
        oldestIn: (printed) => printed.split('\n').at(-1) ?? '',
        // With an index of its own: into that of the store it would add, and take nothing away.
        restore: (version, _source, target) => [
          {
            ...run(target, 'checkout', '-q', '-f', version, '--', '.'),
            environment: { ...ENVIRONMENT, GIT_INDEX_FILE: join(folder, 'older.index') },
          },
        ],
        pack: [run(folder, 'gc', '-q', '--aggressive', '--prune=now')],
        contentFolder: join(store, 'objects'),
      },
      restoredAt: (_source, target) => target,
    }
  },
}
