/**
 * Completion: what a command line could go on with. The scripts of the shells (completionScripts.ts) ask
 * `varve __complete -- WORDS…`, where the last word is the one under the cursor.
 *
 * The first line of the answer says what follows: `words`; `paths`, after which no blank is to come where they end in a
 * slash; or `files`, for which the shell itself is to look. Then comes a line a candidate, a tab and a description where
 * there is one.
 *
 * Asking the store must never disturb typing: whatever goes wrong there yields no candidates.
 */
import type { Option } from 'commander'
import type { Repository } from '../src/index.js'
import { type Completes, readGlobalOptions, type VerbCommand } from './command.js'
import { Context } from './context.js'
import { type ComparedDirectory, changedPaths, pathsOfFolders, pathsOfTree, splitTyped } from './pathCompletion.js'
import { plainLine, shortId } from './text.js'
import { TOPICS } from './topics.js'
import { indexOutsideBraces, splitRange, splitRevisionPath } from './values.js'

interface Candidate {
  readonly word: string
  readonly description?: string | undefined
}

export interface Completion {
  readonly kind: 'words' | 'paths' | 'files'
  readonly candidates: readonly Candidate[]
}

const FILES: Completion = { kind: 'files', candidates: [] }

function wordsOf(candidates: readonly Candidate[]): Completion {
  return { kind: 'words', candidates }
}

function pathsOf(paths: readonly string[]): Completion {
  return { kind: 'paths', candidates: paths.map((word) => ({ word })) }
}

const NOTHING = wordsOf([])

/** @param words - What stands after `varve`, the last one unfinished. */
export async function complete(context: Context, words: readonly string[]): Promise<Completion> {
  const typed = words.at(-1) ?? ''
  const place = await walk(context, words.slice(0, -1))
  const { kind, candidates } = await completionAt(context, place, typed)
  const given = kind === 'paths' ? new Set([...place.operands, ...place.paths]) : undefined
  return { kind, candidates: candidates.filter(({ word }) => word.startsWith(typed) && !given?.has(word)) }
}

/** Where the cursor stands. */
interface Place {
  readonly command: VerbCommand
  /** The option whose value is being typed. */
  readonly pending: Option | undefined
  readonly operands: readonly string[]
  readonly afterDashes: boolean
  /** Words after `--`. */
  readonly paths: readonly string[]
}

async function walk(context: Context, words: readonly string[]): Promise<Place> {
  let command = context.program
  const operands: string[] = []
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? ''
    if (word === '--') {
      return { command, pending: undefined, operands, afterDashes: true, paths: words.slice(index + 1) }
    }
    if (word.startsWith('-')) {
      const option = command.options.find((candidate) => candidate.long === word || candidate.short === word)
      if (option?.required !== true) continue
      if (index === words.length - 1) return { command, pending: option, operands, afterDashes: false, paths: [] }
      index++
      command.setOptionValueWithSource(option.attributeName(), words[index], 'cli')
      continue
    }
    const inner = operands.length === 0 ? command.commands.find((candidate) => candidate.name() === word) : undefined
    if (inner === undefined) {
      operands.push(word)
      continue
    }
    if (command === context.program) await context.program.loadVerb(inner as VerbCommand)
    command = inner as VerbCommand
  }
  return { command, pending: undefined, operands, afterDashes: false, paths: [] }
}

async function completionAt(context: Context, place: Place, typed: string): Promise<Completion> {
  const { command, pending, operands, afterDashes, paths } = place
  if (pending !== undefined) return completionOfOption(context, place, pending, typed)
  if (afterDashes) {
    const kind = command.completesPaths ?? kindOfOperand(command, operands.length + paths.length)
    return completionOf(context, place, kind, typed)
  }
  if (typed.startsWith('-')) return wordsOf(optionCandidates(command))
  if (command.commands.length > 0) return operands.length > 0 ? NOTHING : wordsOf(verbCandidates(command))
  return completionOf(context, place, kindOfOperand(command, operands.length), typed)
}

/** The last one stands for all that follow, where any number may. */
function kindOfOperand({ completesOperands, registeredArguments }: VerbCommand, index: number): Completes | undefined {
  const last = registeredArguments.length - 1
  return completesOperands[registeredArguments[last]?.variadic === true ? Math.min(index, last) : index]
}

async function completionOfOption(context: Context, place: Place, option: Option, typed: string): Promise<Completion> {
  if (option.argChoices !== undefined) return wordsOf(option.argChoices.map((word) => ({ word })))
  return completionOf(context, place, place.command.completesOptions[option.long?.replace(/^--/, '') ?? ''], typed)
}

function optionCandidates(command: VerbCommand): Candidate[] {
  const own = command.options.filter((option) => option.long !== undefined)
  return [...own.map((option) => ({ word: option.long ?? '', description: option.description })), { word: '--help' }]
}

function verbCandidates(parent: VerbCommand): Candidate[] {
  return parent.visibleVerbs.map((verb) => ({ word: verb.name(), description: verb.summary() }))
}

async function completionOf(
  context: Context,
  place: Place,
  kind: Completes | undefined,
  typed: string,
): Promise<Completion> {
  if (typeof kind === 'object') return wordsOf(kind.map((word) => ({ word })))
  if (kind === undefined) return NOTHING
  if (kind === 'file') return FILES
  if (kind === 'verb') {
    return wordsOf([
      ...verbCandidates(context.program),
      ...TOPICS.map((topic) => ({ word: topic.name, description: topic.title })),
    ])
  }
  // The options typed so far say which store is meant.
  const asked = new Context(context.io, context.program, readGlobalOptions(place.command))
  try {
    return await completionFromStore(asked, place, kind, typed)
  } catch {
    return NOTHING
  } finally {
    await asked.close()
  }
}

