import type { WhichResult, WhichRoot } from '../../src/index.js'
import type { Context } from '../context.js'
import { EXIT } from '../errors.js'
import { fateLines, keeperText, sayUnreadable } from '../fateText.js'
import { printColumns } from '../output.js'
import { pathJson } from '../shapes.js'
import { counted, countText, plainLine, shortId, sizeText } from '../text.js'
import { parseCountFromNone } from '../values.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly maxCount?: number
}

const COMMITS_SHOWN = 3

export const verb: Verb = {
  define(command) {
    command
      .argument('<id>', 'an id, or at least its first 4 digits; or extent:NUMBER')
      .option('-n, --max-count <count>', 'list so many files at most (default: 100)', parseCountFromNone)
  },
  about: `
For a chunk or an object (manifest, tree, attributes, commit), or for all that lies in an extent: which branches, tags, working
folders, reflogs and replacements need it, which commits, and which files; where it lies; and whether gc keeps it. Ids come from
"varve ls --json", "varve log", "varve verify" and from errors.

A version of a file is listed once, by the newest revision that has it: many older commits may have it as well. All history is
walked, but nothing is read twice. What is damaged on the way is named, and may hide more.`,
  examples: [
    { command: 'varve which 3f2a91c0', does: 'who needs this chunk or object, and where is it?' },
    { command: 'varve which extent:17', does: 'which files does the damage in this extent touch?' },
    { command: 'varve which extent:17 --json | jq -r ".files[].path"', does: 'for a program' },
  ],
  json: `
{ kind: "chunk" | "manifest" | "tree" | "attributes" | "commit" | "object" | "extent",     // object: damaged
  id?: string, extent?: number, bytes: number,                         // bytes: raw
  places: { extent, slot?, chunks, rawBytes, storedBytes, volume: number, volumePath?: string }[],
  fates: { state: "kept" | "condemned" | "unneeded", chunks, bytes: number,
           keptBy: { kind, name, untilMs?: number }[],                 // the reflog alone has an end
           condemnedMs?, freeMs?: number,                              // estimates; freeMs: the earliest
           heldBy: { id, kind, host, pid, startedMs }[] }[],           // leases
  roots: { kind: "branch" | "tag" | "head" | "reflog" | "replacement", name, commit: string, untilMs?: number,
           isDirect: boolean }[],                                      // false: a commit before it needs it
  commits: string[], commitCount: number,                              // newest first; as many as files at most
  files: { revision, commit, path: string }[], isCut: boolean,         // isCut: there are more
  unreadable: { kind, id?, code, message: string }[] }`,
  statuses: {
    [EXIT.notFound]: 'no such chunk, object or extent, or several that begin so; no store here',
    [EXIT.damage]: 'something on the way is damaged: more may need it than is listed',
  },

  async run(context, command) {
    const { maxCount } = command.opts<Options>()
    const repository = await context.openToRead()
    const found = await repository.which(command.args[0] ?? '', { limit: maxCount, signal: context.signal })
    if (context.json) await context.out.json(whichJson(found))
    else await tell(context, found)
    return found.unreadable.length > 0 ? EXIT.damage : EXIT.ok
  },
}

function whichJson({ files, ...found }: WhichResult) {
  const listed = files.map(({ revision, commit, path, pathBytes }) => ({
    revision,
    commit,
    ...pathJson(path, pathBytes),
  }))
  return { ...found, files: listed }
}

async function tell(context: Context, found: WhichResult): Promise<void> {
  const { kind, id, extent, bytes, places, fates, roots, unreadable } = found
  const { out, colors } = context
  context.clearProgress()
  const name = id === undefined ? `extent ${extent}` : `${kind} ${colors.yellow(id)}`
  await out.line(`${name}, ${sizeText(bytes)}`)
  for (const { extent: number, slot, chunks, rawBytes, storedBytes, volume, volumePath } of places) {
    const size = `(${sizeText(rawBytes)} raw, ${sizeText(storedBytes)} stored)`
    const within = slot === undefined ? size : `extent ${number} ${size}, slot ${slot} of ${chunks}`
    const where = volumePath === undefined ? 'which cannot be opened' : plainLine(volumePath)
    await out.line(`lies ${slot === undefined ? `${within} ` : `in ${within}, `}on volume ${volume}, ${where}`)
  }
  if (places.length === 0) await out.line(colors.red('it is in no volume: what needs it cannot be read'))
  for (const line of fateLines(context, fates)) await out.line(line)
  if (roots.length > 0) {
    await out.line()
    await out.line('needed by')
    await printColumns(
      out,
      ['left', 'left'],
      roots.map((root) => [`  ${keeperText(root)}`, note(root)]),
    )
  }
  await tellCommits(context, found)
  await tellFiles(context, found)
  await sayUnreadable(context, unreadable)
}

function note({ isDirect, commit, kind }: WhichRoot): string {
  if (isDirect) return `at ${shortId(commit)}`
  return kind === 'reflog' ? 'before what it names' : 'in its history'
}

async function tellCommits({ out, colors }: Context, { commits, commitCount }: WhichResult): Promise<void> {
  if (commitCount === 0) return
  const shown = commits.slice(0, COMMITS_SHOWN)
  const more = commitCount - shown.length
  const rest = more > 0 && shown.length > 0 ? ` and ${countText(more)} more` : ''
  const list = shown.map((id) => colors.yellow(shortId(id))).join(', ')
  await out.line()
  await out.line(`in ${counted(commitCount, 'commit')}${list === '' ? '' : `: ${list}${rest}`}`)
}

async function tellFiles({ out, colors }: Context, { files, isCut }: WhichResult): Promise<void> {
  for (const { revision, commit, path } of files) {
    const shown = revision === commit ? shortId(commit) : plainLine(revision)
    await out.line(`  ${colors.yellow(shown)}:${plainLine(path)}`)
  }
  if (isCut) await out.line('  … and more; -n lists more of them')
}
