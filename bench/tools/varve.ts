import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Step } from '../measure.js'
import type { StoreTool, ToolStore } from './tool.js'

const PROJECT = fileURLToPath(new URL('../..', import.meta.url))

function launcher(): string {
  const manifest = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as { bin: { varve: string } }
  return join(PROJECT, manifest.bin.varve)
}

function step(...args: string[]): Step {
  return {
    program: process.execPath,
    args: [launcher(), ...args],
    environment: { VARVE_AUTHOR: 'Bench <bench@example.org>' },
  }
}

/** The built command, started the way an installed one is. */
export const varve: StoreTool = {
  name: 'varve',
  method: 'one-file store, defaults; a commit is `commit --from`',
  versionStep: step('--version'),
  storeIn(folder: string): ToolStore {
    const run = (...args: string[]) => step('--store', join(folder, 'store.varve'), '-q', '--no-progress', ...args)
    return {
      storeFolder: folder,
      init: [run('init')],
      commit: (source, label) => [run('commit', '--from', source, '--branch', 'main', '-m', label)],
      restore: (_source, _label, target) => [run('export', 'main', target)],
      dropOlder: (keep) => ({
        forget: [run('prune', '--keep-last', String(keep), '--gc')],
        reclaim: [run('gc', '--now')],
      }),
      packing: {
        list: run('log', '--oneline', 'main'),
        oldestIn: (printed) => printed.split('\n').at(-1)?.split(' ')[0] ?? '',
        restore: (version, _source, target) => [run('export', version, target)],
        pack: [run('pack')],
        archive: [run('pack', '--archive')],
        verify: run('verify'),
      },
      restoredAt: (_source, target) => target,
    }
  },
}
