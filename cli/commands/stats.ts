import type { CacheStats, Repository, ScrubStatus, StoreStats } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT, UsageError } from '../errors.js'
import { printColumns } from '../output.js'
import { volumeJson } from '../shapes.js'
import { counted, countText, percentText, plainLine, sizeText } from '../text.js'
import { parsePositiveSize } from '../values.js'
import type { Verb } from '../verb.js'
import { lastScrubText } from '../verifyText.js'

interface Options {
  readonly cache?: boolean
  readonly cacheSize?: number
}

/** What reading the files of one revision took. */
interface ReadOfRevision {
  readonly revision: string
  readonly files: number
  readonly bytes: number
  /** Of extents that had to be fetched for it, as they are in memory. */
  readonly fetchedBytes: number
}

export const verb: Verb = {
  define(command) {
    command
      .argument('[revisions...]', 'with --cache: what is read, in this order (default: HEAD)')
      .option('--cache', 'read the files of the revisions, and say how often what they need was still in memory')
      .option('--cache-size <size>', 'with --cache: the memory for extents (default: 16 MiB)', parsePositiveSize)
  },
  about: `
Logical is what the files of all commits take when each is written out. Unique is what is left when equal chunks are
counted once (dedup), stored what is left of that after compression, and with bases: compressed against the chunks
they replaced. Directories, commits and the like are counted as objects.

--cache reads all files of the revisions once, one revision after the other, and writes none. Of extents, which hold many chunks, and
of objects it shows how often one was still in memory (hits) or had to be fetched (misses), and what was put out to make room. Several
times as many bytes fetched as read: the files lie in many pieces ("varve defragment" helps), or the memory is too short.`,
  examples: [
    { command: 'varve stats', does: 'for people' },
    { command: 'varve stats --json | jq .savedBy', does: 'for a program' },
    { command: 'varve stats --cache', does: 'how well are the files of HEAD read?' },
    { command: 'varve stats --cache --cache-size 64M v1.0 main', does: 'two revisions, with more memory' },
  ],
  json: `
{ commits, logicalFiles, logicalBytes, chunks, uniqueBytes, objects, objectBytes, extents,
  storedBytes, fileBytes: number,          // fileBytes: all files of the store as they lie on disk
  savedBy: { dedupBytes, compressionBytes, basesBytes: number },
  volumes: Volume[],
  lastScrub: { startedMs, finishedMs, healed, problems: number } | null }

with --cache:
{ read: { revision: string, files, bytes, fetchedBytes: number }[],     // fetchedBytes: extents, as they are in memory
  extents, objects: { hits, misses, fetchedBytes, evictions, entries, bytes, maxBytes: number } }   // of all of it; held at its end`,
  statuses: { [EXIT.notFound]: 'no store here, no such revision', [EXIT.damage]: true },
  completes: ['revision'],

  async run(context, command) {
    const { cache, cacheSize } = command.opts<Options>()
    if (cache) return runCache(context, command.args, cacheSize)
    if (cacheSize !== undefined) throw new UsageError('--cache-size goes with --cache')
    if (command.args.length > 0)
      throw new UsageError('revisions go with --cache: what is counted is of the whole store')
    const repository = await context.openToRead()
    const stats = await repository.stats({ signal: context.signal })
    const scrub = await repository.scrubStatus()
    if (context.json) {
      const { perVolume, ...rest } = stats
      await context.out.json({ ...rest, volumes: perVolume.map(volumeJson), lastScrub: scrubJson(scrub) })
    } else {
      await printStats(context, stats, scrub)
    }
    return EXIT.ok
  },
}

