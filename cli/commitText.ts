/** Commits for people, with the branches and tags that point at them. */
import type { CommitInfo, Repository } from '../src/index.js'
import type { Context } from './context.js'
import { agoText, isoTime, plainLine, plainText, shortId, subjectOf, timeText } from './text.js'

export class CommitPrinter {
  readonly #context: Context
  readonly #labels: ReadonlyMap<string, readonly string[]>

  private constructor(context: Context, labels: ReadonlyMap<string, readonly string[]>) {
    this.#context = context
    this.#labels = labels
  }

  static async create(context: Context, repository: Repository): Promise<CommitPrinter> {
    const { green, yellow } = context.colors
    const labels = new Map<string, string[]>()
    const add = (target: string, label: string) => labels.set(target, [...(labels.get(target) ?? []), label])
    for (const branch of await repository.branches()) add(branch.target, green(plainLine(branch.name)))
    for (const tag of await repository.tags()) add(tag.target, yellow(`tag: ${plainLine(tag.name)}`))
    return new CommitPrinter(context, labels)
  }

  oneLine(commit: CommitInfo): string {
    return `${this.#context.colors.yellow(shortId(commit.id))}${this.#labelText(commit)} ${subjectOf(commit.message)}`
  }

  lines(commit: CommitInfo): string[] {
    const { author, committer, pruned } = commit
    const lines = [`${this.#context.colors.yellow(`commit ${commit.id}`)}${this.#labelText(commit)}`]
    if (commit.parents.length > 1) lines.push(`Merge:  ${commit.parents.map(shortId).join(' ')}`)
    lines.push(`Author: ${plainLine(author.who)}`, `Date:   ${this.#dateText(author)}`)
    if (committer.who !== author.who) lines.push(`Commit: ${plainLine(committer.who)}, ${this.#dateText(committer)}`)
    if (pruned)
      lines.push(`Pruned: ${isoTime(pruned.timeMs).slice(0, 10)}, its files are gone: ${plainLine(pruned.policy)}`)
    lines.push('')
    for (const line of plainText(commit.message).replace(/\n+$/, '').split('\n')) lines.push(`    ${line}`.trimEnd())
    return lines
  }

  #dateText(signature: CommitInfo['author']): string {
    const { timeMs, zoneMinutes } = signature
    return `${timeText(timeMs, zoneMinutes)} (${agoText(timeMs, this.#context.nowMs)})`
  }

  #labelText(commit: CommitInfo): string {
    const labels = this.#labels.get(commit.id)
    return labels === undefined ? '' : ` (${labels.join(', ')})`
  }
}
