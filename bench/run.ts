/**
 * `npm run bench`: varve beside whichever of git, restic, borg, bup and casync is installed, in one run. Writes a table
 * for people and all numbers for programs. Exit status 1: varve failed somewhere or gave back something else.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cache } from './cache.js'
import { type Corpus, openCorpus } from './corpora.js'
import { runFolder } from './folder.js'
import { growth } from './growth.js'
import { describeHost } from './host.js'
import { runLibrary } from './library.js'
import { manyVolumes } from './manyVolumes.js'
import { Meter } from './measure.js'
import { move } from './move.js'
import { type BenchOptions, readOptions, USAGE } from './options.js'
import { pack } from './pack.js'
import { markdownOf } from './report.js'
import type { Results, ToolUsed } from './results.js'
import { makeSmallCorpora } from './smallCorpora.js'
import { measureStartup } from './startup.js'
import { runStoreRounds, type StoreResult } from './storeRounds.js'
import { PEERS, SUBJECT } from './tools/all.js'
import { folderGit, folderVarve } from './tools/folderTool.js'
import type { StoreTool } from './tools/tool.js'
import { upkeep } from './upkeep.js'
import { volumes } from './volumes.js'
import { inWorkFolder } from './workFolder.js'

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

async function bench(options: BenchOptions, workFolder: string): Promise<Results> {
  const home = join(workFolder, 'home')
  mkdirSync(home)
  const meter = new Meter(workFolder, home)
  const host = describeHost(workFolder)
  const wanted = [SUBJECT, ...PEERS.filter(({ name }) => options.peers?.includes(name) ?? true)]
  const found = wanted.map((tool) => ({ tool, version: meter.ask(tool.versionStep)?.split('\n')[0] }))
  const present = found.filter((each): each is { tool: StoreTool; version: string } => each.version !== undefined)
  const tools = present.map(({ tool }) => tool)
  const absent = [SUBJECT, ...PEERS].map(({ name }) => name).filter((name) => !tools.some((tool) => tool.name === name))
  if (absent.includes(SUBJECT.name)) say('varve does not start (run `npm run build`); only its peers are measured')

  const stores: StoreResult[] = []
  for (const corpus of corporaOf(options, workFolder)) {
    stores.push(await runStoreRounds(corpus, tools, options.rounds, meter, workFolder, say))
  }
  const folderTools = [folderVarve, folderGit].filter(({ name }) => tools.some((tool) => tool.name === name))
  const tree = options.tree ?? join(import.meta.dirname, '..', 'node_modules')
  const folder = options.only.includes('folder')
    ? await runFolder(tree, folderTools, options.rounds, meter, workFolder, say)
    : undefined
  const library = options.only.includes('library') ? await runLibrary(options.rounds, meter, workFolder, say) : []
  const startup = options.only.includes('startup') ? await measureStartup(tools, options.rounds, meter, say) : []
  return {
    name: nameOf(options, stores),
    date: new Date().toISOString().slice(0, 10),
    host,
    tools: present.map(({ tool, version }): ToolUsed => ({ name: tool.name, version, method: tool.method })),
    absent,
    rounds: options.rounds,
    gnuTime: meter.seesMemory,
    stores,
    folder,
    library,
    startup,
  }
}

function corporaOf(options: BenchOptions, workFolder: string): Corpus[] {
  if (!options.only.includes('trees') && !options.only.includes('image')) return []
  const all =
    options.corpora.length === 0
      ? makeSmallCorpora(workFolder)
      : options.corpora.map((folder) => openCorpus(folder, workFolder))
  return all.filter(({ kind }) => options.only.includes(kind))
}

/** What was measured: the corpora, and the scenarios that have none. */
function nameOf(options: BenchOptions, stores: readonly StoreResult[]): string {
  const others = options.only.filter((scenario) => scenario !== 'trees' && scenario !== 'image')
  return [...stores.map(({ corpus }) => corpus), ...others].join('-')
}

function write(results: Results, out: string | undefined): void {
  const path =
    out?.replace(/\.(md|json)$/, '') ?? join(import.meta.dirname, 'results', `${results.date}-${results.name}`)
  mkdirSync(dirname(path), { recursive: true })
  const markdown = markdownOf(results, SUBJECT.name)
  writeFileSync(`${path}.md`, markdown)
  writeFileSync(`${path}.json`, `${JSON.stringify(results, undefined, 1)}\n`)
  process.stdout.write(markdown)
  say(`written: ${path}.md and .json`)
}

function subjectFailed({ stores, folder, library, absent }: Results): boolean {
  const ours = stores.flatMap(({ tools }) => tools.filter(({ tool }) => tool === SUBJECT.name))
  return (
    absent.includes(SUBJECT.name) ||
    ours.some(
      ({ failure, rounds }) => failure !== undefined || rounds.some((round) => round.comparison.differences > 0),
    ) ||
    folder?.tools.some(
      ({ tool, rounds }) => tool === SUBJECT.name && rounds.some(({ differences }) => differences > 0),
    ) ||
    library.some(({ contender, failure }) => contender === SUBJECT.name && failure !== undefined)
  )
}

async function main(): Promise<number> {
  const [first, ...rest] = process.argv.slice(2)
  if (first === 'upkeep') return upkeep(rest)
  if (first === 'pack') return pack(rest)
  if (first === 'cache') return cache(rest)
  if (first === 'growth') return growth(rest)
  if (first === 'many-volumes') return manyVolumes(rest)
  if (first === 'move') return move(rest)
  if (first === 'volumes') return volumes(rest)
  let options: BenchOptions
  try {
    options = readOptions(
      process.argv.slice(2),
      PEERS.map(({ name }) => name),
    )
  } catch (error) {
    say(`${error instanceof Error ? error.message : error}\n\n${USAGE}`)
    return 2
  }
  if (options.help) {
    process.stdout.write(`${USAGE}\n`)
    return 0
  }
  const results = await inWorkFolder(options.work, (workFolder) => bench(options, workFolder))
  write(results, options.out)
  return subjectFailed(results) ? 1 : 0
}

process.exitCode = await main()
