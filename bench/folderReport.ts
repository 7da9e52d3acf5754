import { FOLDER_TASKS, type FolderResult, type FolderRound, pastStart } from './folder.js'
import { type Cell, spreadText, table } from './markdown.js'
import { ratioOf, spreadOf } from './statistics.js'

export function folderSection(result: FolderResult | undefined, subject: string): string[] {
  if (!result) return []
  const { files, folders, changedFiles, tools } = result
  const ours = tools.find(({ tool }) => tool === subject)?.rounds ?? []
  const cells = (rounds: readonly FolderRound[], secondsOf: (round: FolderRound) => number): Cell =>
    rounds.length === 0 ? undefined : spreadText(spreadOf(rounds.map(secondsOf)))
  const rows = tools.map(({ tool, rounds }): Cell[] => [
    tool,
    ...FOLDER_TASKS.map((task) => cells(rounds, (round) => round.seconds[task])),
    cells(rounds, ({ smallStatusSeconds }) => smallStatusSeconds),
    cells(rounds, ({ startSeconds }) => startSeconds),
    rounds.every(({ differences }) => differences === 0) ? 'yes' : '**no**',
  ])
  const ratios = tools
    .filter(({ tool }) => tool !== subject)
    .flatMap(({ tool, rounds }): Cell[][] =>
      [
        {
          name: `${subject} ÷ ${tool}`,
          secondsOf: (round: FolderRound, task: (typeof FOLDER_TASKS)[number]) => round.seconds[task],
        },
        { name: 'the same past start-up', secondsOf: pastStart },
      ].map(({ name, secondsOf }) => [
        name,
        ...FOLDER_TASKS.map((task) => {
          const ratio = ratioOf(
            ours.map((round) => secondsOf(round, task)),
            rounds.map((round) => secondsOf(round, task)),
          )
          return ratio && spreadText(ratio)
        }),
      ]),
    )
  return [
    '## Working folder',
    `${files.toLocaleString('en')} files in ${folders.toLocaleString('en')} folders; the second commit changes ` +
      `${changedFiles.toLocaleString('en')} of them, which is what a switch goes back and forth between. Whole processes, ` +
      'seconds; medians with the smallest and largest. Statuses, commits of nothing and switches are medians of several.',
    '',
    ...table(['tool', ...FOLDER_TASKS, 'status of 1,000 files', 'start-up', 'identical'], rows),
    '',
    ...table(['', ...FOLDER_TASKS], ratios),
    '',
  ]
}
