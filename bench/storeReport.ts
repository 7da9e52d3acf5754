import { type Cell, megabytes, numberText, spreadText, table } from './markdown.js'
import { largestOf, medianOf, ratioOf, type Spread, spreadOf } from './statistics.js'
import type { StoreResult, StoreRound, ToolRounds } from './storeRounds.js'

export function committingSeconds(round: StoreRound): number {
  return round.committing.seconds
}

/** What the commits took beyond starting the tool as often to do nothing. */
export function pastStartUpSeconds(round: StoreRound): number {
  return round.committing.seconds - round.startUpSeconds
}

export function restoringSeconds(round: StoreRound): number {
  return round.restoring.seconds
}

/** How many times the seconds of `peer` the `subject` took; undefined if either has no round. */
export function toolRatio(
  result: StoreResult,
  subject: string,
  peer: string,
  secondsOf: (round: StoreRound) => number,
): Spread | undefined {
  const values = [subject, peer].map((name) => result.tools.find(({ tool }) => tool === name)?.rounds.map(secondsOf))
  const [ours, theirs] = values
  return ours === undefined || theirs === undefined ? undefined : ratioOf(ours, theirs)
}

export function storeSection(result: StoreResult, subject: string): string[] {
  const { bytes, files } = result.size
  const raw = `${result.versions.length} versions, ${files.toLocaleString('en')} files, ${numberText(bytes / 1e6)} MB raw`
  return [
    `## ${result.kind === 'trees' ? 'Trees' : 'Images'}: ${result.corpus}`,
    `${raw}. Seconds; medians with the smallest and largest; MB = 10⁶ bytes.`,
    '',
    ...table(
      [
        'tool',
        'commit all',
        'past start-up',
        'CPU',
        'MB/s',
        'last one again',
        'store MB',
        'allotted MB',
        'restore last',
        'restore CPU',
        'identical',
        'peak MB: commit / restore',
      ],
      result.tools.map((tool) => toolRow(tool, bytes)),
    ),
    '',
    ...result.tools.flatMap(differencesOf),
    ...ratioLines(result, subject),
    ...droppingLines(result, subject),
  ]
}

export function forgettingSeconds({ dropping }: StoreRound): number {
  return dropping?.forgetting.seconds ?? Number.NaN
}

export function reclaimingSeconds({ dropping }: StoreRound): number {
  return dropping?.reclaiming.seconds ?? Number.NaN
}

export function droppingSeconds(round: StoreRound): number {
  return forgettingSeconds(round) + reclaimingSeconds(round)
}

/** The tools that can give versions up. */
export function droppingTools(result: StoreResult): ToolRounds[] {
  return result.tools.filter(
    ({ rounds }) => rounds.length > 0 && rounds.every(({ dropping }) => dropping !== undefined),
  )
}

function droppingLines(result: StoreResult, subject: string): string[] {
  const tools = droppingTools(result)
  if (tools.length === 0) return []
  const rows = tools.map(({ tool, rounds }): Cell[] => [
    tool,
    text(spreadIn(rounds, forgettingSeconds)),
    text(spreadIn(rounds, reclaimingSeconds)),
    text(spreadIn(rounds, droppingSeconds)),
    tool === subject ? undefined : text(toolRatio(result, subject, tool, droppingSeconds)),
    megabytes(spreadIn(rounds, ({ dropping }) => dropping?.beforeBytes ?? 0)?.median),
    megabytes(spreadIn(rounds, ({ dropping }) => dropping?.afterBytes ?? 0)?.median),
    rounds.every(({ dropping }) => dropping?.differences === 0) ? 'yes' : '**no**',
  ])
  const head = ['tool', 'forget', 'reclaim', 'both', `${subject} ÷ both`, 'MB before', 'MB after', 'identical']
  return ['The older half of the versions given up, seconds:', '', ...table(head, rows), '']
}

function toolRow({ tool, rounds }: ToolRounds, rawBytes: number): Cell[] {
  const committing = spreadIn(rounds, committingSeconds)
  return [
    tool,
    text(committing),
    text(spreadIn(rounds, pastStartUpSeconds)),
    medianKnown(rounds.map((round) => round.committing.cpuSeconds)),
    committing === undefined ? undefined : numberText(rawBytes / 1e6 / committing.median),
    text(spreadIn(rounds, (round) => round.again.seconds)),
    megabytes(spreadIn(rounds, (round) => round.storeBytes)?.median),
    megabytes(spreadIn(rounds, (round) => round.allottedBytes)?.median),
    text(spreadIn(rounds, restoringSeconds)),
    medianKnown(rounds.map((round) => round.restoring.cpuSeconds)),
    rounds.length === 0 ? undefined : rounds.every((round) => round.comparison.differences === 0) ? 'yes' : '**no**',
    `${peakOf(rounds.map((round) => round.committing.peakBytes))} / ${peakOf(rounds.map((round) => round.restoring.peakBytes))}`,
  ]
}

function spreadIn(rounds: readonly StoreRound[], pick: (round: StoreRound) => number): Spread | undefined {
  return rounds.length === 0 ? undefined : spreadOf(rounds.map(pick))
}

function text(spread: Spread | undefined): Cell {
  return spread === undefined ? undefined : spreadText(spread)
}

function medianKnown(values: readonly (number | undefined)[]): Cell {
  const known = values.filter((value) => value !== undefined)
  return known.length === 0 ? undefined : numberText(medianOf(known))
}

function peakOf(values: readonly (number | undefined)[]): string {
  return megabytes(largestOf(values)) ?? '–'
}

function differencesOf({ tool, rounds, failure }: ToolRounds): string[] {
  const differing = rounds.find((round) => round.comparison.differences > 0)?.comparison
  return [
    ...(differing === undefined
      ? []
      : [`- **${tool}** gave back a tree with ${differing.differences} differences: ${differing.named.join('; ')}`]),
    ...(failure === undefined ? [] : [`- **${tool}** failed after ${rounds.length} rounds: ${failure}`]),
  ]
}

/** Of the subject's seconds to the peer's, so that less than 1 means faster. */
function ratioLines(result: StoreResult, subject: string): string[] {
  const rows = result.tools
    .filter(({ tool }) => tool !== subject)
    .map(({ tool }): Cell[] => [
      tool,
      text(toolRatio(result, subject, tool, committingSeconds)),
      text(toolRatio(result, subject, tool, pastStartUpSeconds)),
      text(toolRatio(result, subject, tool, (round) => round.again.seconds)),
      text(toolRatio(result, subject, tool, restoringSeconds)),
      text(toolRatio(result, subject, tool, (round) => round.storeBytes)),
    ])
    .filter((row) => row.slice(1).some((cell) => cell !== undefined))
  if (rows.length === 0) return []
  const head = [`${subject} ÷ …`, 'commit all', 'past start-up', 'last one again', 'restore last', 'store bytes']
  return ['Ratios, round by round; below 1 is faster or smaller:', '', ...table(head, rows), '']
}
