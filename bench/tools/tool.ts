/** What every benchmarked tool looks like to the harness. An adapter only says which commands to run. */
import type { Step } from '../measure.js'

export interface StoreTool {
  readonly name: string
  /** How it is used, for the report: options that matter. */
  readonly method: string
  /** Prints the version and does nothing else: the tool's start-up. */
  readonly versionStep: Step
  /** A store to be made in `folder`, which exists and is empty. */
  storeIn(folder: string): ToolStore
}

export interface DropSteps {
  /** Versions are forgotten, and what they alone need is found out. */
  readonly forget: readonly Step[]
  /** The space comes back. */
  readonly reclaim: readonly Step[]
}

export interface ToolStore {
  /** What counts as the store when sizes are taken: not the caches that a tool can make again. */
  readonly storeFolder: string
  readonly init: readonly Step[]
  /** Records `source` under a label never used before in this store. */
  commit(source: string, label: string): readonly Step[]
  /** Writes out what was committed last, from `source` under `label`, into `target`, an empty folder. */
  restore(source: string, label: string, target: string): readonly Step[]
  /** Gives up all but the newest versions, of which the last was committed twice. Not in tools that cannot, or only with the greatest pains. */
  dropOlder?(keep: number): DropSteps
  /** Where in `target` the tree then lies. */
  restoredAt(source: string, target: string): string
}