type OfStore = Exclude<Completes, 'file' | 'verb' | readonly string[]>

async function completionFromStore(context: Context, place: Place, kind: OfStore, typed: string): Promise<Completion> {
  switch (kind) {
    case 'changed-path':
    case 'restorable-path':
    case 'new-path':
      return changedCompletion(context, place, typed, WANTED[kind])
    case 'tree-path':
      return treeCompletion(context, place, typed)
    case 'revision-path': {
      const colon = indexOutsideBraces(typed, ':')
      if (colon === undefined) return wordsOf(await storeCandidates(await context.openToRead(), 'revision', typed))
      const { revision } = splitRevisionPath(typed)
      const below = splitTyped(typed.slice(colon + 1))
      const { path = '' } = splitRevisionPath(`:${below.directory}`)
      const snapshot = await (await context.openToRead()).at(revision)
      const before = typed.slice(0, colon + 1)
      return pathsOf((await pathsOfTree(snapshot, path, below)).map((found) => `${before}${found}`))
    }
    case 'working-folder': {
      const { WorkingFolder } = await context.library()
      const folders = WorkingFolder.list(await context.openToRead()).map(({ path }) => path)
      return pathsOf(pathsOfFolders(folders, context.folder, typed).filter((path) => plainLine(path) === path))
    }
    default:
      return wordsOf(await storeCandidates(await context.openToRead(), kind, typed))
  }
}

const WANTED = { 'changed-path': 'all', 'restorable-path': 'recorded', 'new-path': 'new' } as const

async function changedCompletion(
  context: Context,
  place: Place,
  typed: string,
  wanted: ComparedDirectory['wanted'],
): Promise<Completion> {
  const revisions = revisionsNamed(place)
  // Between two revisions the folder does not matter.
  if (revisions.length > 1) return treeCompletion(context, place, typed)
  const { repository, head } = await context.openFolder({ readOnly: true })
  const rev = revisions[0] ?? head.id
  const path = splitTyped(typed)
  const compared = {
    snapshot: rev === undefined ? undefined : await repository.at(rev),
    directory: context.pathInTree(path.directory || '.'),
    diskPath: context.resolvePath(path.directory),
    wanted,
  }
  const found = await changedPaths(compared, path)
  return found === undefined || found.length === 0 ? FILES : pathsOf(found)
}

async function treeCompletion(context: Context, place: Place, typed: string): Promise<Completion> {
  const repository = await context.openToRead()
  const snapshot = await repository.at(revisionsNamed(place).at(-1) ?? 'HEAD')
  const path = splitTyped(typed)
  return pathsOf(await pathsOfTree(snapshot, context.pathInTree(path.directory || '.'), path))
}

/** The revisions among what stands before the cursor; of a range, both. */
function revisionsNamed({ command, operands }: Place): string[] {
  const isRevision = (kind: Completes | undefined) => kind === 'revision' || kind === 'range'
  const named = operands.filter((_, index) => isRevision(command.completesOperands[index]))
  const from: unknown = isRevision(command.completesOptions.from) ? command.getOptionValue('from') : undefined
  return [...(typeof from === 'string' ? [from] : []), ...named].flatMap((text) => {
    const range = splitRange(text)
    return range ? [range.from, range.to] : [text]
  })
}

async function storeCandidates(
  repository: Repository,
  kind: Exclude<OfStore, `${string}-path` | 'working-folder'>,
  typed: string,
): Promise<Candidate[]> {
  switch (kind) {
    case 'config':
      return (await repository.config.list()).map(({ name }) => ({ word: name }))
    case 'pv':
      return (await repository.volumeGroup()).physicalVolumes.map(({ number, path }) => ({
        word: String(number),
        description: path,
      }))
    case 'lv':
      return (await repository.logicalVolumes()).map(({ name, type }) => ({ word: name, description: type }))
    case 'branch':
      return describeRefs(await repository.branches())
    case 'tag':
      return describeRefs(await repository.tags())
    case 'ref':
      return describeRefs([...(await repository.branches()), ...(await repository.tags())])
    case 'range':
    case 'revision': {
      const refs = describeRefs([...(await repository.branches()), ...(await repository.tags())])
      const all = [...refs, { word: 'HEAD', description: 'where the folder stands, else the default branch' }]
      const dots = kind === 'range' ? typed.indexOf('..') : -1
      const before = dots < 0 ? '' : typed.slice(0, dots + 2)
      return all.map(({ word, description }) => ({ word: before + word, description }))
    }
  }
}

function describeRefs(refs: readonly { name: string; target: string; kind: string }[]): Candidate[] {
  return refs.map((ref) => ({ word: ref.name, description: `${ref.kind} at ${shortId(ref.target)}` }))
}

/** Neither names of refs nor the paths that are offered hold line feeds or tabs; descriptions are kept to one line. */
export function completionLines({ kind, candidates }: Completion): string[] {
  const lines = candidates.map(({ word, description }) =>
    description === undefined ? word : `${word}\t${description.replace(/\s+/g, ' ')}`,
  )
  return [kind, ...lines]
}
