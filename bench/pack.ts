/**
 * `npm run bench -- pack`: how small varve makes a store, how long that takes, and how quickly versions come out of it then,
 * beside `git gc --aggressive` and restic.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Corpus, openCorpus } from './corpora.js'
import { describeHost } from './host.js'
import { Meter } from './measure.js'
import { chosen, roundsIn } from './options.js'
import { type PackResults, packMarkdown } from './packReport.js'
import { type PackResult, runPackRounds } from './packRounds.js'
import type { ToolUsed } from './results.js'
import { makeSmallCorpora } from './smallCorpora.js'
import { git } from './tools/git.js'
import { restic } from './tools/restic.js'
import type { StoreTool } from './tools/tool.js'
import { varve } from './tools/varve.js'
import { inWorkFolder } from './workFolder.js'

const TOOLS: readonly StoreTool[] = [varve, git, restic]
const PARTS = ['varve', 'archive', 'git', 'restic'] as const
const DEFAULT_ROUNDS = 3

const USAGE = `
npm run bench -- pack [--corpus DIR,…] [--rounds N] [--only PART,…] [--work DIR] [--out FILE]

  --corpus LIST  what to commit: folders whose subfolders are versions, in the order of their names; may be given several
                 times (default: a small one is made)
  --rounds N     how often each tool does everything (default: ${DEFAULT_ROUNDS})
  --only LIST    of ${PARTS.join(', ')} (default: all); archive is varve's \`pack --archive\`, and goes with varve
  --work DIR     where the stores are made (default: the system's temporary folder)
  --out FILE     where the results go, as FILE.md and FILE.json (default: bench/results/DATE-pack)
`.trim()

interface PackOptions {
  readonly corpora: readonly string[]
  readonly rounds: number
  readonly only: readonly (typeof PARTS)[number][]
  readonly work: string | undefined
  readonly out: string | undefined
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** @returns undefined when help was asked for. @throws {Error} With a sentence for the one who typed it. */
function readOptions(args: readonly string[]): PackOptions | undefined {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: {
      corpus: { type: 'string', multiple: true },
      rounds: text,
      only: text,
      work: text,
      out: text,
      help: { type: 'boolean' },
    },
  })
  if (values.help) return undefined
  return {
    corpora: (values.corpus ?? []).flatMap((list) => list.split(',')).filter((folder) => folder !== ''),
    rounds: roundsIn(values.rounds, DEFAULT_ROUNDS),
    only: values.only === undefined ? PARTS : chosen(values.only, PARTS, '--only'),
    work: values.work,
    out: values.out,
  }
}

async function measure({ corpora, rounds, only }: PackOptions, workFolder: string): Promise<PackResults> {
  const home = join(workFolder, 'home')
  mkdirSync(home)
  const meter = new Meter(workFolder, home)
  const host = describeHost(workFolder)
  const wanted = TOOLS.filter(({ name }) => only.some((part) => part === name))
  const present = wanted.flatMap((tool): { tool: StoreTool; used: ToolUsed }[] => {
    const version = meter.ask(tool.versionStep)?.split('\n')[0]
    if (version === undefined) say(`${tool.name} does not start; it is left out`)
    return version === undefined ? [] : [{ tool, used: { name: tool.name, version, method: tool.method } }]
  })
  if (wanted.includes(varve) && present[0]?.tool !== varve) {
    throw new Error('varve does not start: run `npm run build`')
  }
  const plan = { tools: present.map(({ tool }) => tool), rounds, archive: only.includes('archive') }
  const opened: readonly Corpus[] =
    corpora.length === 0
      ? makeSmallCorpora(workFolder).filter(({ kind }) => kind === 'trees')
      : corpora.map((folder) => openCorpus(folder, workFolder))
  const results: PackResult[] = []
  for (const corpus of opened) results.push(await runPackRounds(corpus, plan, meter, workFolder, say))
  return {
    name: 'pack',
    date: new Date().toISOString().slice(0, 10),
    host,
    tools: present.map(({ used }) => used),
    gnuTime: meter.seesMemory,
    rounds,
    corpora: results,
  }
}

function write(results: PackResults, out: string | undefined): void {
  const path =
    out?.replace(/\.(md|json)$/, '') ?? join(import.meta.dirname, 'results', `${results.date}-${results.name}`)
  mkdirSync(dirname(path), { recursive: true })
  const markdown = packMarkdown(results)
  writeFileSync(`${path}.md`, markdown)
  writeFileSync(`${path}.json`, `${JSON.stringify(results, undefined, 1)}\n`)
  process.stdout.write(markdown)
  say(`written: ${path}.md and .json`)
}

/** Varve failed somewhere, or gave back something else. */
function isWrong({ corpora }: PackResults): boolean {
  const ours = corpora.flatMap(({ tools }) => tools.filter(({ tool }) => tool === varve.name))
  return ours.some(
    ({ failure, rounds }) => failure !== undefined || rounds.some(({ comparison }) => comparison.differences > 0),
  )
}

/** @returns the exit status */
export async function pack(args: readonly string[]): Promise<number> {
  let options: PackOptions | undefined
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
  const measuring = options
  const results = await inWorkFolder(work, (workFolder) => measure(measuring, workFolder))
  write(results, out)
  return isWrong(results) ? 1 : 0
}
