import { borg } from './borg.js'
import { bup } from './bup.js'
import { casync } from './casync.js'
import { git } from './git.js'
import { restic } from './restic.js'
import type { StoreTool } from './tool.js'
import { varve } from './varve.js'

export const SUBJECT: StoreTool = varve
export const PEERS: readonly StoreTool[] = [git, restic, borg, bup, casync]