async function runCache(context: Context, named: readonly string[], cacheBytes: number | undefined): Promise<number> {
  const repository = await context.openToRead({ cacheBytes })
  const read: ReadOfRevision[] = []
  for (const revision of named.length > 0 ? named : ['HEAD']) read.push(await readAll(context, repository, revision))
  const { extents, objects } = repository.cacheStats()
  if (context.json) {
    await context.out.json({ read, extents, objects })
    return EXIT.ok
  }
  for (const { revision, files, bytes, fetchedBytes } of read) {
    await context.out.line(
      `${plainLine(revision)}: ${counted(files, 'file')}, ${sizeText(bytes)} read; ${sizeText(fetchedBytes)} of extents fetched`,
    )
  }
  await context.out.line()
  const row = (name: string, { hits, misses, evictions, bytes, maxBytes }: CacheStats) => [
    name,
    ...[hits, misses].map(countText),
    percentText(hits, hits + misses),
    countText(evictions),
    `${sizeText(bytes)} of ${sizeText(maxBytes)}`,
  ]
  await printColumns(
    context.out,
    ['left', 'right', 'right', 'right', 'right', 'left'],
    [
      ['', 'hits', 'misses', 'hit rate', 'put out', 'held'].map(context.colors.bold),
      row('extents', extents),
      row('objects', objects),
    ],
  )
  return EXIT.ok
}

async function readAll(context: Context, repository: Repository, revision: string): Promise<ReadOfRevision> {
  const { signal } = context
  const before = repository.cacheStats().extents.fetchedBytes
  const snapshot = await repository.at(revision)
  let [files, bytes] = [0, 0]
  for await (const entry of snapshot.walk()) {
    if (entry.kind !== 'file') continue
    files++
    for await (const piece of snapshot.stream(entry.pathBytes, { signal })) bytes += piece.length
  }
  return { revision, files, bytes, fetchedBytes: repository.cacheStats().extents.fetchedBytes - before }
}

function scrubJson({ last }: ScrubStatus) {
  if (!last) return null
  const { startedMs, finishedMs, healed, problems } = last
  return { startedMs, finishedMs, healed, problems }
}

async function printStats(context: Context, stats: StoreStats, { last }: ScrubStatus): Promise<void> {
  const { logicalBytes, uniqueBytes, objectBytes, storedBytes, savedBy } = stats
  const row = (name: string, bytes: number, note: string) => [name, sizeText(bytes), note]
  await printColumns(
    context.out,
    ['left', 'right', 'left'],
    [
      row('logical', logicalBytes, `${counted(stats.commits, 'commit')}, ${counted(stats.logicalFiles, 'file')}`),
      row('unique', uniqueBytes, counted(stats.chunks, 'chunk')),
      row('objects', objectBytes, counted(stats.objects, 'object')),
      row(
        'stored',
        storedBytes,
        `${percentText(storedBytes, logicalBytes)} of logical, ${counted(stats.extents, 'extent')}`,
      ),
      row('on disk', stats.fileBytes, 'all files of the store'),
    ],
  )
  await context.out.line()
  await context.out.line('saved by')
  await printColumns(
    context.out,
    ['left', 'right', 'left'],
    [
      row('  dedup', savedBy.dedupBytes, `${percentText(savedBy.dedupBytes, logicalBytes)} of logical`),
      row(
        '  compression',
        savedBy.compressionBytes,
        `${percentText(savedBy.compressionBytes, uniqueBytes + objectBytes)} of unique and objects`,
      ),
      row('  bases', savedBy.basesBytes, ''),
    ],
  )
  await context.out.line()
  await context.out.line(`last scrub ${last ? lastScrubText(last, context.nowMs) : 'never'}`)
  if (stats.perVolume.length > 1) {
    const { bold } = context.colors
    await context.out.line()
    await printColumns(
      context.out,
      ['right', 'right', 'right', 'right', 'left'],
      [
        ['pv', 'extents', 'stored', 'on disk', 'file'].map(bold),
        ...stats.perVolume.map((volume) => [
          String(volume.number),
          countText(volume.extents),
          sizeText(volume.storedBytes),
          sizeText(volume.fileBytes),
          plainLine(volume.path),
        ]),
      ],
    )
  }
}
