/** Small commits: 200 documents of 20 KB, 300 one-line edits, a commit each: `docs.ts CONFIG-JSON SCRATCH-FOLDER [--reader]`. */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Committer } from './commit.ts'
import { parseConfig } from './config.ts'
import { startReader } from './reader-process.ts'
import { Store } from './store.ts'
import { Writer } from './writer.ts'

const [json = '{}', scratch = '.', ...rest] = process.argv.slice(2)
const config = parseConfig(json)
const folder = mkdtempSync(join(scratch, 'spike-'))
const path = join(folder, 's.varve')
// The shared-memory file of a WAL goes away on closing, so it must not count before either.
const size = (): number =>
  readdirSync(folder).reduce((sum, name) => sum + (name.endsWith('-shm') ? 0 : statSync(join(folder, name)).size), 0)

let seed = 7
const random = (below: number): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return Math.floor((seed / 2 ** 32) * below)
}
const words = Array.from({ length: 3000 }, () =>
  Array.from({ length: 2 + random(9) }, () => String.fromCharCode(97 + random(26))).join(''),
)
const line = (): string => `${Array.from({ length: 10 }, () => words[random(words.length)]).join(' ')}\n`

const documents = new Map<string, string[]>()
for (let i = 0; i < 200; i++) {
  const lines: string[] = []
  for (let length = 0; length < 20000; length += lines[lines.length - 1]?.length ?? 0) lines.push(line())
  documents.set(`/folder${i % 10}/document${i}.txt`, lines)
}
const paths = [...documents.keys()]
const bytesOf = (path: string): Buffer => Buffer.from(documents.get(path)?.join('') ?? '')

const store = new Store(path, config)
const writer = new Writer(store, config)
const committer = new Committer(writer, config)
committer.documents(new Map(paths.map((p) => [p, bytesOf(p)])), 0)
// A checkpoint, so that the size before the edits is honest.
if (config.journal === 'WAL') store.payload.pragma('wal_checkpoint(TRUNCATE)')
if (config.split) store.catalog.pragma('wal_checkpoint(TRUNCATE)')
const before = size()
const totalsBefore = { ...writer.totals }
const reader = rest.includes('--reader') ? await startReader(json, path) : undefined

const edits = 300
const times: number[] = []
for (let i = 1; i <= edits; i++) {
  const edited = paths[random(paths.length)] ?? ''
  const lines = documents.get(edited) ?? []
  lines[random(lines.length)] = line()
  const bytes = bytesOf(edited)
  const began = performance.now()
  committer.document(edited, bytes, i)
  times.push(performance.now() - began)
}
const readerReport = await reader?.stop()
store.close()
const after = size()
rmSync(folder, { recursive: true })
const total = times.reduce((a, b) => a + b, 0)
times.sort((a, b) => a - b)
console.log(
  JSON.stringify({
    commitsPerSecond: Math.round((edits / total) * 1000),
    medianMs: times[edits / 2],
    p99Ms: times[Math.floor(edits * 0.99)],
    bytesPerCommit: Math.round((after - before) / edits),
    frameBytesPerCommit: Math.round(
      (writer.totals.chunkStored + writer.totals.objectStored - totalsBefore.chunkStored - totalsBefore.objectStored) /
        edits,
    ),
    chunksPerCommit: (writer.totals.chunks - totalsBefore.chunks) / edits,
    objectsPerCommit: (writer.totals.objects - totalsBefore.objects) / edits,
    writerWaits: store.waits,
    reader: readerReport,
  }),
)
