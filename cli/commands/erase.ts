import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { Option } from 'commander'
import type { EraseResult, ErasureReport } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT, UsageError } from '../errors.js'
import { printColumns } from '../output.js'
import { pathJson } from '../shapes.js'
import { counted, plainLine, plainText, shortId, sizeText, timeText } from '../text.js'
import { collect } from '../values.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly path?: readonly string[]
  readonly allHistory?: boolean
  readonly dryRun?: boolean
  readonly reason?: string
  readonly report?: string
  readonly finish?: boolean
  readonly check?: string
}

/** Files listed that share contents with what was erased. */
const KEPT_AT_MOST = 20
const ERASING = ['path', 'allHistory', 'dryRun', 'reason']

export const verb: Verb = {
  define(command) {
    command
      .option(
        '--path <glob>',
        'what goes, from the root of the tree; a directory with all below; may be repeated',
        collect,
      )
      .option(
        '--all-history',
        'says that it is meant: every commit since the first that has such a path is written anew',
      )
      .option('-n, --dry-run', 'only show what would be done')
      .option('--reason <text>', 'why, for the log of operations and the report')
      .option('--report <file>', 'write the report into a new file')
      .addOption(new Option('--finish', 'do the rest of one that was interrupted').conflicts([...ERASING, 'check']))
      .addOption(
        new Option('--check <report>', 'compare a report with the store').conflicts([...ERASING, 'report', 'finish']),
      )
      // Told what is wrong with one below.
      .allowExcessArguments()
      .usage(
        '--path <glob>... --all-history [-n] [--reason <text>] [--report <file>]  |  --finish  |  --check <report>',
      )
  },
  about: `
Removes paths from all history, so that their contents cannot be got back from the store's files. Commits that have one, and all that
come after, are written anew without it, and get new ids; they keep authors, dates and messages, and lose signatures. Branches, tags,
working folders and the reflog go on to the new ones, and an old id still finds its new commit. Directories that become empty go too.
What nothing reaches any more is destroyed at once, deleted branches beyond the reflog's term included, and all files of the store are
written anew: nothing stays in pages that are out of use, or in a log.

A glob is a path from the root of the tree, in which *, ?, [a-z] and ** are special as in .gitignore: secret.txt is one at the root,
**/secret.txt one anywhere, keys all below keys. One that matches nothing is an error, and nothing is changed. Nobody else may have the
store open, not even to read, and there must be room for its longest file twice: beside it, and where SQLite has temporary files
(TMPDIR, else /var/tmp).

Out of reach are copies of the store, backups and snapshots of its disk, exports, the files of working folders, and what the disk keeps
in blocks that were set free: the report says so. It names what was erased, the old and new ids of commits, the ids of all that was
destroyed, and where else the same contents are: those stay. Keep it: --check reads the whole store and compares.`,
  examples: [
    {
      command: "varve erase -n --path '**/*.key' --all-history",
      does: 'which paths, how many versions, what would move?',
    },
    {
      command: 'varve erase --path secret.txt --all-history --reason "a password" --report erased.json',
      does: 'erase it, and keep the report',
    },
    { command: 'varve erase --check erased.json', does: 'is it gone, and did it stay so?' },
    { command: 'varve erase --finish', does: 'after an interruption; or write the files anew once more' },
  ],
  json: `
// erase: { dryRun: boolean,
//   commits: number,                                                   // written anew
//   paths: { path, pathBase64?, versions: number }[],
//   refs: { kind: "branch" | "tag" | "folder", name }[],               // moved
//   bytes: number,                                                     // raw, of contents that nothing else needs
//   forgottenCommits: number,                                          // beyond the term of the reflog: they go as a whole
//   inTheWay: { id, kind, host, pid, startedMs }[], noRoom?: string,   // of a dry run
//   report?: Report }
// --finish: { report: Report | null }                                  // null: none was unfinished
// --check: { ok: boolean, findings: { what, isFine: boolean, message }[] }
// Report: { kind: "varve-erasure", format: 1, store, time, who, reason, globs: string[],
//   paths: { path, pathBase64?, versions: number }[],
//   commits: { old, new }[], signaturesDropped: number,
//   refs: { kind, name, old, new }[],
//   destroyed: { chunks, objects: string[] },
//   kept: { id, path, revision, commit, shared: number }[],            // other files with the same contents, or parts of them
//   files, notReached: string[],
//   check }                                                            // of the report itself`,
  statuses: {
    [EXIT.failed]: 'with --check: something is not as the report says',
    [EXIT.usage]: 'a path that nothing can match; a report that is damaged, or of another store',
    [EXIT.notFound]: 'no store here; nothing in all of history matches',
    [EXIT.conflict]:
      'others have the store open; a branch, tag or folder moved meanwhile; an interrupted erasure comes first',
    [EXIT.damage]: 'something that stays is damaged or missing',
    [EXIT.storage]: 'no room to write the files anew, or another trouble of the machine',
  },
  hints: { PATH_NOT_FOUND: 'a path is meant from the root of the tree; a name anywhere is **/NAME' },

  async run(context, command) {
    const options = command.opts<Options>()
    const [operand] = command.args
    if (operand !== undefined) {
      throw new UsageError(
        `${plainText(operand)} stands alone`,
        `what goes is named by an option: --path ${plainText(operand)}`,
      )
    }
    if (options.check !== undefined) return check(context, context.resolvePath(options.check))
    const file = options.report === undefined ? undefined : requireNew(context.resolvePath(options.report))
    if (options.finish) return finish(context, file)
    const { path: paths = [], allHistory = false, dryRun = false, reason } = options
    if (paths.length === 0) throw new UsageError('what is to be erased? --path GLOB')
    if (!allHistory) {
      throw new UsageError(
        'erasing changes all of history: commits get new ids, and what is erased cannot be brought back',
        'if that is meant, add --all-history; -n only shows what would be done',
      )
    }
    if (dryRun && file !== undefined) throw new UsageError('a dry run makes no report: it goes without --report')
    const repository = await (dryRun ? context.openToRead() : context.open())
    const result = await repository.erase({ ...context.work, paths, dryRun, reason })
    if (result.report && file !== undefined) await keep(context, file, result.report)
    if (context.json) await context.out.json(resultJson(result))
    else await tell(context, result, file)
    return EXIT.ok
  },
}

