/** What it takes a tool to start and do nothing, against a Node.js that does nothing. The candidates alternate. */
import type { Meter, Step } from './measure.js'
import { type Spread, spreadOf } from './statistics.js'
import type { StoreTool } from './tools/tool.js'

export interface StartupResult {
  readonly name: string
  readonly command: string
  readonly seconds: Spread
  readonly peakBytes: number | undefined
}

const STARTS_PER_ROUND = 10

export async function measureStartup(
  tools: readonly StoreTool[],
  rounds: number,
  meter: Meter,
  say: (line: string) => void,
): Promise<StartupResult[]> {
  const candidates: { name: string; command: string; step: Step; seconds: number[]; peaks: number[] }[] = [
    { name: 'node', command: 'node -e 0', step: { program: process.execPath, args: ['-e', '0'] } },
    ...tools.map((tool) => ({
      name: tool.name,
      command: `${tool.name} ${tool.versionStep.args.at(-1) ?? ''}`,
      step: tool.versionStep,
    })),
  ].map((candidate) => ({ ...candidate, seconds: [], peaks: [] }))
  // The first start of each reads its files from disk.
  for (const { step } of candidates) await meter.run(step)
  for (let start = 0; start < rounds * STARTS_PER_ROUND; start++) {
    for (const { step, seconds, peaks } of candidates) {
      const run = await meter.run(step)
      seconds.push(run.seconds)
      if (run.peakBytes !== undefined) peaks.push(run.peakBytes)
    }
  }
  return candidates.map(({ name, command, seconds, peaks }) => {
    const spread = spreadOf(seconds)
    say(`start-up, ${command}: ${(spread.median * 1000).toFixed(0)} ms`)
    return { name, command, seconds: spread, peakBytes: peaks.length === 0 ? undefined : spreadOf(peaks).median }
  })
}
