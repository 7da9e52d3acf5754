import { constants, setPriority } from 'node:os'
import type { Explanation, Repository } from '../../src/index.js'
import { mayPack } from '../autoGc.js'
import type { Context } from '../context.js'
import { EXIT, UsageError } from '../errors.js'
import { fateLines, sayUnreadable } from '../fateText.js'
import { COLLECTED_SHAPE, tellCollected } from '../gcText.js'
import { tellPacked } from '../packText.js'
import { counted, plainLine, shortId, sizeText } from '../text.js'
import { parseRate, splitRevisionPath } from '../values.js'
import type { Verb } from '../verb.js'

interface Options {
  readonly dryRun?: boolean
  readonly now?: boolean
  readonly auto?: boolean
  readonly rate?: number
  readonly explain?: string
}

export const verb: Verb = {
  define(command) {
    command
      .option('-n, --dry-run', 'only say what would be done')
      .option('--now', 'without grace: what no branch, tag or folder needs goes at once, and cannot be brought back')
      .option('--auto', 'only if it did not run for a day and may have something to do; leave processor time to others')
      .option('--rate <size>', 'read and write so many bytes a second at most, as in 16M', parseRate)
      .option('--explain <what>', 'only say why something is kept, or when its space may come back')
  },
  about: `
Gives back the space of what nothing needs any more. Needed is what branches, tags and working folders reach, with all their
history, and what they pointed at within the last 90 days, as the reflog has it (property reflog-keep). What is found not to
be needed is condemned: it stays readable for 14 days more (property gc-grace), and is kept if something needs it again.
Then a later run drops it, rewrites the extents of which a fifth comes back (property gc-waste), and makes the files shorter.

Commits start "varve gc --auto" in the background when it is time (property gc-auto). With the property pack-auto it packs the store
too ("varve pack") when much was written since the last time, at most once a day and up to 512 MiB of contents. Where nobody
commits, run it daily, or at least weekly: days are counted by the runs, and a clock that leaps adds two at most. Others may read and commit meanwhile;
interrupted, the next run does the rest. What is found not to be needed is told by sets that are kept of what histories need;
before anything is dropped, all history is walked. If anything that is needed is damaged or missing, nothing is dropped.

--now gives no grace, and what only the reflog remembers goes as well: a deleted branch, or what a branch stood at before it was
moved, is lost for good. What commands at work in other processes need stays all the same.

--explain takes REV:PATH, a path of HEAD, the id of a chunk or object (4 digits of it or more), or extent:NUMBER, and changes
nothing. Of a file or directory each chunk and object is counted once; REV: is all of a revision. A path that looks like an id is
written :PATH.`,
  examples: [
    { command: 'varve gc', does: 'drop what was condemned long enough ago, condemn what is not needed now' },
    { command: 'varve gc --auto --rate 20M', does: 'nightly, without being noticed' },
    { command: 'varve gc -n', does: 'what would that be?' },
    { command: 'varve gc --explain main:big.iso', does: 'why does it take space, and would it without main?' },
    { command: 'varve branch -d old && varve gc --now', does: 'delete a branch, and have its space back at once' },
  ],
  json: `
${COLLECTED_SHAPE}
With --auto: nothing where nothing is due; packed?: as of "varve pack"; the rest only if gc was due, too.
With --explain:
{ kind: "file" | "directory" | "symlink" | "gitlink" | "chunk" | "manifest" | "tree" | "attributes" | "commit" | "object" | "extent",
  id?, commit?, path?: string, extent?: number,
  chunks, bytes: number,
  fates, unreadable: as of "varve which",
  onlyHere?: { chunks, bytes: number } }                                   // files: what no other commit needs`,
  statuses: {
    [EXIT.notFound]: 'no store here; no such file, id or extent',
    [EXIT.conflict]: 'another gc is at work',
    [EXIT.damage]: 'something that is needed is damaged or missing; nothing was dropped',
    [EXIT.storage]: true,
  },
  hints: { PATH_NOT_FOUND: 'a file of another revision is REV:PATH, all of a revision REV:' },
  completesOption: { explain: 'revision-path' },

  async run(context, command) {
    const { dryRun = false, now = false, auto = false, rate, explain } = command.opts<Options>()
    if (explain !== undefined) {
      if (dryRun || now || auto || rate !== undefined) {
        throw new UsageError('--explain changes nothing: it goes without --now, --dry-run, --auto and --rate')
      }
      return explainTo(context, explain)
    }
    if (auto && (now || dryRun))
      throw new UsageError('--auto gives grace and asks nobody: it goes without --now and --dry-run')
    const repository = await (dryRun ? context.openToRead() : context.open({ frees: true }))
    if (auto) return whatIsDue(context, repository, rate)
    const report = await repository.gc({ ...context.work, dryRun, now, rateBytes: rate })
    if (context.json) await context.out.json(report)
    else await tellCollected(context, report)
    return EXIT.ok
  },
}

async function whatIsDue(context: Context, repository: Repository, rateBytes: number | undefined): Promise<number> {
  const options = { ...context.work, rateBytes }
  const isGcDue = await repository.isGcDue()
  const isPackDue = await mayPack(repository)
  giveWay()
  // What goes need not be packed.
  const collected = isGcDue ? await repository.gc(options) : undefined
  const packed = isPackDue ? await repository.pack(options) : undefined
  if (context.json) {
    if (collected || packed) await context.out.json({ ...collected, ...(packed ? { packed } : {}) })
    return EXIT.ok
  }
  if (collected) await tellCollected(context, collected)
  if (packed) await tellPacked(context, packed)
  if (!collected && !packed) await context.say('gc is not due: it ran within a day, or has nothing to do')
  return EXIT.ok
}

/** Who works at the machine comes first. Where that cannot be said, it is no reason to stop. */
function giveWay(): void {
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error
  }
}

async function explainTo(context: Context, what: string): Promise<number> {
  const repository = await context.openToRead()
  const found = await repository.explain(askedBy(context, what), { signal: context.signal })
  if (context.json) await context.out.json(found)
  else await tellWhy(context, found)
  return found.unreadable.length > 0 ? EXIT.damage : EXIT.ok
}

/** As the library takes it: a path alone is meant from where the command is given. */
function askedBy(context: Context, what: string): string {
  if (what === '' || /^extent:|^[0-9a-f]{4,64}$/i.test(what)) return what
  const { revision, path } = splitRevisionPath(what)
  return path === undefined ? `:${context.pathInTree(what)}` : `${revision}:${path}`
}

async function tellWhy(context: Context, found: Explanation): Promise<void> {
  const { kind, id, extent, commit, path, chunks, bytes, fates, onlyHere, unreadable } = found
  const ofFile = commit === undefined ? undefined : `${shortId(commit)}:${plainLine(path ?? '')}`
  context.clearProgress()
  const size = chunks === 0 ? 'nothing is stored for it' : `${counted(chunks, 'chunk')}, ${sizeText(bytes)} raw`
  await context.out.line(`${kind} ${ofFile ?? id ?? extent ?? ''}, ${size}`)
  for (const line of fateLines(context, fates)) await context.out.line(line)
  if (onlyHere !== undefined && onlyHere.chunks > 0) {
    const only = `${counted(onlyHere.chunks, 'chunk')}, ${sizeText(onlyHere.bytes)}`
    await context.out.line(`${only}: in no other commit`)
  }
  await sayUnreadable(context, unreadable)
}
