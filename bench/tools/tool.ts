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

/** How a store is made as small as the tool can make it, and an older version is got at. */
export interface PackSteps {
  /** Prints all versions. */
  readonly list: Step
  /** What the tool calls the oldest version of those that `list` printed. */
  oldestIn(printed: string): string
  /** As `restore` of a store, of any version. */
  restore(version: string, source: string, target: string): readonly Step[]
  /** Not in tools that have nothing of the kind. */
  readonly pack?: readonly Step[]
  /** The same, for what is put away. */
  readonly archive?: readonly Step[]
  /** Fails if anything is wrong. */
  readonly verify?: Step
  /** Where contents alone lie, if something else is stored beside them. */
  readonly contentFolder?: string
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
  /** In the tools that are measured so. */
  readonly packing?: PackSteps
  /** Where in `target` the tree then lies. */
  restoredAt(source: string, target: string): string
}
