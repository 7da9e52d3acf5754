import type { Change, Hash, Repository, Snapshot } from '../../src/index.js'
import { filesBetween } from '../changedFile.js'
import { printDifferences, wantsChangedBytes } from '../changeText.js'
import { CommitPrinter } from '../commitText.js'
import { addDiffOptions, readDiffStyle } from '../diffOptions.js'
import { printEntries } from '../entryText.js'
import { EXIT, UsageError } from '../errors.js'
import { changeJson, commitJson, entryJson } from '../shapes.js'
import { counted, shortId, sizeText } from '../text.js'
import { splitRevisionPath } from '../values.js'
import type { Verb } from '../verb.js'

export const verb: Verb = {
  define(command) {
    command.argument('[rev]', 'the commit', 'HEAD')
    addDiffOptions(command)
  },
  about: `
Changes are those against the first parent, printed as by diff. A first commit shows what lies at its root; with --stat,
--bytes and the like, all its files.`,
  examples: [
    { command: 'varve show', does: 'the newest commit of the default branch' },
    { command: 'varve show main~1 --stat', does: 'which files the one before changed, and how much' },
    { command: 'varve show main~2 --json', does: 'the one two before, for a program' },
  ],
  json: '{ commit: Commit, changes: Change[] }          // a first commit: { commit: Commit, entries: Entry[] }',
  statuses: { [EXIT.notFound]: true, [EXIT.damage]: true },
  completes: ['revision'],
  pages: true,

  async run(context, command) {
    const style = readDiffStyle(command)
    const [rev = 'HEAD'] = command.args
    const { path } = splitRevisionPath(rev)
    if (path !== undefined)
      throw new UsageError('show takes a commit', `varve cat ${rev} prints a file, varve ls ${rev} a folder`)
    const repository = await context.openToRead()
    const commit = await repository.commit(rev)
    const parent = await nearestWithFiles(repository, commit.parents[0])
    const changes = () =>
      repository.diff(parent ?? '', commit.id, {
        changedBytes: wantsChangedBytes(context, style),
        renames: style.renames,
        signal: context.signal,
      })
    const entries = async () => (await repository.at(commit.id)).list('')
    if (context.json) {
      const list: unknown[] = []
      if (commit.pruned) {
        await context.out.json({ commit: commitJson(commit), changes: null })
        return EXIT.ok
      }
      if (parent === undefined) for await (const entry of await entries()) list.push(entryJson(entry))
      else for await (const change of changes()) list.push(changeJson(change))
      await context.out.json({ commit: commitJson(commit), [parent === undefined ? 'entries' : 'changes']: list })
      return EXIT.ok
    }
    const printer = await CommitPrinter.create(context, repository)
    for (const line of printer.lines(commit)) await context.out.line(line)
    if (commit.pruned) return EXIT.ok
    if (parent !== commit.parents[0]) {
      const other = parent === undefined ? 'nothing: no commit before it has its files' : shortId(parent)
      await context.say(`the files of the commit before were pruned; compared with ${other}`)
    }
    await context.out.line()
    if (parent === undefined && style.form !== 'patch') {
      const first = await repository.at(commit.id)
      await printDifferences(context, filesBetween(first, first, allAdded(first)), style)
    } else if (parent === undefined) {
      await printEntries(context, await entries(), { long: true, paths: false })
      await context.out.line(`first commit: ${counted(commit.tree.files, 'file')}, ${sizeText(commit.tree.sizeBytes)}`)
    } else {
      const [before, after] = [await repository.at(parent), await repository.at(commit.id)]
      await printDifferences(context, filesBetween(before, after, changes()), style)
    }
    return EXIT.ok
  },
}

/** Of a commit and those before it, by first parents. */
async function nearestWithFiles(repository: Repository, id: Hash | undefined): Promise<Hash | undefined> {
  for (let at = id; at !== undefined; ) {
    const { pruned, parents } = await repository.commit(at)
    if (!pruned) return at
    at = parents[0]
  }
  return undefined
}

/** What a first commit changed, as a diff has it: files, and folders only where they are empty. */
async function* allAdded(snapshot: Snapshot): AsyncGenerator<Change> {
  for await (const { path, pathBytes, kind, executable, sizeBytes, id } of snapshot.walk()) {
    if (kind === 'directory' && id !== undefined) continue
    const after = { kind, executable, sizeBytes, ...(id === undefined ? {} : { id }) }
    yield { path, pathBytes, kind: 'added', after }
  }
}
