import { expect, test } from 'vitest'
import { buildCommand } from '../support/builtCommand.js'
import { tempFolder } from '../support/tempFolder.js'
import { killTiers } from './support/tierKills.js'

test('kill -9 while extents go from tier to tier: nothing is lost, and all ends where it would have', {
  timeout: 180_000,
}, async () => {
  const command = await buildCommand()
  try {
    const report = await killTiers({ folder: tempFolder(), script: command.script, kills: 3, seed: 'tiers' })
    expect(report.problems).toEqual([])
    expect(report.kills).toBeGreaterThanOrEqual(3)
  } finally {
    command.remove()
  }
})
