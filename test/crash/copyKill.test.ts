import { expect, test } from 'vitest'
import { buildCommand } from '../support/builtCommand.js'
import { tempFolder } from '../support/tempFolder.js'
import { killCopies } from './support/copyKills.js'

test('kill -9 while copies come and go: nothing is lost, and the same again does the rest', {
  timeout: 180_000,
}, async () => {
  const command = await buildCommand()
  try {
    const report = await killCopies({
      folder: tempFolder(),
      script: command.script,
      kills: 3,
      seed: 'copies',
      commitBytes: 2_000_000,
    })
    expect(report.problems).toEqual([])
    expect(report.kills).toBe(3)
  } finally {
    command.remove()
  }
})
