import { isomorphicGit, isomorphicGitObjects } from './libraryGit.js'
import { varveLibrary } from './libraryVarve.js'
import type { Contender } from './libraryWorkload.js'

export const CONTENDERS: readonly Contender[] = [varveLibrary, isomorphicGit, isomorphicGitObjects]
