import type { ScrubStatus, StoreStats } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT } from '../errors.js'
import { printColumns } from '../output.js'
import { volumeJson } from '../shapes.js'
import { counted, countText, percentText, plainLine, sizeText } from '../text.js'
import type { Verb } from '../verb.js'
import { lastScrubText } from '../verifyText.js'

export const verb: Verb = {
  about: `
Logical is what the files of all commits take when each is written out. Unique is what is left when equal chunks are
counted once (dedup), stored what is left of that after compression, and with bases: compressed against the chunks
they replaced. Directories, commits and the like are counted as objects.`,
  examples: [
    { command: 'varve stats', does: 'for people' },
    { command: 'varve stats --json | jq .savedBy', does: 'for a program' },
  ],
  json: `
{ commits, logicalFiles, logicalBytes, chunks, uniqueBytes, objects, objectBytes, extents,
  storedBytes, fileBytes: number,          // fileBytes: all files of the store as they lie on disk
  savedBy: { dedupBytes, compressionBytes, basesBytes: number },
  volumes: Volume[],
  lastScrub: { startedMs, finishedMs, healed, problems: number } | null }`,
  statuses: { [EXIT.notFound]: 'no store here', [EXIT.damage]: true },

  async run(context) {
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
