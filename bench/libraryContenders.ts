import { isomorphicGit, isomorphicGitObjects } from './libraryGit.js'
import { varveBatched, varveLibrary } from './libraryVarve.js'
import type { Contender } from './libraryWorkload.js'

export const CONTENDERS: readonly Contender[] = [varveLibrary, varveBatched, isomorphicGit, isomorphicGitObjects]