/** Found out before anything is done: afterwards it would be too late. */
function requireNew(file: string): string {
  if (existsSync(file)) throw new UsageError(`${file} exists already; the report is a new file`)
  if (statSync(dirname(file), { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new UsageError(`there is no folder ${dirname(file)} for the report`)
  }
  return file
}

/** A report cannot be made again: where it cannot be written it is printed. */
async function keep(context: Context, file: string, report: ErasureReport): Promise<void> {
  const text = `${JSON.stringify(report, undefined, 2)}\n`
  try {
    writeFileSync(file, text, { flag: 'wx' })
  } catch (error) {
    if (!context.json) await context.out.text(text)
    throw error
  }
}

async function finish(context: Context, file: string | undefined): Promise<number> {
  const repository = await context.open()
  const report = await repository.finishErasure(context.work)
  if (report && file !== undefined) await keep(context, file, report)
  if (context.json) {
    await context.out.json({ report: report ?? null })
    return EXIT.ok
  }
  context.clearProgress()
  if (report) await tellReport(context, report, file)
  else await context.say('no erasure was unfinished; the files of the store were written anew')
  return EXIT.ok
}

async function check(context: Context, file: string): Promise<number> {
  const repository = await context.openToRead()
  const { ok, findings } = await repository.checkErasure(readReport(file), context.work)
  if (context.json) await context.out.json({ ok, findings })
  else {
    const { green, red } = context.colors
    context.clearProgress()
    for (const { isFine, message } of findings) {
      await context.out.line(`${isFine ? green('yes') : red('NO ')}  ${plainText(message)}`)
    }
    await context.say(ok ? 'all is as the report says' : 'not all is as the report says')
  }
  return ok ? EXIT.ok : EXIT.failed
}

function readReport(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new UsageError(`${file} is no report of an erasure, or was damaged: it is not JSON`)
  }
}

function resultJson({ paths, noRoom, report, ...result }: EraseResult) {
  return {
    ...result,
    paths: paths.map(({ path, pathBytes, versions }) => ({ ...pathJson(path, pathBytes), versions })),
    ...(noRoom === undefined ? {} : { noRoom }),
    ...(report ? { report } : {}),
  }
}

async function tell(context: Context, result: EraseResult, file: string | undefined): Promise<void> {
  const { dryRun, commits, paths, refs, bytes, forgottenCommits, inTheWay, noRoom, report } = result
  context.clearProgress()
  const rows = paths.map(({ path, versions }) => [plainLine(path), counted(versions, 'version')])
  await printColumns(context.out, ['left', 'left'], rows)
  const would = (past: string, conditional: string): string => (dryRun ? conditional : past)
  const anew = `${counted(commits, 'commit')} ${would(commits === 1 ? 'was' : 'were', 'would be')} written anew`
  await context.out.line(anew)
  if (forgottenCommits > 0) {
    const what = counted(forgottenCommits, 'commit')
    await context.out.line(`${what} beyond the term of the reflog ${would('went', 'would go')} as a whole`)
  }
  for (const { kind, name } of refs)
    await context.out.line(`${kind} ${plainLine(name)} ${would('moved', 'would move')}`)
  await context.out.line(`${sizeText(bytes)} raw ${would('went', 'would go')}`)
  for (const { kind, host, pid, startedMs } of inTheWay) {
    await context.warn(`in the way: a ${kind}, process ${pid} on ${host}, since ${timeText(startedMs, 0)}`)
  }
  if (noRoom !== undefined) await context.warn(noRoom)
  if (report) await tellReport(context, report, file)
}

async function tellReport(context: Context, report: ErasureReport, file: string | undefined): Promise<void> {
  const { destroyed, kept, files, signaturesDropped, notReached } = report
  const ids = counted(destroyed.chunks.length, 'chunk')
  await context.out.line(`${ids} and ${counted(destroyed.objects.length, 'object')} destroyed`)
  await context.out.line(`${counted(files.length, 'file')} written anew`)
  if (signaturesDropped > 0) await context.out.line(`${counted(signaturesDropped, 'signature')} dropped`)
  for (const { revision, path, shared } of kept.slice(0, KEPT_AT_MOST)) {
    const where = `${revision.length === 64 ? shortId(revision) : revision}:${plainLine(path)}`
    await context.warn(`${counted(shared, 'chunk or object', 'chunks and objects')} of it stay: ${where} needs them`)
  }
  if (kept.length > KEPT_AT_MOST) {
    await context.warn(`${counted(kept.length - KEPT_AT_MOST, 'more file')} share something with it: see the report`)
  }
  await context.say('Not reached, and for you to see to:')
  for (const what of notReached) await context.say(`  ${what}`)
  if (file === undefined) await context.say('The report was not kept: --report FILE writes it down.')
  else await context.say(`The report is in ${plainLine(file)}; "varve erase --check" compares it with the store.`)
}
