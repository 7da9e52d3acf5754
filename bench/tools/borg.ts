import { join } from 'node:path'
import type { Step } from '../measure.js'
import type { StoreTool, ToolStore } from './tool.js'

export const borg: StoreTool = {
  name: 'borg',
  method: '`--encryption none`, `--compression zstd,3`, with its cache',
  versionStep: { program: 'borg', args: ['--version'] },
  storeIn(folder: string): ToolStore {
    const store = join(folder, 'store')
    const run = (at: string, ...args: string[]): Step => ({
      program: 'borg',
      args,
      folder: at,
      environment: { BORG_BASE_DIR: folder, BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes' },
    })
    return {
      storeFolder: store,
      init: [run(folder, 'init', '--encryption', 'none', store)],
      commit: (source, label) => [run(source, 'create', '--compression', 'zstd,3', `${store}::${label}`, '.')],
      restore: (_source, label, target) => [run(target, 'extract', `${store}::${label}`)],
      dropOlder: (keep) => ({
        forget: [run(folder, 'prune', '--keep-last', String(keep + 1), store)],
        reclaim: [run(folder, 'compact', '--threshold', '0', store)],
      }),
      restoredAt: (_source, target) => target,
    }
  },
}
