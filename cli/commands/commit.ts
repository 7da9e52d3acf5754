import type { CommitFromResult, Repository } from '../../src/index.js'
import { startGcIfDue } from '../autoGc.js'
import type { VerbCommand } from '../command.js'
import type { Context } from '../context.js'
import { EXIT, UsageError } from '../errors.js'
import { commitJson } from '../shapes.js'
import { counted, plainLine, shortId, sizeText, subjectOf } from '../text.js'
import { collect, parseCount } from '../values.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly from?: string
  readonly branch?: string
  readonly message: string
  readonly author?: string
  readonly ignore?: readonly string[]
  readonly ignoreFiles?: boolean
  readonly skipUnreadable?: boolean
  readonly allowEmpty?: boolean
  readonly retry?: number | true
}

const RETRIES_WHEN_UNSAID = 5

export const verb: Verb = {
  define(command) {
    command
      .argument('[path...]', 'only what changed in these files and folders of the working folder')
      .option('--from <dir>', 'record this folder instead of the working folder')
      .requiredOption('-m, --message <text>', 'what this state is')
      .option(
        '-b, --branch <name>',
        "with --from: the branch that gets the commit (default: the store's default branch)",
      )
      .option('--author <text>', 'who, as in "Ann <ann@example.com>"')
      .option(
        '--ignore <pattern>',
        'with --from: leave out what matches, in the syntax of .gitignore; may be repeated',
        collect,
      )
      .option('--ignore-files', 'with --from: also honour .varveignore and .gitignore files')
      .option('--skip-unreadable', 'do without the files that cannot be read; they are named')
      .option('--allow-empty', 'commit even if nothing changed')
      .option(
        '--retry [times]',
        `with --from: if the branch moves meanwhile, commit on top of it, so often (${RETRIES_WHEN_UNSAID})`,
        parseCount,
      )
  },
  about: `
In a working folder there is no staging area: all of it is recorded on its branch, less what .gitignore, .varveignore and
the setting "ignore" name. Files that look as they did at the last commit are not read again.

With --from, everything below DIR is recorded, hidden files too, except a .varve folder and what --ignore leaves out. Nothing is
visible in the store before all of it is safely written. If nothing changed since the last commit, none is made.`,
  examples: [
    { command: 'varve commit -m "before the move"', does: 'record the working folder' },
    { command: 'varve commit -m "only the docs" docs', does: 'a part of it' },
    {
      command: 'varve commit --from ~/work --ignore node_modules/ --ignore "*.tmp" -m nightly',
      does: 'leave some of it out',
    },
    {
      command: 'varve --store /backup/home.varve commit --from ~ -b laptop -m daily --skip-unreadable',
      does: 'a backup',
    },
  ],
  json: `
{ branch: string, commit: Commit | null,          // null: nothing changed
  files, sizeBytes, ignored: number,
  newBytes, storedBytes: number,                  // what was not there before, and what it takes
  savedBy: { dedupBytes, compressionBytes: number },
  skipped: { path, code, reason }[], warnings: string[] }`,
  statuses: {
    [EXIT.ok]: 'done, or nothing changed',
    [EXIT.notFound]: 'no such folder or store',
    [EXIT.conflict]: 'the branch moved meanwhile, or the store is locked',
    [EXIT.damage]: true,
    [EXIT.storage]: true,
    [EXIT.files]: 'files could not be read or changed while they were read; nothing was committed',
  },
  hints: {
    UNREADABLE_FILES:
      'nothing was committed; --skip-unreadable does without them; to leave them out for good, name them in .varveignore, or with --from by --ignore',
    REF_CONFLICT:
      'nothing was committed; in a working folder "varve switch BRANCH" brings it up to date, with --from --retry commits on top',
  },
  completes: ['changed-path'],
  completesOption: { from: 'file', branch: 'branch' },

  async run(context, command) {
    const options = command.opts<Options>()
    const author = options.author ?? nonEmpty(context.io.env.VARVE_AUTHOR)
    if (options.from === undefined) {
      await commitFolder(context, command, options, author)
      return EXIT.ok
    }
    if (command.args.length > 0) throw new UsageError('--from records a whole folder', 'leave out the paths')
    const repository = await context.open()
    const result = await repository.commitFrom(context.resolvePath(options.from), {
      ...context.work,
      branch: options.branch,
      message: options.message,
      author,
      ignore: options.ignore,
      ignoreFiles: options.ignoreFiles === true,
      skipUnreadable: options.skipUnreadable === true,
      allowEmpty: options.allowEmpty === true,
      retry: options.retry === true ? RETRIES_WHEN_UNSAID : options.retry,
    })
    if (context.json) await context.out.json(resultJson(result))
    else await sayResult(context, repository, options.message, result)
    if (result.commit) await startGcIfDue(context, repository)
    return EXIT.ok
  },
}

