import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildStage } from '../test/crash/support/actor.js'
import { killCommits, killExtends } from '../test/crash/support/kills.js'

const stage = await buildStage()
for (const pvs of [1, 3]) {
  const folder = mkdtempSync(join(tmpdir(), 'varve-torture-'))
  const t = Date.now()
  const report = await killCommits({
    stage,
    folder,
    pvs,
    kills: 8,
    seed: 'a',
    bigEvery: 4,
    freshEvery: 40,
    onRound: (r, x) => console.log(r, JSON.stringify(x), Date.now() - t),
  })
  console.log(report, Date.now() - t)
  console.log(await killExtends({ stage, folder, pvs, kills: 5, seed: 'a' }), Date.now() - t)
  if (report.problems.length === 0) rmSync(folder, { recursive: true })
}
stage.remove()
