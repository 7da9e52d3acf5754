import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { optimiseLater } from '../../cli/optimiseLater.js'

function flagsFor(v8Version: string): string[] {
  const flags: string[] = []
  optimiseLater(v8Version, (flag) => flags.push(flag))
  return flags
}

test('V8 is told to optimise later where that was measured, and nowhere else', () => {
  expect(flagsFor('11.3.244.8-node.33')).toEqual(['--interrupt-budget=1000000'])
  for (const later of ['12.4.254.21-node.33', '13.6.233.17-node.37', '110.1']) expect(flagsFor(later)).toEqual([])
})

test('V8 knows what it is told here, and says nothing', () => {
  const flags = flagsFor(process.versions.v8)
  const program = `for (const flag of ${JSON.stringify(flags)}) require('node:v8').setFlagsFromString(flag)`
  const { status, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})
