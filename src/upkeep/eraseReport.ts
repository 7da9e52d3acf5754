/**
 * What an erasure did, as it is handed out: a JSON document that can be compared with the store later, by anybody.
 *
 * Its `check` is a checksum over the canonical form of all the rest: it finds a report that was damaged or edited, and proves
 * nothing about who wrote it.
 */
import { VarveError } from '../base/errors.js'
import { type Hash, isHash } from '../base/hash.js'
import { theChecksum } from '../codec/checksum.js'
import { encodeJson, type JsonValue } from '../format/json.js'

/** Format 1. Fields are added, never renamed. */
export interface ErasureReport {
  readonly kind: 'varve-erasure'
  readonly format: 1
  /** UUID of the store. */
  readonly store: string
  /** ISO 8601, UTC. */
  readonly time: string
  readonly who: string
  readonly reason: string
  /** As they were asked for. */
  readonly globs: readonly string[]
  /** What matched, and is no directory. `pathBase64` where the path is not UTF-8. */
  readonly paths: readonly { readonly path: string; readonly pathBase64?: string; readonly versions: number }[]
  /** Commits that were written anew, the oldest first. */
  readonly commits: readonly { readonly old: Hash; readonly new: Hash }[]
  readonly signaturesDropped: number
  /** Branches, tags and folders that were moved. */
  readonly refs: readonly { readonly kind: string; readonly name: string; readonly old: Hash; readonly new: Hash }[]
  /** All that was in the store and nothing reached any more, sorted: also what was deleted before, and waited to be dropped. */
  readonly destroyed: { readonly chunks: readonly Hash[]; readonly objects: readonly Hash[] }
  /** Other files that have contents of what was erased, or parts of them: these stay. */
  readonly kept: readonly KeptContent[]
  /** Files of the store, all of which were written anew. */
  readonly files: readonly string[]
  /** Where the contents may still be. */
  readonly notReached: readonly string[]
  /** Of all the rest, 16 hex digits. */
  readonly check: string
}

export interface KeptContent {
  /** Of that file's content. */
  readonly id: Hash
  readonly path: string
  /** The newest that has it there: a branch or tag, else the commit's id. */
  readonly revision: string
  readonly commit: Hash
  /** Chunks and objects that it shares with what was erased. */
  readonly shared: number
}

const KIND = 'varve-erasure'
const FORMAT = 1

export const NOT_REACHED: readonly string[] = [
  'copies of this store, backups, snapshots of its disk, and other stores that took something from it',
  'what was exported, and the files of working folders: those stay as they are',
  'memory and caches of programs that have the store open, and of this computer',
  'blocks that the file system or an SSD set free, also those of temporary files of SQLite: they keep bytes until they are written again',
  'names of paths and ids in reports, in messages of commits, in .varve folders and in shell histories',
]

export async function sealReport(report: Omit<ErasureReport, 'check'>): Promise<ErasureReport> {
  return { ...report, check: await checkOf(report) }
}

/** @throws {VarveError} `INVALID_ARGUMENT` for what is no report, or a damaged one; `FORMAT_NEWER` */
export async function requireReport(value: unknown): Promise<ErasureReport> {
  const { check, ...rest } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  if (rest.kind !== KIND || typeof rest.format !== 'number') {
    throw new VarveError('INVALID_ARGUMENT', 'this is no report of an erasure', {
      hint: 'It is what `varve erase --report FILE` wrote.',
    })
  }
  if (rest.format > FORMAT) {
    throw new VarveError('FORMAT_NEWER', `this report has format ${rest.format}, and was written by a newer varve`, {
      expected: FORMAT,
      actual: rest.format,
      hint: 'Use a newer varve.',
    })
  }
  if (check !== (await checkOf(rest)) || !isWhole(rest)) {
    throw new VarveError('INVALID_ARGUMENT', 'this report is damaged, or was edited: it does not match its own check', {
      hint: 'Take another copy of it.',
    })
  }
  return value as ErasureReport
}

async function checkOf(rest: unknown): Promise<string> {
  // Without fields that are not there, as JSON has it.
  const plain = JSON.parse(JSON.stringify(rest)) as JsonValue
  return (await theChecksum()).of(encodeJson(plain)).toString('hex')
}

/** Whether it has what it is asked for here: a report that fits its check may still be made by another program. */
function isWhole({ store, globs, commits, destroyed }: Record<string, unknown>): boolean {
  const { chunks, objects } = (destroyed ?? {}) as { chunks?: unknown; objects?: unknown }
  const areIds = (list: unknown): boolean =>
    Array.isArray(list) && list.every((id) => typeof id === 'string' && isHash(id))
  const areMoves =
    Array.isArray(commits) &&
    commits.every((commit: { old?: unknown; new?: unknown }) => areIds([commit.old, commit.new]))
  const areGlobs = Array.isArray(globs) && globs.every((glob) => typeof glob === 'string')
  return typeof store === 'string' && areGlobs && areMoves && areIds(chunks) && areIds(objects)
}
