/**
 * Refs as one process sees them: the catalog's, and over them its own moves that are not written yet.
 *
 * Moves are checked as those in a transaction are, against what is seen here. Whether they still fit the catalog shows when they are
 * written: `Refs.applySteps` does the same steps there.
 */
import type { Hash } from '../base/hash.js'
import { shortRef, splitRef } from './refName.js'
import {
  type OperationInfo,
  outcomesOf,
  type RefChange,
  type ReflogEntry,
  type RefRow,
  type RefStep,
  type Refs,
} from './refs.js'

interface PendingStep {
  readonly step: RefStep
  readonly changes: readonly RefChange[]
}

export class PendingRefs {
  private done: PendingStep[] = []
  /** Rows as they are after all steps; `undefined` for a ref that is gone. */
  private readonly rows = new Map<string, RefRow | undefined>()

  constructor(private readonly refs: Refs) {}

  get steps(): readonly RefStep[] {
    return this.done.map(({ step }) => step)
  }

  /** What refs point at after all steps, of those that moved. */
  get targets(): Hash[] {
    return [...this.rows.values()].flatMap((row) => row?.target ?? [])
  }

  /** All of it or nothing. @throws {VarveError} as `Refs.apply` */
  add(step: RefStep): void {
    const outcomes = outcomesOf(step, (name) => this.get(name))
    for (const { change, row } of outcomes) this.rows.set(change.name, row)
    if (outcomes.length > 0) this.done.push({ step, changes: outcomes.map(({ change }) => change) })
  }

  /** Forgets all steps. @returns puts them back */
  take(): () => void {
    const { done } = this
    const rows = [...this.rows]
    this.done = []
    this.rows.clear()
    return () => {
      this.done = done
      for (const [name, row] of rows) this.rows.set(name, row)
    }
  }

  /** @throws as `Refs.get` */
  get(name: string): RefRow | undefined {
    return this.rows.has(name) ? this.rows.get(name) : this.refs.get(name)
  }

  /** As `Refs.list`. */
  list(prefix = ''): RefRow[] {
    const written = this.refs.list(prefix)
    if (this.rows.size === 0) return written
    const own = [...this.rows.values()].flatMap((row) => (row?.name.startsWith(prefix) ? row : []))
    const all = [...written.filter(({ name }) => !this.rows.has(name)), ...own]
    return all.sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
  }

  /** As `Refs.reflog`. */
  reflog(name?: string, limit = Number.POSITIVE_INFINITY): ReflogEntry[] {
    const own = this.entries(name).slice(0, limit)
    const left = limit - own.length
    return [...own, ...(left > 0 ? this.refs.reflog(name, Number.isFinite(left) ? left : undefined) : [])]
  }

  /** As `Refs.history`. */
  get history(): Refs['history'] {
    const { history } = this.refs
    if (this.done.length === 0) return history
    return {
      count: (ref) => this.entries(ref).length + history.count(ref),
      entryAt: (ref, index) => {
        const own = this.entries(ref)
        return index < own.length ? own[index] : history.entryAt(ref, index - own.length)
      },
      entryBefore: (ref, timeMs) =>
        this.entries(ref).find((entry) => entry.timeMs <= timeMs) ?? history.entryBefore(ref, timeMs),
      firstEntry: (ref) => history.firstEntry(ref) ?? this.entries(ref).at(-1),
    }
  }

  /** As `Refs.operations`; numbered as if nobody else wrote any before. */
  operations(limit = Number.POSITIVE_INFINITY): OperationInfo[] {
    if (this.done.length === 0) return this.refs.operations(Number.isFinite(limit) ? limit : undefined)
    const newest = this.refs.operations(1)[0]?.sequence ?? 0
    const own = this.done.map(({ step: { log, timeMs }, changes }, index) => ({
      sequence: newest + 1 + index,
      timeMs,
      kind: log.operation,
      message: log.message,
      who: log.who,
      refs: changes,
    }))
    const shown = own.reverse().slice(0, limit)
    const left = limit - shown.length
    return [...shown, ...(left > 0 ? this.refs.operations(Number.isFinite(left) ? left : undefined) : [])]
  }

  /** Newest first. */
  private entries(ref: string | undefined): ReflogEntry[] {
    const entries: ReflogEntry[] = []
    for (const { step, changes } of this.done) {
      for (const { name, before, after } of changes) {
        if (ref !== undefined && name !== ref) continue
        entries.push({
          ref: shortRef(name),
          kind: splitRef(name)?.kind ?? 'branch',
          old: before,
          new: after,
          timeMs: step.timeMs,
          ...step.log,
        })
      }
    }
    return entries.reverse()
  }
}
