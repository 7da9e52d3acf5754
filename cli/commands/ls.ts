import { Option } from 'commander'
import type { EntryInfo, Snapshot } from '../../src/index.js'
import { BytePieces } from '../bytePieces.js'
import type { Context } from '../context.js'
import { printEntries } from '../entryText.js'
import { EXIT } from '../errors.js'
import { entryJson } from '../shapes.js'
import { splitRevisionPath } from '../values.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly long?: boolean
  readonly recursive?: boolean
  readonly nul?: boolean
}

export const verb: Verb = {
  define(command) {
    command
      .argument('[rev[:path]]', 'the revision, and a folder or file in it', 'HEAD')
      .option('-l, --long', 'with mode, owner, size and time')
      .option('-R, --recursive', 'also what lies in the folders below')
      .addOption(new Option('-z, --nul', 'names as they are, each followed by a NUL').conflicts('long'))
  },
  about: 'A folder is shown with its contents, a file as itself. The size of a folder is that of all files below it.',
  examples: [
    { command: 'varve ls', does: 'the root of the newest state' },
    { command: 'varve ls -l main~1:src', does: 'a folder, one commit earlier, with details' },
    { command: 'varve ls -R --json v1.0', does: 'every file, for a program' },
    { command: 'varve ls -Rz | grep -zv "/$" > files', does: 'the exact paths of all files, without the folders' },
  ],
  json: 'Entry[]',
  statuses: { [EXIT.notFound]: true, [EXIT.damage]: true },
  completes: ['revision-path'],
  pages: true,

  async run(context, command) {
    const options = command.opts<Options>()
    const { revision, path } = splitRevisionPath(command.args[0] ?? 'HEAD')
    const repository = await context.openToRead()
    const snapshot = await repository.at(revision)
    const long = options.long === true
    const entries = listed(context, snapshot, path ?? '', options.recursive === true, long || context.json)
    if (context.json) await context.out.jsonArray(map(entries, entryJson))
    else if (options.nul === true) await printNames(context, entries, options.recursive === true)
    else await printEntries(context, entries, { long, paths: options.recursive === true })
    return EXIT.ok
  },
}

async function* listed(
  context: Context,
  snapshot: Snapshot,
  path: string,
  recursive: boolean,
  withTargets: boolean,
): AsyncIterable<EntryInfo> {
  const root = path === '' ? undefined : await snapshot.stat(path)
  if (root !== undefined && root.kind !== 'directory') {
    yield root
    return
  }
  for await (const entry of recursive ? snapshot.walk(path) : snapshot.list(path)) {
    context.signal.throwIfAborted()
    yield withTargets && entry.kind === 'symlink' ? await snapshot.stat(entry.path) : entry
  }
}

async function* map<In, Out>(source: AsyncIterable<In>, convert: (item: In) => Out): AsyncIterable<Out> {
  for await (const item of source) yield convert(item)
}

async function printNames(context: Context, entries: AsyncIterable<EntryInfo>, asPaths: boolean): Promise<void> {
  const out = new BytePieces(context.out)
  for await (const { pathBytes, kind } of entries) {
    const path = pathBytes.toString('latin1')
    const name = asPaths ? path : path.slice(path.lastIndexOf('/') + 1)
    await out.push(`${name}${kind === 'directory' ? '/' : ''}\0`)
  }
  await out.flush()
}
