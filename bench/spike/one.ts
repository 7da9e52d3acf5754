/** One run in a process of its own: `one.ts CONFIG-JSON SCRATCH-FOLDER [--reader] [--files] VERSION-FOLDER…`; prints JSON. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Committer } from './commit.ts'
import { parseConfig } from './config.ts'
import { exportHead } from './export.ts'
import { startReader } from './reader-process.ts'
import { sameTree } from './same.ts'
import { Store } from './store.ts'
import { Writer } from './writer.ts'

const [json = '{}', scratch = '.', ...rest] = process.argv.slice(2)
const config = parseConfig(json)
const withReader = rest.includes('--reader')
const withFiles = rest.includes('--files')
const versions = rest.filter((a) => !a.startsWith('--'))

const folder = mkdtempSync(join(scratch, 'spike-'))
const path = join(folder, 's.varve')
const store = new Store(path, config)
const writer = new Writer(store, config)
const committer = new Committer(writer, config)

const commits: number[] = []
let walBytes = 0
let reader: Awaited<ReturnType<typeof startReader>> | undefined
for (const [i, version] of versions.entries()) {
  const began = performance.now()
  committer.folder(version, i)
  commits.push(Math.round(performance.now() - began))
  if (config.journal === 'WAL') walBytes = Math.max(walBytes, statSync(`${path}-wal`).size)
  // A reader needs something to read, so the first commit is always alone.
  if (withReader && i === 0) reader = await startReader(json, path)
}
const readerReport = await reader?.stop()
const closing = performance.now()
store.close()
const closeMs = Math.round(performance.now() - closing)
const stored = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)

const peakCommitMB = Math.round(process.resourceUsage().maxRSS / 1024)

const again = new Store(path, config)
const reading = performance.now()
const exported = exportHead(again, undefined)
const exportMs = Math.round(performance.now() - reading)
const exportDecodes = again.decodes
let filesMs: number | undefined
if (withFiles) {
  const fresh = new Store(path, config)
  const writing = performance.now()
  exportHead(fresh, join(folder, 'out'))
  filesMs = Math.round(performance.now() - writing)
  fresh.close()
  const last = versions[versions.length - 1]
  if (last && !sameTree(last, join(folder, 'out'))) throw new Error('the export differs')
}
again.close()
rmSync(folder, { recursive: true })

console.log(
  JSON.stringify({
    stored,
    commitMs: commits.reduce((a, b) => a + b, 0) + closeMs,
    afterFirstMs: commits.slice(1).reduce((a, b) => a + b, 0),
    exportMs,
    exportDecodes,
    commitDecodes: store.decodes,
    filesMs,
    exported,
    walBytes,
    peakCommitMB,
    peakMB: Math.round(process.resourceUsage().maxRSS / 1024),
    ...writer.totals,
    writerWaits: store.waits,
    reader: readerReport,
  }),
)
