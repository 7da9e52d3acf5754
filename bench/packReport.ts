/** Packed stores beside those of other tools, as tables for people. */
import { type Host, hostLines } from './host.js'
import { type Cell, megabytes, numberText, spreadText, table } from './markdown.js'
import type { Run } from './measure.js'
import type { PackResult, PackRound, PackToolRounds, StoreState } from './packRounds.js'
import { newestSeconds, oldestSeconds, packRatio, packTargets, smallestOf } from './packTargets.js'
import type { ToolUsed } from './results.js'
import { largestOf, medianOf, type Spread, spreadOf } from './statistics.js'

/** All of one run, as the .json has it. */
export interface PackResults {
  readonly name: string
  readonly date: string
  readonly host: Host
  readonly tools: readonly ToolUsed[]
  /** Without it, peak memory and processor time are missing. */
  readonly gnuTime: boolean
  readonly rounds: number
  readonly corpora: readonly PackResult[]
}

const SUBJECT = 'varve'

export function packMarkdown(results: PackResults): string {
  const targets = results.corpora.flatMap(packTargets)
  const rows = targets.map(({ aim, measured, reached }) => [aim, measured, reached ? 'yes' : '**no**'])
  const lines = [
    `# Benchmark: ${results.name}`,
    '',
    ...hostLines(results),
    '',
    ...(rows.length === 0 ? [] : ['## Targets', ...table(['aim', 'measured', 'reached'], rows), '']),
    ...results.corpora.flatMap(corpusSection),
    ...methodLines(results),
  ]
  return `${lines.join('\n').trim()}\n`
}

function corpusSection(result: PackResult): string[] {
  const { corpus, size, versions, tools } = result
  return [
    `## ${corpus}`,
    `${versions.length} versions, ${size.files.toLocaleString('en')} files, ${numberText(size.bytes / 1e6)} MB raw. Seconds; ` +
      'medians with the smallest and largest; MB = 10⁶ bytes.',
    '',
    'Right after the commits:',
    '',
    ...table(
      ['tool', 'commit all', 'CPU', 'store MB', ...RESTORE_HEAD, 'identical', 'peak MB: commit / restore'],
      tools.map(freshRow),
    ),
    '',
    'Packed:',
    '',
    ...table(
      ['tool', 'pack', 'CPU', 'contents MB', 'store MB', ...RESTORE_HEAD, 'verify', 'peak MB: pack / restore / verify'],
      tools.flatMap(packedRows),
    ),
    '',
    ...tools.flatMap(wrongLines),
    ...ratioLines(result),
  ]
}

const RESTORE_HEAD = ['restore newest', 'restore oldest']

function freshRow({ tool, rounds }: PackToolRounds): Cell[] {
  const fresh = rounds.map((round) => round.fresh)
  const committing = rounds.map((round) => round.committing)
  return [
    tool,
    secondsCell(committing),
    cpuCell(committing),
    bytesCell(fresh.map(({ bytes }) => bytes)),
    ...restoreCells(fresh),
    rounds.length === 0 ? undefined : rounds.every((round) => round.comparison.differences === 0) ? 'yes' : '**no**',
    [committing, restoresIn(fresh)].map(peakText).join(' / '),
  ]
}

function packedRows({ tool, rounds }: PackToolRounds): Cell[][] {
  const packed = known(rounds.map((round) => round.packed))
  const archived = known(rounds.map((round) => round.archived))
  const rows: Cell[][] = []
  if (packed.length > 0) {
    const packing = packed.map((state) => state.packing)
    const verifying = known(packed.map((state) => state.verifying))
    rows.push([
      tool,
      secondsCell(packing),
      cpuCell(packing),
      bytesCell(packed.map(({ contentBytes }) => contentBytes)),
      bytesCell(packed.map(({ bytes }) => bytes)),
      ...restoreCells(packed),
      secondsCell(verifying),
      [packing, restoresIn(packed), verifying].map(peakText).join(' / '),
    ])
  }
  if (archived.length > 0) {
    const packing = archived.map((state) => state.packing)
    const size = bytesCell(archived.map(({ bytes }) => bytes))
    const peaks = [packing, [], []].map(peakText).join(' / ')
    rows.push([
      `${tool}, archive`,
      secondsCell(packing),
      cpuCell(packing),
      size,
      size,
      ...[undefined, undefined, undefined],
      peaks,
    ])
  }
  return rows
}

/** Of the subject's to the peer's, so that less than 1 means faster or smaller. */
function ratioLines(result: PackResult): string[] {
  const peers = result.tools.map(({ tool }) => tool).filter((tool) => tool !== SUBJECT)
  const rows = RATIOS.map(([name, oursOf, theirsOf = oursOf]): Cell[] => [
    name,
    ...peers.map((peer) => {
      const ratio = packRatio(result, peer, oursOf, theirsOf)
      return ratio && spreadText(ratio)
    }),
  ]).filter((row) => row.slice(1).some((cell) => cell !== undefined))
  if (rows.length === 0) return []
  const head = ['ratio', ...peers.map((peer) => `${SUBJECT} ÷ ${peer}`)]
  return ['Ratios, round by round; below 1 is faster or smaller:', '', ...table(head, rows), '']
}

