/** Everything a store tells, question by question, so that what a damaged one tells can be held against it. */
import { type EntryInfo, isVarveError, type Repository } from '../../../src/index.js'
import { digest } from './chance.js'

/** What to ask for: known beforehand, since a damaged store may keep quiet about it. */
export interface Questions {
  readonly commits: readonly {
    readonly id: string
    readonly files: readonly string[]
    readonly links: readonly string[]
  }[]
  readonly branches: readonly string[]
}

export type Answer =
  | { readonly is: 'told'; readonly digest: string }
  | { readonly is: 'refused'; readonly code: string; readonly message: string; readonly namesPlace: boolean }
  /** Neither: not an error of ours. */
  | { readonly is: 'fault'; readonly text: string }

export type Survey = Readonly<Record<string, Answer>>

export async function ask(question: () => Promise<unknown>): Promise<Answer> {
  try {
    const told = await question()
    return { is: 'told', digest: digest(Buffer.isBuffer(told) ? told : (JSON.stringify(told) ?? 'nothing')) }
  } catch (error) {
    if (!isVarveError(error)) return { is: 'fault', text: error instanceof Error ? `${error.stack}` : String(error) }
    const { code, message, details } = error
    const { path, paths, extent, id, pv, table, ref } = details
    const named = [path, paths, extent, id, pv, table, ref].some((place) => place !== undefined)
    const namesPlace = named || /\b[0-9a-f]{10,64}\b/.test(message)
    return { is: 'refused', code, message, namesPlace }
  }
}

export async function survey(repo: Repository, questions: Questions): Promise<Survey> {
  const answers: Record<string, Answer> = {}
  for (const [name, question] of questionsOf(repo, questions)) answers[name] = await ask(question)
  return answers
}

function* questionsOf(repo: Repository, { commits, branches }: Questions): Generator<[string, () => Promise<unknown>]> {
  yield ['branches', () => repo.branches()]
  yield ['tags', () => repo.tags()]
  yield ['reflog', () => repo.reflog()]
  yield ['operations', () => repo.operations()]
  yield ['config', () => repo.config.list()]
  yield ['stats', () => statsOf(repo)]
  yield ['volumes', () => volumesOf(repo)]
  yield ['extents', () => gather(repo.extentMap())]
  for (const branch of branches) {
    yield [`log ${branch}`, () => gather(repo.log({ from: branch }))]
    yield [`reflog ${branch}`, () => repo.reflog(branch)]
    yield [`resolve ${branch}@{1}`, () => repo.resolve(`${branch}@{1}`)]
  }
  for (const [index, { id, files, links }] of commits.entries()) {
    const before = commits[index - 1]
    yield [`resolve ${id}`, () => repo.resolve(id.slice(0, 10))]
    yield [`commit ${id}`, () => repo.commit(id)]
    yield [`walk ${id}`, async () => (await gather((await repo.at(id)).walk())).map(entryText)]
    if (before) yield [`diff ${id}`, () => gather(repo.diff(before.id, id, { changedBytes: true }))]
    for (const path of files) {
      yield [`read ${id}:${path}`, async () => (await repo.at(id)).read(path)]
      yield [`stream ${id}:${path}`, async () => Buffer.concat(await gather((await repo.at(id)).stream(path)))]
      yield [`range ${id}:${path}`, async () => (await repo.at(id)).readRange(path, 1000, 500)]
    }
    for (const path of links) yield [`link ${id}:${path}`, async () => (await (await repo.at(id)).stat(path)).target]
  }
}

export async function gather<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

function entryText({ pathBytes, ...entry }: EntryInfo): unknown {
  return { ...entry, pathBytes: pathBytes.toString('hex') }
}

/** Without the sizes of files: opening a store for writing may change them. */
async function statsOf(repo: Repository): Promise<unknown> {
  const { fileBytes: _, perVolume, ...rest } = await repo.stats()
  return { ...rest, perVolume: perVolume.map(({ fileBytes: __, ...volume }) => volume) }
}

async function volumesOf(repo: Repository): Promise<unknown> {
  const { physicalVolumes, ...rest } = await repo.volumeGroup()
  return { ...rest, physicalVolumes: physicalVolumes.map(({ fileBytes: _, ...volume }) => volume) }
}

/** What to ask of a sound store. */
export async function questionsFor(repo: Repository): Promise<Questions> {
  const branches = (await repo.branches()).map(({ name }) => name)
  const ids = new Set<string>()
  for (const branch of branches) for (const { id } of (await gather(repo.log({ from: branch }))).reverse()) ids.add(id)
  const commits = []
  for (const id of ids) {
    const entries = await gather((await repo.at(id)).walk())
    const paths = (kind: string): string[] => entries.filter((entry) => entry.kind === kind).map(({ path }) => path)
    commits.push({ id, files: paths('file'), links: paths('symlink') })
  }
  return { commits, branches }
}