async function commitFolder(
  context: Context,
  command: VerbCommand,
  options: Options,
  author: string | undefined,
): Promise<void> {
  for (const [name, value] of [
    ['--branch', options.branch],
    ['--ignore', options.ignore],
    ['--ignore-files', options.ignoreFiles],
    ['--retry', options.retry],
  ] as const) {
    if (value !== undefined)
      throw new UsageError(`${name} goes with --from`, 'in a working folder, "varve switch" chooses')
  }
  if (context.namedStorePath !== undefined) {
    throw new UsageError(
      'a store named by --store or VARVE_STORE has no working folder',
      'say which folder: --from DIR',
    )
  }
  const folder = await context.openFolder()
  const paths = command.args.map((path) => folder.pathWithin(path, context.folder))
  const result = await folder.commit({
    ...context.work,
    message: options.message,
    author,
    paths: paths.length === 0 ? undefined : paths,
    skipUnreadable: options.skipUnreadable === true,
    allowEmpty: options.allowEmpty === true,
  })
  if (context.json) await context.out.json(resultJson(result))
  else await sayResult(context, folder.repository, options.message, result)
  if (result.commit) await startGcIfDue(context, folder.repository)
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}

/** Beside the files' own chunks a commit stores directories and the like, so what is stored may exceed what is new. */
function savings(result: CommitFromResult): { dedupBytes: number; compressionBytes: number } {
  return {
    dedupBytes: Math.max(0, result.bytes - result.newBytes),
    compressionBytes: Math.max(0, result.newBytes - result.storedBytes),
  }
}

function resultJson(result: CommitFromResult) {
  return {
    branch: result.branch,
    commit: result.commit === undefined ? null : commitJson(result.commit),
    files: result.files,
    sizeBytes: result.bytes,
    ignored: result.ignored,
    newBytes: result.newBytes,
    storedBytes: result.storedBytes,
    savedBy: savings(result),
    skipped: result.skipped,
    warnings: result.warnings,
  }
}

async function sayResult(
  context: Context,
  repository: Repository,
  message: string,
  result: CommitFromResult,
): Promise<void> {
  const branch = plainLine(result.branch)
  for (const warning of result.warnings) await context.warn(warning)
  for (const { path, reason } of result.skipped) await context.warn(`skipped ${plainLine(path)}: ${reason}`)
  if (result.commit === undefined) {
    const tip = await repository.resolve(result.branch === 'HEAD' ? 'HEAD' : `heads/${result.branch}`)
    await context.say(`nothing changed; ${branch} stays at ${shortId(tip)}`)
  } else {
    const id = context.colors.yellow(shortId(result.commit.id))
    await context.say(`[${context.colors.green(branch)} ${id}] ${subjectOf(message)}`)
    const saved = savings(result)
    await context.say(
      `${counted(result.files, 'file')}, ${sizeText(result.bytes)}: ${sizeText(result.newBytes)} new, ` +
        `${sizeText(result.storedBytes)} stored (saved ${sizeText(saved.dedupBytes)} by dedup, ` +
        `${sizeText(saved.compressionBytes)} by compression)`,
    )
  }
  if (result.ignored > 0) await context.say(`${counted(result.ignored, 'entry', 'entries')} ignored`)
  if (result.skipped.length > 0) await context.say(`${counted(result.skipped.length, 'file')} skipped`)
}