type Quantity = (round: PackRound) => number | undefined

const packSeconds: Quantity = ({ packed }) => packed?.packing.seconds
const smallestBytes: Quantity = (round) => smallestOf(round).contentBytes

/** What is compared with what; with the same, if nothing is said. A tool that does not pack is compared as it is. */
const RATIOS: readonly (readonly [name: string, ours: Quantity, theirs?: Quantity])[] = [
  ['commit all', ({ committing }) => committing.seconds],
  ['contents after the commits', ({ fresh }) => fresh.contentBytes],
  ['restore newest after the commits', ({ fresh }) => fresh.newest.seconds],
  ['restore oldest after the commits', ({ fresh }) => fresh.oldest.seconds],
  ['pack', packSeconds],
  ['pack, CPU', ({ packed }) => packed?.packing.cpuSeconds],
  ['contents, packed', smallestBytes],
  ['whole store, packed', (round) => smallestOf(round).bytes],
  ['restore newest, packed', newestSeconds],
  ['restore oldest, packed', oldestSeconds],
  ['archive ÷ pack, time', ({ archived }) => archived?.packing.seconds, packSeconds],
  ['archive ÷ contents, packed', ({ archived }) => archived?.bytes, smallestBytes],
]

function wrongLines({ tool, rounds, failure }: PackToolRounds): string[] {
  const differing = rounds.find((round) => round.comparison.differences > 0)?.comparison
  return [
    ...(differing
      ? [`- **${tool}** gave back ${differing.differences} differences: ${differing.named.join('; ')}`, '']
      : []),
    ...(failure === undefined ? [] : [`- **${tool}** failed after ${rounds.length} rounds: ${failure}`, '']),
  ]
}

function known<Value>(values: readonly (Value | undefined)[]): Value[] {
  return values.filter((value) => value !== undefined)
}

function restoresIn(states: readonly StoreState[]): Run[] {
  return states.flatMap(({ newest, oldest }) => [newest, oldest])
}

function restoreCells(states: readonly StoreState[]): Cell[] {
  return [secondsCell(states.map(({ newest }) => newest)), secondsCell(states.map(({ oldest }) => oldest))]
}

function spreadIn(values: readonly number[]): Spread | undefined {
  return values.length === 0 ? undefined : spreadOf(values)
}

function secondsCell(runs: readonly Run[]): Cell {
  const spread = spreadIn(runs.map(({ seconds }) => seconds))
  return spread && spreadText(spread)
}

function bytesCell(bytes: readonly number[]): Cell {
  const spread = spreadIn(bytes)
  return spread && spreadText(spread, 1e-6)
}

function cpuCell(runs: readonly Run[]): Cell {
  const seconds = known(runs.map(({ cpuSeconds }) => cpuSeconds))
  return seconds.length === 0 ? undefined : numberText(medianOf(seconds))
}

function peakText(runs: readonly Run[]): string {
  return megabytes(largestOf(runs.map(({ peakBytes }) => peakBytes))) ?? '–'
}

function methodLines({ tools, gnuTime }: PackResults): string[] {
  return [
    '## Method',
    'All tools in one run, alternating within each round, the order moving on by one each round. Other work may run on the',
    'machine: read ratios before absolutes. The whole run is in the .json.',
    '- Corpora are read once beforehand, so they come from the page cache. Each tool starts with a fresh store. Timed are its',
    '  commands alone, each a process, with a `sync` before each part: a commit for every version, the newest and the oldest',
    '  version restored into an empty folder, the store packed, and both restored again.',
    '- varve packs with `pack`; archive is `pack --archive` on a copy of the store as it was after the commits, verified afterwards.',
    '  git packs with `gc --aggressive --prune=now`. A tool that packs nothing is compared as it is after the commits.',
    '- The store is the sum of its files’ lengths, without caches; contents are `.git/objects` of git, and all of it of the others.',
    '- Identical: names, kinds, bytes, symlink targets and executable bits of all that was restored, by the harness’s own comparison.',
    gnuTime
      ? '- CPU (user and system) and peak (largest resident size of one process) are from GNU time.'
      : '- GNU time is not installed: no CPU time and no peak memory.',
    '- Durability differs: each tool syncs what its defaults say.',
    ...tools.map(({ name, method }) => `- ${name}: ${method}.`),
    '- Repeat: `npm run bench -- pack --corpus DIR,…`; `--help` tells the rest.',
  ]
}
