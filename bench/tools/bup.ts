import { join } from 'node:path'
import type { Step } from '../measure.js'
import type { StoreTool, ToolStore } from './tool.js'

export const bup: StoreTool = {
  name: 'bup',
  method: 'a commit is `index` and `save --strip`; its index is not counted as store',
  versionStep: { program: 'bup', args: ['--version'] },
  storeIn(folder: string): ToolStore {
    const store = join(folder, 'store')
    const index = join(folder, 'index')
    const run = (...args: string[]): Step => ({ program: 'bup', args, environment: { BUP_DIR: store } })
    return {
      storeFolder: store,
      init: [run('init')],
      commit: (source) => [
        run('index', '-u', '-f', index, source),
        run('save', '-q', '-f', index, '-n', 'main', '--strip', source),
      ],
      restore: (_source, _label, target) => [run('restore', '-q', '-C', target, '/main/latest/.')],
      restoredAt: (_source, target) => target,
    }
  },
}
