/**
 * The report of an erasure, compared with the store.
 *
 * Everything is looked for in more than one way: by the chunk tables, and by the bytes of all extents that volumes hold, visible
 * or not. What is asked is answered one by one; the store may have been in use since.
 */
import { VarveError } from '../base/errors.js'
import { type Hash, shortHash } from '../base/hash.js'
import { nameToText } from '../base/names.js'
import { throwIfCancelled, type WorkOptions } from '../base/progress.js'
import { formatSize } from '../base/units.js'
import { condemnedIds } from '../cas/condemned.js'
import { KIND } from '../format/kinds.js'
import { walkCommits } from '../history/commits.js'
import { UpkeepState } from '../volume/upkeepState.js'
import type { PlanContext } from './erasePlan.js'
import { type ErasureReport, requireReport } from './eraseReport.js'
import { ErasureState } from './eraseState.js'
import { TreeScan } from './eraseTree.js'
import { gcRoots, linkOfRoot } from './gcRoots.js'
import { PathGlobs } from './pathGlobs.js'
import { reflogTerm } from './reflogTerm.js'

export interface ErasureCheck {
  /** Whether all is as the report says. */
  readonly ok: boolean
  readonly findings: readonly ErasureFinding[]
}

export interface ErasureFinding {
  readonly what: 'finished' | 'chunk-tables' | 'extents' | 'condemned' | 'paths' | 'refs' | 'free-pages' | 'logs'
  readonly isFine: boolean
  readonly message: string
}

const IDS_AT_ONCE = 500
const LAST = Number.MAX_SAFE_INTEGER

/**
 * @throws {VarveError} `INVALID_ARGUMENT` for what is no report, or of another store; `FORMAT_NEWER`, `PV_MISSING`, `CANCELLED`
 * @throws {CorruptionError} when something cannot be read
 */
export async function checkErasure(context: PlanContext, value: unknown, options: WorkOptions): Promise<ErasureCheck> {
  const report = await requireReport(value)
  const { group } = context.store
  if (report.store !== group.layout.vg) {
    throw new VarveError('INVALID_ARGUMENT', 'this report is about another store', {
      expected: report.store,
      actual: group.layout.vg,
    })
  }
  const [absent] = group.absent.values()
  if (absent) throw absent
  const check = new Check(context, report, options)
  const findings = [
    check.finished(),
    await check.chunkTables(),
    await check.extents(),
    check.condemned(),
    ...(await check.history()),
    ...(await check.files()),
  ]
  return { ok: findings.every(({ isFine }) => isFine), findings }
}

class Check {
  readonly #destroyed: ReadonlySet<Hash>

  constructor(
    private readonly context: PlanContext,
    private readonly report: ErasureReport,
    private readonly options: WorkOptions,
  ) {
    const { chunks, objects } = report.destroyed
    this.#destroyed = new Set([...chunks, ...objects])
  }

  finished(): ErasureFinding {
    const note = new ErasureState(this.context.store.group.catalog).read()
    return finding('finished', note ? ['an erasure'] : [], {
      fine: 'no erasure is unfinished',
      not: 'is not finished: run `varve erase --finish`',
    })
  }

