import type { FolderResult } from './folder.js'
import type { Host } from './host.js'
import type { ContenderRounds } from './library.js'
import type { StartupResult } from './startup.js'
import type { StoreResult } from './storeRounds.js'

export interface ToolUsed {
  readonly name: string
  readonly version: string
  readonly method: string
}

/** All of one run, as the .json has it. The .md is made of nothing else. */
export interface Results {
  readonly name: string
  readonly date: string
  readonly host: Host
  readonly tools: readonly ToolUsed[]
  readonly absent: readonly string[]
  readonly rounds: number
  /** Without it, peak memory and processor time are missing. */
  readonly gnuTime: boolean
  readonly folder?: FolderResult | undefined
  readonly stores: readonly StoreResult[]
  readonly library: readonly ContenderRounds[]
  readonly startup: readonly StartupResult[]
}
