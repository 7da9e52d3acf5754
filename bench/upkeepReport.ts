import { type Host, hostLines } from './host.js'
import { type Cell, megabytes, numberText, spreadText, table } from './markdown.js'
import type { ToolUsed } from './results.js'
import { largestOf, medianOf, ratioOf, spreadOf } from './statistics.js'
import type { CommitsRound } from './upkeepCommits.js'
import type { DroppingResult } from './upkeepDropping.js'
import { CHUNK_BYTES } from './upkeepHistory.js'
import type { MarkingResult } from './upkeepMarking.js'
import type { MarkRun } from './upkeepMarkRun.js'
import type { ReadingResult } from './upkeepReading.js'
import { returnedPart, type UpkeepMeasured, upkeepTargets } from './upkeepTargets.js'
import type { VerifyRun } from './upkeepVerifyRun.js'

/** All of one run, as the .json has it. */
export interface UpkeepResults extends UpkeepMeasured {
  readonly name: string
  readonly date: string
  readonly host: Host
  readonly tools: readonly ToolUsed[]
  readonly rounds: number
}

export function upkeepMarkdown(results: UpkeepResults): string {
  const { marking, commits, reading, dropping } = results
  const rows = upkeepTargets(results).map(({ aim, measured, reached }) => [aim, measured, reached ? 'yes' : '**no**'])
  const lines = [
    `# Benchmark: ${results.name}`,
    '',
    ...hostLines(results),
    '',
    '## Targets',
    ...table(['aim', 'measured', 'reached'], rows),
    '',
    ...(marking ? markingSection(marking) : []),
    ...(commits ? commitsSection(commits) : []),
    ...(reading ? readingSection(reading) : []),
    ...(dropping ? droppingSection(dropping) : []),
    ...methodLines(results),
  ]
  return `${lines.join('\n').trim()}\n`
}

function markingSection({ commits, chunks, storeBytes, setsBytes, makingSeconds, ...runs }: MarkingResult): string[] {
  const row = (name: string, all: readonly MarkRun[]): Cell[] => [
    name,
    spreadText(spreadOf(all.map(({ seconds }) => seconds))),
    numberText(medianOf(all.map(({ marked }) => marked))),
    megabytes(largestOf(all.map(({ peakBytes }) => peakBytes))),
    megabytes(largestOf(all.map(({ beforeBytes }) => beforeBytes))),
  ]
  return [
    '## Marking what gc keeps',
    `${commits.toLocaleString('en')} commits, ${chunks.toLocaleString('en')} chunks and objects of ${CHUNK_BYTES} bytes on the ` +
      `average, a store of ${numberText(storeBytes / 1e6)} MB. The sets took ${numberText(makingSeconds)} s to make, once, and ` +
      `${numberText(setsBytes / 1e6)} MB. Both ways marked ${runs.isSame ? 'the same number' : '**different numbers**'}.`,
    '',
    ...table(
      ['way', 's', 'marked', 'peak MB', 'MB before it began'],
      [row('walk', runs.walks), row('sets', runs.fromSets)],
    ),
    '',
  ]
}

function commitsSection(rounds: readonly CommitsRound[]): string[] {
  const worst = (times: readonly number[]): string => numberText([...times].sort((a, b) => a - b).at(-1) ?? Number.NaN)
  const rows = rounds.map(({ alone, meanwhile, gcSeconds, dropped, rewritten }): Cell[] => [
    numberText(medianOf(alone)),
    numberText(medianOf(meanwhile)),
    numberText(medianOf(meanwhile) / medianOf(alone)),
    worst(alone),
    worst(meanwhile),
    String(meanwhile.length),
    numberText(gcSeconds),
    String(dropped),
    String(rewritten),
  ])
  const head = ['ms alone', 'ms during gc', 'ratio', 'longest alone', 'longest during gc', 'commits during gc', 'gc s']
  return [
    '## A commit while gc is at work',
    'One file of 2 KB a commit, in the store of the marking, of which half the commits were pruned; a row for each round.',
    '',
    ...table([...head, 'extents dropped', 'rewritten'], rows),
    '',
  ]
}

