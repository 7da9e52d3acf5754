import { join } from 'node:path'
import type { Step } from '../measure.js'
import type { StoreTool, ToolStore } from './tool.js'

export const restic: StoreTool = {
  name: 'restic',
  method: 'defaults, with its cache; it encrypts what it stores',
  versionStep: { program: 'restic', args: ['version'] },
  storeIn(folder: string): ToolStore {
    const store = join(folder, 'store')
    const run = (...args: string[]): Step => ({
      program: 'restic',
      args: ['-q', '--cache-dir', join(folder, 'cache'), '-r', store, ...args],
      environment: { RESTIC_PASSWORD: 'bench' },
    })
    return {
      storeFolder: store,
      init: [run('init')],
      commit: (source) => [run('backup', source)],
      restore: (_source, _label, target) => [run('restore', 'latest', '--target', target)],
      // Versions lie in folders of their own here: else it would keep so many of each folder.
      dropOlder: (keep) => ({
        forget: [run('forget', '--group-by', 'host', '--keep-last', String(keep + 1))],
        reclaim: [run('prune', '--max-unused', '0')],
      }),
      packing: {
        list: run('snapshots', '--json'),
        oldestIn: (printed) => (JSON.parse(printed) as { id: string; time: string }[]).sort(byTime)[0]?.id ?? '',
        restore: (version, _source, target) => [run('restore', version, '--target', target)],
      },
      // It restores whole paths, from the root down.
      restoredAt: (source, target) => join(target, source),
    }
  },
}

function byTime(a: { readonly time: string }, b: { readonly time: string }): number {
  return Date.parse(a.time) - Date.parse(b.time)
}
