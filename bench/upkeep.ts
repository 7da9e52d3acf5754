/**
 * `npm run bench -- upkeep`: what the care of a store takes. Marking what gc keeps, commits meanwhile, reading a store back, and
 * giving up half of what is in it. Its stores are made from a seed; with --keep they stay for the next run.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { describeHost } from './host.js'
import { Meter } from './measure.js'
import { chosen, roundsIn } from './options.js'
import type { ToolUsed } from './results.js'
import { PEERS, SUBJECT } from './tools/all.js'
import type { StoreTool } from './tools/tool.js'
import { measureCommits } from './upkeepCommits.js'
import { makeUpkeepCorpus } from './upkeepCorpus.js'
import { measureDropping } from './upkeepDropping.js'
import { FULL_HISTORY, makeHistory } from './upkeepHistory.js'
import { measureMarking } from './upkeepMarking.js'
import { makeCorpusStore, measureReading } from './upkeepReading.js'
import { type UpkeepResults, upkeepMarkdown } from './upkeepReport.js'
import { inWorkFolder } from './workFolder.js'

const PARTS = ['marking', 'commits', 'reading', 'dropping'] as const
const DEFAULT_ROUNDS = 3

const USAGE = `
npm run bench -- upkeep [--only PART,…] [--rounds N] [--keep DIR] [--work DIR] [--out FILE]

  --only LIST    of ${PARTS.join(', ')} (default: all)
  --rounds N     how often each is measured (default: ${DEFAULT_ROUNDS})
  --keep DIR     where stores and corpus are kept for the next run, 6 GB (default: they are made anew, and removed)
  --work DIR     where all else is made, 10 GB (default: the system's temporary folder)
  --out FILE     where the results go, as FILE.md and FILE.json (default: bench/results/DATE-upkeep)
`.trim()

interface UpkeepOptions {
  readonly only: readonly (typeof PARTS)[number][]
  readonly rounds: number
  readonly keep: string | undefined
  readonly work: string | undefined
  readonly out: string | undefined
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** @returns undefined when help was asked for. @throws {Error} With a sentence for the one who typed it. */
function readOptions(args: readonly string[]): UpkeepOptions | undefined {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: { only: text, rounds: text, keep: text, work: text, out: text, help: { type: 'boolean' } },
  })
  if (values.help) return undefined
  return {
    only: values.only === undefined ? PARTS : chosen(values.only, PARTS, '--only'),
    rounds: roundsIn(values.rounds, DEFAULT_ROUNDS),
    keep: values.keep,
    work: values.work,
    out: values.out,
  }
}

async function measure({ only, rounds, keep }: UpkeepOptions, workFolder: string): Promise<UpkeepResults> {
  const home = join(workFolder, 'home')
  const made = keep ?? join(workFolder, 'made')
  mkdirSync(home)
  mkdirSync(made, { recursive: true })
  const meter = new Meter(workFolder, home)
  const host = describeHost(workFolder)
  const backup = PEERS.filter((tool) => tool.storeIn(workFolder).dropOlder)
  const tools = [SUBJECT, ...(only.includes('dropping') ? backup : [])].flatMap(
    (tool): { tool: StoreTool; used: ToolUsed }[] => {
      const version = meter.ask(tool.versionStep)?.split('\n')[0]
      return version === undefined ? [] : [{ tool, used: { name: tool.name, version, method: tool.method } }]
    },
  )
  if (tools[0]?.tool !== SUBJECT) throw new Error('varve does not start: run `npm run build`')
  const needsHistory = only.includes('marking') || only.includes('commits')
  const history = needsHistory ? await makeHistory(made, FULL_HISTORY, say) : undefined
  const marking =
    history && only.includes('marking') ? await measureMarking(history, rounds, workFolder, say) : undefined
  const commits =
    history && only.includes('commits') ? await measureCommits(history, rounds, workFolder, say) : undefined
  const needsCorpus = only.includes('reading') || only.includes('dropping')
  const corpus = needsCorpus ? makeUpkeepCorpus(made, say) : undefined
  const reading =
    corpus && only.includes('reading')
      ? await measureReading(await makeCorpusStore(corpus, made, meter), rounds, meter, say)
      : undefined
  const able = tools.map(({ tool }) => tool)
  const dropping =
    corpus && only.includes('dropping')
      ? await measureDropping(corpus, able, rounds, meter, workFolder, say)
      : undefined
  const parts = only.length === PARTS.length ? [] : only
  return {
    name: ['upkeep', ...parts].join('-'),
    date: new Date().toISOString().slice(0, 10),
    host,
    tools: tools.map(({ used }) => used),
    rounds,
    marking,
    commits,
    reading,
    dropping,
  }
}

function write(results: UpkeepResults, out: string | undefined): void {
  const path =
    out?.replace(/\.(md|json)$/, '') ?? join(import.meta.dirname, 'results', `${results.date}-${results.name}`)
  mkdirSync(dirname(path), { recursive: true })
  const markdown = upkeepMarkdown(results)
  writeFileSync(`${path}.md`, markdown)
  writeFileSync(`${path}.json`, `${JSON.stringify(results, undefined, 1)}\n`)
  process.stdout.write(markdown)
  say(`written: ${path}.md and .json`)
}

/** Something was not as it should be, beside being slow. */
function isWrong({ marking, dropping }: UpkeepResults): boolean {
  const differences = dropping?.tools.flatMap(({ rounds }) => rounds.map((round) => round.differences)) ?? []
  return marking?.isSame === false || differences.some((count) => count > 0)
}

/** @returns the exit status */
export async function upkeep(args: readonly string[]): Promise<number> {
  let options: UpkeepOptions | undefined
  try {
    options = readOptions(args)
  } catch (error) {
    say(`${error instanceof Error ? error.message : error}\n\n${USAGE}`)
    return 2
  }
  if (!options) {
    process.stdout.write(`${USAGE}\n`)
    return 0
  }
  const { work, out } = options
  const results = await inWorkFolder(work, (workFolder) => measure(options, workFolder))
  write(results, out)
  return isWrong(results) ? 1 : 0
}