function readingSection({ fileBytes, isCold, rounds }: ReadingResult): string[] {
  const bytes = rounds[0]?.verify.bytes ?? 0
  const row = (name: string, seconds: readonly number[], size: number, runs?: readonly VerifyRun[]): Cell[] => [
    name,
    spreadText(spreadOf(seconds)),
    numberText(size / 1e6 / medianOf(seconds)),
    runs && numberText(medianOf(runs.map(({ cpuSeconds }) => cpuSeconds))),
  ]
  const of = (pick: (round: ReadingResult['rounds'][number]) => VerifyRun, name: string, size: number): Cell[] => {
    const runs = rounds.map(pick)
    return row(
      name,
      runs.map(({ seconds }) => seconds),
      size,
      runs,
    )
  }
  const cats = rounds.map(({ catSeconds }) => catSeconds)
  return [
    '## Reading a store back',
    `A store of ${numberText(fileBytes / 1e6)} MB, with ${numberText(bytes / 1e6)} MB of contents; ${isCold ? 'out of the page cache before `cat` and before the checksums' : 'in the page cache throughout'}.`,
    '',
    ...table(
      ['what', 's', 'MB/s', 'CPU s'],
      [
        row('`cat` of the file', cats, fileBytes),
        of(({ checksums }) => checksums, '`verify --checksums`', fileBytes),
        of(({ loop }) => loop, 'decoding and hashing alone', bytes),
        of(({ verify }) => verify, '`verify`', bytes),
        of(({ quick }) => quick, '`verify --quick`', bytes),
      ],
    ),
    '',
  ]
}

function droppingSection({ corpus, versions, rawBytes, freshBytes, tools }: DroppingResult): string[] {
  const ours = tools.find(({ tool }) => tool === 'varve')?.rounds ?? []
  const both = (rounds: typeof ours) =>
    rounds.map(({ forgetting, reclaiming }) => forgetting.seconds + reclaiming.seconds)
  const rows = tools.map(({ tool, rounds }): Cell[] => {
    const ratio = tool === 'varve' ? undefined : ratioOf(both(ours), both(rounds))
    return [
      tool,
      spreadText(spreadOf(rounds.map(({ forgetting }) => forgetting.seconds))),
      spreadText(spreadOf(rounds.map(({ reclaiming }) => reclaiming.seconds))),
      spreadText(spreadOf(both(rounds))),
      ratio && spreadText(ratio),
      megabytes(medianOf(rounds.map(({ beforeBytes }) => beforeBytes))),
      megabytes(medianOf(rounds.map(({ afterBytes }) => afterBytes))),
      tool === 'varve'
        ? `${numberText(100 * medianOf(rounds.map((round) => returnedPart(round, freshBytes))))} %`
        : undefined,
      rounds.every(({ differences }) => differences === 0) ? 'yes' : '**no**',
    ]
  })
  const head = ['tool', 'forget', 'reclaim', 'both', 'varve ÷ both', 'MB before', 'MB after', 'came back', 'identical']
  return [
    `## Half the versions given up: ${corpus}`,
    `${versions} versions, ${numberText(rawBytes / 1e6)} MB raw. A store of varve's with the newer half alone has ` +
      `${numberText(freshBytes / 1e6)} MB. Seconds.`,
    '',
    ...table(head, rows),
    '',
  ]
}

function methodLines({ tools, marking, commits, reading, dropping }: UpkeepResults): string[] {
  return [
    '## Method',
    'All in one run. Other work may run on the machine: read ratios before absolutes. The whole run is in the .json.',
    ...(marking
      ? [
          '- Marking: each in a process of its own that has just opened the store, which is in the page cache; walk and sets in turn.',
          '  The time is from the open store to all that is marked, with the whole reflog as roots. What the sets take is what the file',
          '  grew by. Peak is the process’s largest resident size, Node.js with its loader included.',
        ]
      : []),
    ...(commits
      ? [
          '- Commits: through the library, durable when they resolve, 100 ms apart. gc runs as a command in another process: it',
          '  condemns, and then drops and rewrites at once (`--now`). Alone is 60 commits before and 60 after; of those meanwhile there are',
          '  at most 500.',
        ]
      : []),
    ...(reading
      ? [
          '- Reading: each in a process of its own, without its start. Decoding and hashing alone: every frame decoded and every chunk',
          '  hashed in one thread, with the codecs that verify uses; reading them is not in its time.',
        ]
      : []),
    ...(dropping
      ? [
          '- Giving up: each tool committed all versions once; each round begins with a copy of that store. Whole commands, in turn, the',
          '  order moving on by one each round. Came back: of the bytes that a fresh store of the kept versions does not have. Identical:',
          '  the last version, restored afterwards.',
          ...tools.map(({ name, method }) => `- ${name}: ${method}.`),
        ]
      : []),
    '- Repeat: `npm run bench -- upkeep`; `--help` tells the rest.',
  ]
}