  async chunkTables(): Promise<ErasureFinding> {
    const { group } = this.context.store
    const found = new Set<Hash>()
    const ids = [...this.#destroyed]
    for (let from = 0; from < ids.length; from += IDS_AT_ONCE) {
      this.#progress('looking through the chunk tables', from)
      for (const volume of group.volumes) {
        for (const { hash } of await volume.lookup(ids.slice(from, from + IDS_AT_ONCE))) found.add(hash)
      }
    }
    return finding('chunk-tables', [...found].map(shortHash), {
      fine: `none of ${ids.length} ids is in a chunk table`,
      not: 'in a chunk table, and was destroyed',
    })
  }

  /** What is in them is told by their bytes alone. */
  async extents(): Promise<ErasureFinding> {
    const { group, hasher } = this.context.store
    const found: string[] = []
    let count = 0
    for (const volume of group.volumes) {
      for (const eid of await volume.list(0, LAST)) {
        this.#progress(`reading extent ${eid}`, ++count)
        const extent = await volume.read(eid)
        if (!extent) continue
        const raw = await this.context.store.decode(extent)
        let offset = 0
        for (const { kind, length } of extent.slots) {
          const id = hasher.id(kind, raw.subarray(offset, offset + length))
          offset += length
          if (this.#destroyed.has(id)) found.push(`${shortHash(id)} (extent ${eid} of ${volume.location})`)
        }
      }
    }
    return finding('extents', found, {
      fine: `none of them is in any of ${count} extents, all of which were read`,
      not: 'in an extent, and was destroyed',
    })
  }

  condemned(): ErasureFinding {
    const found = [...condemnedIds(this.context.store.group.catalog)].filter((id) => this.#destroyed.has(id))
    return finding('condemned', found.map(shortHash), {
      fine: 'none of them waits to be dropped',
      not: 'condemned, and was destroyed',
    })
  }

  async history(): Promise<ErasureFinding[]> {
    const { store, refs, worktrees, pruned } = this.context
    const { catalog } = store.group
    const { roots } = gcRoots(catalog, refs, worktrees, reflogTerm(new UpkeepState(catalog)).from)
    const old = new Set(this.report.commits.map((commit) => commit.old))
    const matches = new Set<string>()
    const scan = new TreeScan(store, new PathGlobs(this.report.globs), {
      erased: (path) => matches.add(JSON.stringify(nameToText(path))),
      kept: async () => undefined,
    })
    const starts: Hash[] = []
    for (const root of roots) {
      const link = await linkOfRoot(store, root)
      if (link?.kind === KIND.commit) starts.push(link.id)
    }
    const reached: string[] = []
    let count = 0
    for await (const { id, commit } of walkCommits(store, starts, { signal: this.options.signal })) {
      this.#progress(`looking at commit ${shortHash(id)}`, ++count)
      if (old.has(id)) reached.push(shortHash(id))
      if (!pruned.has(id)) await scan.hasMatch(commit)
    }
    return [
      finding('paths', [...matches], {
        fine: `no path of ${count} commits matches`,
        not: 'in a commit that is reachable, and matches what was erased',
      }),
      finding('refs', reached, {
        fine: 'no branch, tag, folder or reflog leads to a commit that was replaced',
        not: 'a commit that was replaced, and is reachable',
      }),
    ]
  }

  async files(): Promise<ErasureFinding[]> {
    const free: string[] = []
    const logs: string[] = []
    const { volumes } = this.context.store.group
    for (const volume of volumes) {
      const { freeBytes, logBytes } = await volume.remains()
      if (freeBytes > 0) free.push(`${formatSize(freeBytes)} of ${volume.location}`)
      if (logBytes > 0) logs.push(`${formatSize(logBytes)} beside ${volume.location}`)
    }
    const files = volumes.length === 1 ? 'the file' : `${volumes.length} files`
    return [
      finding('free-pages', free, {
        fine: `no page of ${files} is out of use`,
        not: 'out of use, and could hold something: `varve erase --finish` writes the files anew',
      }),
      finding('logs', logs, {
        fine: `no log or journal beside ${files} holds anything`,
        not: 'in a log, and could hold something: `varve erase --finish` empties it',
      }),
    ]
  }

  #progress(current: string, itemsDone: number): void {
    throwIfCancelled(this.options.signal)
    this.options.onProgress?.({ phase: 'erase', itemsDone, bytesDone: 0, current })
  }
}

/** @param found what should not be there */
function finding(
  what: ErasureFinding['what'],
  found: readonly string[],
  says: { readonly fine: string; readonly not: string },
): ErasureFinding {
  const [first, ...others] = found
  if (first === undefined) return { what, isFine: true, message: says.fine }
  const more = others.length > 0 ? ` (and ${others.length} more)` : ''
  return { what, isFine: false, message: `${first}${more}: ${says.not}` }
}
