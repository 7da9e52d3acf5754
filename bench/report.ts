/** From results to Markdown. What a reader needs to judge or repeat the run comes with the numbers. */
import { folderSection } from './folderReport.js'
import type { ContenderRounds } from './library.js'
import { DOCUMENT_BYTES, DOCUMENTS, EDITS, VERSIONS_READ } from './libraryWorkload.js'
import { type Cell, megabytes, numberText, spreadText, table } from './markdown.js'
import type { Results } from './results.js'
import type { StartupResult } from './startup.js'
import { largestOf, medianOf, ratioOf, spreadOf } from './statistics.js'
import { storeSection } from './storeReport.js'
import { targetsOf } from './targets.js'

export function markdownOf(results: Results, subject: string): string {
  const lines = [
    `# Benchmark: ${results.name}`,
    '',
    ...hostLines(results),
    '',
    ...targetLines(results),
    ...results.stores.flatMap((result) => [...storeSection(result, subject), '']),
    ...folderSection(results.folder, subject),
    ...librarySection(results.library, subject),
    ...startupSection(results.startup),
    ...methodLines(results),
  ]
  return `${lines
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trim()}\n`
}

function hostLines({ host, date, tools, absent, rounds }: Results): string[] {
  const versions = tools.map(({ name, version }) => (version.startsWith(name) ? version : `${name} ${version}`))
  return [
    `**Host**: ${host.processor}, ${host.cores} cores, ${numberText(host.memoryBytes / 1e9)} GB, ${host.fileSystem}, ` +
      `${host.system}; Node ${host.node}, SQLite ${host.sqlite}; ${date}, ${rounds === 1 ? 'one round' : `${rounds} rounds`}; ` +
      `load before the run ${host.loadBefore.toFixed(2)}.`,
    `**Tools**: ${[...versions, `isomorphic-git ${host.isomorphicGit}`].join('; ')}.` +
      (absent.length > 0 ? ` Not in this run: ${absent.join(', ')}.` : ''),
  ]
}

function targetLines(results: Results): string[] {
  const targets = targetsOf(results)
  if (targets.length === 0) return []
  const rows = targets.map(({ aim, measured, reached }) => [aim, measured, reached ? 'yes' : '**no**'])
  return ['## Targets', ...table(['aim', 'measured', 'reached'], rows), '']
}

function librarySection(library: readonly ContenderRounds[], subject: string): string[] {
  if (library.length === 0) return []
  const ours = library.find(({ contender }) => contender === subject)?.rounds ?? []
  const rows = library.map(({ contender, rounds }): Cell[] => {
    const spread = (values: readonly number[]): Cell => (values.length === 0 ? undefined : spreadText(spreadOf(values)))
    const ratio = ratioOf(
      rounds.map((run) => run.editsSeconds),
      ours.map((run) => run.editsSeconds),
    )
    return [
      contender,
      spread(rounds.map((run) => EDITS / run.editsSeconds)),
      ratio === undefined || contender === subject ? undefined : `${spreadText(ratio)} ×`,
      spread(rounds.map((run) => (run.editsCpuSeconds * 1000) / EDITS)),
      spread(rounds.map((run) => run.firstSeconds)),
      spread(rounds.map((run) => run.logSeconds)),
      spread(rounds.map((run) => run.readSeconds)),
      rounds.length === 0 ? undefined : megabytes(medianOf(rounds.map((run) => run.storeBytes))),
      megabytes(largestOf(rounds.map((run) => run.peakBytes))),
    ]
  })
  const head = [
    'library',
    'commits/s',
    `${subject} is faster by`,
    'CPU ms a commit',
    `first commit, ${DOCUMENTS} documents, s`,
    `log of ${EDITS}, s`,
    `one document from ${VERSIONS_READ} versions, s`,
    'store MB',
    'peak MB',
  ]
  return [
    '## Library: documents',
    `${DOCUMENTS} documents of ${DOCUMENT_BYTES / 1000} KB, ${EDITS} edits of one line, a commit each.`,
    '',
    ...table(head, rows),
    '',
    ...library.map(({ contender, method }) => `- ${contender}: ${method}`),
    ...library.flatMap(({ contender, failure, rounds }) =>
      failure === undefined ? [] : [`- **${contender}** failed after ${rounds.length} rounds: ${failure}`],
    ),
    '',
  ]
}

function startupSection(startup: readonly StartupResult[]): string[] {
  if (startup.length === 0) return []
  const rows = startup.map(({ command, seconds, peakBytes }): Cell[] => [
    `\`${command}\``,
    spreadText(seconds, 1000),
    megabytes(peakBytes),
  ])
  const runs = startup[0]?.seconds.runs ?? 0
  return ['## Start-up', `${runs} starts of each, alternating.`, '', ...table(['command', 'ms', 'peak MB'], rows), '']
}

function methodLines({ tools, gnuTime, stores, library }: Results): string[] {
  return [
    '## Method',
    'All tools in one run, alternating within each round, the order moving on by one each round. Other work may run on the',
    'machine: read ratios before absolutes. The whole run is in the .json.',
    ...(stores.length === 0
      ? []
      : [
          '- Corpora are read once beforehand, so they come from the page cache. Each tool starts with a fresh store, after a',
          '  `sync`. Timed are its commands alone, each a process: for every version its commit, then the last version',
          '  committed once more, then its restore into an empty folder.',
          '- Past start-up: less what the same number of starts to print the version took, soon after the commits.',
          '- The store is the sum of its files’ lengths after the last version, without caches; allotted is what the file system',
          '  gave them. Identical: names, kinds, bytes, symlink targets and executable bits, by the harness’s own comparison.',
          gnuTime
            ? '- CPU (user and system) and peak (largest resident size of one process) are from GNU time.'
            : '- GNU time is not installed: no CPU time and no peak memory.',
          '- Durability differs: each tool syncs what its defaults say.',
          ...tools.map(({ name, method }) => `- ${name}: ${method}.`),
        ]),
    ...(library.length === 0
      ? []
      : [
          '- Library: each contender in a process of its own, with the text read back compared. Log and reading use a store opened',
          '  anew. The store is what `close` leaves, without working files. Peak is the process’s largest resident size.',
        ]),
    '- Repeat: `npm run bench -- --corpus DIR…`; `--help` tells the rest.',
  ]
}
