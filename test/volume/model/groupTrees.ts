/** What each commit of a sequence holds, newest last, and what the next one changes: the model that a store is compared with. */
import { type Chance, noise } from '../../crash/support/chance.js'

export type Tree = ReadonlyMap<string, Buffer>

const FILES = ['a', 'b', 'c/d', 'c/e']
const SIZE_MOST = 4000
/** Of one extent and a half, and, for a store of one file, longer than what is written in one transaction. */
const LONG_BYTES = { group: 100_000, oneFile: 1_100_000 } as const

export class GroupTrees {
  /** `undefined`: its files were pruned. */
  readonly commits: (Tree | undefined)[] = []
  #made = 0

  constructor(
    private readonly chance: Chance,
    private readonly seed: string,
  ) {}

  /** Another number each time. */
  next(): number {
    return this.#made++
  }

  get newest(): Tree {
    return this.commits.at(-1) ?? new Map()
  }

  /** How many of the newest have their files. */
  get kept(): number {
    return this.commits.length - 1 - this.commits.lastIndexOf(undefined)
  }

  keepLast(count: number): void {
    this.commits.fill(undefined, 0, Math.max(0, this.commits.length - count))
  }

  /** @param long whether it has the long file, which others have not */
  edited(long?: keyof typeof LONG_BYTES): Tree {
    const { chance } = this
    const tree = new Map(this.newest)
    for (let edits = chance.between(1, 3); edits > 0; edits--) {
      const path = chance.pick(FILES)
      const before = tree.get(path)
      if (before && chance.below(3) > 0) {
        const bytes = Buffer.from(before)
        this.#noise(40).copy(bytes, chance.below(bytes.length))
        tree.set(path, bytes)
      } else tree.set(path, this.#noise(chance.between(1, SIZE_MOST)))
    }
    tree.delete('long')
    if (long) tree.set('long', this.#noise(LONG_BYTES[long]))
    // Nothing that was there before: each commit is one.
    tree.set('number', Buffer.from(String(this.next())))
    return tree
  }

  #noise(count: number): Buffer {
    return noise(`${this.seed}/${this.next()}`, count)
  }
}
