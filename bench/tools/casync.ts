import { join } from 'node:path'
import type { Step } from '../measure.js'
import type { StoreTool, ToolStore } from './tool.js'

export const casync: StoreTool = {
  name: 'casync',
  method: '`make` into a .caidx each, all over one chunk store',
  versionStep: { program: 'casync', args: ['--version'] },
  storeIn(folder: string): ToolStore {
    const store = join(folder, 'store')
    const run = (...args: string[]): Step => ({
      program: 'casync',
      args: [`--store=${join(store, 'default.castr')}`, ...args],
    })
    const index = (label: string) => join(store, `${label}.caidx`)
    return {
      storeFolder: store,
      init: [{ program: 'mkdir', args: ['-p', join(store, 'default.castr')] }],
      commit: (source, label) => [run('make', index(label), source)],
      restore: (_source, label, target) => [run('extract', index(label), target)],
      restoredAt: (_source, target) => target,
    }
  },
}
